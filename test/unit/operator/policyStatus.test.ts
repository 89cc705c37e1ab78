import assert from "node:assert/strict";
import type { PolicySpec, PolicyStatus } from "../../../crds/types.ts";
import {
  authorityStatuses,
  policyStatus,
  trustChange,
  type PolicyCounts,
} from "../../../operator/status/policyStatus.ts";
import { conditionsOf } from "../../../operator/status/condition.ts";
import { compilePolicy } from "../../../policy/compile/policy.ts";
import type { CompiledPolicy } from "../../../policy/compiledPolicy.ts";

const NOW = Date.parse("2026-05-05T05:05:05.123Z");
const LATER = NOW + 60_000;
const KEY = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGRpFLnQ4wYDTNjqmUBHYAUmyHQqq
W/SvWWuK7LXcb9iw9+E9VvwE3ZjpPpvTFqIRKMUWy6oLP7Pj/nrUQGQXwA==
-----END PUBLIC KEY-----
`;

const compile = (spec: PolicySpec, generation = 3): CompiledPolicy =>
  compilePolicy(
    {
      apiVersion: "imagesecurity.dev/v1",
      kind: "ImageSecurityPolicy",
      metadata: { name: "p", uid: "u", generation },
      spec,
    },
    () => ({ status: "missing", message: "Secret a/b does not exist" }),
  );
const counts = (changes: Partial<PolicyCounts> = {}): PolicyCounts => ({
  violations: 12,
  exempted: 3,
  notStored: 0,
  auditedAt: NOW - 1_000,
  ...changes,
});

describe("a policy's status", () => {
  it("says that it is compiled, what was counted and when", () => {
    assert.deepEqual(policyStatus(compile({ digest: {} }), counts(), {}, NOW), {
      observedGeneration: 3,
      conditions: [
        {
          type: "Ready",
          status: "True",
          observedGeneration: 3,
          lastTransitionTime: "2026-05-05T05:05:05Z",
          reason: "Compiled",
          message: "the policy is compiled",
        },
      ],
      authorities: [],
      overrides: null,
      violations: 12,
      exempted: 3,
      notStored: null,
      lastAuditTime: "2026-05-05T05:05:04Z",
    });
  });

  it("names every fault, with its path", () => {
    const spec: PolicySpec = {
      authorities: [
        { name: "a", key: { secretRef: { namespace: "a", name: "b", key: "c" } } },
        { name: "b", key: { pem: "nonsense" } },
      ],
      signatures: { authorities: ["a", "b"] },
    };
    const [ready] = policyStatus(compile(spec), counts(), {}, NOW).conditions ?? [];
    assert.equal(ready?.status, "False");
    assert.equal(ready.reason, "ReferenceNotFound");
    assert.match(ready.message, /spec\.authorities\[0\].*Secret a\/b does not exist.*; spec\.authorities\[1\]/);
  });

  it("says what overrides do instead", () => {
    const overridden = (enforcementOverrides: PolicySpec["enforcementOverrides"]): unknown =>
      policyStatus(compile({ digest: {}, ...(enforcementOverrides && { enforcementOverrides }) }), counts(), {}, NOW)
        .overrides;
    assert.equal(overridden(undefined), null);
    const [one, two, three] = (["warn", "deny", "warn"] as const).map((action, index) => ({
      action,
      namespaces: [`n${index}`],
    }));
    assert.equal(overridden([one!, two!, three!]), "deny,warn");
  });

  it("tells the author what the sources of scans mean", () => {
    const types = (spec: PolicySpec): readonly string[] =>
      (policyStatus(compile(spec), counts(), {}, NOW).conditions ?? []).map(({ type, status }) => `${type}=${status}`);
    assert.deepEqual(types({ scan: { sources: [{ podAnnotation: { key: "x" } }] } }), [
      "Ready=True",
      "ForgeableSource=True",
    ]);
    assert.deepEqual(types({ scan: { sources: [{ vulnerabilityReport: {} }] } }), [
      "Ready=True",
      "ScanAfterAdmission=True",
    ]);
    const [ready] =
      policyStatus(compile({ scan: { sources: [{ vulnerabilityReport: {} }] } }), counts(), {}, NOW).conditions ?? [];
    assert.match(ready?.message ?? "", /^the policy is compiled; ScanAfterAdmission: ./, "which is what kubectl shows");
  });

  it("keeps the counts from before until all pods were judged under the new version", () => {
    const before: PolicyStatus = { violations: 7, exempted: 1, lastAuditTime: "2026-01-01T00:00:00Z" };
    const status = policyStatus(compile({ digest: {} }), counts({ violations: 0, auditedAt: undefined }), before, NOW);
    assert.deepEqual([status.violations, status.exempted, status.lastAuditTime], [7, 1, "2026-01-01T00:00:00Z"]);
    const first = policyStatus(compile({ digest: {} }), counts({ auditedAt: undefined }), {}, NOW);
    assert.deepEqual([first.violations, first.lastAuditTime], [null, null], "nothing is said that nobody counted");
  });

  it("says how many are not stored", () => {
    assert.equal(policyStatus(compile({ digest: {} }), counts({ notStored: 5 }), {}, NOW).notStored, 5);
  });

  it("has no counts where nothing is audited", () => {
    const status = policyStatus(compile({ digest: {}, audit: { enabled: false } }), counts(), { violations: 4 }, NOW);
    assert.deepEqual(
      [status.violations, status.exempted, status.notStored, status.lastAuditTime],
      [null, null, null, null],
    );
  });

  it("keeps the time of a condition that did not change, and only that", () => {
    const before = conditionsOf(
      [{ type: "Ready", status: "True", reason: "Compiled", message: "" }],
      [],
      1,
      "2026-01-01T00:00:00Z",
    );
    const wanted = { type: "Ready", status: "True", reason: "Compiled", message: "other words" } as const;
    assert.equal(
      conditionsOf([wanted], before, 2, "2026-02-02T00:00:00Z")[0]?.lastTransitionTime,
      "2026-01-01T00:00:00Z",
    );
    assert.equal(
      conditionsOf([{ ...wanted, status: "False" }], before, 2, "2026-02-02T00:00:00Z")[0]?.lastTransitionTime,
      "2026-02-02T00:00:00Z",
    );
  });

  it("is the same again for the same facts", () => {
    const policy = compile({
      digest: {},
      authorities: [{ name: "a", key: { pem: KEY } }],
      signatures: { authorities: ["a"] },
    });
    const first = policyStatus(policy, counts(), {}, NOW);
    const { notStored: _, ...stored } = first;
    assert.deepEqual(policyStatus(policy, counts(), stored as PolicyStatus, LATER), first);
  });
});

describe("the keys in a policy's status", () => {
  const authorities = [{ name: "a", key: { kms: "hashivault://k" } }];
  const policy = compile({ authorities, signatures: { authorities: ["a"] } });
  const before = { observedGeneration: 3, authorities: [{ name: "a", fingerprints: ["sha256:1"] }] };
  const statuses = (status: PolicyStatus, prints: readonly string[] | undefined): unknown =>
    authorityStatuses(policy, status, () => prints);

  it("are what is trusted now", () =>
    assert.deepEqual(statuses(before, ["sha256:2"]), [{ name: "a", fingerprints: ["sha256:2"] }]));
  it("stay what they were while they are not known again after a restart", () =>
    assert.deepEqual(statuses(before, undefined), before.authorities));
  it("are not those of another key that the policy named before", () =>
    assert.deepEqual(statuses({ ...before, observedGeneration: 2 }, undefined), [{ name: "a" }]));
});

describe("a change of trust", () => {
  const [one, two] = ["sha256:1", "sha256:2"];

  const rows: readonly [
    string,
    PolicyStatus,
    readonly { name: string; fingerprints?: readonly string[] }[],
    RegExp | undefined,
  ][] = [
    ["nothing was said before", {}, [{ name: "a", fingerprints: [one] }], undefined],
    [
      "nothing changed",
      { authorities: [{ name: "a", fingerprints: [one] }] },
      [{ name: "a", fingerprints: [one] }],
      undefined,
    ],
    [
      "another key",
      { authorities: [{ name: "a", fingerprints: [one] }] },
      [{ name: "a", fingerprints: [two] }],
      /^a has changed from sha256:1 to sha256:2$/,
    ],
    [
      "a key less",
      { authorities: [{ name: "a", fingerprints: [one, two] }] },
      [{ name: "a", fingerprints: [one] }],
      /a has changed/,
    ],
    [
      "a key that is gone",
      { authorities: [{ name: "a", fingerprints: [one] }] },
      [{ name: "a" }],
      /a has changed from sha256:1 to none/,
    ],
    ["one more", { authorities: [] }, [{ name: "a", fingerprints: [one] }], /a is trusted now \(sha256:1\)/],
    ["one less", { authorities: [{ name: "a", fingerprints: [one] }] }, [], /a is trusted no longer/],
  ];
  for (const [what, before, after, message] of rows) {
    it(`is told for: ${what}`, () => {
      const told = trustChange(before, after);
      if (message === undefined) assert.equal(told, undefined);
      else assert.match(told?.message ?? "", message);
    });
    it(`is a warning where a key is trusted no longer: ${what}`, () => {
      const gone = ["another key", "a key less", "a key that is gone", "one less"];
      assert.equal(trustChange(before, after)?.lost ?? false, gone.includes(what));
    });
  }
});
