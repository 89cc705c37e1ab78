import type { CompiledPolicy } from "./compiledPolicy.ts";
import type { Exempt } from "./exceptions/exempt.ts";
import type { Finding } from "./finding/finding.ts";
import { policiesFor } from "./judge.ts";
import { warnsAnew } from "./rules/scan.ts";
import { tagState } from "./tagState.ts";
import type { Subject } from "./subject/subject.ts";

/**
 * Whether admission would refuse a pod for this finding of an audit if the pod were made anew, such as after a node
 * drain. What the mutating webhook pins would no longer be a tag, and what `grace` or `runningImages` soften would
 * be a warning. Which digest the tag names then nobody knows: it is taken to be the one that runs.
 *
 * @param policies those that match the pod; `policy` is the finding's.
 */
export function refusesAnew(
  { action, exempted, image, reason }: Finding,
  policy: CompiledPolicy,
  { policies, subject, exempt }: MadeAnew,
): boolean {
  if (action !== "deny" || exempted !== undefined) return false;
  const uses = subject.images.filter((use) => use.image === image);
  if (reason === "DigestRequired" || reason === "TagNotPinned")
    return uses.some(
      (use) => tagState(policiesFor(policies, use), subject, "admission", { image: use, exempt }) === "bare",
    );
  const runs = uses.every(({ imageID = "" }) => imageID !== "");
  return policy.scan === undefined || !warnsAnew(policy.scan, reason, runs);
}

/** The pod as it would be made. */
export interface MadeAnew {
  readonly policies: readonly CompiledPolicy[];
  readonly subject: Subject;
  readonly exempt: Exempt;
}
