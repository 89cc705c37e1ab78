import { field } from "../../json/fields.ts";

/**
 * Where predicates say when the work they tell of was finished. The first that is there counts: the end before the
 * beginning, which stands in for an end that nobody wrote (a build takes hours at most), and an update before the first
 * issue.
 */
const FINISHING_TIMES: readonly (readonly string[])[] = [
  // SLSA provenance v1; v0.1 and v0.2, in-toto runtime-trace.
  ["runDetails", "metadata", "finishedOn"],
  ["runDetails", "metadata", "startedOn"],
  ["metadata", "buildFinishedOn"],
  ["metadata", "buildStartedOn"],
  // cosign vuln/v1, in-toto vulns v0.1 and v0.2.
  ["metadata", "scanFinishedOn"],
  ["metadata", "scanStartedOn"],
  ["metadata", "finishedOn"],
  // CycloneDX; SPDX 2.
  ["metadata", "timestamp"],
  ["creationInfo", "created"],
  // SLSA verification summaries, in-toto simple verification results.
  ["timeVerified"],
  ["timeCreated"],
  // OpenVEX; cosign's custom predicate.
  ["last_updated"],
  ["timestamp"],
  ["Timestamp"],
];

/** Go writes this for a time that was never set. */
const NO_TIME = "0001-01-01T00:00:00Z";

/** The predicate's own finishing time as it is written; undefined where it has none. */
export function finishedAt(predicate: unknown): string | undefined {
  for (const path of FINISHING_TIMES) {
    const value = path.reduce(field, predicate);
    if (typeof value === "string" && value !== "" && value !== NO_TIME) return value;
  }
  return undefined;
}
