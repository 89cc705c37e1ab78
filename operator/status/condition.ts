import type { Condition } from "../../crds/types.ts";
import { cut } from "../../kube/bounds.ts";

/** One aspect of an object's state, before it is known when it changed. */
export type ConditionNow = Omit<Condition, "lastTransitionTime" | "observedGeneration">;

/** The bounds of the CRD. */
const LONGEST_MESSAGE = 32_768;

/**
 * The conditions to write: what is known now, with the time of the last change of each kept. `before` is what the object has; conditions
 * of other types in it are left out.
 *
 * @param now RFC 3339, to the second.
 */
export function conditionsOf(
  wanted: readonly ConditionNow[],
  before: readonly Condition[],
  generation: number,
  now: string,
): readonly Condition[] {
  return wanted.map(({ type, status, reason, message }) => {
    const old = before.find((condition) => condition.type === type);
    return {
      type,
      status,
      observedGeneration: generation,
      lastTransitionTime: old?.status === status ? old.lastTransitionTime : now,
      reason,
      message: cut(message, LONGEST_MESSAGE),
    };
  });
}

/**
 * The condition of a type where it turned, or where it is False for another reason than before. What is True from the
 * start is no news.
 */
export function conditionChange(
  type: string,
  before: readonly Condition[],
  after: readonly Condition[],
): Condition | undefined {
  const [old, current] = [before, after].map((list) => list.find((condition) => condition.type === type));
  if (current === undefined) return undefined;
  if (current.status === "True") return old === undefined || old.status === "True" ? undefined : current;
  return old?.status === current.status && old.reason === current.reason ? undefined : current;
}
