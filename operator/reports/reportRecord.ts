import { fieldsOf, textOf } from "../../json/fields.ts";
import { isSameVersion, metadataOf } from "../../kube/object.ts";
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

/** `known`: what was kept of it before, such as from the answer to a write, which the watch tells of again. */
export function projectReport(object: unknown, known?: ReportRecord): ReportRecord {
  const { namespace, uid, resourceVersion } = metadataOf(object);
  if (known !== undefined && isSameVersion(known, { uid, resourceVersion })) return known;
  const scope = fieldsOf(fieldsOf(object)["scope"]);
  return {
    uid,
    resourceVersion,
    pod: `${namespace}/${textOf(scope["name"])}`,
    podUid: textOf(scope["uid"]),
    hash: reportHash(object),
  };
}
