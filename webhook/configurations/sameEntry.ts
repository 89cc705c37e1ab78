import { isDeepStrictEqual } from "node:util";
import type { V1LabelSelector } from "@kubernetes/client-node";

/** Whether two entries, or parts of them, say the same. What is empty says nothing: the API server writes `objectSelector: {}` by itself. */
export const isSame = (one: unknown, other: unknown): boolean => isDeepStrictEqual(said(one), said(other));

/**
 * Whether two selectors choose the same, as far as their values tell: platforms add an expression of their own to every webhook's selector, which
 * changes nothing where its values are left out already.
 */
export const isSameSelector = (one: V1LabelSelector | undefined, other: V1LabelSelector | undefined): boolean =>
  isSame(joined(one), joined(other));

/** All that one key must not be, in one expression. */
const joined = (selector: V1LabelSelector | undefined): object => {
  const { matchLabels, matchExpressions = [] } = selector ?? {};
  const not = new Map<string, Set<string>>();
  for (const { key, operator, values = [] } of matchExpressions)
    if (operator === "NotIn") not.set(key, new Set([...(not.get(key) ?? []), ...values]));
  return {
    matchLabels,
    rest: matchExpressions.filter(({ operator }) => operator !== "NotIn"),
    not: Object.fromEntries([...not].map(([key, values]) => [key, [...values].toSorted()])),
  };
};

const said = (value: unknown): unknown => {
  if (value === null || typeof value !== "object") return value ?? undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(said);
  const fields = Object.entries(value).flatMap(([name, field]) => {
    const kept = said(field);
    return kept === undefined ? [] : [[name, kept] as const];
  });
  return fields.length === 0 ? undefined : Object.fromEntries(fields);
};
