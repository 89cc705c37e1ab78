import type { Severity, Vulnerability } from "../../../policy/facts/scanReport.ts";
import { asList, asObject, asText } from "../../../json/fields.ts";
import { asDate, asScore, digestOf, objectsIn, quoted, texts } from "./reportFields.ts";
import type { JsonObject } from "../../../json/fields.ts";
import { broken, understood, type ScanParse } from "./parsedScan.ts";
import { severityByName, severityByScore, worse } from "./severity.ts";

/**
 * `Name: value` lines, as Trivy writes them into a result's message and Grype into a rule's help text. The first of a name counts:
 * the scanner's own come before the description, which is anybody's text.
 */
const lines = (text: string | undefined): ReadonlyMap<string, string> => {
  const said = new Map<string, string>();
  for (const line of (text ?? "").split("\n")) {
    const colon = line.indexOf(": ");
    const name = line.slice(0, colon);
    if (colon > 0 && !said.has(name)) said.set(name, line.slice(colon + 2).trim());
  }
  return said;
};

/** Trivy puts what else it finds into the same run; only vulnerabilities are ours. */
const OTHER_FINDINGS = new Set(["Misconfiguration", "Secret", "License"]);

interface Rule {
  readonly name: string;
  readonly severity?: Severity;
  readonly score?: number;
  /** What a result without a level of its own has. */
  readonly level?: string;
  readonly help: ReadonlyMap<string, string>;
  /** Grype's rule ids are `<id>-<package>`; both tools begin the help text with the plain id. */
  readonly vulnerabilityId?: string;
  readonly purl?: string;
}

/** Trivy: `properties.tags`; Grype: the help text; both: `properties.security-severity`, a CVSS score. */
const readRule = (entry: unknown): Rule => {
  const rule = asObject(entry) ?? {};
  const properties = asObject(rule["properties"]) ?? {};
  const helpText = asText(asObject(rule["help"])?.["text"]) ?? "";
  const help = lines(helpText);
  const vulnerabilityId = /^Vulnerability (\S+)$/m.exec(helpText)?.[1];
  const score = asScore(properties["security-severity"]);
  const severity =
    texts(properties["tags"]).flatMap((tag) => severityByName(tag) ?? [])[0] ??
    severityByName(help.get("Severity")) ??
    (score === undefined ? undefined : severityByScore(score));
  const purl = texts(properties["purls"])[0];
  const level = asText(asObject(rule["defaultConfiguration"])?.["level"]);
  return {
    name: asText(rule["name"]) ?? "",
    help,
    ...(severity === undefined ? {} : { severity }),
    ...(score === undefined ? {} : { score }),
    ...(level === undefined ? {} : { level }),
    ...(vulnerabilityId === undefined ? {} : { vulnerabilityId }),
    ...(purl === undefined ? {} : { purl }),
  };
};

/** SARIF's own levels, where a tool gives nothing better. `error` is at least high. */
const BY_LEVEL: ReadonlyMap<string, Severity> = new Map([
  ["error", "high"],
  ["warning", "medium"],
  ["note", "low"],
]);

/** Where a rule's help text says the same. */
const HELP = { version: "Version", type: "Type" } as const;

/** What stands between two texts, the first time that it does. */
const between = (text: string, before: string, after: string): string | undefined => {
  const start = text.indexOf(before);
  const end = start < 0 ? -1 : text.indexOf(after, start + before.length);
  return end < 0 ? undefined : text.slice(start + before.length, end);
};

/**
 * What the sentence of a Grype result says of its match. A rule stands for a vulnerability in every version and kind of a package, and
 * speaks for the first of them only. Grype before 0.80 names the version alone.
 */
const grypeSentence = (
  text: string,
): { readonly severity?: string; readonly type?: string; readonly version?: string } => {
  const [, severity, type] = /^An? (\S{1,20}) vulnerability in (\S{1,60}) package: /.exec(text) ?? [];
  const version =
    severity === undefined ? between(text, " at version ", "  which ") : between(text, ", version ", " was found ");
  return {
    ...(severity === undefined ? {} : { severity }),
    ...(type === undefined ? {} : { type }),
    ...(version === undefined ? {} : { version }),
  };
};

const readResult = (
  entry: unknown,
  ruleOf: (result: JsonObject) => Rule | undefined,
): Vulnerability | "other" | undefined => {
  const result = asObject(entry);
  const ruleId = asText(result?.["ruleId"]);
  if (result === undefined || ruleId === undefined) return undefined;
  const rule = ruleOf(result);
  if (rule !== undefined && OTHER_FINDINGS.has(rule.name)) return "other";
  const text = asText(asObject(result["message"])?.["text"]) ?? "";
  const message = lines(text);
  const sentence = grypeSentence(text);
  // One rule stands for a CVE in every package, so what the result itself says comes first, also that there is no fix.
  const say = (...names: readonly string[]): string | undefined => {
    const said =
      names.flatMap((name) => message.get(name) ?? [])[0] ?? names.flatMap((name) => rule?.help.get(name) ?? [])[0];
    return said === "" ? undefined : said;
  };
  // SARIF 2.1.0, section 3.27.10: the result's own, else its rule's, else "warning".
  const written = asText(result["level"]) ?? rule?.level ?? (rule?.severity === undefined ? "warning" : "");
  const level = BY_LEVEL.get(written) ?? "unknown";
  const severity =
    severityByName(message.get("Severity")) ??
    severityByName(sentence.severity) ??
    worse(rule?.severity ?? level, level);
  // The package URL that a rule names is of the match that it speaks for.
  const isOfRule = (["version", "type"] as const).every(
    (field) => (sentence[field] ?? rule?.help.get(HELP[field])) === rule?.help.get(HELP[field]),
  );
  const id = rule?.vulnerabilityId ?? ruleId;
  const fixedVersion = say("Fixed Version", "Fix Version");
  return {
    id,
    severity,
    package: say("Package") ?? "",
    installedVersion: sentence.version ?? say("Installed Version", "Version") ?? "",
    ...(fixedVersion === undefined ? {} : { fixedVersion }),
    ...(rule?.score === undefined ? {} : { cvss: rule.score }),
    ...(rule?.purl === undefined || !isOfRule ? {} : { purl: rule.purl }),
  };
};

export const isSarif = (document: JsonObject): boolean => "runs" in document;

/** A linter's SARIF without a result says nothing about vulnerabilities, so whose it is matters. */
const SCANNERS = /^(trivy|grype)\b/i;

/** SARIF 2.1.0 as Trivy and Grype write it, one run or several. It has a date only where the tool gives `invocations`. */
export const parseSarif = (document: JsonObject): ScanParse => {
  const runs = document["runs"];
  if (document["version"] !== "2.1.0")
    return broken(`SARIF version ${quoted(document["version"])}; 2.1.0 is understood`);
  if (!Array.isArray(runs) || runs.length === 0) return broken("SARIF without a run");
  const vulnerabilities: Vulnerability[] = [];
  const scanners: string[] = [];
  const digests: string[] = [];
  const dates: (string | undefined)[] = [];
  let imageId: string | undefined;
  let looked = false;
  for (const entry of runs) {
    const run = asObject(entry);
    const driver = asObject(asObject(run?.["tool"])?.["driver"]);
    const results = run?.["results"];
    if (run === undefined || driver === undefined || !Array.isArray(results))
      return broken("SARIF run without tool or results");
    const scanner = asText(driver["name"]) ?? "";
    if (!SCANNERS.test(scanner))
      return broken(`SARIF of ${quoted(scanner)}, which is no vulnerability scanner that is understood (Trivy, Grype)`);
    const invocations = objectsIn(run["invocations"]);
    if (invocations.some(({ executionSuccessful }) => executionSuccessful === false))
      return broken("SARIF of a scan that did not succeed");
    const entries = asList(driver["rules"]) ?? [];
    const byId = new Map(entries.map((rule) => [asText(asObject(rule)?.["id"]) ?? "", readRule(rule)]));
    let others = 0;
    for (const result of results) {
      const v = readResult(result, (r) => byId.get(asText(r["ruleId"]) ?? ""));
      if (v === undefined) return broken("SARIF with a result that has no ruleId");
      if (v === "other") others += 1;
      else vulnerabilities.push(v);
    }
    looked ||= others === 0 || others < results.length;
    const properties = asObject(run["properties"]) ?? {};
    imageId ??= asText(properties["imageID"]);
    digests.push(...texts(properties["repoDigests"]).flatMap((text) => digestOf(text) ?? []));
    dates.push(invocations.map(({ endTimeUtc }) => asDate(endTimeUtc)).find((date) => date !== undefined));
    scanners.push(scanner);
  }
  // A clean report has no finding at all: one with findings of other kinds only is of a scan for these.
  if (!looked)
    return broken("SARIF with secrets, misconfigurations or licenses only, in which nobody looked for vulnerabilities");
  // Several runs are as old as the oldest of them.
  const scannedAt = dates.every((date) => date !== undefined)
    ? dates.toSorted((a, b) => Date.parse(a) - Date.parse(b))[0]
    : undefined;
  return understood(
    vulnerabilities,
    { scanner: [...new Set(scanners)].join(" and "), scannedAt },
    { diffIds: [], digests: [...new Set(digests)], ...(imageId === undefined ? {} : { imageId }) },
  );
};
