import type { Condition } from "../../crds/types.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import { mayPin } from "../../policy/tagState.ts";
import type { GuardState } from "../../webhook/guard/guardState.ts";
import type { ConditionNow } from "./condition.ts";

const TYPE = "Enforced";

/**
 * The condition that says whether admission asks the webhook about every image: a policy that is compiled and that nobody asks guards nothing.
 * While it was not looked at, what was said before stays.
 */
export function enforcedCondition(
  policy: Pick<CompiledPolicy, "faults" | "digest" | "spec" | "overriddenBy">,
  guard: GuardState,
  before: readonly Condition[],
): readonly ConditionNow[] {
  if (guard.status === "unknown") return before.filter(({ type }) => type === TYPE);
  if (guard.status === "gap") return [{ type: TYPE, status: "False", reason: guard.reason, message: guard.message }];
  return mayPin(policy) && guard.pinning !== undefined
    ? [{ type: TYPE, status: "False", reason: "NotPinning", message: guard.pinning }]
    : [{ type: TYPE, status: "True", reason: "Asked", message: guard.message }];
}
