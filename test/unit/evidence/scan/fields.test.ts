import assert from "node:assert/strict";
import { COSIGN_VULN, IN_TOTO_VULNS, parseScanPredicate } from "../../../../evidence/scan/formats/attestedScan.ts";
import type { ScanParse } from "../../../../evidence/scan/formats/parsedScan.ts";
import { parseScanText } from "../../../../evidence/scan/formats/parseScan.ts";
import type { Vulnerability } from "../../../../policy/facts/scanReport.ts";
import { cosignVuln, grypeReport, trivyReport, trivySarif } from "./reports.ts";

const read = (document: object): ScanParse => parseScanText(JSON.stringify(document));
const only = (parse: ScanParse): Vulnerability => {
  assert.ok(parse.status === "ok", JSON.stringify(parse));
  assert.equal(parse.report.vulnerabilities.length, 1);
  return parse.report.vulnerabilities[0]!;
};

const TRIVY = { VulnerabilityID: "CVE-2026-1", PkgName: "p", InstalledVersion: "1", Severity: "HIGH" };
const trivy = (entry: unknown): ScanParse =>
  read({ ...trivyReport([]), Results: [{ Target: "t", Class: "os-pkgs", Type: "alpine", Vulnerabilities: [entry] }] });
const GRYPE = { vulnerability: { id: "CVE-2026-1", severity: "High" }, artifact: { name: "p", version: "1" } };
const grype = (entry: unknown): ScanParse => read({ ...grypeReport([]), matches: [entry] });
const inToto = (entry: unknown): ScanParse =>
  parseScanPredicate(IN_TOTO_VULNS, { scanner: { uri: "pkg:x", result: [entry] } });
const sarif = (run: unknown): ScanParse => read({ version: "2.1.0", runs: [run] });

describe("entries of reports that say less than they should", () => {
  const bad: readonly (readonly [why: string, parse: () => ScanParse])[] = [
    ["Trivy, null", () => trivy(null)],
    ["Trivy, a text", () => trivy("CVE-2026-1")],
    ["Trivy, no id", () => trivy({ ...TRIVY, VulnerabilityID: undefined })],
    ["Trivy, no severity that is known", () => trivy({ ...TRIVY, Severity: 9 })],
    ["Trivy, a result that is a text", () => read({ ...trivyReport([]), Results: ["x"] })],
    [
      "Trivy, vulnerabilities that are no list",
      () => read({ ...trivyReport([]), Results: [{ Class: "os-pkgs", Vulnerabilities: {} }] }),
    ],
    ["Grype, null", () => grype(null)],
    ["Grype, no vulnerability", () => grype({ ...GRYPE, vulnerability: null })],
    ["Grype, no artifact", () => grype({ ...GRYPE, artifact: undefined })],
    ["Grype, no id", () => grype({ ...GRYPE, vulnerability: { severity: "High" } })],
    ["Grype, no severity that is known", () => grype({ ...GRYPE, vulnerability: { id: "CVE-1", severity: "bad" } })],
    ["in-toto, null", () => inToto(null)],
    ["in-toto, no id", () => inToto({ severity: [{ score: "9.8" }] })],
    ["in-toto, a severity that is null", () => inToto({ id: "CVE-1", severity: [null] })],
    ["in-toto, a severity that is a word of nobody's", () => inToto({ id: "CVE-1", severity: [{ score: "bad" }] })],
    ["in-toto, no scanner", () => parseScanPredicate(IN_TOTO_VULNS, {})],
    ["cosign, no scanner", () => parseScanPredicate(COSIGN_VULN, {})],
    ["cosign, a result that is null", () => parseScanPredicate(COSIGN_VULN, cosignVuln(null))],
    ["SARIF, runs that are no list", () => read({ version: "2.1.0", runs: {} })],
    ["SARIF, a run that is null", () => sarif(null)],
    ["SARIF, no tool", () => sarif({ results: [] })],
    ["SARIF, a tool without driver", () => sarif({ tool: null, results: [] })],
    ["SARIF, results that are no list", () => sarif({ tool: { driver: { name: "Trivy" } }, results: {} })],
    ["SARIF, a result that is null", () => sarif({ tool: { driver: { name: "Trivy" } }, results: [null] })],
  ];
  for (const [why, parse] of bad) {
    it(`${why}: the report is broken`, () => assert.equal(parse().status, "broken"));
  }

  it("are read where only what nobody needs is missing", () => {
    const least = { id: "CVE-2026-1", severity: "high", package: "p", installedVersion: "1" };
    assert.deepEqual(only(trivy(TRIVY)), least);
    assert.deepEqual(only(grype(GRYPE)), least);
    const { scanner, result } = { scanner: "pkg:x", result: inToto({ id: "CVE-2026-1" }) };
    assert.deepEqual(only(result), { ...least, severity: "unknown", package: "", installedVersion: "" });
    assert.equal(result.status === "ok" && result.report.scanner, scanner);
    const rules = [null, { id: "CVE-2026-1" }];
    const run = { tool: { driver: { name: "Trivy", rules } }, results: [{ ruleId: "CVE-2026-1", level: "error" }] };
    assert.deepEqual(only(sarif(run)), { ...least, package: "", installedVersion: "" });
  });
});

describe("a fix, which onlyFixable counts by", () => {
  it("is a version, or Grype's word that there is one", () => {
    const of = (fix: unknown): string | undefined =>
      only(grype({ ...GRYPE, vulnerability: { ...GRYPE.vulnerability, fix } })).fixedVersion;
    assert.equal(of({ versions: ["1.2", "2.0"], state: "fixed" }), "1.2, 2.0");
    assert.equal(of({ versions: [], state: "fixed" }), "a fixed version");
    for (const fix of [
      { versions: [], state: "not-fixed" },
      { state: "wont-fix" },
      { state: "unknown" },
      null,
      undefined,
    ])
      assert.equal(of(fix), undefined, JSON.stringify(fix));
    assert.equal(only(trivy({ ...TRIVY, FixedVersion: "1.1" })).fixedVersion, "1.1");
    assert.equal(only(trivy({ ...TRIVY, FixedVersion: "" })).fixedVersion, undefined);
  });
});

describe("a score, which maxCVSS counts by", () => {
  it("of version 3 or 4 counts before one of version 2, the highest first", () => {
    const ofGrype = (...scores: readonly (readonly [version: string | undefined, score: number])[]) => {
      const cvss = scores.map(([version, baseScore]) => ({ version, metrics: { baseScore } }));
      return only(grype({ ...GRYPE, vulnerability: { ...GRYPE.vulnerability, cvss: [...cvss, null, {}] } })).cvss;
    };
    assert.equal(ofGrype(["2.0", 10], ["3.1", 5], ["3.0", 6]), 6);
    assert.equal(ofGrype(["2.0", 10], ["4.0", 7]), 7);
    assert.equal(ofGrype(["2.0", 4], ["2.0", 6.8]), 6.8);
    assert.equal(ofGrype([undefined, 8]), 8);
    assert.equal(ofGrype(), undefined);
    const ofTrivy = (CVSS: unknown): number | undefined => only(trivy({ ...TRIVY, CVSS })).cvss;
    assert.equal(ofTrivy({ nvd: { V2Score: 10, V3Score: 5 }, ghsa: { V40Score: 6.3 } }), 6.3);
    assert.equal(ofTrivy({ nvd: { V2Score: 6.8 }, redhat: { V2Score: 7.2 } }), 7.2);
    assert.equal(ofTrivy({ nvd: null }), undefined);
  });

  it("of SARIF is security-severity, which names the severity where nothing else does", () => {
    const run = (score: unknown): object => ({
      tool: { driver: { name: "Trivy", rules: [{ id: "CVE-1", properties: { "security-severity": score } }] } },
      results: [{ ruleId: "CVE-1", level: "note" }],
    });
    const said = (score: unknown): unknown => {
      const { severity, cvss } = only(sarif(run(score)));
      return [severity, cvss];
    };
    assert.deepEqual(said("9.0"), ["critical", 9]);
    assert.deepEqual(said("8.9"), ["high", 8.9]);
    assert.deepEqual(said(undefined), ["low", undefined]);
  });
});

describe("names of a vulnerability and of an image", () => {
  it("are all that the report gives, each once", () => {
    assert.deepEqual(only(trivy({ ...TRIVY, VendorIDs: ["DSA-1", "", 5] })).aliases, ["DSA-1"]);
    const related = [{ id: "CVE-2026-1" }, { id: "GHSA-x" }, { id: "" }, {}];
    assert.deepEqual(only(grype({ ...GRYPE, relatedVulnerabilities: related })).aliases, ["GHSA-x"]);
    assert.equal(only(grype({ ...GRYPE, relatedVulnerabilities: [{ id: "CVE-2026-1" }] })).aliases, undefined);
  });

  it("of an image are digests alone, with or without a repository before them", () => {
    const digest = `sha256:${"d".repeat(64)}`;
    const digests = (parse: ScanParse): unknown => (parse.status === "ok" ? parse.image.digests : parse.message);
    const named = [`registry.company.com/web@${digest}`, "web:1", "web@sha256:abc"];
    assert.deepEqual(digests(read(trivyReport([], { repoDigests: named }))), [digest]);
    assert.deepEqual(digests(read(grypeReport([], { repoDigests: named, manifestDigest: digest }))), [digest]);
    const [run] = (trivySarif([]) as { runs: [{ properties: object }] }).runs;
    assert.deepEqual(digests(sarif({ ...run, properties: { repoDigests: named } })), [digest]);
  });
});
