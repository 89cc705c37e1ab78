import assert from "node:assert/strict";
import { clusterTimeout, startCluster, type Cluster } from "../harness/cluster.ts";
import type { KubectlResult } from "../harness/kubectl.ts";
import { startWebhook, type WebhookUnderTest } from "./webhookUnderTest.ts";

const D = `sha256:${"d".repeat(64)}`;
const GOOD = `registry.company.com/nginx@${D}`;

const POLICIES = {
  digests: { digest: { required: true } },
  registries: { registries: { allow: ["registry.company.com"], deny: ["docker.io"] } },
} as const;

const RELEASE = {
  name: "release",
  key: {
    pem: `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----
`,
  },
} as const;

describe("admission, asked by a real API server", function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let webhook: WebhookUnderTest;
  let namespace: string;

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startCluster();
    webhook = await startWebhook(cluster);
  });
  after(async () => await webhook?.stop());
  beforeEach(async () => {
    namespace = await cluster.newNamespace("admission");
    await webhook.enforce(POLICIES);
  });

  const run = (name: string, image: string, ...more: readonly string[]): Promise<KubectlResult> =>
    cluster.kubectl("run", name, `--image=${image}`, "-n", namespace, ...more);
  const apply = (object: object): Promise<KubectlResult> =>
    cluster.kubectl("apply", "-n", namespace, "-f", "-", { input: JSON.stringify(object) });
  const refused = ({ code, stderr }: KubectlResult, message: RegExp): void => {
    assert.notEqual(code, 0);
    assert.match(stderr, /Error from server \(Forbidden\)|denied the request/);
    assert.match(stderr, message);
  };
  const passes = ({ code, stderr }: KubectlResult): void => assert.equal(code, 0, stderr);

  it("refuses by registry and by digest, and lets the good image in", async () => {
    refused(await run("a", "nginx:latest"), /\[registries\] container "a", image "nginx:latest": RegistryDenied/);
    refused(
      await run("b", "registry.company.com/nginx:v1.21"),
      /\[digests\] .*DigestRequired.*registry\.company\.com\/nginx@sha256/,
    );
    passes(await run("c", GOOD));
  });

  it("shows every reason of a refusal at once", async () => {
    const { stderr } = await run("a", "nginx");
    assert.match(stderr, /pods\.validate\.imagesecurity\.dev" denied the request/);
    assert.match(stderr, /denied the request: *\n\[registries\][^\n]*\n\[digests\]/);
  });

  it("says eight facts about four images under three policies in eight lines", async () => {
    const { digests, registries } = POLICIES;
    await webhook.enforce({
      digests,
      registries,
      production: { ...digests, ...registries, signatures: { authorities: ["release"] }, authorities: [RELEASE] },
    });
    const containers = ["a", "b", "c", "d"].map((name) => ({ name, image: `quay.io/company/${name}:v1` }));
    const labels = { app: "x" };
    const spec = { selector, replicas: 0, template: { metadata: { labels }, spec: { containers } } };
    const { stderr } = await apply({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "x" }, spec });
    const [, ...lines] = stderr.trim().split("\n");
    assert.deepEqual(
      lines,
      containers.flatMap(({ name, image }) => [
        `[production, registries] container "${name}", image "${image}": RegistryNotAllowed: quay.io/company/${name} is not allowed; allowed: registry.company.com`,
        `[digests, production] container "${name}", image "${image}": DigestRequired: uses a tag`,
      ]),
    );
  });

  const template = (image: string): object => ({
    metadata: { labels: { app: "x" } },
    spec: { restartPolicy: "Never", containers: [{ name: "main", image }] },
  });
  const always = (image: string): object => ({
    metadata: { labels: { app: "x" } },
    spec: { containers: [{ name: "main", image }] },
  });
  const selector = { matchLabels: { app: "x" } };
  const workloads: readonly (readonly [kind: string, make: (image: string) => object])[] = [
    ["Deployment", (image) => ({ apiVersion: "apps/v1", spec: { selector, replicas: 0, template: always(image) } })],
    ["ReplicaSet", (image) => ({ apiVersion: "apps/v1", spec: { selector, replicas: 0, template: always(image) } })],
    [
      "StatefulSet",
      (image) => ({
        apiVersion: "apps/v1",
        spec: { selector, serviceName: "x", replicas: 0, template: always(image) },
      }),
    ],
    ["DaemonSet", (image) => ({ apiVersion: "apps/v1", spec: { selector, template: always(image) } })],
    [
      "ReplicationController",
      (image) => ({ apiVersion: "v1", spec: { selector: { app: "x" }, replicas: 0, template: always(image) } }),
    ],
    ["Job", (image) => ({ apiVersion: "batch/v1", spec: { suspend: true, template: template(image) } })],
    [
      "CronJob",
      (image) => ({
        apiVersion: "batch/v1",
        spec: { schedule: "@daily", jobTemplate: { spec: { template: template(image) } } },
      }),
    ],
  ];
  for (const [kind, make] of workloads) {
    it(`judges a ${kind}, also without replicas`, async () => {
      const object = (image: string): object => ({ kind, metadata: { name: "web" }, ...make(image) });
      refused(await apply(object("nginx")), /container "main", image "nginx": RegistryDenied/);
      passes(await apply(object(GOOD)));
    });
  }

  it("judges init containers", async () => {
    const containers = [{ name: "c", image: GOOD }];
    const spec = { containers, initContainers: [{ name: "i", image: "nginx" }] };
    refused(await apply({ apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec }), /container "i"/);
  });

  it("judges image volumes", async function () {
    if (!(await cluster.hasImageVolumes())) this.skip();
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p" } };
    const containers = [{ name: "c", image: GOOD }];
    const volumes = [{ name: "data", image: { reference: "nginx", pullPolicy: "Always" } }];
    refused(await apply({ ...pod, spec: { containers, volumes } }), /volume "data", image "nginx"/);
  });

  it("judges kubectl debug, which adds an ephemeral container", async () => {
    passes(await run("p", GOOD));
    const debug = (image: string): Promise<KubectlResult> =>
      cluster.kubectl("debug", "p", "-n", namespace, `--image=${image}`, "--container=dbg", "--attach=false");
    refused(await debug("busybox"), /container "dbg", image "busybox": RegistryDenied/);
    passes(await debug(GOOD));
  });

  it("prints warnings and creates under warn, and is silent under dryrun", async () => {
    await webhook.enforce({ digests: { ...POLICIES.digests, enforcementAction: "warn" } });
    const warned = await run("a", "registry.company.com/nginx:v1");
    passes(warned);
    assert.match(
      warned.stderr,
      /^Warning: \[digests\] container "a", image "registry\.company\.com\/nginx:v1": DigestRequired/m,
    );
    await webhook.enforce({ digests: { ...POLICIES.digests, enforcementAction: "dryrun" } });
    const silent = await run("b", "registry.company.com/nginx:v1");
    passes(silent);
    assert.equal(silent.stderr, "");
  });

  it("brings all warnings of a large pod to the terminal, or says how many it left out", async () => {
    await webhook.enforce({ digests: { ...POLICIES.digests, enforcementAction: "warn" } });
    const containers = Array.from({ length: 60 }, (_, index) => ({
      name: `c${index}`,
      image: `registry.company.com/team/application-${index}:v1`,
    }));
    const result = await apply({ apiVersion: "v1", kind: "Pod", metadata: { name: "large" }, spec: { containers } });
    passes(result);
    const lines = result.stderr.split("\n").filter((line) => line.startsWith("Warning: "));
    const left = Number(/(\d+) more warnings/.exec(result.stderr)?.[1]);
    assert.equal(lines.length - 1 + left, 60, result.stderr);
    assert.ok(
      lines.slice(0, -1).every((line) => line.includes("DigestRequired")),
      "none was cut by the API server",
    );
  });

  it("applies overrides by the namespace's labels, also in a namespace that was made a moment ago", async () => {
    await webhook.enforce({
      digests: { ...POLICIES.digests, match: { namespaceSelector: { matchLabels: { env: "prod" } } } },
    });
    const prod = await cluster.newNamespace("prod", { env: "prod" });
    const dev = await cluster.newNamespace("dev", { env: "dev" });
    refused(await cluster.kubectl("run", "a", "--image=a.b/c:1", "-n", prod), /DigestRequired/);
    passes(await cluster.kubectl("run", "a", "--image=a.b/c:1", "-n", dev));
  });

  describe("on UPDATE", () => {
    const patch = (kind: string, name: string, change: object): Promise<KubectlResult> =>
      cluster.kubectl("patch", kind, name, "-n", namespace, "--type=merge", "-p", JSON.stringify(change));

    beforeEach(async () => {
      await webhook.enforce({});
      passes(
        await apply({
          apiVersion: "v1",
          kind: "Pod",
          metadata: { name: "old", labels: { a: "b" }, finalizers: ["example.com/hold"] },
          spec: { containers: [{ name: "c", image: "nginx:1" }] },
        }),
      );
      await webhook.enforce(POLICIES);
    });

    it("lets an old pod's labels and finalizers change", async () => {
      passes(await cluster.kubectl("label", "pod", "old", "-n", namespace, "x=y"));
      passes(await cluster.kubectl("delete", "pod", "old", "-n", namespace, "--wait=false"));
      passes(await patch("pod", "old", { metadata: { finalizers: null } }));
      assert.equal((await cluster.kubectl("get", "pod", "old", "-n", namespace)).code, 1);
    });

    it("refuses another bad image, and takes a good one", async () => {
      refused(await cluster.kubectl("set", "image", "pod/old", "c=nginx:2", "-n", namespace), /RegistryDenied/);
      passes(await cluster.kubectl("set", "image", "pod/old", `c=${GOOD}`, "-n", namespace));
    });

    it("refuses a changed image on a pod that is being deleted", async () => {
      passes(await cluster.kubectl("delete", "pod", "old", "-n", namespace, "--wait=false"));
      refused(await cluster.kubectl("set", "image", "pod/old", "c=nginx:2", "-n", namespace), /RegistryDenied/);
    });

    it("refuses to relabel a pod into a policy's reach", async () => {
      await webhook.enforce({
        web: { ...POLICIES.registries, match: { objectSelector: { matchLabels: { tier: "web" } } } },
      });
      passes(await cluster.kubectl("label", "pod", "old", "-n", namespace, "tier=db"));
      refused(await cluster.kubectl("label", "pod", "old", "-n", namespace, "tier=web", "--overwrite"), /\[web\]/);
    });

    it("asks for what may matter, and for nothing else", async () => {
      webhook.asked.length = 0;
      passes(await patch("pod", "old", { metadata: { finalizers: ["example.com/hold", "example.com/other"] } }));
      passes(await patch("pod", "old", { spec: { activeDeadlineSeconds: 100 } }));
      assert.deepEqual(webhook.asked, []);
      passes(await cluster.kubectl("annotate", "pod", "old", "-n", namespace, "x=y"));
      assert.deepEqual(webhook.asked, ["validate UPDATE Pod old"]);
    });

    it("lets an old Deployment be scaled without asking", async () => {
      await webhook.enforce({});
      passes(
        await apply({
          kind: "Deployment",
          metadata: { name: "old" },
          apiVersion: "apps/v1",
          spec: { selector, template: always("nginx") },
        }),
      );
      await webhook.enforce(POLICIES);
      webhook.asked.length = 0;
      passes(await cluster.kubectl("scale", "deployment", "old", "-n", namespace, "--replicas=3"));
      passes(await patch("deployment", "old", { spec: { replicas: 2 }, metadata: { labels: { a: "b" } } }));
      assert.deepEqual(webhook.asked, []);
      passes(
        await patch("deployment", "old", { spec: { template: { metadata: { annotations: { restarted: "now" } } } } }),
      );
      refused(
        await cluster.kubectl("set", "image", "deployment/old", "main=nginx:2", "-n", namespace),
        /RegistryDenied/,
      );
    });
  });

  it("gives mirror pods no way in for users", async () => {
    const mirror = { metadata: { name: "m", annotations: { "kubernetes.io/config.mirror": "x" } } };
    const spec = { nodeName: "n1", containers: [{ name: "c", image: "nginx" }] };
    refused(await apply({ apiVersion: "v1", kind: "Pod", ...mirror, spec }), /RegistryDenied/);
  });
});
