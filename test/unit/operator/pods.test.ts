import assert from "node:assert/strict";
import { createInterner } from "../../../operator/resources/interner.ts";
import { createPodProjection, podSubject, samePod } from "../../../operator/resources/pods.ts";
import { subjectOf } from "../../../policy/subjectOf.ts";

const pod = (name: string, changes: { spec?: object; status?: object; metadata?: object } = {}): object => ({
  metadata: {
    name,
    namespace: "default",
    uid: `uid-of-${name}`,
    creationTimestamp: "2026-01-01T00:00:00Z",
    labels: { app: "web" },
    annotations: { "trivy.scan.result": "{}", other: "x".repeat(10_000) },
    managedFields: [{ manager: "x" }],
    ownerReferences: [
      { apiVersion: "v1", kind: "Node", name: "n", uid: "1" },
      { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid: "2", controller: true },
    ],
    ...changes.metadata,
  },
  spec: {
    serviceAccountName: "builder",
    imagePullSecrets: [{ name: "pull" }],
    containers: [{ name: "web", image: "nginx:1.21", env: [{ name: "SECRET", value: "x" }] }],
    initContainers: [{ name: "init", image: "busybox" }],
    ...changes.spec,
  },
  status: {
    phase: "Running",
    containerStatuses: [{ name: "web", imageID: `docker.io/library/nginx@sha256:${"a".repeat(64)}` }],
    ...changes.status,
  },
});

describe("pods as they are kept", () => {
  it("are what the engine sees of the whole pod", () => {
    const whole = pod("a");
    const record = createPodProjection(() => new Set(["trivy.scan.result"]))(whole);
    const labels = { env: "prod", "kubernetes.io/metadata.name": "default" };
    const expected = subjectOf(whole, { kind: "Pod", namespace: "default", namespaceLabels: labels });
    assert.deepEqual(podSubject(record, labels), {
      ...expected,
      annotations: { "trivy.scan.result": "{}" },
      createdAt: "2026-01-01T00:00:00.000Z",
    });
    assert.deepEqual(record.controller, { kind: "ReplicaSet", name: "web" });
  });

  it("hold no annotation that no policy asks for", () => {
    assert.deepEqual(createPodProjection(() => new Set())(pod("a")).content.annotations, {});
  });

  it("share what they have in common, and nothing else", () => {
    const project = createPodProjection(() => new Set());
    const [one, other] = [project(pod("a")), project(pod("b"))];
    assert.equal(one.content, other.content);
    assert.equal(one.labels, other.labels);
    const differing: readonly [string, object][] = [
      ["image", { spec: { containers: [{ name: "web", image: "nginx:1.22" }] } }],
      ["container name", { spec: { containers: [{ name: "other", image: "nginx:1.21" }] } }],
      ["service account", { spec: { serviceAccountName: "other" } }],
      ["pull secret", { spec: { imagePullSecrets: [] } }],
      ["running digest", { status: { containerStatuses: [] } }],
    ];
    for (const [what, changes] of differing) assert.notEqual(project(pod("c", changes)).content, one.content, what);
  });

  it("are the same while only their status moves", () => {
    const project = createPodProjection(() => new Set());
    const before = project(pod("a"));
    const after = project(pod("a", { status: { conditions: [{ type: "Ready" }], podIP: "10.0.0.1" } }), before);
    assert.ok(samePod(before, after));
    assert.equal(after.content, before.content, "the very same, also when nobody else remembers it");
    for (const [what, changes] of [
      ["phase", { status: { phase: "Succeeded" } }],
      ["running digest", { status: { containerStatuses: [{ name: "web", imageID: "sha256:x" }] } }],
      ["labels", { metadata: { labels: { app: "other" } } }],
      ["uid", { metadata: { uid: "other" } }],
      ["image", { spec: { containers: [{ name: "web", image: "nginx:1.22" }] } }],
      ["controller", { metadata: { ownerReferences: [] } }],
    ] as const) {
      assert.ok(!samePod(before, project(pod("a", changes), before)), what);
    }
  });

  it("are finished when they have succeeded or failed", () => {
    const project = createPodProjection(() => new Set());
    const finished = (phase: string): boolean => project(pod("a", { status: { phase } })).finished;
    assert.deepEqual(["Pending", "Running", "Unknown", "", "Succeeded", "Failed"].map(finished), [
      false,
      false,
      false,
      false,
      true,
      true,
    ]);
  });

  it("keep long annotations apart by all that they say", () => {
    const project = createPodProjection(() => new Set(["scan"]));
    const with_ = (scan: string): object => pod("a", { metadata: { annotations: { scan } } });
    const long = "x".repeat(100_000);
    assert.notEqual(project(with_(`${long}1`)).content, project(with_(`${long}2`)).content);
    assert.equal(project(with_(long)).content, project(with_(long)).content);
  });

  it("are refused without a uid, and survive any other nonsense", () => {
    const project = createPodProjection(() => new Set());
    assert.throws(() => project({ metadata: { name: "a" } }), /no uid/);
    for (const nonsense of [null, [], "x", { containers: 1 }, { containers: [null, 1, {}] }]) {
      assert.doesNotThrow(() => project({ metadata: { name: "a", uid: "1" }, spec: nonsense, status: nonsense }));
    }
  });
});

describe("the interner", () => {
  it("gives the value that is known, and forgets what nobody asks for", () => {
    const interner = createInterner<object>(10);
    const first = interner.intern("first", () => ({}));
    for (let index = 0; index < 1_000; index += 1) {
      interner.intern(`other-${index}`, () => ({}));
      if (index % 5 === 0)
        assert.equal(
          interner.intern("first", () => ({})),
          first,
        );
    }
    assert.ok(interner.size() <= 20);
    for (let index = 0; index < 30; index += 1) interner.intern(`more-${index}`, () => ({}));
    assert.notEqual(
      interner.intern("first", () => ({})),
      first,
    );
  });
});
