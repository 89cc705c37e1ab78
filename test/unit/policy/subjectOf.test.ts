import assert from "node:assert/strict";
import { subjectOf, WORKLOAD_KINDS } from "../../../policy/subject/subjectOf.ts";
import type { Subject } from "../../../policy/subject/subject.ts";

const place = (kind: string): Parameters<typeof subjectOf>[1] => ({
  kind,
  namespace: "team",
  namespaceLabels: { env: "prod" },
});

const podSpec = {
  serviceAccountName: "builder",
  imagePullSecrets: [{ name: "pull" }, { name: "" }, {}],
  initContainers: [{ name: "init", image: "init:1" }],
  containers: [
    { name: "web", image: "web:1" },
    { name: "side", image: "side:1" },
  ],
  ephemeralContainers: [{ name: "debug", image: "debug:1" }],
  volumes: [
    { name: "data", emptyDir: {} },
    { name: "model", image: { reference: "model:1", pullPolicy: "Always" } },
  ],
};
const podMetadata = { labels: { app: "web" }, annotations: { note: "x" } };

/** The same pod in every shape that the API has for it. */
const wrap = (kind: string): unknown => {
  const template = { metadata: podMetadata, spec: podSpec };
  switch (kind) {
    case "Pod":
      return { metadata: podMetadata, spec: podSpec };
    case "CronJob":
      return {
        metadata: { labels: { of: "the CronJob" } },
        spec: { jobTemplate: { metadata: { labels: { of: "the Job" } }, spec: { template } } },
      };
    default:
      return { metadata: { labels: { of: "the workload" } }, spec: { template } };
  }
};

const images = (subject: Subject): readonly string[] =>
  subject.images.map(({ container, field, image, path }) => `${field} ${container} ${image} ${path}`);

/** What a JSON pointer leads to. */
const at = (object: unknown, pointer: string): unknown =>
  pointer
    .split("/")
    .slice(1)
    .reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], object);

describe("subjectOf", () => {
  for (const kind of WORKLOAD_KINDS) {
    it(`sees every image of a ${kind}, where it stands`, () => {
      const object = wrap(kind);
      const subject = subjectOf(object, place(kind));
      assert.deepEqual(
        subject.images.map(({ field, container, image }) => [field, container, image]),
        [
          ["initContainers", "init", "init:1"],
          ["containers", "web", "web:1"],
          ["containers", "side", "side:1"],
          ["ephemeralContainers", "debug", "debug:1"],
          ["volumes", "model", "model:1"],
        ],
      );
      for (const { image, path } of subject.images) assert.equal(at(object, path), image, path);
      assert.deepEqual(subject.labels, podMetadata.labels);
      assert.deepEqual(subject.annotations, podMetadata.annotations);
      assert.equal(subject.template, kind !== "Pod");
      assert.equal(subject.serviceAccount, "builder");
      assert.deepEqual(subject.imagePullSecrets, ["pull"]);
    });
  }

  it("does not mind replicas: 0 (not looked at by Portieris before 0.14)", () => {
    const subject = subjectOf({ spec: { replicas: 0, template: { spec: podSpec } } }, place("Deployment"));
    assert.equal(subject.images.length, 5);
  });

  it("knows the namespace by its name, as the API server labels it", () => {
    assert.deepEqual(subjectOf(wrap("Pod"), place("Pod")).namespaceLabels, {
      env: "prod",
      "kubernetes.io/metadata.name": "team",
    });
    assert.equal(subjectOf(wrap("Pod"), { ...place("Pod"), namespaceLabels: undefined }).namespaceLabels, undefined);
  });

  it("takes the default ServiceAccount, and its deprecated name", () => {
    assert.equal(subjectOf({ spec: {} }, place("Pod")).serviceAccount, "default");
    assert.equal(subjectOf({ spec: { serviceAccount: "old" } }, place("Pod")).serviceAccount, "old");
  });

  it("knows a ReplicaSet that a controller made", () => {
    const of = (kind: string, owner: unknown): boolean | undefined =>
      subjectOf({ metadata: { ownerReferences: owner }, spec: {} }, { kind, namespace: "n", namespaceLabels: {} })
        .compared;
    assert.equal(of("ReplicaSet", [{ kind: "X" }, { kind: "Deployment", controller: true }]), true);
    for (const owner of [undefined, null, [], {}, [null], [{ kind: "Deployment" }], [{ controller: "true" }]])
      assert.equal(of("ReplicaSet", owner), undefined);
    for (const kind of ["Job", "Deployment", "Pod"]) assert.equal(of(kind, [{ controller: true }]), undefined);
  });
  it("tells when an object was made", () => {
    assert.equal(
      subjectOf({ metadata: { creationTimestamp: "2026-01-01T00:00:00Z" } }, place("Pod")).createdAt,
      "2026-01-01T00:00:00Z",
    );
    assert.equal(subjectOf({ metadata: { creationTimestamp: null } }, place("Pod")).createdAt, undefined);
  });

  describe("what runs", () => {
    const status = {
      initContainerStatuses: [{ name: "init", imageID: "docker.io/init@sha256:1" }],
      containerStatuses: [
        {
          name: "side",
          imageID: "",
          volumeMounts: [
            { name: "other", volumeStatus: { image: { imageRef: "other@sha256:5" } } },
            { name: "model", volumeStatus: { image: { imageRef: "model@sha256:4" } } },
          ],
        },
        { name: "web", imageID: "docker.io/web@sha256:2" },
      ],
      ephemeralContainerStatuses: [{ name: "debug", imageID: 5 }],
    };
    const running = (object: unknown, kind = "Pod"): unknown =>
      Object.fromEntries(subjectOf(object, place(kind)).images.map(({ container, imageID }) => [container, imageID]));

    it("is reported by container name, whatever the order", () => {
      assert.deepEqual(running({ spec: podSpec, status }), {
        init: "docker.io/init@sha256:1",
        web: "docker.io/web@sha256:2",
        side: "",
        debug: undefined,
        model: "model@sha256:4",
      });
    });
    it("is unknown before there is a status", () => {
      assert.deepEqual(running({ spec: podSpec }), {
        init: undefined,
        web: undefined,
        side: undefined,
        debug: undefined,
        model: undefined,
      });
    });
    it("is nothing that a template could say", () => {
      const object = { spec: { template: { spec: podSpec, status } }, status };
      assert.deepEqual(
        Object.values(running(object, "Deployment") as object).filter((id) => id !== undefined),
        [],
      );
    });
    it("is not read from another kind of container of the same name", () => {
      const spec = { containers: [{ name: "a", image: "a:1" }], initContainers: [{ name: "b", image: "b:1" }] };
      const other = {
        initContainerStatuses: [{ name: "a", imageID: "x" }],
        containerStatuses: [{ name: "b", imageID: "y" }],
      };
      assert.deepEqual(running({ spec, status: other }), { a: undefined, b: undefined });
    });
  });

  describe("what is not as it should be", () => {
    const malformed = (spec: unknown, kind = "Pod"): readonly string[] => {
      const object = kind === "Pod" ? { spec } : { spec: { template: { spec } } };
      const subject = subjectOf(object, place(kind));
      return subject.images.map(({ container, parsed }) => `${container} ${parsed.status}`);
    };
    const table: readonly (readonly [spec: unknown, uses: readonly string[], why: string])[] = [
      [{ containers: [{ name: "a" }] }, ["a malformed"], "a container without an image"],
      [{ containers: [{ name: "a", image: "" }] }, ["a malformed"], "an empty image"],
      [{ containers: [{ name: "a", image: null }] }, ["a malformed"], "null"],
      [{ containers: [{ name: "a", image: 5 }] }, ["a malformed"], "a number"],
      [{ containers: [{ name: "a", image: ["nginx"] }] }, ["a malformed"], "a list"],
      [{ containers: [{ name: "a", image: { toString: "nginx" } }] }, ["a malformed"], "an object"],
      [{ containers: [{ image: "nginx" }] }, ["containers[0] ok"], "no name"],
      [{ containers: [{ name: 5, image: "nginx" }] }, ["containers[0] ok"], "a name that is none"],
      [
        { containers: [null, "nginx", 1] },
        ["containers[0] malformed", "containers[1] malformed", "containers[2] malformed"],
        "no containers",
      ],
      [{ containers: { name: "a", image: "nginx" } }, ["a ok"], "one container, not in a list"],
      [{ containers: "nginx" }, ["containers[0] malformed"], "not a list"],
      [{ containers: null, volumes: null }, [], "nulls are as if absent"],
      [{ volumes: [{ name: "v", image: {} }] }, ["v malformed"], "an image volume without a reference"],
      [{ volumes: [{ name: "v", image: "nginx" }] }, ["v malformed"], "an image volume that is none"],
      [{ volumes: [{ name: "v", image: { reference: 5 } }] }, ["v malformed"], "a reference that is none"],
      [{ volumes: [null, "x", { name: "v" }] }, [], "other volumes"],
      [
        {
          containers: [
            { name: "a", image: "a:1" },
            { name: "a", image: "b:1" },
          ],
        },
        ["a ok", "a ok"],
        "two containers of one name",
      ],
      [
        JSON.parse('{"__proto__": {"containers": []}, "containers": [{"name": "__proto__", "image": "nginx"}]}'),
        ["__proto__ ok"],
        "__proto__ is a name like others",
      ],
      ["nginx", [], "no specification"],
      [null, [], "no specification"],
    ];
    for (const [spec, uses, why] of table) {
      it(`${why}: ${JSON.stringify(spec).slice(0, 70)}`, () => assert.deepEqual(malformed(spec), uses));
    }

    it("an image volume of a template may be empty, as the API server allows", () => {
      for (const image of [{}, { reference: "" }, { reference: null }]) {
        assert.deepEqual(malformed({ volumes: [{ name: "v", image }] }, "Deployment"), []);
      }
      assert.deepEqual(malformed({ volumes: [{ name: "v", image: { reference: 5 } }] }, "Deployment"), ["v malformed"]);
    });

    it("labels that are no strings are left out, all others stay", () => {
      const metadata = JSON.parse(
        '{"labels": {"a": "1", "b": 2, "c": null, "__proto__": "x"}, "annotations": ["x"]}',
      ) as unknown;
      const { labels, annotations } = subjectOf({ metadata, spec: {} }, place("Pod"));
      assert.deepEqual(Object.entries(labels), [
        ["a", "1"],
        ["__proto__", "x"],
      ]);
      assert.deepEqual(annotations, {});
    });

    for (const object of [
      undefined,
      null,
      5,
      "pod",
      [],
      {},
      { spec: [] },
      { spec: { template: 5 } },
      { spec: { jobTemplate: [] } },
    ]) {
      for (const kind of ["Pod", "Deployment", "CronJob", "Unknown"]) {
        it(`${JSON.stringify(object)} as ${kind} has no images`, () => {
          assert.deepEqual(images(subjectOf(object, place(kind))), []);
        });
      }
    }
  });
});
