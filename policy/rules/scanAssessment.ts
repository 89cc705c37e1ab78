import type { ScanRule } from "../compile/rules/scan.ts";
import { shown } from "../finding/message.ts";
import type { ScanReport, Severity, Vulnerability } from "../facts/scanReport.ts";
import { SEVERITIES } from "../facts/scanReport.ts";

/** Points that a vulnerability takes off the score of 100 (design.md, "Scan score"). */
const POINTS: Readonly<Record<Severity, number>> = { critical: 25, high: 10, medium: 3, low: 1, unknown: 0 };

/** Vulnerabilities that one message names: the worst. */
const MOST_NAMED = 5;
/** Characters of an id, a package or a version in a message; all of them are a stranger's text. */
const LONGEST_NAME = 80;

/** What a report comes to under a rule. */
export interface ScanAssessment {
  /** Objections to vulnerabilities, one text each: limits, CVSS, denied CVEs. */
  readonly vulnerable: readonly string[];
  /** 0 to 100. */
  readonly score: number;
  /** Of those that `vulnerable` names: why VEX did not take them off. */
  readonly unexcused: readonly string[];
}

/** Whether VEX statements take a vulnerability off the count. */
export type Excused = (vulnerability: Vulnerability) => boolean;

/** What VEX statements say of the vulnerabilities of one image, or of one platform of it. */
export interface Vex {
  readonly excuses: Excused;
  /** Why what is said about a vulnerability does not take it off the count; undefined: nothing is said. */
  readonly objection: (vulnerability: Vulnerability) => string | undefined;
}

/**
 * The ids by which something may take a vulnerability off the count: one id of every list. Its names are as good as
 * each other, but a distribution's advisory (Grype's ALAS, ELSA) stands for several CVEs, and one of them excuses none
 * of the others.
 */
export function excusableBy(v: Vulnerability): readonly (readonly string[])[] {
  const ids = idsOf(v);
  const cves = ids.filter(isCve);
  return cves.length > 1 ? cves.map((cve) => [...new Set([v.id.toUpperCase(), cve])]) : [ids];
}

/**
 * Counts what a report finds against a rule's limits. `now` decides which allowances still hold.
 * denyCVEs is stronger than everything that takes a vulnerability off the count, the report's own suppressions too.
 * @param vex absent: no statement says anything.
 */
export function assessScan(
  { vulnerabilities, suppressed = [] }: ScanReport,
  rule: ScanRule,
  vex: Vex | undefined,
  now: number,
): ScanAssessment {
  const inForce = new Set(
    [...rule.allowCVEs].flatMap(([id, { expires }]) => (expires === undefined || now < expires ? [id] : [])),
  );
  // Most policies have neither list.
  const isAllowed = (v: Vulnerability): boolean =>
    inForce.size > 0 && excusableBy(v).every((ids) => ids.some((id) => inForce.has(id)));
  const isDenied = (v: Vulnerability): boolean =>
    rule.denyCVEs.size > 0 && idsOf(v).some((id) => rule.denyCVEs.has(id));
  const counts = (v: Vulnerability): boolean =>
    isDenied(v) || ((!rule.onlyFixable || v.fixedVersion !== undefined) && !isAllowed(v) && vex?.excuses(v) !== true);
  const deniedAnyway = suppressed.filter(isDenied);
  const denied = [...vulnerabilities.filter(isDenied), ...deniedAnyway];
  const counted = [...vulnerabilities.filter(counts), ...deniedAnyway];

  const named = new Set<Vulnerability>();
  const naming = createNaming(named);
  const vulnerable: string[] = [];
  if (denied.length > 0) {
    const names = naming(denied, (v) => namesOf(v).find((id) => rule.denyCVEs.has(id.toUpperCase())) ?? v.id);
    const hidden = deniedAnyway.length === 0 ? "" : `, ${deniedAnyway.length} of them suppressed in the report`;
    vulnerable.push(`${denied.length} denied by denyCVEs${names}${hidden}`);
  }
  for (const severity of SEVERITIES) {
    const limit = rule.maxVulnerabilities[severity];
    if (limit === undefined) continue;
    const found = counted.filter((v) => v.severity === severity);
    if (found.length <= limit) continue;
    const beside = suppressed.filter((v) => v.severity === severity && !isDenied(v)).length;
    const hidden = beside === 0 ? "" : ` (${beside} more suppressed in the report)`;
    vulnerable.push(`${found.length} ${severity}${naming(found)}, at most ${limit} allowed${hidden}`);
  }
  const { maxCVSS } = rule;
  if (maxCVSS !== undefined) {
    const above = counted.filter((v) => v.cvss !== undefined && v.cvss > maxCVSS);
    if (above.length > 0) vulnerable.push(`${above.length} with a CVSS score above ${maxCVSS}${naming(above)}`);
  }
  const score = Math.max(
    0,
    counted.reduce((rest, v) => rest - POINTS[v.severity], 100),
  );
  return { vulnerable, score, unexcused: vex === undefined ? [] : objections(vex, named) };
}

/** Objections that one message tells; the first of each text. */
const MOST_OBJECTIONS = 2;

function objections(vex: Vex, named: ReadonlySet<Vulnerability>): readonly string[] {
  const texts = [...named].flatMap((v) => {
    const why = vex.objection(v);
    return why === undefined ? [] : [`${shown(v.id.slice(0, LONGEST_NAME))}: ${why}`];
  });
  return [...new Set(texts)].slice(0, MOST_OBJECTIONS);
}

/** Its own id first, then its aliases. */
function namesOf(v: Vulnerability): readonly string[] {
  return [v.id, ...(v.aliases ?? [])];
}

/** In upper case, as ids are compared. */
function idsOf(v: Vulnerability): readonly string[] {
  return v.aliases === undefined ? [v.id.toUpperCase()] : namesOf(v).map((id) => id.toUpperCase());
}

function isCve(id: string): boolean {
  return id.startsWith("CVE-");
}

/** The CVE where there is one: it is what people search for. Of an advisory of several it would be one among others. */
function publicId(v: Vulnerability): string {
  const [cve, ...others] = idsOf(v).filter(isCve);
  return cve === undefined || others.length > 0 ? v.id : cve;
}

/** `CVE-2021-44228 log4j-core 2.14.1 -> 2.15.0`, as messages name a vulnerability. */
function named(v: Vulnerability, id: string): string {
  const parts = [id, v.package, v.installedVersion, ...(v.fixedVersion === undefined ? [] : ["->", v.fixedVersion])];
  return parts
    .filter((part) => part !== "")
    .map((part) => shown(part.length > LONGEST_NAME ? `${part.slice(0, LONGEST_NAME)}...` : part))
    .join(" ");
}

/** Lists vulnerabilities behind their counts, so many different ones in all; `known` takes them up. */
function createNaming(
  known: Set<Vulnerability>,
): (vulnerabilities: readonly Vulnerability[], idOf?: (v: Vulnerability) => string) => string {
  return (vulnerabilities, idOf = publicId) => {
    const names: string[] = [];
    for (const v of vulnerabilities) {
      if (!known.has(v) && known.size >= MOST_NAMED) break;
      known.add(v);
      names.push(named(v, idOf(v)));
    }
    if (names.length === 0) return "";
    return ` (${[...names, ...(names.length < vulnerabilities.length ? ["..."] : [])].join(", ")})`;
  };
}
