import type { Violation } from "../../crds/types.ts";
import type { Finding } from "../../policy/finding/finding.ts";
import type { PodRecord } from "../cluster/pods.ts";
import type { PolicyJudgement } from "../audit/judgement.ts";
import { shortDigests } from "../../policy/finding/message.ts";
import { fieldsOf } from "../../json/fields.ts";
import { bounded, cut } from "../../kube/bounds.ts";
import { ownHash } from "./ownHash.ts";
import { violationName } from "./violationName.ts";

const POLICY_LABEL = "imagesecurity.dev/policy";
const EXEMPTED_LABEL = "imagesecurity.dev/exempted";

/** The bounds of the CRD. What is longer is cut, so that a Violation is never refused for what a pod's author wrote. */
const MOST_FINDINGS = 1_024;
const LONGEST = {
  container: 253,
  controllerKind: 63,
  controllerName: 253,
  image: 4_096,
  message: 16_384,
  rules: 1_024,
  reasons: 4_096,
  images: 2_048,
} as const;
/** etcd takes 1.5 MiB. The last findings go first; `summary.count` says how many there are. */
const MOST_BYTES = 900_000;

/** The Violation that says that this pod violates this policy. Deterministic: equal facts give equal bodies. */
export function violationBody(pod: PodRecord, judgement: PolicyJudgement): Violation {
  const { policy, policyUid, action, findings } = judgement;
  return {
    apiVersion: "imagesecurity.dev/v1",
    kind: "Violation",
    metadata: {
      namespace: pod.namespace,
      name: violationName({ pod: pod.name, podUid: pod.uid, policy, policyUid }),
      labels: { [POLICY_LABEL]: policy, ...(action === "exempted" ? { [EXEMPTED_LABEL]: "true" } : {}) },
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: pod.name, uid: pod.uid }],
    },
    policy,
    enforcementAction: action,
    subject: {
      apiVersion: "v1",
      kind: "Pod",
      name: pod.name,
      uid: pod.uid,
      // Owner references are the pod author's to write, and the API server bounds none of their texts.
      ...(pod.controller === undefined
        ? {}
        : {
            controller: {
              kind: cut(pod.controller.kind, LONGEST.controllerKind),
              name: cut(pod.controller.name, LONGEST.controllerName),
            },
          }),
    },
    findings: bounded(findings.slice(0, MOST_FINDINGS).map(shown), MOST_BYTES),
    summary: {
      count: findings.length,
      rules: joined(
        findings.map(({ rule }) => rule),
        LONGEST.rules,
      ),
      reasons: joined(
        findings.map(({ reason }) => reason),
        LONGEST.reasons,
      ),
      images: namesOf(findings),
      ...(pod.controller === undefined
        ? {}
        : {
            owner: `${cut(pod.controller.kind, LONGEST.controllerKind)}/${cut(pod.controller.name, LONGEST.controllerName)}`,
          }),
    },
  };
}

/** Hash of what the operator writes of a Violation. Equal hashes: nothing to write. */
export function contentHash(violation: unknown): string {
  const { policy, enforcementAction, subject, findings, summary, metadata } = fieldsOf(violation);
  const { labels, ownerReferences } = fieldsOf(metadata);
  const own = {
    policy,
    enforcementAction,
    subject,
    findings,
    summary,
    labels: { policy: fieldsOf(labels)[POLICY_LABEL], exempted: fieldsOf(labels)[EXEMPTED_LABEL] },
    ownerReferences,
  };
  return ownHash(own);
}

type ViolationFinding = Violation["findings"][number];

function shown({ rule, reason, container, image, digest, action, message, exempted }: Finding): ViolationFinding {
  return {
    rule,
    reason,
    container: cut(container, LONGEST.container),
    image: cut(image, LONGEST.image),
    ...(digest === undefined ? {} : { digest }),
    action,
    message: cut(message, LONGEST.message),
    ...(exempted === undefined ? {} : { exempted }),
  };
}

const joined = (texts: readonly string[], limit: number): string =>
  cut([...new Set(texts)].toSorted().join(","), limit);

/**
 * A column of `kubectl get violations -A` is as wide as its longest value: one tenant's pod of a thousand images, or of one whose name has
 * no end, must not push everybody's lines apart. The findings have them all.
 */
function namesOf(findings: readonly Finding[]): string {
  const names = [...new Set(findings.map(({ image }) => shortDigests(image)))].toSorted();
  let text = cut(names[0] ?? "", LONGEST_IN_COLUMN);
  for (const [index, name] of names.slice(1).entries()) {
    const more = `${text},${cut(name, LONGEST_IN_COLUMN)}`;
    if (more.length > LONGEST.images - ROOM_FOR_REST) return `${text} and ${names.length - 1 - index} more`;
    text = more;
  }
  return text;
}

/** A name has 255 characters at most, a tag 128; a digest is 71, or 135. */
const LONGEST_IN_COLUMN = 520;
const ROOM_FOR_REST = 48;
