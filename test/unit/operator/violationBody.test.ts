import assert from "node:assert/strict";
import fc from "fast-check";
import type { PolicyJudgement } from "../../../operator/audit/judgement.ts";
import type { PodRecord } from "../../../operator/cluster/pods.ts";
import { contentHash, violationBody } from "../../../operator/violations/violationBody.ts";
import { violationName } from "../../../operator/violations/violationName.ts";
import type { Finding } from "../../../policy/finding/finding.ts";

const POD: PodRecord = {
  uid: "pod-uid",
  namespace: "default",
  name: "web-6d4cf",
  createdAt: 1_767_225_600,
  finished: false,
  running: true,
  runs: [],
  controller: { kind: "ReplicaSet", name: "web" },
  labels: {},
  content: { annotations: {}, serviceAccount: "default", imagePullSecrets: [], images: [] },
};

const finding = (changes: Partial<Finding> = {}): Finding => ({
  policy: "production",
  rule: "digest",
  reason: "DigestRequired",
  container: "web",
  image: "nginx:1.21",
  action: "deny",
  message: "[production] ...",
  ...changes,
});
const judgement = (...findings: readonly Finding[]): PolicyJudgement => ({
  policy: "production",
  policyUid: "policy-uid",
  action: "deny",
  findings,
});

describe("the columns of a Violation", () => {
  it("have short digests; the findings have them whole", () => {
    const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
    const { findings, summary } = violationBody(POD, judgement(finding({ image: `app:1@${digest}`, digest })));
    assert.equal(summary.images, "app:1@sha256:0123456789ab...");
    assert.deepEqual([findings[0]?.image, findings[0]?.digest], [`app:1@${digest}`, digest]);
  });
  it("have no owner where nothing made the pod", () => {
    const { controller: _, ...alone } = POD;
    assert.equal(violationBody(alone, judgement(finding())).summary.owner, undefined);
  });
});

describe("the name of a Violation", () => {
  const of = { pod: "web-6d4cf", podUid: "a", policy: "production", policyUid: "b" };

  it("is the pod's, the policy's and a hash of both UIDs", () => {
    assert.match(violationName(of), /^web-6d4cf\.production-[0-9a-f]{8}$/);
    assert.notEqual(violationName(of), violationName({ ...of, podUid: "c" }));
    assert.notEqual(violationName(of), violationName({ ...of, policyUid: "c" }));
    assert.notEqual(violationName(of), violationName({ ...of, podUid: "b", policyUid: "a" }), "which is which counts");
  });

  it("is a valid name, whatever the pod's and the policy's are", () => {
    const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
    const pod = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join("."));
    fc.assert(
      fc.property(pod, label, fc.uuid(), fc.uuid(), (podName, policy, podUid, policyUid) => {
        fc.pre(podName.length <= 253);
        const name = violationName({ pod: podName, podUid, policy, policyUid });
        assert.ok(name.length <= 253);
        assert.match(name, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
      }),
    );
  });

  it("is cut where the pod's name is long, also in the middle of a separator", () => {
    for (let length = 160; length <= 253; length += 1) {
      const pod = `${"a-."
        .repeat(90)
        .slice(0, length - 1)
        .replaceAll("-.", "b.")}a`;
      const name = violationName({ ...of, pod, policy: "p".repeat(63) });
      assert.ok(name.length <= 253);
      assert.doesNotMatch(name, /[-.]\./);
    }
  });
});

describe("the body of a Violation", () => {
  it("says which pod violates which policy, and why", () => {
    const body = violationBody(
      POD,
      judgement(finding(), finding({ rule: "registries", reason: "RegistryDenied", container: "init" })),
    );
    assert.deepEqual(body.subject, {
      apiVersion: "v1",
      kind: "Pod",
      name: "web-6d4cf",
      uid: "pod-uid",
      controller: { kind: "ReplicaSet", name: "web" },
    });
    assert.deepEqual(body.metadata.ownerReferences, [
      { apiVersion: "v1", kind: "Pod", name: "web-6d4cf", uid: "pod-uid" },
    ]);
    assert.deepEqual(body.metadata.labels, { "imagesecurity.dev/policy": "production" });
    assert.deepEqual(body.summary, {
      count: 2,
      rules: "digest,registries",
      reasons: "DigestRequired,RegistryDenied",
      images: "nginx:1.21",
      owner: "ReplicaSet/web",
    });
  });

  it("has the label and the action of one that is exempted", () => {
    const body = violationBody(POD, {
      ...judgement(finding({ exempted: { by: "x", expires: "2027-01-01T00:00:00Z" } })),
      action: "exempted",
    });
    assert.equal(body.enforcementAction, "exempted");
    assert.equal(body.metadata.labels?.["imagesecurity.dev/exempted"], "true");
  });

  it("stays within the CRD's bounds and etcd's, and counts what it leaves out", () => {
    const long = Array.from({ length: 2_000 }, (_, index) =>
      finding({ image: `${index}-${"x".repeat(5_000)}`, message: "y".repeat(20_000), container: `c${index}` }),
    );
    const body = violationBody(POD, judgement(...long));
    assert.equal(body.summary.count, 2_000);
    assert.ok(body.findings.length > 10);
    assert.ok(Buffer.byteLength(JSON.stringify(body)) < 1_100_000);
    assert.ok(body.findings.every(({ image, message }) => image.length <= 4_096 && message.length <= 16_384));
    assert.ok(body.summary.images.length <= 2_048);
    assert.match(body.summary.images, /,[^,]+ and \d+ more$/);
  });

  it("is well-formed text, also where it is cut", () => {
    const body = violationBody(POD, judgement(finding({ image: "😀".repeat(3_000), message: "\ud800" })));
    assert.ok(JSON.stringify(body).isWellFormed());
    assert.doesNotMatch(JSON.stringify(body), /\\ud8/);
  });
});

describe("the hash of a Violation's content", () => {
  const base = violationBody(POD, judgement(finding()));

  it("does not depend on the order of names, nor on what the API server adds", () => {
    const { findings, metadata, ...rest } = base;
    const stored = {
      findings: findings.map((one) => Object.fromEntries(Object.entries(one).toReversed())),
      ...rest,
      metadata: { ...metadata, uid: "x", resourceVersion: "1", labels: { ...metadata.labels, added: "by someone" } },
    };
    assert.equal(contentHash(stored), contentHash(base));
  });

  const changes: readonly [string, PolicyJudgement][] = [
    ["another action in force", { ...judgement(finding()), action: "warn" }],
    ["another reason", judgement(finding({ reason: "TagForbidden" }))],
    ["another message", judgement(finding({ message: "other" }))],
    ["another image", judgement(finding({ image: "nginx:1.22" }))],
    ["another container", judgement(finding({ container: "other" }))],
    ["a digest that became known", judgement(finding({ digest: "sha256:aa" }))],
    ["another finding's action", judgement(finding({ action: "warn" }))],
    ["an exception", judgement(finding({ exempted: { by: "x", expires: "2027-01-01T00:00:00Z" } }))],
    ["one more finding", judgement(finding(), finding({ container: "b" }))],
    ["all exempted", { ...judgement(finding()), action: "exempted" }],
  ];
  for (const [what, changed] of changes) {
    it(`changes with ${what}`, () => assert.notEqual(contentHash(violationBody(POD, changed)), contentHash(base)));
  }
});
