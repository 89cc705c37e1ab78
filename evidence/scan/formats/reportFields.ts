import { parseRfc3339 } from "../../../policy/rfc3339.ts";
import { asText, isObject, listOf, type JsonObject } from "../../../json/fields.ts";

/** The objects of a list; everything else in it is left out. */
export const objectsIn = (value: unknown): JsonObject[] => listOf(value).filter(isObject);

/** The strings of a list that say something. */
export const texts = (value: unknown): string[] => listOf(value).flatMap((entry) => asText(entry) ?? []);

/** A stranger's value in a message. */
export const quoted = (value: unknown): string => (JSON.stringify(value) ?? "nothing").slice(0, 60);

/**
 * A CVSS base score, as a number or as text; 0 means "not scored" in every format that we read. What lies above the scale
 * counts as its end: no limit is escaped by a number that is too large.
 */
export const asScore = (value: unknown): number | undefined => {
  const score = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof score === "number" && score > 0 ? Math.min(score, 10) : undefined;
};

/** undefined: none. Without spreading, which a stranger's list of 200,000 would make run out of stack. */
export const highestOf = (scores: readonly number[]): number | undefined =>
  scores.reduce<number | undefined>((highest, score) => Math.max(highest ?? score, score), undefined);

/** RFC 3339, as it is written. Go's zero time means "no date". */
export const asDate = (value: unknown): string | undefined => {
  const text = asText(value);
  if (text === undefined || text.startsWith("0001-01-01T")) return undefined;
  return parseRfc3339(text) === undefined ? undefined : text;
};

/** The `sha256:...` part of `repository@sha256:...`. */
export const digestOf = (text: string): string | undefined =>
  /(?:^|@)(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.exec(text)?.[1];
