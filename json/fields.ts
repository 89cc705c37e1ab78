/** Reading of parsed JSON that somebody else wrote. `as...` gives the wanted type or nothing, `...Of` an empty one instead of nothing. */

export type JsonObject = Readonly<Record<string, unknown>>;

const NOTHING: JsonObject = Object.freeze({});
const NONE: readonly unknown[] = Object.freeze([]);

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** undefined: it is none. A list is none either. */
export const asObject = (value: unknown): JsonObject | undefined => (isObject(value) ? value : undefined);

/** undefined: it is none. */
export const asList = (value: unknown): readonly unknown[] | undefined => (Array.isArray(value) ? value : undefined);

/** A string that says something; undefined for everything else. */
export const asText = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

/** The fields of an object; none where it is something else. */
export const fieldsOf = (value: unknown): JsonObject => (isObject(value) ? value : NOTHING);

/** The entries of a list; none where it is something else. */
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : NONE);

/** A string; `""` where it is something else. */
export const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** The own field of an object; undefined for everything else, `__proto__` included. */
export const field = (value: unknown, name: string): unknown =>
  isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;

export const textField = (value: unknown, name: string): string | undefined => {
  const found = field(value, name);
  return typeof found === "string" ? found : undefined;
};
