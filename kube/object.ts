/** Reading of untyped JSON. What the API server sends is checked on arrival, never cast whole. */

export type JsonObject = Readonly<Record<string, unknown>>;

const NOTHING: JsonObject = Object.freeze({});

/** The value as an object; an empty one where it is something else. */
export function asObject(value: unknown): JsonObject {
  // JSON has no other objects than records and arrays, and an array has none of the names that are read.
  return typeof value === "object" && value !== null ? (value as JsonObject) : NOTHING;
}

/** The value as a list; an empty one where it is something else. */
export const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The value where it is a string, else `""`. */
export const asText = (value: unknown): string => (typeof value === "string" ? value : "");

/** The string values of a map, such as labels. */
export function asLabels(value: unknown): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  for (const [name, text] of Object.entries(asObject(value))) {
    // `__proto__` is a legal JSON name, and an assignment to it would not make a property.
    if (typeof text === "string" && name !== "__proto__") labels[name] = text;
  }
  return labels;
}

/** What every object carries. */
export interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

export function metadataOf(value: unknown): Metadata {
  const metadata = asObject(asObject(value)["metadata"]);
  return {
    name: asText(metadata["name"]),
    namespace: asText(metadata["namespace"]),
    uid: asText(metadata["uid"]),
    resourceVersion: asText(metadata["resourceVersion"]),
  };
}
