import { fieldsOf, textOf } from "../../json/fields.ts";
import { isSameVersion, metadataOf } from "../../kube/object.ts";
import { contentHash } from "./violationBody.ts";

/** A Violation as it stands in the cluster: enough to tell whether it is still right. */
export interface ViolationRecord {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly policy: string;
  /** `namespace/name` of the pod. */
  readonly pod: string;
  readonly podUid: string;
  /** Of what the operator writes, `contentHash`. */
  readonly hash: string;
}

/** `known`: what was kept of it before, such as from the answer to a write, which the watch tells of again. */
export function projectViolation(object: unknown, known?: ViolationRecord): ViolationRecord {
  const { namespace, name, uid, resourceVersion } = metadataOf(object);
  if (known !== undefined && isSameVersion(known, { uid, resourceVersion })) return known;
  const violation = fieldsOf(object);
  const subject = fieldsOf(violation["subject"]);
  return {
    namespace,
    name,
    uid,
    resourceVersion,
    policy: textOf(violation["policy"]),
    pod: `${namespace}/${textOf(subject["name"])}`,
    podUid: textOf(subject["uid"]),
    hash: contentHash(object),
  };
}
