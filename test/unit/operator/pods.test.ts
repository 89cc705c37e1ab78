import assert from "node:assert/strict";
import { createInterner } from "../../../operator/cluster/interner.ts";
import { createPodProjection, podSubject, samePod } from "../../../operator/cluster/pods.ts";
import { selectedLabels } from "../../../operator/policies/selectedLabels.ts";
import { subjectOf } from "../../../policy/subject/subjectOf.ts";

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
    const web = { name: "web", imageID: `docker.io/library/nginx@sha256:${"a".repeat(64)}` };
    const before = project(pod("a"));
    const after = project(pod("a", { status: { conditions: [{ type: "Ready" }], podIP: "10.0.0.1" } }), before);
    assert.ok(samePod(before, after));
    assert.equal(after.content, before.content, "the very same, also when nobody else remembers it");
    for (const [what, changes] of [
      ["phase", { status: { phase: "Succeeded" } }],
      ["a container that runs", { status: { containerStatuses: [{ ...web, state: { running: {} } }] } }],
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

describe("a pod as large as a request may be, of a tenant who wants the operator's memory", () => {
  const SIZE = 1_000_000;
  const long = "x".repeat(SIZE);
  const digest = `sha256:${"a".repeat(64)}`;
  const many = (count: number): readonly object[] =>
    Array.from({ length: count }, (_, index) => ({ name: `c${index}`, image: `evil.example.com/x:${index}` }));
  const kept = (changes: Parameters<typeof pod>[1]) => createPodProjection(() => new Set())(pod("a", changes));

  it("is kept small, whatever makes it large", () => {
    const labels = Object.fromEntries(Array.from({ length: 8_000 }, (_, index) => [`l${index}`, "v".repeat(60)]));
    const table: readonly (readonly [string, Parameters<typeof pod>[1], number])[] = [
      ["an image", { spec: { containers: [{ name: "web", image: long }] } }, 3_000],
      ["an imageID", { status: { containerStatuses: [{ name: "web", imageID: long }] } }, 3_000],
      ["labels", { metadata: { labels } }, 3_000],
      ["pull secrets", { spec: { imagePullSecrets: many(10_000) } }, 10_000],
      ["an owner", { metadata: { ownerReferences: [{ kind: long, name: long, controller: true }] } }, 3_000],
      ["containers", { spec: { containers: many(8_000) } }, 600_000],
    ];
    for (const [what, changes, most] of table) {
      const { length } = JSON.stringify(kept(changes));
      assert.ok(length <= most, `${what}: ${length}`);
    }
  });

  it("is judged as the whole: no image that is cut could be read, and an imageID ends in its digest", () => {
    const { images } = kept({ spec: { containers: [{ name: "web", image: long }] } }).content;
    const image = images.find(({ container }) => container === "web");
    assert.equal(image?.parsed.status, "malformed");
    const running = kept({ status: { containerStatuses: [{ name: "web", imageID: `${long}@${digest}` }] } });
    assert.match(running.content.images.find(({ container }) => container === "web")?.imageID ?? "", /@sha256:a{64}$/);
    // One more than are judged: that there were more is a finding.
    assert.equal(kept({ spec: { containers: many(8_000), initContainers: [] } }).content.images.length, 1_025);
  });

  it("keeps the labels that policies and exceptions select by", () => {
    const labels = Object.fromEntries(Array.from({ length: 8_000 }, (_, index) => [`l${index}`, "x"]));
    const record = { name: "p", namespace: "", uid: "1", resourceVersion: "1", generation: 1 };
    const match = { namespaces: ["*"] };
    const spec = { policies: ["*"], rules: ["All" as const], reason: "r", expires: "2027-01-01T00:00:00Z" };
    const keys = selectedLabels(
      [
        {
          ...record,
          policy: {
            apiVersion: "imagesecurity.dev/v1",
            kind: "ImageSecurityPolicy",
            metadata: { name: "p" },
            spec: { match: { objectSelector: { matchLabels: { l1: "x" } } } },
          },
        },
      ],
      [
        {
          ...record,
          exception: {
            apiVersion: "imagesecurity.dev/v1",
            kind: "ImageSecurityException",
            metadata: { name: "e" },
            spec: {
              ...spec,
              match: { ...match, objectSelector: { matchExpressions: [{ key: "l2", operator: "Exists" }] } },
            },
          },
        },
      ],
    );
    const bound = { keys, cut: false };
    const project = createPodProjection(() => new Set(), bound);
    assert.deepEqual(project(pod("a", { metadata: { labels } })).labels, { l1: "x", l2: "x" });
    assert.ok(bound.cut);
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
