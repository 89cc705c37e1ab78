import { field } from "./field.ts";

/**
 * Where predicates say when the work they tell of was finished: SLSA v1 and v0.2, cosign's vuln and custom, in-toto vulns,
 * CycloneDX, SPDX, OpenVEX. The first that is there counts.
 */
const FINISHING_TIMES: readonly (readonly string[])[] = [
  ["runDetails", "metadata", "finishedOn"],
  ["metadata", "buildFinishedOn"],
  ["metadata", "scanFinishedOn"],
  ["metadata", "finishedOn"],
  ["metadata", "timestamp"],
  ["creationInfo", "created"],
  ["last_updated"],
  ["timestamp"],
  ["Timestamp"],
];

/** The predicate's own finishing time as it is written; undefined where it has none. */
export const finishedAt = (predicate: unknown): string | undefined => {
  for (const path of FINISHING_TIMES) {
    const value = path.reduce(field, predicate);
    if (typeof value === "string" && value !== "") return value;
  }
  return undefined;
};
