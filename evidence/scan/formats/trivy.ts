import type { Vulnerability } from "../../../policy/facts/scanReport.ts";
import { asObject, asText } from "../../../json/fields.ts";
import { asDate, asScore, digestOf, highestOf, objectsIn, quoted, texts } from "./reportFields.ts";
import type { JsonObject } from "../../../json/fields.ts";
import { unexamined } from "./trivyCoverage.ts";
import { broken, understood, type ScanParse } from "./parsedScan.ts";
import { readSeverity } from "./severity.ts";

/** Highest CVSS 3 or 4 base score over all vendors, else the highest version 2 score. */
const highestScore = (cvss: unknown): number | undefined => {
  const vendors = objectsIn(Object.values(asObject(cvss) ?? {}));
  const highest = (keys: readonly string[]): number | undefined =>
    highestOf(vendors.flatMap((vendor) => keys.flatMap((key) => asScore(vendor[key]) ?? [])));
  return highest(["V3Score", "V40Score"]) ?? highest(["V2Score"]);
};

const vulnerability = (entry: unknown): Vulnerability | undefined => {
  const v = asObject(entry);
  const id = asText(v?.["VulnerabilityID"]);
  const severity = readSeverity(v?.["Severity"]);
  if (v === undefined || id === undefined || severity === undefined) return undefined;
  const fixedVersion = asText(v["FixedVersion"]);
  const cvss = highestScore(v["CVSS"]);
  const purl = asText(asObject(v["PkgIdentifier"])?.["PURL"]);
  const aliases = texts(v["VendorIDs"]);
  return {
    id,
    severity,
    package: asText(v["PkgName"]) ?? asText(v["PkgID"]) ?? "",
    installedVersion: asText(v["InstalledVersion"]) ?? "",
    ...(fixedVersion === undefined ? {} : { fixedVersion }),
    ...(cvss === undefined ? {} : { cvss }),
    ...(purl === undefined ? {} : { purl }),
    ...(aliases.length === 0 ? {} : { aliases }),
  };
};

/**
 * What Trivy found and an ignore file or a VEX document took away (`--show-suppressed`). One that is not understood is
 * passed over: it is counted nowhere else, and a report may leave all of them out.
 */
const suppressedIn = (result: JsonObject): readonly Vulnerability[] =>
  objectsIn(result["ExperimentalModifiedFindings"])
    .filter((one) => one["Type"] === "vulnerability")
    .flatMap((one) => vulnerability(one["Finding"]) ?? []);

export const isTrivy = (document: JsonObject): boolean => "SchemaVersion" in document;

/**
 * Trivy's JSON report, SchemaVersion 2, in which somebody looked for vulnerabilities of what is in the image. Reports of file systems and
 * SBOMs have the same form but name no image: they count only where an attestation's subject does.
 */
export const parseTrivy = (document: JsonObject): ScanParse => {
  if (document["SchemaVersion"] !== 2) {
    return broken(`Trivy report of SchemaVersion ${quoted(document["SchemaVersion"])}; version 2 is understood`);
  }
  const results = document["Results"] ?? [];
  if (!Array.isArray(results)) return broken("Trivy report whose Results is not a list");
  const vulnerabilities: Vulnerability[] = [];
  const suppressed: Vulnerability[] = [];
  for (const result of results) {
    const fields = asObject(result);
    const found = fields?.["Vulnerabilities"] ?? [];
    if (fields === undefined || !Array.isArray(found)) return broken("Trivy report with a malformed result");
    for (const one of suppressedIn(fields)) suppressed.push(one);
    for (const entry of found) {
      const v = vulnerability(entry);
      if (v === undefined)
        return broken("Trivy report with a vulnerability without a VulnerabilityID or with an unknown Severity");
      vulnerabilities.push(v);
    }
  }
  const metadata = asObject(document["Metadata"]) ?? {};
  const gap = unexamined(document["ArtifactType"], metadata["OS"], objectsIn(results));
  if (gap !== undefined) return broken(gap);
  const scannedAt = asDate(document["CreatedAt"]);
  const imageId = asText(metadata["ImageID"]);
  return understood(
    vulnerabilities,
    { scanner: "Trivy", scannedAt },
    {
      diffIds: texts(metadata["DiffIDs"]),
      digests: texts(metadata["RepoDigests"]).flatMap((text) => digestOf(text) ?? []),
      ...(imageId === undefined ? {} : { imageId }),
    },
    suppressed,
  );
};
