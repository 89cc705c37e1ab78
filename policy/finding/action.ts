import type { FindingAction } from "./finding.ts";

const ORDER: Readonly<Record<FindingAction, number>> = { allow: 0, dryrun: 1, warn: 2, deny: 3 };

/** The one of two actions that refuses or shows more. */
export function stricter<A extends FindingAction, B extends FindingAction>(one: A, other: B): A | B {
  return ORDER[one] >= ORDER[other] ? one : other;
}

/** The one of two actions that refuses or shows less. */
export function softer<A extends FindingAction, B extends FindingAction>(one: A, other: B): A | B {
  return ORDER[one] <= ORDER[other] ? one : other;
}
