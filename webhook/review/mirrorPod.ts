import { asObject, type JsonObject } from "../../json/fields.ts";
import type { AdmissionRequest } from "./admissionReview.ts";

const MIRROR = "kubernetes.io/config.mirror";

/**
 * Whether a kubelet shows the API server one of its static pods. The annotation alone is anyone's to write, so the
 * requester has to be the very node that the pod names: `system:node:<nodeName>`, in `system:nodes`. On UPDATE the old
 * object has to be a mirror pod as well.
 */
export const isMirrorPod = (
  request: AdmissionRequest,
  object: JsonObject,
  oldObject: JsonObject | undefined,
): boolean => {
  if (request.kind.kind !== "Pod" || !hasAnnotation(object)) return false;
  if (oldObject !== undefined && !hasAnnotation(oldObject)) return false;
  const node = asObject(object["spec"])?.["nodeName"];
  const { username, groups } = request.userInfo;
  return (
    typeof node === "string" && node !== "" && username === `system:node:${node}` && groups.includes("system:nodes")
  );
};

const hasAnnotation = (object: JsonObject): boolean => {
  const annotations = asObject(asObject(object["metadata"])?.["annotations"]);
  return annotations !== undefined && Object.hasOwn(annotations, MIRROR);
};
