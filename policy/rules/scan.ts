import { durationText } from "../duration.ts";
import { compileScan, type ScanRule, type ScanSource } from "../compile/rules/scan.ts";
import type { ImageFacts, ScanCoverage } from "../facts/facts.ts";
import { settledBy, withAdvice } from "../facts/unavailable.ts";
import type { Reason, RuleFinding } from "../finding/finding.ts";
import type { ScanReport } from "../facts/scanReport.ts";
import { assessScan, type Vex, type ScanAssessment } from "./scanAssessment.ts";
import { authorityName, faultsOf } from "./quorum.ts";
import { defineRule, type JudgingContext, type Rule } from "./rule.ts";
import { excusedByVex, type VexFacts } from "./vex.ts";

/** Whether the image is known to be exploitable. */
export const scan: Rule<"scan", ScanRule> = defineRule({
  name: "scan",
  compile: compileScan,
  // trivy-operator scans what already exists, so no template is judged by it. What a rule with a fault asks besides is
  // not known.
  needs: (rule, { template }) => (template && rule.fault === undefined && onlyReports(rule) ? "nothing" : "content"),
  judge: judgeScan,
  dependsOn: ({ sources, maxAge, allowCVEs, vex }) => ({
    time:
      maxAge !== undefined ||
      vex !== undefined ||
      [...allowCVEs.values()].some(({ expires }) => expires !== undefined) ||
      // Reports of trivy-operator expire by themselves, whatever the policy says; anybody who may can attest a newer
      // one.
      sources.some(({ type }) => type === "vulnerabilityReport" || type === "attestation"),
    age: sources.some((source) => source.type === "vulnerabilityReport" && source.grace > 0),
    podAnnotations: sources.flatMap((source) => (source.type === "podAnnotation" ? [source.key] : [])),
  }),
  cleanUntil: (rule, facts, now) => fitsUntil(rule, facts, now),
});

/** How far a scan's date may lie ahead of our clock (design.md section 9), in milliseconds. */
const SKEW = 5 * 60_000;

/**
 * What the scan rule needs to know beside the facts. VEX statements may be about the image by the name that the object
 * gives it.
 */
export type ScanContext = Pick<JudgingContext, "mode" | "template" | "reference" | "now" | "createdAt">;

interface Assessed {
  readonly vex: Vex | undefined;
  /** Between two expiries of allowances, in milliseconds since the epoch: `since` up to but not including `until`. */
  readonly since: number;
  readonly until: number;
  readonly assessment: ScanAssessment;
}

/** Assessments outlive a review: a report of 20,000 vulnerabilities is counted once for each rule that asks. */
const assessments = new WeakMap<ScanReport, WeakMap<ScanRule, Assessed>>();

/** Time alone must not refuse a node drain or a scale-out of what the namespace already runs. */
const SOFTENED_BY_RUNNING: ReadonlySet<Reason> = new Set(["ScanStale", "ScanVulnerable", "ScanScoreLow"]);

/**
 * Whether what an audit finds of a pod would only be a warning if the pod were made anew.
 * @param runs the namespace runs the image already.
 */
export function warnsAnew(rule: ScanRule, reason: Reason, runs: boolean): boolean {
  if (SOFTENED_BY_RUNNING.has(reason)) return runs && rule.runningImages === "Warn";
  return reason === "ScanMissing" && graceOf(rule) > 0;
}

/**
 * Milliseconds since the epoch after which the reports that decide are too old; undefined where that never comes, or
 * where there are none.
 */
export function staleAfter({ sources, maxAge }: ScanRule, facts: ImageFacts): number | undefined {
  if (maxAge === undefined) return undefined;
  const outcome = sources.map(({ id }) => facts.scans.get(id)).find((one) => one?.status !== "absent");
  if (outcome?.status !== "verified") return undefined;
  const newest = outcome.value.flatMap(({ reports }) => newestOf(datesOf(reports)) ?? []);
  return newest.length === 0 ? undefined : Math.min(...newest) + maxAge;
}

/**
 * Judges an image's vulnerability scan: sources are asked in their order, and the first that has a report decides.
 * A source that could not be asked ends the search: a later one might say less. Where only a part of the image could
 * not be told, what the source says of the others counts beside that.
 */
export function judgeScan(rule: ScanRule, facts: ImageFacts, context: ScanContext): RuleFinding[] {
  if (rule.fault !== undefined) return [finding("EvidenceUnavailable", rule.fault, { unavailable: "configuration" })];
  // trivy-operator scans what already exists: a template's image may not have run yet.
  if (onlyReports(rule) && context.template) return [];

  const notes: string[] = [];
  const open: RuleFinding[] = [];
  for (const source of rule.sources) {
    const outcome = facts.scans.get(source.id);
    if (outcome === undefined) {
      // A defect of ours, which `onUnavailable` must not settle.
      return [finding("EvidenceUnavailable", `${sourceName(source)} was not asked`, { unavailable: "configuration" })];
    }
    const faults = source.type === "attestation" ? faultsOf("scan", source.authorities) : [];
    if (outcome.status === "unavailable") {
      const unavailable = settledBy(outcome);
      open.push(finding("EvidenceUnavailable", `${sourceName(source)}: ${withAdvice(outcome)}`, { unavailable }));
    }
    const known = outcome.status === "unavailable" ? outcome.rest : outcome;
    if (known?.status === "verified") return [...judgeReports(rule, known.value, facts, context), ...faults, ...open];
    if (faults.length > 0) return [...faults, ...open];
    if (known === undefined) return open;
    if (known.status === "invalid") return [finding(known.reason, `${sourceName(source)}: ${known.message}`), ...open];
    notes.push(`${sourceName(source)}: ${known.message}`);
  }

  const missing = finding(
    "ScanMissing",
    `no vulnerability scan (${notes.join("; ")}); scan this digest and publish the report`,
  );
  return [context.now - context.createdAt < graceOf(rule) ? { ...missing, atMost: "warn" } : missing, ...open];
}

function sourceName(source: ScanSource): string {
  switch (source.type) {
    case "attestation":
      return `attestation by ${[...source.authorities.trusted, ...source.authorities.faulty].map(authorityName).join(", ")}`;
    case "imageAnnotation":
      return `image annotation ${source.key}`;
    case "vulnerabilityReport":
      return "VulnerabilityReport";
    case "podAnnotation":
      return `pod annotation ${source.key}`;
  }
}

function finding(reason: Reason, detail: string, extra: Partial<RuleFinding> = {}): RuleFinding {
  return {
    rule: "scan",
    reason,
    detail,
    ...extra,
  };
}

/** Milliseconds that a new pod has until trivy-operator has scanned it. */
function graceOf(rule: ScanRule): number {
  if (!onlyReports(rule)) return 0;
  return Math.max(0, ...rule.sources.map((source) => (source.type === "vulnerabilityReport" ? source.grace : 0)));
}

function onlyReports({ sources }: ScanRule): boolean {
  return sources.every(({ type }) => type === "vulnerabilityReport");
}

function assess(report: ScanReport, rule: ScanRule, vex: Vex | undefined, now: number): ScanAssessment {
  const byRule = assessments.get(report) ?? new WeakMap<ScanRule, Assessed>();
  const known = byRule.get(rule);
  if (known !== undefined && known.vex === vex && known.since <= now && now < known.until) return known.assessment;
  const assessment = assessScan(report, rule, vex, now);
  let [since, until] = [-Infinity, Infinity];
  for (const { expires } of rule.allowCVEs.values()) {
    if (expires === undefined) continue;
    if (expires > now) until = Math.min(until, expires);
    else since = Math.max(since, expires);
  }
  assessments.set(report, byRule.set(rule, { vex, since, until, assessment }));
  return assessment;
}

function datesOf(reports: ScanCoverage["reports"]): readonly (number | undefined)[] {
  return reports.map(({ scannedAt }) => (scannedAt === undefined ? undefined : Date.parse(scannedAt)));
}

/** The newest says how fresh the knowledge is. */
function newestOf(dates: readonly (number | undefined)[]): number | undefined {
  const known = dates.filter((date) => date !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

/** Faults of the dates of one part's reports. */
function dateFinding({ reports }: ScanCoverage, rule: ScanRule, now: number, part: string): RuleFinding | undefined {
  const dates = datesOf(reports);
  if (dates.some((date) => date !== undefined && date > now + SKEW)) {
    return finding("ScanInvalid", `${part}the scan is dated in the future; check the scanner's clock`);
  }
  if (rule.maxAge === undefined) return undefined;
  const newest = newestOf(dates);
  if (newest === undefined) return finding("ScanInvalid", `${part}the scan has no date, and maxAge needs one`);
  return newest + rule.maxAge < now
    ? finding("ScanStale", `${part}the scan is older than ${durationText(rule.maxAge)} (maxAge); scan the image again`)
    : undefined;
}

function judgeCoverage(coverage: ScanCoverage, rule: ScanRule, { vex, trouble }: VexFacts, now: number): RuleFinding[] {
  const part = coverage.platform === undefined ? "" : `${coverage.platform}: `;
  const found = coverage.reports.map((report) => assess(report, rule, vex, now));
  const findings: RuleFinding[] = [];
  const date = dateFinding(coverage, rule, now, part);
  if (date !== undefined) findings.push(date);
  const vulnerable = [...new Set(found.flatMap((assessment) => assessment.vulnerable))];
  if (vulnerable.length > 0) {
    const unexcused =
      trouble === undefined ? [...new Set(found.flatMap((assessment) => assessment.unexcused))] : [trouble];
    const beside = unexcused.length === 0 ? "" : `; OpenVEX takes nothing off: ${unexcused.join(", ")}`;
    const detail = `${part}${vulnerable.join("; ")}${beside}; update the packages or the base image`;
    findings.push(finding("ScanVulnerable", detail));
  }
  const score = Math.min(...found.map((assessment) => assessment.score));
  if (rule.minScore !== undefined && score < rule.minScore) {
    const detail = `scan score ${score}, at least ${rule.minScore} is required; update the packages or the base image`;
    findings.push(finding("ScanScoreLow", `${part}${detail}`));
  }
  return findings;
}

function judgeReports(
  rule: ScanRule,
  coverage: readonly ScanCoverage[],
  facts: ImageFacts,
  context: ScanContext,
): RuleFinding[] {
  const { vex } = rule;
  const findings = coverage.flatMap((part) => {
    const said = vex === undefined ? {} : excusedByVex(vex, facts, context.reference, part.digest);
    return judgeCoverage(part, rule, said, context.now);
  });
  const soften = rule.runningImages === "Warn" && context.mode === "admission" && facts.runsAlready === true;
  return soften
    ? findings.map((one) => (SOFTENED_BY_RUNNING.has(one.reason) ? { ...one, atMost: "warn" } : one))
    : findings;
}

/** When the first report is too old, or the first allowance ends, whichever of them the verdict is made from. */
function fitsUntil({ sources, maxAge, allowCVEs }: ScanRule, facts: ImageFacts, now: number): number {
  const ends = [...allowCVEs.values()].flatMap(({ expires }) => expires ?? []);
  for (const { id } of maxAge === undefined ? [] : sources) {
    const outcome = facts.scans.get(id);
    if (outcome?.status !== "verified") continue;
    for (const { scannedAt } of outcome.value.flatMap(({ reports }) => reports))
      // Too old in the millisecond after.
      if (scannedAt !== undefined) ends.push(Date.parse(scannedAt) + (maxAge ?? 0) + 1);
  }
  return Math.min(...ends.filter((end) => end > now));
}
