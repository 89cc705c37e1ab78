import assert from "node:assert/strict";
import { subjectOf, WORKLOAD_KINDS } from "../../../policy/subject/subjectOf.ts";
import { clusterTimeout, startCluster, type Cluster } from "../harness/cluster.ts";

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly allOf?: readonly Schema[];
  readonly "x-kubernetes-group-version-kind"?: readonly { readonly group: string; readonly kind: string }[];
}

type Schemas = Readonly<Record<string, Schema>>;

const VOLUME = "spec.volumes[].image.reference";

/** Fields that make the kubelet pull and use an image, and where they stand in a Pod with one of each. */
const JUDGED: Readonly<Record<string, string>> = {
  "spec.containers[].image": "/spec/containers/0/image",
  "spec.initContainers[].image": "/spec/initContainers/0/image",
  "spec.ephemeralContainers[].image": "/spec/ephemeralContainers/0/image",
  [VOLUME]: "/spec/volumes/0/image/reference",
};

const STATUSES = ["containerStatuses[]", "initContainerStatuses[]", "ephemeralContainerStatuses[]"];

/** Fields that speak of images and name none that is pulled; each with the reason. */
const OTHERS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ["containers[]", "initContainers[]", "ephemeralContainers[]"].flatMap((list) => [
      [`spec.${list}.imagePullPolicy`, "when to pull"],
      [`spec.${list}.workingDir`, "a directory in the image"],
      [`spec.${list}.securityContext.windowsOptions.runAsUserName`, "a user of the image"],
    ]),
  ),
  ...Object.fromEntries(
    STATUSES.flatMap((list) => [
      [`status.${list}.image`, "what the runtime calls the image"],
      [`status.${list}.imageID`, "what runs: read by audits"],
      [`status.${list}.volumeMounts[].volumeStatus.image`, "the status of an image volume"],
      [`status.${list}.volumeMounts[].volumeStatus.image.imageRef`, "what is mounted: read by audits"],
    ]),
  ),
  "spec.imagePullSecrets": "credentials",
  "spec.volumes[].image": "holds reference and pullPolicy",
  "spec.volumes[].image.pullPolicy": "when to pull",
  "spec.volumes[].rbd.image": "a block device in a Ceph pool",
  "spec.securityContext.supplementalGroupsPolicy": "groups defined in the image",
  "spec.securityContext.windowsOptions.runAsUserName": "a user of the image",
  "status.phase": "speaks of the time that pulling takes",
};

const SPEAKS_OF_IMAGES = /\bimages?\b|\bartifacts?\b|\bOCI\b/i;

const target = ({ $ref, allOf }: Schema): string | undefined => ($ref ?? allOf?.[0]?.$ref)?.split("/").at(-1);

/** Every property below a schema, by its path; a schema within itself is not entered again. */
function* properties(
  schemas: Schemas,
  schema: Schema,
  path: string,
  inside: readonly string[],
): Generator<[string, Schema]> {
  const name = target(schema);
  if (name !== undefined) {
    const next = schemas[name];
    if (next !== undefined && !inside.includes(name)) yield* properties(schemas, next, path, [...inside, name]);
    return;
  }
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const at = path === "" ? key : `${path}.${key}`;
    yield [at, property];
    yield* properties(schemas, property, at, inside);
  }
  if (schema.items !== undefined) yield* properties(schemas, schema.items, `${path}[]`, inside);
  if (typeof schema.additionalProperties === "object")
    yield* properties(schemas, schema.additionalProperties, `${path}{}`, inside);
}

describe("the API server's own schema", function () {
  this.timeout(clusterTimeout);
  let cluster: Cluster;
  const raw = async <T>(path: string): Promise<T> => {
    const { code, stdout, stderr } = await cluster.kubectl("get", "--raw", path);
    assert.equal(code, 0, stderr);
    // An OpenAPI document of the API server.
    return JSON.parse(stdout) as T;
  };
  const schemasOf = async (group: string): Promise<Schemas> =>
    (await raw<{ components?: { schemas?: Schemas } }>(`/openapi/v3/${group}`)).components?.schemas ?? {};

  /** Where an image stands in what this API server takes. */
  let judged: Readonly<Record<string, string>>;
  before(async () => {
    cluster = await startCluster();
    const { [VOLUME]: _, ...others } = JUDGED;
    judged = (await cluster.hasImageVolumes()) ? JUDGED : others;
  });

  it("has no image-bearing field in a Pod that nothing looks at", async () => {
    const schemas = await schemasOf("api/v1");
    const pod = schemas["io.k8s.api.core.v1.Pod"];
    assert.ok(pod !== undefined);
    const speaking = [...properties(schemas, pod, "", [])].filter(
      ([path, { type, description = "" }]) =>
        /image/i.test(path.split(".").at(-1) ?? "") || (type === "string" && SPEAKS_OF_IMAGES.test(description)),
    );
    const unknown = speaking.map(([path]) => path).filter((path) => !(path in JUDGED) && !(path in OTHERS));
    assert.deepEqual(unknown, [], "look at these fields in policy/imagesOf.ts, or say here why not");
    for (const path of Object.keys(judged))
      assert.ok(
        speaking.some(([one]) => one === path),
        `${path} is gone`,
      );
  });

  it("has no kind with a pod template that is not judged", async () => {
    const { paths } = await raw<{ paths: Readonly<Record<string, unknown>> }>("/openapi/v3");
    const groups = Object.keys(paths).filter((path) => /^(api|apis\/[^/]+)\/v[^/]+$/.test(path));
    const kinds = new Set<string>();
    for (const group of groups) {
      const schemas = await schemasOf(group);
      for (const schema of Object.values(schemas)) {
        const [gvk] = schema["x-kubernetes-group-version-kind"] ?? [];
        if (gvk === undefined || gvk.kind.endsWith("List")) continue;
        for (const [, property] of properties(schemas, schema, "", [])) {
          if (target(property) === "io.k8s.api.core.v1.PodTemplateSpec") kinds.add(gvk.kind);
        }
      }
    }
    // A PodTemplate object makes no pods: nothing in Kubernetes reads it.
    kinds.delete("PodTemplate");
    assert.deepEqual([...kinds, "Pod"].sort(), [...WORKLOAD_KINDS].sort());
  });

  it("takes a Pod with an image in each such field, and each is seen", async () => {
    const namespace = await cluster.newNamespace("image-fields");
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "every-field", namespace },
      spec: {
        containers: [{ name: "c", image: "registry.company.com/c:1" }],
        initContainers: [{ name: "i", image: "registry.company.com/i:1" }],
        volumes: VOLUME in judged ? [{ name: "v", image: { reference: "registry.company.com/v:1" } }] : [],
      },
    };
    const created = await cluster.kubectl("create", "-f", "-", "-o", "json", { input: JSON.stringify(pod) });
    assert.equal(created.code, 0, created.stderr);
    const debugged = await cluster.kubectl(
      "debug",
      "every-field",
      "-n",
      namespace,
      "--image=registry.company.com/e:1",
      "--container=e",
    );
    assert.equal(debugged.code, 0, debugged.stderr);
    const { stdout } = await cluster.kubectl("get", "pod", "every-field", "-n", namespace, "-o", "json");
    const { images } = subjectOf(JSON.parse(stdout), { kind: "Pod", namespace, namespaceLabels: {} });
    assert.deepEqual(images.map(({ path }) => path).sort(), Object.values(judged).sort());
    assert.deepEqual(
      images.map(({ image }) => image).sort(),
      ["c", "e", "i", ...(VOLUME in judged ? ["v"] : [])].map((name) => `registry.company.com/${name}:1`),
    );
  });

  describe("lets a template have", () => {
    const deployment = (spec: object): string =>
      JSON.stringify({
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "d" },
        spec: { selector: { matchLabels: { app: "d" } }, template: { metadata: { labels: { app: "d" } }, spec } },
      });
    const dryRun = async (spec: object): Promise<boolean> => {
      const namespace = await cluster.newNamespace("templates");
      const { code } = await cluster.kubectl("create", "-n", namespace, "--dry-run=server", "-f", "-", {
        input: deployment(spec),
      });
      return code === 0;
    };
    const container = { name: "c", image: "registry.company.com/c:1" };
    it("an image volume without a reference, which is no image", async function () {
      if (!(VOLUME in judged)) this.skip();
      const { stdout } = await cluster.kubectl("get", "--raw", "/version");
      const { minor } = JSON.parse(stdout) as { minor: string };
      // From 1.37 on it is refused.
      const taken = Number.parseInt(minor, 10) < 37;
      assert.equal(await dryRun({ containers: [container], volumes: [{ name: "v", image: {} }] }), taken);
    });
    it("no container without an image", async () => {
      assert.equal(await dryRun({ containers: [{ name: "c" }] }), false);
    });
    it("blanks around an image, which no pod may have", async () => {
      assert.equal(await dryRun({ containers: [{ name: "c", image: " nginx" }] }), true);
    });
  });
});
