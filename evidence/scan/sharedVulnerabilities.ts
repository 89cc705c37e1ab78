import type { ScanReport, Vulnerability } from "../../policy/facts/scanReport.ts";

/** Reports larger than this are rare, and putting them through would hold the event loop for milliseconds. */
const MOST_SHARED = 2_000;
/** Different vulnerabilities that are remembered, twice: about 40 MiB of them. */
const CAPACITY = 65_536;

const keyOf = (v: Vulnerability): string =>
  JSON.stringify([v.id, v.severity, v.package, v.installedVersion, v.fixedVersion, v.cvss, v.purl, v.aliases]);

/**
 * Gives a report whose vulnerabilities are one object with the equal ones of other reports: images share their base, so that
 * 10,000 reports hold few different ones. What is not seen for long is shared no longer.
 */
export const createSharing = (): ((report: ScanReport) => ScanReport) => {
  let young = new Map<string, Vulnerability>();
  let old = new Map<string, Vulnerability>();
  const shared = (v: Vulnerability): Vulnerability => {
    const key = keyOf(v);
    const known = young.get(key);
    if (known !== undefined) return known;
    const value = old.get(key) ?? v;
    if (young.size >= CAPACITY) {
      old = young;
      young = new Map();
    }
    young.set(key, value);
    return value;
  };
  return (report) =>
    report.vulnerabilities.length > MOST_SHARED
      ? report
      : { ...report, vulnerabilities: report.vulnerabilities.map(shared) };
};
