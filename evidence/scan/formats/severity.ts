import { SEVERITIES, type Severity } from "../../../policy/facts/scanReport.ts";

/** Names that scanners use. "Negligible" (Grype, Debian) is below low, and counted as low: nothing found disappears. */
const NAMES: Readonly<Record<string, Severity>> = {
  critical: "critical",
  high: "high",
  important: "high",
  medium: "medium",
  moderate: "medium",
  low: "low",
  negligible: "low",
  none: "unknown",
  unknown: "unknown",
};

/** undefined: not a severity by name. A report that leaves the name out says `unknown`; one that says nonsense is broken. */
export const severityByName = (name: unknown): Severity | undefined =>
  typeof name === "string" && Object.hasOwn(NAMES, name.trim().toLowerCase())
    ? NAMES[name.trim().toLowerCase()]
    : undefined;

/** The qualitative scale of CVSS 3.1, section 5. */
export const severityByScore = (score: number): Severity =>
  score >= 9 ? "critical" : score >= 7 ? "high" : score >= 4 ? "medium" : score > 0 ? "low" : "unknown";

/** A severity field: absent or empty is `unknown`, a name that no scanner uses gives nothing. */
export const readSeverity = (value: unknown): Severity | undefined =>
  value === undefined || value === null || value === "" ? "unknown" : severityByName(value);

export const worse = (a: Severity, b: Severity): Severity => (SEVERITIES.indexOf(a) <= SEVERITIES.indexOf(b) ? a : b);
