import { createHash } from "node:crypto";

/** The longest name that Kubernetes takes (RFC 1123 subdomain). */
const LONGEST = 253;

/** What a Violation is about. */
export interface ViolationOf {
  readonly pod: string;
  readonly podUid: string;
  readonly policy: string;
  readonly policyUid: string;
}

/**
 * The pod's name, cut to fit, `.`, the policy's, `-` and 8 hex digits of a hash of both UIDs (design.md section 3): a pod that is made
 * anew under the same name has another Violation.
 */
export function violationName({ pod, podUid, policy, policyUid }: ViolationOf): string {
  const hash = createHash("sha256").update(`${podUid}\n${policyUid}`).digest("hex").slice(0, 8);
  const tail = `.${policy}-${hash}`;
  // A label must not end in "-", and none may be empty: a cut can fall anywhere.
  const head = pod.slice(0, LONGEST - tail.length).replace(/[-.]+$/, "");
  return `${head}${tail}`;
}
