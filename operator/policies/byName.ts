import type { PolicySet } from "./policySet.ts";

/** Finds a part of the newest set by its name, without looking through all of them for each. */
export function byName<T extends { readonly name: string }>(
  newest: () => PolicySet | undefined,
  partsOf: (set: PolicySet) => readonly T[],
): (name: string) => T | undefined {
  let of: PolicySet | undefined;
  let parts: ReadonlyMap<string, T> = new Map();
  return (name) => {
    const set = newest();
    if (set !== of) {
      parts = new Map((set === undefined ? [] : partsOf(set)).map((part) => [part.name, part]));
      of = set;
    }
    return parts.get(name);
  };
}
