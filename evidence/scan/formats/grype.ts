import type { Vulnerability } from "../../../policy/facts/scanReport.ts";
import { asObject, asText } from "../../../json/fields.ts";
import { asDate, asScore, digestOf, highestOf, objectsIn, texts } from "./reportFields.ts";
import type { JsonObject } from "../../../json/fields.ts";
import { broken, understood, type ScanParse } from "./parsedScan.ts";
import { readSeverity } from "./severity.ts";

const highestScore = (cvss: unknown): number | undefined => {
  const entries = objectsIn(cvss);
  const highest = (of: (version: string) => boolean): number | undefined =>
    highestOf(
      entries
        .filter((entry) => of(asText(entry["version"]) ?? "3"))
        .flatMap((entry) => asScore(asObject(entry["metrics"])?.["baseScore"]) ?? []),
    );
  return highest((version) => !version.startsWith("2")) ?? highest((version) => version.startsWith("2"));
};

const match = (entry: unknown): Vulnerability | undefined => {
  const found = asObject(asObject(entry)?.["vulnerability"]);
  const artifact = asObject(asObject(entry)?.["artifact"]);
  const id = asText(found?.["id"]);
  const severity = readSeverity(found?.["severity"]);
  if (found === undefined || artifact === undefined || id === undefined || severity === undefined) return undefined;
  const related = objectsIn(asObject(entry)?.["relatedVulnerabilities"]);
  const fix = asObject(found["fix"]);
  // `state` is fixed, not-fixed, wont-fix or unknown; versions are what a fix means to the reader.
  const versions = texts(fix?.["versions"]).join(", ");
  const fixedVersion = versions !== "" ? versions : fix?.["state"] === "fixed" ? "a fixed version" : undefined;
  // A GHSA often has no score of its own: its CVE has.
  const cvss = highestOf([found, ...related].flatMap((v) => highestScore(v["cvss"]) ?? []));
  const purl = asText(artifact["purl"]);
  const aliases = related.flatMap((r) => asText(r["id"]) ?? []).filter((alias) => alias !== id);
  return {
    id,
    severity,
    package: asText(artifact["name"]) ?? "",
    installedVersion: asText(artifact["version"]) ?? "",
    ...(fixedVersion === undefined ? {} : { fixedVersion }),
    ...(cvss === undefined ? {} : { cvss }),
    ...(purl === undefined ? {} : { purl }),
    ...(aliases.length === 0 ? {} : { aliases }),
  };
};

export const isGrype = (document: JsonObject): boolean =>
  "matches" in document && asObject(document["descriptor"])?.["name"] === "grype";

/** Grype 0.88 and later keeps the state of its database in `db.status`, older ones in `db`; both have `error` where it cannot be used. */
const hasBrokenDatabase = (document: JsonObject): boolean => {
  const db = asObject(asObject(document["descriptor"])?.["db"]);
  return [db, asObject(db?.["status"])].some(
    (state) => asText(state?.["error"]) !== undefined || state?.["valid"] === false,
  );
};

/** Why Grype itself says that a match is none: the distribution fixed it, or says that it is not affected. */
const KNOWN_BETTER = new Set(["DistroPackageFixed", "Explicit APK NAK"]);

/**
 * What Grype found and a rule or a VEX document of whoever ran it took away. A match that Grype itself knows to be none
 * (another package's of the same source, one that the distribution fixed) is no finding.
 */
const suppressedIn = (document: JsonObject): readonly Vulnerability[] =>
  objectsIn(document["ignoredMatches"]).flatMap((entry) => {
    const rules = objectsIn(entry["appliedIgnoreRules"]);
    const isNone = rules.some(
      (rule) => KNOWN_BETTER.has(asText(rule["reason"]) ?? "") || rule["match-type"] === "exact-indirect-match",
    );
    return isNone ? [] : (match(entry) ?? []);
  });

/**
 * Grype's JSON report (`grype -o json`). Grype always looks for vulnerabilities. It names no distribution where there is none (scratch), nor
 * one that it does not know, and these cannot be told apart.
 */
export const parseGrype = (document: JsonObject): ScanParse => {
  const matches = document["matches"];
  if (!Array.isArray(matches)) return broken("Grype report whose matches is not a list");
  if (hasBrokenDatabase(document)) return broken("Grype report of a scan whose vulnerability database was not valid");
  const source = asObject(document["source"]);
  const vulnerabilities: Vulnerability[] = [];
  for (const entry of matches) {
    const v = match(entry);
    if (v === undefined)
      return broken("Grype report with a match without a vulnerability id or artifact, or with an unknown severity");
    vulnerabilities.push(v);
  }
  const target = asObject(source?.["target"]) ?? {};
  const scannedAt = asDate(asObject(document["descriptor"])?.["timestamp"]);
  const imageId = asText(target["imageID"]);
  const digests = [...texts(target["repoDigests"]), ...texts([target["manifestDigest"]])].flatMap(
    (text) => digestOf(text) ?? [],
  );
  return understood(
    vulnerabilities,
    { scanner: "Grype", scannedAt },
    { diffIds: [], digests: [...new Set(digests)], ...(imageId === undefined ? {} : { imageId }) },
    suppressedIn(document),
  );
};
