import assert from "node:assert/strict";
import type { Condition } from "../../../crds/types.ts";
import { conditionChange } from "../../../operator/status/condition.ts";
import { enforcedCondition } from "../../../operator/status/enforced.ts";
import { reachOf } from "../../../operator/status/reachProbe.ts";
import { PROBE_ANSWER } from "../../../webhook/configurations/probe.ts";
import type { GuardState } from "../../../webhook/guard/guardState.ts";
import { compilePolicy } from "../../../policy/compile/policy.ts";

const policy = (digest: object): ReturnType<typeof compilePolicy> =>
  compilePolicy(
    { apiVersion: "imagesecurity.dev/v1", kind: "ImageSecurityPolicy", metadata: { name: "p" }, spec: { digest } },
    () => ({ status: "missing", message: "none" }),
  );
const condition = (status: "True" | "False", reason: string): Condition => ({
  type: "Enforced",
  status,
  reason,
  message: "m",
  observedGeneration: 1,
  lastTransitionTime: "2026-01-01T00:00:00Z",
});
const enforced: GuardState = { status: "enforced", message: "m", pinning: undefined };
const gap: GuardState = { status: "gap", reason: "FailsOpen", message: "m", pinning: undefined };

describe("the condition Enforced", () => {
  const said = (guard: GuardState, digest: object = {}, before: readonly Condition[] = []): string =>
    enforcedCondition(policy(digest), guard, before)
      .map(({ status, reason }) => `${status} ${reason}`)
      .join();

  it("says what was seen, and keeps what was said while nobody has looked", () => {
    assert.equal(said(enforced), "True Asked");
    assert.equal(said(gap), "False FailsOpen");
    assert.equal(said({ status: "unknown" }), "");
    assert.equal(said({ status: "unknown" }, {}, [condition("False", "Unreachable")]), "False Unreachable");
  });

  it("says of a policy that pins, and of it alone, that nothing is pinned", () => {
    const state: GuardState = { ...enforced, pinning: "tags are not pinned" };
    assert.equal(said(state, { pin: "Pods" }), "False NotPinning");
    assert.equal(said(state), "True Asked");
  });

  const changes: readonly (readonly [before: readonly Condition[], after: readonly Condition[], news: boolean])[] = [
    [[], [], false],
    [[], [condition("True", "Asked")], false],
    [[], [condition("False", "FailsOpen")], true],
    [[condition("True", "Asked")], [condition("False", "FailsOpen")], true],
    [[condition("False", "FailsOpen")], [condition("False", "FailsOpen")], false],
    [[condition("False", "FailsOpen")], [condition("False", "Narrowed")], true],
    [[condition("False", "FailsOpen")], [condition("True", "Asked")], true],
  ];
  for (const [before, after, news] of changes)
    it(`from ${before[0]?.reason ?? "none"} to ${after[0]?.reason ?? "none"} is ${news ? "" : "no "}news`, () =>
      assert.equal(conditionChange("Enforced", before, after) !== undefined, news));
});

describe("the API server's answer to the probe", () => {
  const status = (code: number, message: string): { status: number; body: object } => ({
    status: code,
    body: { kind: "Status", message, code },
  });
  const table: readonly (readonly [string, Parameters<typeof reachOf>[0], object])[] = [
    [
      "refused by the webhook",
      status(403, `admission webhook "probe.validate.imagesecurity.dev" denied the request: ${PROBE_ANSWER}`),
      { status: "reached" },
    ],
    ["made", { status: 201, body: { kind: "Violation" } }, { status: "notAsked" }],
    [
      "not reached",
      status(
        500,
        'Internal error occurred: failed calling webhook "probe.validate.imagesecurity.dev": failed to call webhook: Post "https://x/probe?timeout=5s": dial tcp 127.0.0.1:1: connect: connection refused',
      ),
      {
        status: "unreachable",
        cause: 'Post "https://x/probe?timeout=5s": dial tcp 127.0.0.1:1: connect: connection refused',
      },
    ],
    [
      "another's webhook is not reached",
      status(500, 'Internal error occurred: failed calling webhook "validate.kyverno.svc": failed to call webhook: x'),
      {
        status: "unknown",
        cause: 'Internal error occurred: failed calling webhook "validate.kyverno.svc": failed to call webhook: x',
      },
    ],
    [
      "no right",
      status(403, "violations.imagesecurity.dev is forbidden: User x"),
      { status: "unknown", cause: "violations.imagesecurity.dev is forbidden: User x" },
    ],
    ["no CRD", { status: 404, body: {} }, { status: "unknown", cause: "the CRDs are not installed" }],
    ["a proxy's page", { status: 502, body: undefined }, { status: "unknown", cause: "HTTP 502" }],
  ];
  for (const [what, answer, reach] of table) it(what, () => assert.deepEqual(reachOf(answer), reach));
});
