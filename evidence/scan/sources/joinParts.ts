import type { ScanCoverage, ScanOutcome } from "../../../policy/facts/facts.ts";
import type { Unavailable } from "../../../policy/facts/outcome.ts";
import { unavailableAmong } from "../../../policy/facts/unavailable.ts";

/** What a source says of one part of an image. */
export interface PartOutcome {
  readonly platform: string;
  readonly outcome: ScanOutcome;
}

/** The answer of a source that has no report for some parts: their platforms, and how many others it may have one for. */
export type Lacking = (uncovered: readonly string[], others: number) => ScanOutcome;

/**
 * What a source says of an image, out of what it says of each part. What is wrong comes before what could not be told, and
 * what is known of one part stands beside what could not be told of another: no outage of one platform softens another's.
 */
export const joinParts = (parts: readonly PartOutcome[], lacking: Lacking): ScanOutcome => {
  const outcomes = parts.map(({ outcome }) => outcome);
  const invalid = outcomes.find(({ status }) => status === "invalid");
  if (invalid !== undefined) return invalid;
  const uncovered = parts.flatMap(({ platform, outcome }) => (outcome.status === "absent" ? [platform] : []));
  const covered = outcomes.flatMap((outcome): readonly ScanCoverage[] =>
    outcome.status === "verified" ? outcome.value : [],
  );
  const known: ScanOutcome =
    uncovered.length === 0
      ? { status: "verified", value: covered }
      : lacking(uncovered, parts.length - uncovered.length);
  return beside(unavailableAmong(outcomes), known);
};

/** What a source says of an image of which something else could not be told; what is wrong stays wrong. */
export const beside = (unavailable: Unavailable | undefined, said: ScanOutcome): ScanOutcome => {
  if (unavailable === undefined || said.status === "invalid") return said;
  const rest = said.status === "unavailable" ? said.rest : said;
  const first = said.status === "unavailable" ? (unavailableAmong([said, unavailable]) ?? said) : unavailable;
  return { ...first, ...(rest === undefined ? {} : { rest }) };
};
