import assert from "node:assert/strict";
import { allowed, denied, unjudgeable } from "../../../webhook/review/admissionResponse.ts";
import { deferMetrics } from "../../../webhook/server/deferredMetrics.ts";
import { measured } from "../../../webhook/server/measured.ts";
import { recordMetrics } from "./support/recorders.ts";
import { pod, request } from "./support/requests.ts";

const aPod = request("Pod", pod(["nginx"]));
const signal = new AbortController().signal;

describe("measured", () => {
  const answers = {
    allow: () => allowed("u"),
    warn: () => allowed("u", { warnings: ["w"] }),
    deny: () => denied("u", "no"),
    error: () => unjudgeable("u", "what?"),
  };
  for (const [decision, answer] of Object.entries(answers)) {
    it(`counts ${decision} once, answered at once or later`, async () => {
      const metrics = recordMetrics();
      await measured(answer, metrics)(aPod, signal);
      await measured(() => Promise.resolve(answer()), metrics)(aPod, signal);
      assert.deepEqual(metrics.admissions, [
        ["Pod", "CREATE", decision],
        ["Pod", "CREATE", decision],
      ]);
    });
  }

  it("counts what is thrown, and throws it on", async () => {
    const metrics = recordMetrics();
    assert.throws(() => measured(() => assert.fail("one"), metrics)(aPod, signal), /one/);
    await assert.rejects(async () => measured(() => Promise.reject(new Error("two")), metrics)(aPod, signal), /two/);
    assert.deepEqual(
      metrics.admissions.map(([, , decision]) => decision),
      ["error", "error"],
    );
  });

  it("has labels that no caller can invent", async () => {
    const metrics = recordMetrics();
    await measured(answers.allow, metrics)(
      { ...aPod, operation: "DROP", kind: { group: "", version: "v1", kind: "Mine" } },
      signal,
    );
    assert.deepEqual(metrics.admissions, [["other", "other", "allow"]]);
  });
});

describe("deferMetrics", () => {
  it("hands on everything, in order, before a scrape or when there is much of it", () => {
    const metrics = recordMetrics();
    const deferred = deferMetrics(metrics);
    for (let index = 0; index < 300; index += 1) deferred.admission(`k${index}`, "CREATE", "allow", 0);
    assert.ok(metrics.admissions.length > 0 && metrics.admissions.length < 300);
    deferred.flush();
    deferred.flush();
    assert.deepEqual(
      metrics.admissions.map(([kind]) => kind),
      Array.from({ length: 300 }, (_, index) => `k${index}`),
    );
  });
});
