import assert from "node:assert/strict";
import { parseScanText } from "../../evidence/scan/formats/parseScan.ts";
import { makeImage, makeIndex, type Image } from "../../sandbox/registry/images.ts";
import { grypeReport, trivyReport, type Found } from "../unit/evidence/scan/reports.ts";
import { Workbench } from "../unit/evidence/scan/workbench.ts";

const KEY = "trivy.scan.result";
const BAD: Found = { id: "CVE-2021-44228", severity: "CRITICAL" };
const SPEC = { scan: { maxVulnerabilities: { critical: 0 } }, onUnavailable: "allow" as const };

const layers = [{ a: "1" }];
const plain: Image = makeImage({ layers });
const honest = JSON.stringify(trivyReport([BAD], { diffIds: plain.diffIds }));

/** What the gate says of an image that carries this text; evidence that cannot be had would be let through. */
const verdict = async (text: string): Promise<string> => {
  const bench = new Workbench();
  const image = makeImage({ layers, annotations: { [KEY]: text } });
  bench.put(image);
  return bench.reasons(SPEC, image.digest);
};

describe("hostile scan reports", () => {
  const rows: readonly [string, string, string][] = [
    ["the honest one", honest, "deny ScanVulnerable"],
    ["empty text", "", "deny ScanInvalid"],
    ["nesting without end", `{"SchemaVersion":2,"Results":${"[".repeat(1_000_000)}`, "deny ScanInvalid"],
    [
      "deep nesting that ends",
      `{"SchemaVersion":2,"Results":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
      "deny ScanInvalid",
    ],
    ["two reports behind each other", honest + honest, "deny ScanInvalid"],
    [
      "a second list of results that is empty and comes first",
      honest.replace('"Results"', '"Results":[],"Results"'),
      "deny ScanVulnerable",
    ],
    [
      "results under __proto__",
      honest.replace('"Results"', '"__proto__":{"Results":[]},"Results"'),
      "deny ScanVulnerable",
    ],
    ["a severity of an object's own names", honest.replace('"CRITICAL"', '"toString"'), "deny ScanInvalid"],
    ["a severity in another case and with blanks", honest.replace('"CRITICAL"', '" critical "'), "deny ScanVulnerable"],
    ["a severity that is a number", honest.replace('"CRITICAL"', "0"), "deny ScanInvalid"],
    ["no severity", honest.replace('"Severity":"CRITICAL"', '"x":1'), "allow"],
    ["layers that are no texts", honest.replace(/"DiffIDs":\[[^\]]*\]/, '"DiffIDs":[1]'), "deny ScanInvalid"],
    ["layers that are an object", honest.replace(/"DiffIDs":\[[^\]]*\]/, '"DiffIDs":{"length":0}'), "deny ScanInvalid"],
    ["a byte order mark", `\ufeff${honest}`, "deny ScanInvalid"],
  ];
  for (const [what, text, expected] of rows) {
    it(`${what}: ${expected}`, async () => assert.equal(await verdict(text), expected));
  }

  it("an unknown severity has a limit of its own", async () => {
    const bench = new Workbench();
    const image = makeImage({ layers, annotations: { [KEY]: honest.replace('"Severity":"CRITICAL"', '"x":1') } });
    bench.put(image);
    assert.equal(
      await bench.reasons({ scan: { maxVulnerabilities: { unknown: 0 } } }, image.digest),
      "deny ScanVulnerable",
    );
  });

  it("a report says nothing that breaks out of its line", async () => {
    const bench = new Workbench();
    const found: Found = { ...BAD, package: "x\r\nERROR \u001b[31m\u202e", version: "9".repeat(10_000) };
    const image = makeImage({
      layers,
      annotations: { [KEY]: JSON.stringify(trivyReport([found], { diffIds: plain.diffIds })) },
    });
    bench.put(image);
    const { findings } = await bench.decide(SPEC, image.digest);
    assert.match(findings[0]?.message ?? "", /^[\x20-\x7e]{1,600}$/);
  });

  it("a clean scan of amd64 does not cover a bad arm64, nor one that hides as another platform", async () => {
    const scanned = (name: string, found: readonly Found[], architecture: string): Image => {
      const options = { layers: [{ name }], platform: { os: "linux", architecture } };
      const { diffIds } = makeImage(options);
      return makeImage({ ...options, annotations: { [KEY]: JSON.stringify(trivyReport(found, { diffIds })) } });
    };
    for (const architecture of ["arm64", "amd64", "unknown", ""]) {
      const bench = new Workbench();
      const index = makeIndex([scanned("a", [], "amd64"), scanned("b", [BAD], architecture)]);
      bench.put(index);
      assert.equal(await bench.reasons(SPEC, index.digest), "deny ScanVulnerable", architecture);
    }
  });

  it("a score of each of 200,000 vendors runs nobody out of stack", () => {
    const vendors = Object.fromEntries(Array.from({ length: 200_000 }, (_, at) => [`v${at}`, { V3Score: 9.9 }]));
    const report = trivyReport([{ ...BAD, score: 1 }]) as { Results: { Vulnerabilities?: { CVSS: object }[] }[] };
    const [found] = report.Results[1]?.Vulnerabilities ?? [];
    assert.ok(found !== undefined);
    found.CVSS = vendors;
    const parse = parseScanText(JSON.stringify(report));
    assert.equal(parse.status === "ok" && parse.report.vulnerabilities[0]?.cvss, 9.9);
    const match = grypeReport([BAD]) as { matches: { vulnerability: { cvss: object[] } }[] };
    match.matches[0]!.vulnerability.cvss = Object.values(vendors).map(() => ({ metrics: { baseScore: 9.9 } }));
    const grype = parseScanText(JSON.stringify(match));
    assert.equal(grype.status === "ok" && grype.report.vulnerabilities[0]?.cvss, 9.9);
  });

  it("no accessor reads what an object inherits", () => {
    const polluted = JSON.parse(honest) as { Results: { Vulnerabilities?: { VulnerabilityID?: string }[] }[] };
    delete polluted.Results[1]?.Vulnerabilities?.[0]?.VulnerabilityID;
    assert.equal(parseScanText(JSON.stringify(polluted)).status, "broken");
  });
});
