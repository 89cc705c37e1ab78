import assert from "node:assert/strict";
import type { GatherRequest } from "../../../../evidence/provider.ts";
import { createExposure, type Exposure } from "../../../../operator/audit/exposure.ts";
import type { ImageFacts, ScanOutcome } from "../../../../policy/facts/facts.ts";
import type { ScanReport, Severity } from "../../../../policy/facts/scanReport.ts";

const report = (...severities: readonly Severity[]): ScanReport => ({
  scanner: "Trivy",
  vulnerabilities: severities.map((severity, n) => ({ id: `CVE-${n}`, severity, package: "p", installedVersion: "1" })),
});
const scans = (...parts: readonly ScanReport[]): ScanOutcome => ({
  status: "verified",
  value: parts.map((one) => ({ reports: [one] })),
});

describe("exposure", () => {
  let now = 0;
  let exposure: Exposure;
  const meet = async (
    namespace: string,
    digest: string,
    outcomes: readonly ScanOutcome[],
    mode: "audit" | "admission" = "audit",
  ): Promise<void> => {
    const facts: ImageFacts = {
      signatures: new Map(),
      attestations: new Map(),
      digest: { status: "verified", value: digest },
      scans: new Map(outcomes.map((outcome, n) => [String(n), outcome])),
    };
    // All that is looked at.
    const request = { mode, subject: { namespace } } as GatherRequest;
    await exposure.watch(async () => facts)(request);
    assert.equal(exposure.watch(() => facts)(request), facts);
  };
  const said = (): string =>
    exposure
      .series()
      .filter(({ vulnerabilities }) => vulnerabilities > 0)
      .map(({ namespace, severity, vulnerabilities }) => `${namespace} ${severity} ${vulnerabilities}`)
      .join(", ");

  beforeEach(() => {
    now = 0;
    exposure = createExposure({ forget: 1_000, now: () => now });
  });

  it("counts each image once in its namespace", async () => {
    await meet("a", "one", [scans(report("critical", "low"))]);
    await meet("a", "one", [scans(report("critical", "low"))]);
    await meet("a", "two", [scans(report("critical"))]);
    await meet("b", "one", [scans(report("critical", "low"))]);
    assert.equal(said(), "a critical 2, a low 1, b critical 1, b low 1");
  });
  it("takes the worst count of several platforms, reports and sources", async () => {
    await meet("a", "one", [scans(report("critical"), report("critical", "critical", "high")), scans(report("low"))]);
    assert.equal(said(), "a critical 2, a high 1, a low 1");
  });
  it("says zero of a namespace whose images are clean, and nothing of one without scans", async () => {
    await meet("a", "one", [scans(report())]);
    await meet("b", "two", [{ status: "absent", message: "none" }]);
    assert.deepEqual([...new Set(exposure.series().map(({ namespace }) => namespace))], ["a"]);
    assert.equal(exposure.series().length, 5);
  });
  it("keeps what was known while a scan cannot be had, and forgets an image that is gone", async () => {
    await meet("a", "one", [scans(report("high"))]);
    now = 900;
    await meet("a", "one", [{ status: "unavailable", cause: "timeout", message: "t" }]);
    assert.equal(said(), "a high 1");
    now = 1_001;
    assert.deepEqual(exposure.series(), []);
  });
  it("does not count what admission looks at", async () => {
    await meet("a", "one", [scans(report("high"))], "admission");
    assert.deepEqual(exposure.series(), []);
  });
});
