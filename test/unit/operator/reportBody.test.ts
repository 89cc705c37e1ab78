import assert from "node:assert/strict";
import { reportBody, reportHash } from "../../../operator/reports/reportBody.ts";
import type { Judgement } from "../../../operator/audit/judgement.ts";
import type { Finding } from "../../../policy/finding/finding.ts";
import { podRecord, violating } from "../../stream/pods.ts";

const NOW = 1_700_000_000_500;
const of = (...judgement: Judgement) => reportBody({ pod: podRecord("a"), judgement, gaps: [] }, NOW);
const exempted = { by: "legacy", expires: "2027-01-01T00:00:00Z" };

describe("the Report of a pod", () => {
  it("is about the pod, with a result for each finding", () => {
    const body = of(violating("p", { digest: `sha256:${"a".repeat(64)}` }));
    assert.deepEqual(body, {
      apiVersion: "openreports.io/v1alpha1",
      kind: "Report",
      metadata: {
        namespace: "default",
        name: "image-security-uid-of-a",
        labels: { "app.kubernetes.io/managed-by": "image-security" },
        ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "a", uid: "uid-of-a" }],
      },
      source: "image-security",
      scope: { apiVersion: "v1", kind: "Pod", namespace: "default", name: "a", uid: "uid-of-a" },
      configuration: { limits: { maxResults: 100, statusFilter: ["fail", "warn", "error", "skip"] } },
      summary: { pass: 0, fail: 1, warn: 0, error: 0, skip: 0 },
      results: [
        {
          source: "image-security",
          policy: "p",
          rule: "digest",
          category: "Image Security",
          severity: "high",
          result: "fail",
          scored: true,
          message: `[p] container "main", image "nginx:1.21": DigestRequired: ...`,
          timestamp: { seconds: 1_700_000_000, nanos: 0 },
          properties: {
            reason: "DigestRequired",
            action: "deny",
            container: "main",
            image: "nginx:1.21",
            digest: `sha256:${"a".repeat(64)}`,
          },
        },
      ],
    });
  });

  const results: readonly (readonly [changes: Partial<Finding>, result: string, severity: string, scored: boolean])[] =
    [
      [{ action: "deny" }, "fail", "high", true],
      [{ action: "warn" }, "warn", "medium", false],
      [{ action: "dryrun" }, "warn", "medium", false],
      [{ action: "deny", reason: "EvidenceUnavailable" }, "error", "high", true],
      [{ action: "warn", reason: "EvidenceUnavailable" }, "error", "high", false],
      [{ action: "deny", exempted }, "skip", "info", true],
    ];
  for (const [changes, result, severity, scored] of results)
    it(`has ${JSON.stringify(changes)} as ${result}`, () => {
      const found = of(violating("p", changes))?.results[0];
      assert.deepEqual([found?.result, found?.severity, found?.scored], [result, severity, scored]);
    });

  it("is none where nothing is violated", () => {
    assert.equal(of(), undefined);
    assert.equal(of(violating("p", { action: "allow", reason: "EvidenceUnavailable" })), undefined);
  });

  it("counts all and is bounded, whatever a tenant writes", () => {
    const findings = Array.from(
      { length: 5_000 },
      () =>
        violating("p", { image: "\u{10ffff}\ud800".repeat(5_000), message: "\u{10ffff}\ud800".repeat(9_000) }).findings,
    ).flat();
    const body = of({ ...violating("p"), findings });
    assert.equal(body?.summary.fail, 5_000);
    assert.ok(body.results.length > 0 && body.results.length <= 100);
    assert.ok(Buffer.byteLength(JSON.stringify(body)) < 140 * 1024);
    assert.ok(JSON.stringify(body).isWellFormed(), "what the API server gives back equals what was written");
  });

  it("is written anew for what it says, not for when", () => {
    const one = { pod: podRecord("a"), judgement: [violating("p")], gaps: [] };
    assert.equal(reportHash(reportBody(one, 1_000)), reportHash(reportBody(one, 9_000)));
    const changed: readonly object[] = [
      { results: [] },
      { summary: {} },
      { scope: {} },
      { source: "x" },
      { metadata: { labels: {} } },
    ];
    for (const change of changed)
      assert.notEqual(reportHash(reportBody(one, 1_000)), reportHash({ ...reportBody(one, 1_000), ...change }));
  });
});
