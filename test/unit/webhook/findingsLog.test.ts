import assert from "node:assert/strict";
import { respond } from "../../../webhook/review/respond.ts";
import type { AdmissionRequest } from "../../../webhook/review/admissionReview.ts";
import type { Finding } from "../../../policy/finding/finding.ts";
import { finding } from "./support/findings.ts";
import { recordLogger, recordMetrics } from "./support/recorders.ts";
import { pod, request } from "./support/requests.ts";

/** What the log has of them. */
const logged = (findings: readonly Finding[], changed: Partial<AdmissionRequest> = {}): object => {
  const logger = recordLogger();
  respond({ metrics: recordMetrics(), logger }, { ...request("Pod", pod(["nginx"])), ...changed }, findings, 0);
  const [, , fields] = logger.lines.find(([, message]) => message === "findings") ?? [];
  return fields ?? assert.fail("no line");
};

describe("the log's line of findings", () => {
  for (const action of ["warn", "dryrun", "deny"] as const)
    it(`has no credentials that somebody wrote into an image (${action})`, () => {
      const text = JSON.stringify(logged([finding({ action, image: "https://user:hunter2@registry.io/x:1" })]));
      assert.doesNotMatch(text, /hunter2/);
      assert.match(text, /https:\/\/\*\*\*@registry\.io\/x:1/);
    });

  it("stays below 16 KiB, whatever a tenant writes, and says how many there are", () => {
    const nasty = (index: number): string => `${index}${'\u{10ffff}"\\'.repeat(2_000)}`;
    const many = Array.from({ length: 500 }, (_, index) => finding({ image: nasty(index), container: nasty(index) }));
    const told = logged(many, { name: nasty(1), namespace: nasty(2), userInfo: { username: nasty(3), groups: [] } });
    assert.ok(JSON.stringify(told).length < 16_000, String(JSON.stringify(told).length));
    assert.equal((told as { readonly count: number }).count, 500);
  });

  it("has all of a few", () => {
    const { findings } = logged([finding(), finding({ image: "other" })]) as { readonly findings: readonly object[] };
    assert.equal(findings.length, 2);
  });
});
