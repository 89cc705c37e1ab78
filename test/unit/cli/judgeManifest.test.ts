import assert from "node:assert/strict";
import { judgeManifest } from "../../../cli/check/judgeManifest.ts";
import { UsageError } from "../../../cli/exitCode.ts";
import { passedImages } from "../../../cli/attest/passedImages.ts";
import { subjectOf } from "../../../policy/subject/subjectOf.ts";
import { policy } from "../evidence/registry/support/judging.ts";

const IMAGE = `registry.company.com/web@sha256:${"a".repeat(64)}`;
const pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web" },
  spec: { containers: [{ name: "web", image: IMAGE }] },
};
const manifest = {
  path: "pod.yaml",
  object: pod,
  apiVersion: "v1",
  kind: "Pod",
  name: "web",
  namespace: "",
  lineOf: () => 1,
};
const verifying = policy({ digest: { verify: true } });

describe("judging a manifest", () => {
  it("that is not done in time is no verdict: nothing was found, for nobody looked", async () => {
    const judged = judgeManifest(manifest, "default", {
      policies: [verifying],
      exceptions: [],
      gather: () => new Promise(() => undefined),
      report: () => assert.fail("there is no defect"),
      resolveDigest: () => assert.fail("it has a digest"),
      namespaceLabels: () => ({}),
      placeholders: [],
      now: Date.now,
      timeout: 1,
    });
    await assert.rejects(
      judged,
      (error) => error instanceof UsageError && /could not be judged in time/.test(error.message),
    );
  });
});

describe("what passed", () => {
  const subject = subjectOf(pod, { kind: "Pod", namespace: "default", namespaceLabels: {} });
  const passed = (partial: boolean): readonly string[] =>
    passedImages([{ subject, findings: [], partial, facts: new Map() }], [verifying]).passed.map(
      ({ reference }) => reference.name,
    );

  it("is no image of an object that was not judged whole", () => {
    assert.deepEqual(passed(false), ["registry.company.com/web"]);
    assert.deepEqual(passed(true), []);
  });

  it("is no image of which a rule asked nothing: VulnerabilityReports are of pods, and a template has none yet", () => {
    const scanned = policy({ scan: { sources: [{ vulnerabilityReport: {} }] } });
    const place = { namespace: "default", namespaceLabels: {} };
    const deployment = { apiVersion: "apps/v1", kind: "Deployment", spec: { template: pod } };
    const [ofPod, ofTemplate] = [
      subjectOf(pod, { ...place, kind: "Pod" }),
      subjectOf(deployment, { ...place, kind: "Deployment" }),
    ].map((one) => passedImages([{ subject: one, findings: [], partial: false, facts: new Map() }], [scanned]));
    assert.equal(ofPod?.passed.length, 1);
    assert.equal(ofTemplate?.passed.length, 0);
    assert.match(ofTemplate?.others[0]?.why ?? "", /was not asked for the rule scan/);
  });
});
