/** A JSON patch operation (RFC 6902) as the mutating webhook writes it. */
export type Operation =
  /** An image, by its JSON pointer. */
  | { readonly op: "replace"; readonly path: string; readonly value: string }
  /** What is said of it in annotations. */
  | { readonly op: "add"; readonly path: string; readonly value: unknown };

/** A copy of the object with the places replaced and added. Throws where there is no such place. */
export const applyPatch = (object: object, patch: readonly Operation[]): Record<string, unknown> => {
  const copy = structuredClone(object) as Record<string, unknown>;
  for (const { path, value } of patch) {
    const keys = keysOfPointer(path);
    const last = keys.pop();
    let place: unknown = copy;
    for (const key of keys) place = partOf(place, key);
    if (typeof place !== "object" || place === null || last === undefined) throw new Error(`there is no ${path}`);
    Reflect.set(place, last, value);
  }
  return copy;
};

/** The keys of a JSON pointer (RFC 6901). */
export const keysOfPointer = (pointer: string): string[] =>
  pointer
    .split("/")
    .slice(1)
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));

const partOf = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
