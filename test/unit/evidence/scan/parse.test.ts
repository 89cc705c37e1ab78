import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import {
  COSIGN_1_VULN,
  COSIGN_VULN,
  IN_TOTO_VULNS,
  parseScanPredicate,
} from "../../../../evidence/scan/formats/attestedScan.ts";
import { parseScanText } from "../../../../evidence/scan/formats/parseScan.ts";
import type { ParsedScan } from "../../../../evidence/scan/formats/parsedScan.ts";
import { parseScanList } from "../../../../evidence/scan/formats/readScans.ts";
import { storedReport } from "../../../../evidence/scan/formats/vulnerabilityReport.ts";
import {
  cosignVuln,
  grypeReport,
  grypeSarif,
  SCANNED_AT,
  trivyReport,
  trivySarif,
  vulnerabilityReportObject,
} from "./reports.ts";

const LOG4SHELL = {
  id: "CVE-2021-44228",
  severity: "CRITICAL",
  package: "log4j-core",
  version: "2.14.1",
  fixed: "2.15.0",
  score: 10,
  purl: "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
};

const parsed = (document: unknown): ParsedScan => {
  const parse = parseScanText(JSON.stringify(document));
  assert.equal(parse.status, "ok", JSON.stringify(parse));
  return parse;
};

const scoreIn = (text: string): number | undefined => {
  const parse = parseScanText(text);
  return parse.status === "ok" ? parse.report.vulnerabilities[0]?.cvss : assert.fail(parse.message);
};

describe("scan formats", () => {
  it("reads Trivy's JSON: id, package, versions, highest CVSS 3 score, package URL, binding and date", () => {
    const { report, image } = parsed(
      trivyReport([LOG4SHELL], { diffIds: ["sha256:a", "sha256:b"], imageId: "sha256:c" }),
    );
    assert.deepEqual(report, {
      scanner: "Trivy",
      scannedAt: SCANNED_AT,
      vulnerabilities: [
        {
          id: "CVE-2021-44228",
          severity: "critical",
          package: "log4j-core",
          installedVersion: "2.14.1",
          fixedVersion: "2.15.0",
          cvss: 10,
          purl: LOG4SHELL.purl,
        },
      ],
    });
    assert.deepEqual(image, { diffIds: ["sha256:a", "sha256:b"], imageId: "sha256:c", digests: [] });
  });

  it("reads a Trivy report that found nothing", () => {
    assert.deepEqual(parsed(trivyReport([])).report.vulnerabilities, []);
  });

  describe("of Trivy", () => {
    const alpine = { Family: "alpine", Name: "3.19.1" };
    const os = { Target: "web (alpine 3.19.1)", Class: "os-pkgs", Type: "alpine" };
    const jar = { Target: "Java", Class: "lang-pkgs", Type: "jar" };
    const secret = { Target: "/key", Class: "secret", Secrets: [{ RuleID: "aws-access-key-id" }] };
    const license = { Target: "OS Packages", Class: "license", Licenses: [{ Name: "MIT" }] };
    const config = { Target: "Dockerfile", Class: "config", Type: "dockerfile", MisconfSummary: { Failures: 1 } };
    const bad = { VulnerabilityID: "CVE-2021-44228", PkgName: "log4j", InstalledVersion: "2", Severity: "CRITICAL" };
    const report = (family: object | undefined, results: readonly object[] | undefined, type = "container_image") => ({
      ...trivyReport([]),
      ArtifactType: type,
      Metadata: { DiffIDs: ["sha256:a"], ...(family === undefined ? {} : { OS: family }) },
      Results: results,
    });
    const table: readonly (readonly [why: string, document: object, looked: boolean])[] = [
      ["a known system and a result for its packages", report(alpine, [os]), true],
      ["the same at the end of its life", report({ ...alpine, EOSL: true }, [os, jar]), true],
      ["the same with secrets, licenses and misconfigurations", report(alpine, [secret, os, license, config]), true],
      ["the same with the packages that it found", report(alpine, [{ ...os, Packages: [{ Name: "musl" }] }]), true],
      ["no system and packages of a language: distroless, scratch, a static binary", report(undefined, [jar]), true],
      ["the same, with Trivy's word for it", report({ Family: "none" }, [jar]), true],
      ["a system that has packages of languages only", report({ Family: "activestate", Name: "1" }, [jar]), true],
      ["a file system that is one of an image", report(alpine, [os], "filesystem"), true],
      ["a bill of materials of an image", report(alpine, [os], "cyclonedx"), true],
      ["results from before there were classes", report(alpine, [{ Type: "alpine", Vulnerabilities: [bad] }]), true],
      ["--scanners secret of a known system", report(alpine, [secret]), false],
      ["--scanners license", report(alpine, [license]), false],
      ["--scanners misconfig", report(alpine, [config]), false],
      ["a known system and no result at all", report(alpine, []), false],
      ["the same without a list of them", report(alpine, undefined), false],
      ["--pkg-types library of a known system", report(alpine, [jar]), false],
      ["the same with findings", report(alpine, [{ ...jar, Vulnerabilities: [bad] }]), false],
      ["a system of which Trivy has no advisories", report({ Family: "coreos", Name: "1" }, [jar]), false],
      ["packages of a system that could not be told", report({ Family: "none", Name: "" }, []), false],
      ["no system and nothing that was found", report(undefined, []), false],
      ["the same without a list of results", report(undefined, undefined), false],
      ["no system and secrets", report(undefined, [secret]), false],
      ["a source repository", report(undefined, [jar], "repository"), false],
      ["a system with packages of languages only, and none", report({ Family: "activestate" }, []), false],
    ];
    for (const [why, document, looked] of table) {
      it(`${looked ? "takes" : "refuses, as nobody has looked for vulnerabilities,"} ${why}`, () => {
        for (const parse of [
          parseScanText(JSON.stringify(document)),
          parseScanPredicate(COSIGN_VULN, cosignVuln(document)),
          parseScanPredicate(COSIGN_1_VULN, cosignVuln(document)),
        ]) {
          assert.equal(parse.status, looked ? "ok" : "broken", JSON.stringify(parse));
          if (parse.status === "broken") assert.match(parse.message, /nobody looked|repository/);
        }
      });
    }
  });

  it("refuses Grype's report of a scan without a database that could be used", () => {
    const described = (db: object): object => ({
      ...grypeReport([]),
      descriptor: { name: "grype", version: "0.92.0", timestamp: SCANNED_AT, db },
    });
    parsed(described({ status: { valid: true, built: SCANNED_AT }, providers: {} }));
    parsed(described({ built: SCANNED_AT, schemaVersion: 5, error: null }));
    for (const db of [{ error: "not found" }, { status: { valid: false } }, { status: { error: "too old" } }])
      assert.equal(parseScanText(JSON.stringify(described(db))).status, "broken");
  });

  it("reads Grype's JSON; a GHSA brings its CVE as an alias and its score", () => {
    const digest = `sha256:${"d".repeat(64)}`;
    const { report, image } = parsed(
      grypeReport([{ ...LOG4SHELL, id: "GHSA-jfh8-c2jp-5v3q", severity: "Critical", score: undefined as never }], {
        imageId: "sha256:c",
        manifestDigest: digest,
      }),
    );
    assert.deepEqual(report.vulnerabilities[0]?.aliases, ["CVE-2021-44228"]);
    assert.equal(report.vulnerabilities[0]?.cvss, 10);
    assert.equal(report.vulnerabilities[0]?.severity, "critical");
    assert.deepEqual(image, { diffIds: [], imageId: "sha256:c", digests: [digest] });
  });

  it("counts Grype's Negligible as low, and an empty severity as unknown", () => {
    const severities = parsed(
      grypeReport([
        { ...LOG4SHELL, severity: "Negligible" },
        { ...LOG4SHELL, severity: "", version: "2.14.0" },
      ]),
    ).report;
    assert.deepEqual(
      severities.vulnerabilities.map(({ severity }) => severity),
      ["low", "unknown"],
    );
  });

  it("reads severities of SARIF from where each tool puts them, before the level", () => {
    const trivy = parsed(
      trivySarif(
        [{ ...LOG4SHELL }, { ...LOG4SHELL, package: "other", severity: "LOW", fixed: undefined as never }],
        "sha256:c",
      ),
    );
    assert.deepEqual(
      trivy.report.vulnerabilities.map(({ id, severity, package: name, fixedVersion }) => [
        id,
        severity,
        name,
        fixedVersion,
      ]),
      [
        ["CVE-2021-44228", "critical", "log4j-core", "2.15.0"],
        ["CVE-2021-44228", "low", "other", undefined],
      ],
    );
    assert.equal(trivy.image.imageId, "sha256:c");
    assert.equal(trivy.report.scannedAt, undefined);
    const grype = parsed(grypeSarif([{ ...LOG4SHELL, severity: "critical" }]));
    assert.deepEqual(
      grype.report.vulnerabilities.map((v) => [v.id, v.severity, v.package, v.installedVersion, v.fixedVersion]),
      [["CVE-2021-44228", "critical", "log4j-core", "2.14.1", "2.15.0"]],
    );
  });

  it("keeps apart what Trivy lists as suppressed, and what is counted beside is not suppressed", () => {
    const report = trivyReport([LOG4SHELL]) as { Results: [unknown, { Vulnerabilities: object[] }] };
    const own = report.Results[1].Vulnerabilities[0];
    const finding = (id: string): object => ({ ...own, VulnerabilityID: id });
    Object.assign(report.Results[1], {
      ExperimentalModifiedFindings: [
        { Type: "vulnerability", Status: "ignored", Source: ".trivyignore", Finding: finding("CVE-2024-1") },
        { Type: "vulnerability", Status: "not_affected", Source: "vex.json", Finding: finding("CVE-2024-2") },
        { Type: "vulnerability", Status: "ignored", Finding: own },
        { Type: "misconfiguration", Status: "ignored", Finding: finding("DS002") },
        { Type: "vulnerability", Status: "ignored", Finding: null },
        null,
      ],
    });
    const { vulnerabilities, suppressed = [] } = parsed(report).report;
    assert.deepEqual(
      [vulnerabilities, suppressed].map((list) => list.map(({ id }) => id)),
      [["CVE-2021-44228"], ["CVE-2024-1", "CVE-2024-2"]],
    );
    assert.equal(parsed(trivyReport([LOG4SHELL])).report.suppressed, undefined);
  });

  it("keeps apart what Grype ignored for whoever ran it, not what Grype knows to be no match", () => {
    const report = grypeReport([]);
    const [one] = grypeReport([LOG4SHELL])["matches"] as [{ vulnerability: object }];
    const ignored = (id: string, ...appliedIgnoreRules: object[]): object => ({
      ...one,
      vulnerability: { ...one.vulnerability, id },
      appliedIgnoreRules,
    });
    report["ignoredMatches"] = [
      ignored("CVE-2024-1", { vulnerability: "CVE-2024-1", reason: "accepted" }),
      ignored("CVE-2024-2", { namespace: "vex", "vex-status": "not_affected" }),
      ignored("CVE-2024-3"),
      ignored("CVE-2024-4", { reason: "DistroPackageFixed" }),
      ignored("CVE-2024-5", { reason: "Explicit APK NAK" }),
      ignored("CVE-2024-6", { package: { name: "kernel-headers" }, "match-type": "exact-indirect-match" }),
      {},
    ];
    const { vulnerabilities, suppressed = [] } = parsed(report).report;
    assert.deepEqual(vulnerabilities, []);
    assert.deepEqual(
      suppressed.map(({ id }) => id),
      ["CVE-2024-1", "CVE-2024-2", "CVE-2024-3"],
    );
  });

  it("takes a rule's level where a SARIF result has none, and 'warning' where the rule has none either", () => {
    for (const [own, rules, severity] of [
      [undefined, "error", "high"],
      [undefined, "note", "low"],
      [undefined, undefined, "medium"],
      ["note", "error", "low"],
      ["error", "note", "high"],
    ] as const) {
      const rule = { id: "CVE-1", ...(rules && { defaultConfiguration: { level: rules } }) };
      const results = [{ ruleId: "CVE-1", ...(own && { level: own }) }];
      const run = { tool: { driver: { name: "Trivy", rules: [rule] } }, results };
      const [found] = parsed({ version: "2.1.0", runs: [run] }).report.vulnerabilities;
      assert.equal(found?.severity, severity, `${own} ${rules}`);
    }
  });

  it("takes a SARIF result's own word before its rule's, and the scanner's before the description's", () => {
    const sarif = trivySarif([
      { ...LOG4SHELL, package: "fixed", fixed: "2.15.0" },
      { ...LOG4SHELL, package: "unfixed", fixed: "" },
    ]) as { runs: [{ tool: { driver: { rules: { help: { text: string }; properties: object }[] } } }] };
    const [rule] = sarif.runs[0].tool.driver.rules;
    assert.ok(rule !== undefined);
    rule.help.text += "Fixed Version: none needed\nSeverity: LOW\n";
    assert.deepEqual(
      parsed(sarif).report.vulnerabilities.map((v) => [v.package, v.fixedVersion]),
      [
        ["fixed", "2.15.0"],
        ["unfixed", undefined],
      ],
    );
    const grype = grypeSarif([{ ...LOG4SHELL, severity: "critical" }]) as typeof sarif;
    grype.runs[0].tool.driver.rules[0]!.help.text += "\nSeverity: low";
    assert.equal(parsed(grype).report.vulnerabilities[0]?.severity, "critical");
  });

  it("counts each version that shares a rule of Grype's SARIF, by the severity that its result gives", () => {
    const rule = grypeSarif([
      {
        ...LOG4SHELL,
        severity: "low",
        package: "openssl",
        version: "3.0.1",
        fixed: "3.0.2",
        purl: "pkg:deb/openssl@3.0.1",
      },
    ]) as { runs: [{ tool: { driver: { rules: { properties: object }[] } }; results: object[] }] };
    rule.runs[0].tool.driver.rules[0]!.properties = { "security-severity": "9.8", purls: ["pkg:deb/openssl@3.0.1"] };
    const said = (level: string | undefined, ...messages: readonly string[]): unknown[] => {
      rule.runs[0].results = messages.map((text) => ({ ruleId: "CVE-2021-44228-openssl", level, message: { text } }));
      return parsed(rule).report.vulnerabilities.map((v) => [v.severity, v.package, v.installedVersion, v.purl]);
    };
    // Grype 0.80 and later.
    assert.deepEqual(
      said(
        "note",
        "A low vulnerability in deb package: openssl, version 3.0.1 was found in image web at: /var/lib/dpkg/status",
        "A critical vulnerability in binary package: openssl, version 3.0.1 was found in image web at: /usr/bin/openssl",
        "A critical vulnerability in deb package: openssl, version 1.1.1 was found in image web at: /opt/openssl",
      ),
      [
        ["critical", "openssl", "1.1.1", undefined],
        ["critical", "openssl", "3.0.1", undefined],
        ["low", "openssl", "3.0.1", "pkg:deb/openssl@3.0.1"],
      ],
    );
    // Before, only the level tells them apart.
    const reports = (version: string): string =>
      `The path /x reports openssl at version ${version}  which is a vulnerable (deb) package installed in the container`;
    assert.deepEqual(said("error", reports("3.0.1"), reports("1.1.1")), [
      ["high", "openssl", "1.1.1", undefined],
      ["high", "openssl", "3.0.1", "pkg:deb/openssl@3.0.1"],
    ]);
    for (const level of ["note", undefined])
      assert.deepEqual(said(level, reports("3.0.1")), [["low", "openssl", "3.0.1", "pkg:deb/openssl@3.0.1"]]);
  });

  it("knows no level of SARIF by an object's own names", () => {
    for (const [level, severity] of [
      ["error", "high"],
      [undefined, "medium"],
      ["constructor", "unknown"],
      ["__proto__", "unknown"],
    ]) {
      const run = { tool: { driver: { name: "Trivy" } }, results: [{ ruleId: "CVE-1", level }] };
      assert.equal(parsed({ version: "2.1.0", runs: [run] }).report.vulnerabilities[0]?.severity, severity, level);
    }
  });

  it("counts a score beyond the scale as its end, and one below as none", () => {
    for (const [score, cvss] of [
      ["9.8", 9.8],
      ["11", 10],
      ["1e999", 10],
      ["-1", undefined],
      ["0", undefined],
    ] as const) {
      const trivy = JSON.stringify(trivyReport([{ ...LOG4SHELL, score: 4.25 }])).replace("4.25", score);
      const grype = JSON.stringify(grypeReport([{ ...LOG4SHELL, score: 4.25 }])).replace("4.25", score);
      // Trivy's example has another vendor's score of 1.1.
      assert.equal(scoreIn(trivy), cvss ?? 1.1, score);
      assert.equal(scoreIn(grype), cvss, score);
    }
  });

  it("takes several SARIF runs for as old as the oldest, and for undated where one is", () => {
    const run = (...endTimeUtc: readonly string[]): object => ({
      tool: { driver: { name: "Trivy" } },
      invocations: endTimeUtc.map((end) => ({ executionSuccessful: true, endTimeUtc: end })),
      results: [],
    });
    const [old, young] = ["2026-11-01T00:00:00Z", "2026-11-20T00:00:00Z"];
    const date = (...runs: readonly object[]): string | undefined =>
      parsed({ version: "2.1.0", runs }).report.scannedAt;
    assert.equal(date(run(young), run(old)), old);
    assert.equal(date(run(old), run(young)), old);
    assert.equal(date(run(young), run()), undefined);
  });

  describe("of SARIF", () => {
    type Sarif = { readonly runs: [{ readonly tool: { readonly driver: { readonly rules: { name: string }[] } } }] };
    const kinds = (...names: readonly string[]): object => {
      const found = names.map((_, index) => ({ ...LOG4SHELL, id: `CVE-2026-${index}` }));
      const sarif = trivySarif(found) as Sarif;
      for (const [index, name] of names.entries()) sarif.runs[0].tool.driver.rules[index]!.name = name;
      return sarif;
    };
    const ids = (document: object): readonly string[] =>
      parsed(document)
        .report.vulnerabilities.map(({ id }) => id)
        .toSorted();
    it("leaves Trivy's other findings out", () => {
      assert.deepEqual(ids(kinds("Misconfiguration", "OsPackageVulnerability", "Secret", "License")), ["CVE-2026-1"]);
      assert.deepEqual(ids(kinds("LanguageSpecificPackageVulnerability")), ["CVE-2026-0"]);
    });
    it("refuses findings of other kinds alone: nobody looked for vulnerabilities", () => {
      for (const names of [["Secret"], ["Misconfiguration"], ["License"], ["Secret", "License"]]) {
        const parse = parseScanText(JSON.stringify(kinds(...names)));
        assert.equal(parse.status === "broken" && /nobody looked/.test(parse.message), true, names.join());
      }
    });
    it("takes a run of secrets beside one of vulnerabilities", () => {
      const runs = [...(kinds("Secret") as Sarif).runs, ...(kinds("OsPackageVulnerability") as Sarif).runs];
      assert.deepEqual(ids({ version: "2.1.0", runs }), ["CVE-2026-0"]);
    });
    it("takes one without any finding for clean", () => {
      assert.deepEqual(ids(trivySarif([])), []);
      assert.deepEqual(ids(grypeSarif([])), []);
    });
  });

  for (const [why, text] of [
    ["not JSON", "{"],
    ["a list", "[]"],
    ["null", "null"],
    ["an empty object", "{}"],
    ["a version of Trivy's schema that nobody knows", JSON.stringify({ ...trivyReport([]), SchemaVersion: 3 })],
    ["Results that is no list", JSON.stringify({ ...trivyReport([]), Results: {} })],
    ["a result that is null", JSON.stringify({ ...trivyReport([]), Results: [null] })],
    ["a vulnerability without id", JSON.stringify(trivyReport([{ ...LOG4SHELL, id: "" }]))],
    ["a severity that no scanner writes", JSON.stringify(trivyReport([{ ...LOG4SHELL, severity: "harmless" }]))],
    ["`constructor` as severity", JSON.stringify(trivyReport([{ ...LOG4SHELL, severity: "constructor" }]))],
    ["a severity that Grype does not write", JSON.stringify(grypeReport([{ ...LOG4SHELL, severity: "harmless" }]))],
    ["matches without Grype's descriptor", JSON.stringify({ matches: [] })],
    ["Grype with matches that is no list", JSON.stringify({ ...grypeReport([]), matches: null })],
    ["SARIF 2.0", JSON.stringify({ ...trivySarif([]), version: "2.0.0" })],
    ["SARIF without runs", JSON.stringify({ version: "2.1.0", runs: [] })],
    [
      "SARIF with a run without results",
      JSON.stringify({ version: "2.1.0", runs: [{ tool: { driver: { name: "Trivy" } } }] }),
    ],
    [
      "SARIF with a result without ruleId",
      JSON.stringify({ version: "2.1.0", runs: [{ tool: { driver: { name: "Trivy" } }, results: [{}] }] }),
    ],
    [
      "SARIF of a linter",
      JSON.stringify({ version: "2.1.0", runs: [{ tool: { driver: { name: "ESLint" } }, results: [] }] }),
    ],
    [
      "SARIF of a scan that failed",
      JSON.stringify({
        version: "2.1.0",
        runs: [{ tool: { driver: { name: "Trivy" } }, invocations: [{ executionSuccessful: false }], results: [] }],
      }),
    ],
    [
      "a report of more vulnerabilities than are read",
      JSON.stringify(trivyReport(Array.from({ length: 50_001 }, (_, n) => ({ id: `CVE-2026-${n}`, severity: "LOW" })))),
    ],
    ["a report in two formats", JSON.stringify({ ...grypeReport([LOG4SHELL]), SchemaVersion: 2 })],
    ["CycloneDX", JSON.stringify({ bomFormat: "CycloneDX", components: [] })],
  ] as const) {
    it(`says that ${why} is broken, never clean`, () => {
      const parse = parseScanText(text);
      assert.equal(parse.status, "broken");
      assert.match((parse as { message: string }).message, /\S/);
    });
  }

  it("has no date where Go's zero time or nonsense stands", () => {
    for (const createdAt of ["0001-01-01T00:00:00Z", "", "yesterday", "2026-11-20", "2026-02-30T00:00:00Z"]) {
      assert.equal(parsed(trivyReport([], { createdAt })).report.scannedAt, undefined, createdAt);
    }
  });

  it("reads a list of reports in a pod annotation, and refuses an empty one", () => {
    assert.deepEqual(
      parseScanList(JSON.stringify([trivyReport([]), {}])).map(({ status }) => status),
      ["ok", "broken"],
    );
    assert.deepEqual(
      parseScanList("[]").map(({ status }) => status),
      ["broken"],
    );
  });
});

describe("attested scans", () => {
  it("is as old as the older of the report and its wrapping", () => {
    const late = parseScanPredicate(COSIGN_VULN, cosignVuln(trivyReport([]), "2026-11-21T00:00:00Z"));
    assert.equal(late.status === "ok" && late.report.scannedAt, SCANNED_AT);
    const early = parseScanPredicate(COSIGN_VULN, cosignVuln(trivyReport([]), "2026-11-19T00:00:00Z"));
    assert.equal(early.status === "ok" && early.report.scannedAt, "2026-11-19T00:00:00Z");
    const sarif = parseScanPredicate(COSIGN_VULN, cosignVuln(grypeSarif([]), "2026-11-19T00:00:00Z"));
    assert.equal(sarif.status === "ok" && sarif.report.scannedAt, "2026-11-19T00:00:00Z");
  });

  it("counts a severity method of in-toto vulns by its score or by its name, the worst of them", () => {
    const parse = parseScanPredicate(IN_TOTO_VULNS, {
      scanner: {
        uri: "pkg:github/aquasecurity/trivy@0.60.0",
        result: [
          {
            id: "CVE-1",
            severity: [
              { method: "nvd", score: "9.8" },
              { method: "redhat", score: "LOW" },
            ],
          },
          { id: "CVE-2", severity: [{ method: "redhat", score: "Important" }] },
          { id: "CVE-3" },
        ],
      },
      metadata: { scanFinishedOn: SCANNED_AT },
    });
    assert.equal(parse.status, "ok");
    assert.deepEqual(
      parse.report.vulnerabilities.map(({ id, severity, cvss }) => [id, severity, cvss]),
      [
        ["CVE-1", "critical", 9.8],
        ["CVE-2", "high", undefined],
        ["CVE-3", "unknown", undefined],
      ],
    );
  });

  for (const [why, type, predicate] of [
    ["no scanner.result", COSIGN_VULN, { scanner: {} }],
    ["a result of no known format", COSIGN_VULN, cosignVuln({})],
    ["a predicate that is a text", COSIGN_VULN, "x"],
    ["no scanner", IN_TOTO_VULNS, {}],
    ["no list of results, which is not an empty one", IN_TOTO_VULNS, { scanner: { uri: "x" } }],
    [
      "an unreadable severity",
      IN_TOTO_VULNS,
      { scanner: { result: [{ id: "CVE-1", severity: [{ method: "x", score: "vector" }] }] } },
    ],
    ["another predicate type", "https://slsa.dev/provenance/v1", cosignVuln(trivyReport([]))],
  ] as const) {
    it(`says that ${why} is broken`, () => assert.equal(parseScanPredicate(type, predicate).status, "broken"));
  }
});

describe("VulnerabilityReport objects", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  it("keeps what is judged, and when the report expires", () => {
    const stored = storedReport(
      vulnerabilityReportObject([LOG4SHELL], { digest, namespace: "team-a", ttl: "24h0m0s" }),
    );
    assert.equal(stored?.digest, digest);
    assert.equal(stored?.namespace, "team-a");
    assert.equal(stored?.expiresAt, Date.parse(SCANNED_AT) + 24 * 3_600_000);
    assert.equal(stored?.content.status === "ok" && stored.content.report.vulnerabilities[0]?.fixedVersion, "2.15.0");
  });
  it("expires by what it says and by its own age, whichever is first", () => {
    const object = vulnerabilityReportObject([], { digest, ttl: "1h" }) as { metadata: { creationTimestamp: string } };
    object.metadata.creationTimestamp = "2026-11-20T09:30:00Z";
    assert.equal(storedReport(object)?.expiresAt, Date.parse("2026-11-20T10:30:00Z"));
  });
  it("is broken, not clean, without its list of vulnerabilities", () => {
    const object = vulnerabilityReportObject([], { digest }) as { report: { vulnerabilities?: unknown } };
    delete object.report.vulnerabilities;
    assert.equal(storedReport(object)?.content.status, "broken");
  });
  it("is about no image where the digest is empty", () => {
    assert.equal(storedReport(vulnerabilityReportObject([], { digest: "" })), undefined);
    assert.equal(storedReport({}), undefined);
    assert.equal(storedReport(null), undefined);
  });
  it("is as old as its last update, and where it names none as old as the object", () => {
    const object = vulnerabilityReportObject([], { digest }) as {
      metadata: { creationTimestamp: string };
      report: { updateTimestamp?: string };
    };
    object.metadata.creationTimestamp = "2026-11-01T00:00:00Z";
    const date = (): string | undefined => {
      const content = storedReport(object)?.content;
      return content?.status === "ok" ? content.report.scannedAt : undefined;
    };
    assert.equal(date(), SCANNED_AT);
    delete object.report.updateTimestamp;
    assert.equal(date(), "2026-11-01T00:00:00Z");
  });
  it("is broken where it is of another kind, or nobody could tell the system whose packages there are", () => {
    const clean = vulnerabilityReportObject([], { digest }) as { report: object };
    const status = (object: object): string | undefined => storedReport(object)?.content.status;
    const of = (os: object, found: readonly (typeof LOG4SHELL)[] = []): object => {
      const object = vulnerabilityReportObject(found, { digest }) as { report: object };
      return { ...object, report: { ...object.report, os } };
    };
    assert.equal(status(clean), "ok");
    assert.equal(status(of({ family: "alpine", name: "3.19" })), "ok");
    assert.equal(status(of({ family: "" })), "ok");
    assert.equal(status(of({ family: "none" })), "broken");
    assert.equal(status(of({ family: "none" }, [LOG4SHELL])), "ok");
    for (const kind of ["ExposedSecretReport", "ConfigAuditReport", "SbomReport", "RbacAssessmentReport"])
      assert.equal(status({ ...clean, kind }), "broken", kind);
    const { vulnerabilities: _, ...secrets } = clean.report as { vulnerabilities: unknown };
    assert.equal(status({ ...clean, kind: undefined, report: { ...secrets, secrets: [] } }), "broken");
  });
  it("is broken, not clean, where a vulnerability cannot be read", () => {
    const stored = storedReport(vulnerabilityReportObject([{ ...LOG4SHELL, severity: "?" }], { digest }));
    assert.equal(stored?.content.status, "broken");
  });
});

const OTHER_ARTIFACT = /"ArtifactType": "(?!container_image)/;

/** Reports of images in which nobody looked, with the reason. */
const UNEXAMINED: Readonly<Record<string, string>> = {
  "alpine-39-skip.json.golden":
    "an Alpine whose /etc/os-release was left out, so that Trivy looked at none of its packages",
};

describe("real scanner output", () => {
  for (const [name, pattern] of [
    ["TRIVY_TESTDATA", "**/*.{json,sarif}.golden"],
    ["GRYPE_TESTDATA", "{json,sarif}/testdata/snapshot/*.golden"],
  ] as const) {
    it(`of ${name}: every report of an image is read; what is refused is none, or nobody looked`, function () {
      const folder = process.env[name];
      if (folder === undefined) {
        console.log(`      skipped: ${name} names no checkout (see test/fixtures/README.md)`);
        return this.skip();
      }
      const images = { read: 0, refused: 0 };
      const others = { read: 0, refused: 0 };
      for (const file of globSync(pattern, { cwd: folder })) {
        const text = readFileSync(`${folder}/${file}`, "utf8");
        const parse = parseScanText(text);
        const isImage = /^\{\s*"(SchemaVersion|matches)"|"runs"/.test(text) && !OTHER_ARTIFACT.test(text);
        const counted = isImage ? images : others;
        counted[parse.status === "ok" ? "read" : "refused"] += 1;
        if (parse.status === "ok") continue;
        assert.match(
          parse.message,
          /no known scan format|not a JSON object|is not JSON|nobody looked|source repository/,
          file,
        );
        if (isImage) assert.ok(basename(file) in UNEXAMINED, `${file}: ${parse.message}`);
      }
      console.log(`      ${name}: ${JSON.stringify({ images, others })}`);
      assert.ok(images.read > 0);
    });
  }
});
