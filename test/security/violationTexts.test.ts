import assert from "node:assert/strict";
import type { PodRecord } from "../../operator/cluster/pods.ts";
import { violationBody } from "../../operator/violations/violationBody.ts";

const POD: PodRecord = {
  uid: "pod-uid",
  namespace: "default",
  name: "web",
  createdAt: 1_767_225_600,
  finished: false,
  running: true,
  runs: [],
  labels: {},
  content: { annotations: {}, serviceAccount: "default", imagePullSecrets: [], images: [] },
};

describe("a pod whose author wants no Violation", () => {
  it("cannot have it refused by an owner reference, whose texts the API server does not bound", () => {
    const controller = { kind: "K".repeat(10_000), name: `\ud83d${"n".repeat(100_000)}` };
    const { subject } = violationBody(
      { ...POD, controller },
      { policy: "production", policyUid: "u", action: "deny", findings: [] },
    );
    // The bounds of the CRD (violations.yaml).
    assert.equal(subject.controller?.kind.length, 63);
    assert.equal(subject.controller?.name.length, 253);
    assert.ok(subject.controller?.name.isWellFormed());
  });
});
