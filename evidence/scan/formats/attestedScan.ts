import type { Severity, Vulnerability } from "../../../policy/facts/scanReport.ts";
import { asList, asObject, asText } from "../../../json/fields.ts";
import { asDate, asScore, quoted } from "./reportFields.ts";
import type { JsonObject } from "../../../json/fields.ts";
import { broken, understood, type ScanParse } from "./parsedScan.ts";
import { parseScanDocument } from "./parseScan.ts";
import { severityByName, severityByScore, worse } from "./severity.ts";

/** cosign's vulnerability predicate (sigstore/cosign specs/COSIGN_VULN_ATTESTATION_SPEC.md). */
export const COSIGN_VULN = "https://cosign.sigstore.dev/attestation/vuln/v1";
/** As cosign 1 wrote it. */
export const COSIGN_1_VULN = "cosign.sigstore.dev/attestation/vuln/v1";
/** in-toto/attestation spec/predicates/vulns_02.md. */
export const IN_TOTO_VULNS = "https://in-toto.io/attestation/vulns/v0.2";

export const SCAN_PREDICATES: readonly string[] = [COSIGN_VULN, COSIGN_1_VULN, IN_TOTO_VULNS];

const older = (a: string | undefined, b: string | undefined): string | undefined =>
  a === undefined ? b : b === undefined ? a : Date.parse(a) <= Date.parse(b) ? a : b;

/** The scanner's own output stands in `scanner.result`. A report that was wrapped later is as old as the report. */
const parseCosignVuln = (predicate: JsonObject, finishedOn: string | undefined): ScanParse => {
  const result = asObject(asObject(predicate["scanner"])?.["result"]);
  if (result === undefined) return broken("cosign vulnerability predicate without scanner.result");
  const inner = parseScanDocument(result);
  if (inner.status === "broken") return inner;
  const { scannedAt, ...report } = inner.report;
  const date = older(scannedAt, finishedOn);
  return { ...inner, report: { ...report, ...(date === undefined ? {} : { scannedAt: date }) } };
};

/** Each method gives a score or a name; the worst counts. */
const worstOf = (methods: readonly unknown[]): { severity: Severity; cvss?: number } | undefined => {
  let severity: Severity | undefined;
  let cvss: number | undefined;
  for (const method of methods) {
    const value = asObject(method)?.["score"];
    const score = asScore(value);
    const said =
      score === undefined ? (Number(value) === 0 ? "unknown" : severityByName(value)) : severityByScore(score);
    if (said === undefined) return undefined;
    severity = severity === undefined ? said : worse(severity, said);
    if (score !== undefined) cvss = Math.max(cvss ?? 0, score);
  }
  return { severity: severity ?? "unknown", ...(cvss === undefined ? {} : { cvss }) };
};

const parseInTotoVulns = (predicate: JsonObject, finishedOn: string | undefined): ScanParse => {
  const scanner = asObject(predicate["scanner"]);
  // Required, and empty where nothing was found (vulns_02.md): a predicate that leaves it out is not a clean scan.
  const results = scanner?.["result"];
  if (scanner === undefined || !Array.isArray(results))
    return broken("in-toto vulns predicate without a list scanner.result");
  const vulnerabilities: Vulnerability[] = [];
  for (const entry of results) {
    const id = asText(asObject(entry)?.["id"]);
    const worst = worstOf(asList(asObject(entry)?.["severity"]) ?? []);
    if (id === undefined || worst === undefined)
      return broken("in-toto vulns result without an id or with an unreadable severity");
    vulnerabilities.push({ id, package: "", installedVersion: "", ...worst });
  }
  return understood(
    vulnerabilities,
    { scanner: asText(scanner["uri"]) ?? "scanner", scannedAt: finishedOn },
    { diffIds: [], digests: [] },
  );
};

const parseOfType = (predicateType: string, predicate: JsonObject, finishedOn: string | undefined): ScanParse => {
  switch (predicateType) {
    case COSIGN_VULN:
    case COSIGN_1_VULN:
      return parseCosignVuln(predicate, finishedOn);
    case IN_TOTO_VULNS:
      return parseInTotoVulns(predicate, finishedOn);
    default:
      return broken(`predicate type ${quoted(predicateType)} is no vulnerability scan`);
  }
};

/** The predicate of a verified scan attestation. What it is about is its statement's subject. */
export const parseScanPredicate = (predicateType: string, predicate: unknown): ScanParse => {
  const document = asObject(predicate);
  if (document === undefined) return broken("scan predicate that is not an object");
  const finishedOn = asDate(asObject(document["metadata"])?.["scanFinishedOn"]);
  const parse = parseOfType(predicateType, document, finishedOn);
  return parse.status === "broken" && finishedOn !== undefined ? { ...parse, scannedAt: finishedOn } : parse;
};

/** The text of a verified statement: its predicate. */
export const parseScanStatement = (predicateType: string, text: string): ScanParse => {
  try {
    return parseScanPredicate(predicateType, asObject(JSON.parse(text))?.["predicate"]);
  } catch {
    return broken("statement that is not JSON");
  }
};
