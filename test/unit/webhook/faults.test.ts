import assert from "node:assert/strict";
import { createReview, type Review } from "../../../engine/review.ts";
import type { Decision } from "../../../policy/finding/decision.ts";
import type { Finding } from "../../../policy/finding/finding.ts";
import { createMutate, type MutateOptions } from "../../../webhook/review/mutate.ts";
import { createValidate, type ValidateOptions } from "../../../webhook/review/validate.ts";
import { decision, finding } from "./support/findings.ts";
import { policy } from "./support/policies.ts";
import { recordLogger, recordMetrics } from "./support/recorders.ts";
import { pod, request } from "./support/requests.ts";

const refusing = policy("all", { registries: { allow: [] } });
const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
// What a defect could hand over where the type says something else.
const garbage = (value: unknown): never => value as never;

/** What a validation comes to: allowed or not, or what the server makes an HTTP 500 of. */
const outcome = async (changes: Partial<ValidateOptions>, update = false): Promise<boolean | "error"> => {
  const validate = createValidate({
    policies: () => [refusing],
    review: createReview(() => assert.fail()),
    namespaceLabels: () => ({}),
    metrics: recordMetrics(),
    logger: recordLogger(),
    now: Date.now,
    ...changes,
  });
  const admission = request("Pod", pod(["nginx"]), update ? { oldObject: pod(["quay.io/old"]) } : {});
  try {
    return (await validate(admission, AbortSignal.timeout(30))).allowed;
  } catch {
    return "error";
  }
};

describe("faults on the way of a validation never allow", () => {
  const broken: readonly (readonly [why: string, review: Review])[] = [
    ["throws", () => assert.fail()],
    ["rejects", () => Promise.reject(new Error("defect"))],
    ["rejects with nothing", () => Promise.reject(garbage(undefined))],
    ["answers nothing", () => garbage(undefined)],
    ["promises nothing", () => Promise.resolve(garbage(undefined))],
    ["answers null", () => garbage(null)],
    ["answers true", () => garbage(true)],
    ["answers a decision without findings", () => garbage({ verdict: "allow" })],
    ["answers findings that are no list", () => garbage({ verdict: "allow", findings: {} })],
    ["answers a verdict that does not exist", () => garbage({ verdict: "ok", findings: [] })],
    ["denies without saying why", () => garbage({ verdict: "deny", findings: [] })],
    ["allows beside a denial", () => garbage({ verdict: "allow", findings: [finding()] })],
    ["gives a finding without an action", () => garbage({ verdict: "allow", findings: [{ message: "x" }] })],
    ["gives a finding that is nothing", () => garbage({ verdict: "allow", findings: [null] })],
  ];
  for (const [why, review] of broken) {
    it(`the engine ${why}`, async () => {
      assert.equal(await outcome({ review }), "error");
      assert.equal(await outcome({ review }, true), "error");
    });
  }

  for (const update of [false, true]) {
    it(`the engine never answers about ${update ? "an update" : "a new object"}: its deadline is ours to keep`, async () => {
      assert.equal(await outcome({ review: never }, update), false);
    });
  }

  it("the engine never answers about the old object alone", async () => {
    const review: Review = ({ subject }) =>
      subject.images[0]?.image === "nginx" ? decision(finding()) : never<Decision>();
    assert.equal(await outcome({ review }, true), false);
  });

  it("the engine fails on the old object alone", async () => {
    for (const [why, faulty] of broken) {
      const review: Review = (asked) =>
        asked.subject.images[0]?.image === "nginx" ? decision(finding()) : faulty(asked);
      assert.equal(await outcome({ review }, true), "error", why);
    }
  });

  it("an old object that could not be judged excuses nothing but what cannot be judged now", async () => {
    const unavailable = finding({ reason: "EvidenceUnavailable" });
    const judged = (current: Finding, old: Finding): Promise<boolean | "error"> => {
      const answers: Decision[] = [decision(current), decision(old)];
      return outcome({ review: () => answers.shift() ?? assert.fail() }, true);
    };
    assert.equal(await judged(finding(), unavailable), false);
    assert.equal(await judged(unavailable, unavailable), true);
    assert.equal(await judged(unavailable, finding()), true);
    assert.equal(await judged(finding(), { ...finding(), exempted: { by: "e", expires: "" } }), false);
  });

  const labels: readonly (readonly [why: string, ask: ValidateOptions["namespaceLabels"]])[] = [
    ["throws", () => assert.fail()],
    ["rejects", () => Promise.reject(new Error("refused"))],
    ["never answers", never],
    ["answers null", () => garbage(null)],
    ["answers a list", () => garbage(["env"])],
    ["answers text", () => Promise.resolve(garbage("env=prod"))],
  ];
  const selective = policy("prod", {
    match: { namespaceSelector: { matchLabels: { env: "prod" } } },
    registries: { allow: [] },
  });
  for (const [why, namespaceLabels] of labels) {
    it(`the namespace cache ${why}`, async () => {
      assert.equal(await outcome({ namespaceLabels, policies: () => [selective] }), false);
    });
  }

  it("the policy set throws, or there is none", async () => {
    assert.equal(await outcome({ policies: () => assert.fail() }), "error");
    assert.equal(await outcome({ policies: () => undefined }), "error");
    assert.equal(await outcome({ policies: () => garbage("none") }), "error");
  });

  it("metrics or the log throw", async () => {
    const metrics = { ...recordMetrics(), findings: () => assert.fail() };
    assert.equal(await outcome({ metrics }), "error");
    const broken = { info: () => assert.fail(), debug: () => assert.fail() };
    assert.equal(await outcome({ logger: { ...recordLogger(), ...broken } }), "error");
  });
});

describe("faults on the way of a mutation change nothing", () => {
  const pinning = policy("pin", { digest: { required: true, pin: "Pods" } });
  const patch = async (changes: Partial<MutateOptions>): Promise<string | undefined> => {
    const mutate = createMutate({
      policies: () => [pinning],
      namespaceLabels: () => ({}),
      resolveDigest: () => ({ status: "verified", value: `sha256:${"a".repeat(64)}` }),
      logger: recordLogger(),
      ...changes,
    });
    const response = await mutate(request("Pod", pod(["nginx"])), AbortSignal.timeout(30));
    assert.equal(response.allowed, true);
    return response.patch;
  };

  it("is tried on a pod that is pinned otherwise", async () => assert.notEqual(await patch({}), undefined));

  const broken: readonly (readonly [why: string, resolveDigest: MutateOptions["resolveDigest"]])[] = [
    ["throws", () => assert.fail()],
    ["rejects", () => Promise.reject(new Error("defect"))],
    ["never answers", never],
    ["answers nothing", () => garbage(undefined)],
    ["does not know", () => ({ status: "unavailable", cause: "timeout", message: "" })],
    ["has no such tag", () => ({ status: "absent", message: "" })],
    ["gives half a digest", () => ({ status: "verified", value: "sha256:abc" })],
    ["gives a digest with something behind it", () => ({ status: "verified", value: `sha256:${"a".repeat(64)}\n` })],
    ["gives a digest that is no text", () => garbage({ status: "verified", value: ["sha256:"] })],
  ];
  for (const [why, resolveDigest] of broken) {
    it(`the registry ${why}`, async () => assert.equal(await patch({ resolveDigest }), undefined));
  }

  it("the namespace cache fails: every policy with a selector pins", async () => {
    const selective = policy("s", {
      match: { namespaceSelector: { matchLabels: { a: "b" } } },
      digest: { required: true, pin: "Pods" },
    });
    const policies = (): readonly [typeof selective] => [selective];
    assert.equal(await patch({ policies }), undefined);
    assert.notEqual(await patch({ policies, namespaceLabels: () => Promise.reject(new Error("away")) }), undefined);
  });
});
