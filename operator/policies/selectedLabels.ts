import type { LabelSelector } from "../../crds/types.ts";
import type { ExceptionRecord, PolicyRecord } from "./policies.ts";

/** Keys of the pods' labels that policies and exceptions select by. */
export const selectedLabels = (
  policies: Iterable<PolicyRecord>,
  exceptions: Iterable<ExceptionRecord>,
): ReadonlySet<string> => {
  const keys = new Set<string>();
  const add = (selector: LabelSelector | undefined): void => {
    for (const key of Object.keys(selector?.matchLabels ?? {})) keys.add(key);
    for (const { key } of selector?.matchExpressions ?? []) keys.add(key);
  };
  for (const { policy } of policies) add(policy.spec?.match?.objectSelector);
  for (const { exception } of exceptions) add(exception.spec?.match?.objectSelector);
  return keys;
};
