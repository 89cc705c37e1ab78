import type { CompiledPolicy } from "./compiledPolicy.ts";
import type { TagState } from "./rules/rule.ts";
import type { Exempt } from "./exceptions/exempt.ts";
import { refusesRegistry } from "./judge.ts";
import type { ImageUse, Subject } from "./subject/subject.ts";

/**
 * One policy that pins is enough, whichever it is (design.md section 9), but for what its own registries rule refuses:
 * nobody asks a registry that nothing may come from. `policies` are those that match the object and the image; without
 * `of`, whether any of them pins anything. An audit judges what stands in the cluster: a tag that is still there was
 * not pinned.
 *
 * A ReplicaSet stays as its Deployment made it, also under `pin: All`: the controller looks for one that equals the
 * Deployment's template, and makes another, and another, where a webhook has changed it (kubernetes #57167, gatekeeper
 * #2963).
 */
export function tagState(
  policies: readonly CompiledPolicy[],
  subject: Subject,
  mode: "admission" | "audit",
  of?: { readonly image: ImageUse; readonly exempt: Exempt },
): TagState {
  if (mode === "audit") return "bare";
  let state: TagState = "bare";
  for (const policy of policies) {
    if (!pins(policy, subject) || (of !== undefined && refusesRegistry(policy, subject, of.image, of.exempt))) continue;
    if (policy.digest?.pin === "All" ? subject.compared !== true : !subject.template) return "pinned";
    state = "excused";
  }
  return state;
}

/** Whether the policy pins what it is about in the subject's namespace. */
export function pins(policy: CompiledPolicy, { namespace, namespaceLabels }: Subject): boolean {
  return mayPin(policy) && policy.actionIn(namespace, namespaceLabels) !== "dryrun";
}

/**
 * Whether the policy pins in any namespace. Policies in dryrun change nothing, so they pin nothing; nor do those that
 * are not Ready.
 */
export function mayPin({
  digest,
  faults,
  spec,
  overriddenBy,
}: Pick<CompiledPolicy, "digest" | "faults" | "spec" | "overriddenBy">): boolean {
  return (
    faults.length === 0 &&
    digest !== undefined &&
    digest.pin !== "Never" &&
    (spec.enforcementAction !== "dryrun" || overriddenBy.some((action) => action !== "dryrun"))
  );
}
