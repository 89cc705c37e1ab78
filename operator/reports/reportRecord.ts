import { fieldsOf, textOf } from "../../json/fields.ts";
import { metadataOf } from "../../kube/object.ts";
import { reportHash } from "./reportBody.ts";

/** A Report of ours as it stands in the cluster: enough to tell whether it is still right. */
export interface ReportRecord {
  readonly uid: string;
  readonly resourceVersion: string;
  /** `namespace/name` of the pod. */
  readonly pod: string;
  readonly podUid: string;
  readonly hash: string;
}

export function projectReport(object: unknown): ReportRecord {
  const { namespace, uid, resourceVersion } = metadataOf(object);
  const scope = fieldsOf(fieldsOf(object)["scope"]);
  return {
    uid,
    resourceVersion,
    pod: `${namespace}/${textOf(scope["name"])}`,
    podUid: textOf(scope["uid"]),
    hash: reportHash(object),
  };
}

export const sameReport = (before: ReportRecord, after: ReportRecord): boolean =>
  before.uid === after.uid && before.resourceVersion === after.resourceVersion;
