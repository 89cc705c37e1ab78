import assert from "node:assert/strict";
import type { GatherRequest } from "../../../../evidence/provider.ts";
import { createScanAges, type ScanAges } from "../../../../operator/audit/scanAges.ts";
import type { ImageFacts, ScanOutcome } from "../../../../policy/facts/facts.ts";
import { policy } from "../../policy/judging.ts";

const HOUR = 3_600_000;
const scannedAt = (...dates: readonly (readonly (number | undefined)[])[]): ScanOutcome => ({
  status: "verified",
  value: dates.map((part) => ({
    reports: part.map((date) => ({
      scanner: "Trivy",
      vulnerabilities: [],
      ...(date === undefined ? {} : { scannedAt: new Date(date).toISOString() }),
    })),
  })),
});

describe("how soon scans get too old", () => {
  const daily = policy({ scan: { maxAge: "24h" } }, "daily");
  const weekly = policy({ scan: { maxAge: "7d" } }, "weekly");
  const ageless = policy({ scan: { minScore: 1 } }, "ageless");
  let now = 0;
  let policies = [daily, weekly, ageless];
  let ages: ScanAges;
  const meet = async (namespace: string, digest: string, outcome: ScanOutcome, mode = "audit"): Promise<void> => {
    const scans = policies.flatMap(({ scan }) => (scan?.sources ?? []).map(({ id }) => [id, outcome] as const));
    const facts: ImageFacts = {
      signatures: new Map(),
      attestations: new Map(),
      digest: { status: "verified", value: digest },
      scans: new Map(scans),
    };
    // All that is looked at.
    const request = { mode, policies, subject: { namespace } } as unknown as GatherRequest;
    assert.equal(await ages.watch(async () => facts)(request), facts);
  };
  const said = (): string =>
    ages
      .series()
      .map(({ policy: name, namespace, within, images }) => `${name} ${namespace} ${within} ${images}`)
      .join(", ");

  beforeEach(() => {
    now = 100 * HOUR;
    policies = [daily, weekly, ageless];
    ages = createScanAges({
      forget: HOUR,
      isPolicy: (name) => policies.some((one) => one.name === name),
      now: () => now,
    });
  });

  it("counts images by policy and namespace, the longer times with the shorter", async () => {
    await meet("a", "one", scannedAt([90 * HOUR]));
    await meet("a", "two", scannedAt([now]));
    await meet("a", "two", scannedAt([now]));
    await meet("b", "one", scannedAt([90 * HOUR]));
    policies = [daily];
    // 14 and 24 hours are left of the one's and the two's day.
    assert.equal(said(), "daily a 24h 1, daily a 72h 2, daily a 168h 2, daily b 24h 1, daily b 72h 1, daily b 168h 1");
  });
  it("takes the newest report of a part, and the oldest part", async () => {
    policies = [daily];
    await meet("a", "one", scannedAt([0, now], [now]));
    assert.equal(said(), "daily a 24h 0, daily a 72h 1, daily a 168h 1");
    await meet("a", "one", scannedAt([0, now], [80 * HOUR, undefined]));
    assert.equal(said(), "daily a 24h 1, daily a 72h 1, daily a 168h 1");
  });
  it("leaves out what is too old already, has no date, or is not there", async () => {
    policies = [daily];
    await meet("a", "one", scannedAt([0]));
    await meet("a", "two", scannedAt([undefined]));
    await meet("a", "three", { status: "absent", message: "none" });
    assert.equal(said(), "");
  });
  it("keeps what was known while a scan cannot be had, and forgets images, and policies that are gone", async () => {
    policies = [daily];
    await meet("a", "one", scannedAt([now]));
    await meet("a", "one", { status: "unavailable", cause: "timeout", message: "t" });
    assert.match(said(), /168h 1$/);
    now += HOUR;
    assert.match(said(), /168h 1$/);
    now += 1;
    assert.equal(said(), "");
    await meet("a", "one", scannedAt([now]));
    policies = [];
    assert.equal(said(), "");
  });
  it("does not count what admission looks at", async () => {
    await meet("a", "one", scannedAt([now]), "admission");
    assert.equal(said(), "");
  });
});
