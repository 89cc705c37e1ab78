import assert from "node:assert/strict";
import * as fc from "fast-check";
import { provedStatement } from "../../../../evidence/sigstore/verify/provedStatement.ts";
import { COSIGN_VULN } from "../../../../evidence/scan/formats/attestedScan.ts";
import { packScan, unpackScan } from "../../../../evidence/scan/formats/packedScan.ts";
import { MOST_VULNERABILITIES, understood } from "../../../../evidence/scan/formats/parsedScan.ts";
import { readScansHere, type ScanRead } from "../../../../evidence/scan/formats/readScans.ts";
import { createScanReader } from "../../../../evidence/scan/scanReader.ts";
import { SEVERITIES, type Vulnerability } from "../../../../policy/facts/scanReport.ts";
import { cosignVuln, trivyReport, type Found } from "./reports.ts";

const signal = new AbortController().signal;

/** Large enough for a worker. */
const many = (count: number): readonly Found[] =>
  Array.from({ length: count }, (_, n) => ({
    id: `CVE-2026-${n}`,
    severity: ["CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN"][n % 5] ?? "LOW",
    package: `package-${n % 97}`,
    version: "1.0.0-4ubuntu5",
    score: (n % 100) / 10,
    purl: `pkg:deb/ubuntu/package-${n % 97}@1.0.0-4ubuntu5?arch=amd64`,
    ...(n % 2 === 0 ? { fixed: "1.0.1" } : {}),
  }));

describe("reports between threads", () => {
  it("arrive as they were sent, whatever they hold", async () => {
    const text = fc.oneof(fc.string(), fc.constantFrom("a\nb", "\\n", "\\", "a\tb", "\u2028"));
    const filled = text.filter((value) => value !== "");
    const vulnerability = fc
      .record(
        {
          id: filled,
          severity: fc.constantFrom(...SEVERITIES),
          package: text,
          installedVersion: text,
          fixedVersion: filled,
          cvss: fc.double({ min: 0.1, max: 10, noNaN: true }),
          purl: filled,
          aliases: fc.array(filled, { minLength: 1, maxLength: 3 }),
        },
        { requiredKeys: ["id", "severity", "package", "installedVersion"] },
      )
      .map((one): Vulnerability => ({ ...one }));
    await fc.assert(
      fc.asyncProperty(fc.array(vulnerability), fc.array(vulnerability), fc.boolean(), async (found, hidden, dated) => {
        const parse = understood(
          found,
          { scanner: "Trivy", scannedAt: dated ? "2026-11-20T10:00:00Z" : undefined },
          { diffIds: ["a"], digests: [] },
          hidden,
        );
        assert.deepEqual(await unpackScan(structuredClone(packScan(parse))), parse);
      }),
    );
  });
});

describe("scan reader", () => {
  const reader = createScanReader({ workers: 1 });
  after(() => reader.close());

  const document = trivyReport(many(2_000), { diffIds: ["sha256:a"] });
  const predicate = cosignVuln(document);
  const text = JSON.stringify({ _type: "https://in-toto.io/Statement/v1", predicateType: COSIGN_VULN, predicate });
  const statement = provedStatement(
    { predicateType: COSIGN_VULN, statementText: text },
    { fingerprint: "f", signer: "f" },
  );

  const rows: readonly [string, (read: typeof readScansHere) => unknown][] = [
    ["a report", (read) => read.text(JSON.stringify(document), signal)],
    ["a list of reports", (read) => read.list(JSON.stringify([document, {}, document]), signal)],
    ["a statement", (read) => read.statement(statement, signal)],
    ["a report of no known format", (read) => read.text(JSON.stringify({ x: "x".repeat(100_000) }), signal)],
    ["text that is no JSON", (read) => read.text("x".repeat(100_000), signal)],
    ["a list of nothing that is a report", (read) => read.list(JSON.stringify(["x".repeat(100_000)]), signal)],
  ];
  for (const [what, read] of rows) {
    it(`reads ${what} in a worker as it would in place`, async () => {
      const here = await read(readScansHere);
      const there = read(reader);
      assert.ok(there instanceof Promise);
      assert.deepEqual(await there, here);
    });
  }

  it("reads small reports at once", () => {
    assert.ok(!(reader.text(JSON.stringify(trivyReport([])), signal) instanceof Promise));
    assert.ok(!(reader.list("[]", signal) instanceof Promise));
  });

  it("reads 20,000 vulnerabilities, and says that too many are invalid", async () => {
    const counted = (read: ScanRead): number | string =>
      read.status === "ok" ? read.report.vulnerabilities.length : read.message;
    assert.equal(counted(await reader.text(JSON.stringify(trivyReport(many(20_000))), signal)), 20_000);
    const more = await reader.text(JSON.stringify(trivyReport(many(MOST_VULNERABILITIES + 1))), signal);
    assert.match(String(counted(more)), /^scan report with 50001 vulnerabilities; at most 50000 are read$/);
  });

  it("survives a report that is made to fill the memory: it is broken, and the next one is read", async () => {
    const bomb = `{"SchemaVersion":2,"Results":[{"Vulnerabilities":[${"[[]],".repeat(2_500_000)}0]}]}`;
    const read = await reader.text(bomb, signal);
    assert.equal(read.status, "broken");
    assert.equal((await reader.text(JSON.stringify(document), signal)).status, "ok");
  }).timeout(30_000);

  it("does not outlive the request", async () => {
    const gone = await reader.text(JSON.stringify(document), AbortSignal.abort());
    assert.deepEqual([gone.status, gone.status === "unavailable" && gone.cause], ["unavailable", "timeout"]);
  });

  it("says that it is overloaded when it is closed, which no rule takes for a clean scan", async () => {
    const closed = createScanReader({ workers: 1 });
    await closed.close();
    const read = await closed.text(JSON.stringify(document), signal);
    assert.deepEqual([read.status, read.status === "unavailable" && read.cause], ["unavailable", "overloaded"]);
  });

  it("parses a large statement's fields only for those who look at them", () => {
    assert.deepEqual(statement.predicate, JSON.parse(JSON.stringify(predicate)));
    assert.equal(statement.predicate, statement.predicate);
  });
});
