import { shown } from "../../policy/finding/message.ts";
import type { JsonObject } from "../../json/fields.ts";
import type { AdmissionRequest } from "./admissionReview.ts";

/** By `group/kind`: the resource whose objects carry images, in the one version that the webhook rules ask for. */
const JUDGED: ReadonlyMap<string, string> = new Map([
  ["/Pod", "pods"],
  ["/ReplicationController", "replicationcontrollers"],
  ["apps/Deployment", "deployments"],
  ["apps/ReplicaSet", "replicasets"],
  ["apps/StatefulSet", "statefulsets"],
  ["apps/DaemonSet", "daemonsets"],
  ["batch/Job", "jobs"],
  ["batch/CronJob", "cronjobs"],
]);

const JUDGED_RESOURCES: ReadonlySet<string> = new Set(
  [...JUDGED].map(([kind, resource]) => `${kind.slice(0, kind.indexOf("/"))}/${resource}`),
);

/**
 * Subresources of the judged resources whose objects are of another kind and carry no image. Everything else that
 * arrives under a judged resource has to be that resource's own kind.
 */
const IMAGELESS: ReadonlySet<string> = new Set([
  "Scale",
  "Binding",
  "Eviction",
  "PodExecOptions",
  "PodAttachOptions",
  "PodPortForwardOptions",
  "PodProxyOptions",
  "TokenRequest",
]);

/** A kind as a metric label: those that are judged, else `other`, so that no caller invents new ones. */
export const kindLabel = ({ kind }: AdmissionRequest): string =>
  JUDGED.has(`${kind.group}/${kind.kind}`) ? kind.kind : "other";

/** What a request is to the webhook. */
export type RequestClass =
  | { readonly type: "judged"; readonly object: JsonObject; readonly oldObject: JsonObject | undefined }
  /** Nothing in the request can make an image run; `why` stands in the audit annotation. */
  | { readonly type: "notOurs"; readonly why: string }
  | { readonly type: "unjudgeable"; readonly message: string };

const notOurs = (why: string): RequestClass => ({ type: "notOurs", why });
const unjudgeable = (message: string): RequestClass => ({ type: "unjudgeable", message });

/**
 * Sorts a request by what it says it is, and refuses what contradicts itself: a `kind` that is not the object's, a
 * resource that belongs to another kind. Only what cannot carry an image is left alone.
 */
export const classifyRequest = (request: AdmissionRequest): RequestClass => {
  const { kind, resource, operation, object, oldObject } = request;
  const name = `${kind.group}/${kind.kind}`;
  const expected = JUDGED.get(name);

  if (operation === "DELETE" || operation === "CONNECT") return notOurs(operation);
  if (operation !== "CREATE" && operation !== "UPDATE") return unjudgeable(`unknown operation ${quote(operation)}`);

  if (expected === undefined) {
    const ofJudged = resource !== undefined && JUDGED_RESOURCES.has(`${resource.group}/${resource.resource}`);
    if (ofJudged && !(request.subResource !== "" && IMAGELESS.has(kind.kind)))
      return unjudgeable(`kind ${quote(kind.kind)} does not belong to resource ${quote(resource.resource)}`);
    // An object that calls itself a Pod is one, whatever the request's kind says.
    if (object !== undefined && JUDGED.has(nameOf(object))) return unjudgeable(contradiction(request, object));
    return notOurs(`${kind.kind} carries no images`);
  }
  if (kind.version !== "v1") return unjudgeable(`${name} of version ${quote(kind.version)} is not known, only v1`);
  if (resource !== undefined && (resource.group !== kind.group || resource.resource !== expected))
    return unjudgeable(`kind ${quote(kind.kind)} does not belong to resource ${quote(resource.resource)}`);
  if (object === undefined) return unjudgeable(`${operation} of a ${kind.kind} without an object`);
  if (contradicts(request, object)) return unjudgeable(contradiction(request, object));
  if (operation === "CREATE") return { type: "judged", object, oldObject: undefined };
  if (oldObject === undefined) return unjudgeable(`UPDATE of a ${kind.kind} without the old object`);
  if (contradicts(request, oldObject)) return unjudgeable(contradiction(request, oldObject));
  return { type: "judged", object, oldObject };
};

/** The API server always writes both; where hand-written reviews leave them out, the request's kind holds. */
const contradicts = ({ kind }: AdmissionRequest, object: JsonObject): boolean => {
  const apiVersion = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
  return (object["kind"] ?? kind.kind) !== kind.kind || (object["apiVersion"] ?? apiVersion) !== apiVersion;
};

const contradiction = ({ kind }: AdmissionRequest, object: JsonObject): string =>
  `the request is about a ${quote(kind.kind)}, its object is a ${quote(object["kind"])} of ${quote(object["apiVersion"])}`;

/** `group/kind` as an object states it. */
const nameOf = ({ apiVersion, kind }: JsonObject): string => {
  const version = typeof apiVersion === "string" ? apiVersion : "";
  return `${version.includes("/") ? version.slice(0, version.indexOf("/")) : ""}/${typeof kind === "string" ? kind : ""}`;
};

/** What stands where a name should may be an object of mebibytes. */
const quote = (value: unknown): string =>
  value === undefined ? "nothing" : typeof value === "string" ? `"${shown(value)}"` : `a value of type ${typeof value}`;
