import type { ScanRule } from "../compiledRules.ts";
import type { ScanReport, Severity, Vulnerability } from "../scanReport.ts";
import { SEVERITIES } from "../scanReport.ts";

/** Points that a vulnerability takes off the score of 100 (design.md, "Scan score"). */
const POINTS: Readonly<Record<Severity, number>> = { critical: 25, high: 10, medium: 3, low: 1, unknown: 0 };

const MOST_NAMED = 5;

/** What a report comes to under a rule. */
export interface ScanAssessment {
  /** Objections to vulnerabilities, one text each: limits, CVSS, denied CVEs. */
  readonly vulnerable: readonly string[];
  /** 0 to 100. */
  readonly score: number;
}

/** Says whether VEX statements take a vulnerability off the count. */
export type Excused = (vulnerability: Vulnerability) => boolean;

/** Its own id first, then its aliases; in upper case, as ids are compared. */
export const idsOf = (v: Vulnerability): readonly string[] =>
  v.aliases === undefined ? [v.id.toUpperCase()] : [v.id, ...v.aliases].map((id) => id.toUpperCase());

/** The CVE where there is one: it is what people search for. */
const publicId = (v: Vulnerability): string => idsOf(v).find((id) => id.startsWith("CVE-")) ?? v.id;

/** `CVE-2021-44228 log4j-core 2.14.1 -> 2.15.0`, as messages name a vulnerability. */
const named = (v: Vulnerability): string =>
  `${publicId(v)} ${v.package} ${v.installedVersion}${v.fixedVersion === undefined ? "" : ` -> ${v.fixedVersion}`}`.trim();

const worstFirst = (a: Vulnerability, b: Vulnerability): number =>
  SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
  (b.cvss ?? 0) - (a.cvss ?? 0) ||
  (a.id < b.id ? -1 : a.id > b.id ? 1 : 0) ||
  (a.package < b.package ? -1 : a.package > b.package ? 1 : 0);

const list = (vulnerabilities: readonly Vulnerability[]): string => {
  const names = vulnerabilities.slice(0, MOST_NAMED).map(named);
  return (vulnerabilities.length > MOST_NAMED ? [...names, "..."] : names).join(", ");
};

/** One entry for each (id, package, version): scanners repeat a vulnerability for every path that it is found under. */
const distinct = (vulnerabilities: readonly Vulnerability[]): Vulnerability[] => {
  const seen = new Map<string, Vulnerability>();
  for (const v of vulnerabilities) {
    const key = `${v.id}\n${v.package}\n${v.installedVersion}`;
    const known = seen.get(key);
    if (known === undefined || worstFirst(v, known) < 0) seen.set(key, v);
  }
  return [...seen.values()];
};

/**
 * Counts what a report finds against a rule's limits. `now` decides which allowances still hold.
 * denyCVEs is stronger than everything that takes a vulnerability off the count.
 */
export const assessScan = (report: ScanReport, rule: ScanRule, excused: Excused, now: number): ScanAssessment => {
  const all = distinct(report.vulnerabilities).sort(worstFirst);
  const isAllowed = (v: Vulnerability): boolean =>
    idsOf(v).some((id) => {
      const allowance = rule.allowCVEs.get(id);
      return allowance !== undefined && (allowance.expires === undefined || now < allowance.expires);
    });
  const isDenied = (v: Vulnerability): boolean => idsOf(v).some((id) => rule.denyCVEs.has(id));
  const denied = all.filter(isDenied);
  const counted = all.filter(
    (v) => isDenied(v) || (!isAllowed(v) && !excused(v) && (!rule.onlyFixable || v.fixedVersion !== undefined)),
  );

  const vulnerable: string[] = [];
  if (denied.length > 0) vulnerable.push(`${denied.length} denied by denyCVEs (${list(denied)})`);
  for (const severity of SEVERITIES) {
    const limit = rule.maxVulnerabilities[severity];
    if (limit === undefined) continue;
    const found = counted.filter((v) => v.severity === severity);
    if (found.length > limit) vulnerable.push(`${found.length} ${severity} (${list(found)}), at most ${limit} allowed`);
  }
  const { maxCVSS } = rule;
  if (maxCVSS !== undefined) {
    const above = counted.filter((v) => v.cvss !== undefined && v.cvss > maxCVSS);
    if (above.length > 0) vulnerable.push(`${above.length} with a CVSS score above ${maxCVSS} (${list(above)})`);
  }
  const score = Math.max(
    0,
    counted.reduce((rest, v) => rest - POINTS[v.severity], 100),
  );
  return { vulnerable, score };
};
