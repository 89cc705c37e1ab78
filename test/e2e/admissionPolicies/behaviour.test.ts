import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import type { ExceptionSpec, PolicySpec } from "../../../crds/types.ts";
import type { KubeClient } from "../../../kube/kubeClient.ts";
import type { CompiledException } from "../../../policy/exceptions/compiledException.ts";
import { fieldsOf, textOf } from "../../../json/fields.ts";
import { compileException } from "../../../policy/exceptions/compileException.ts";
import { clusterTimeout, startCluster, type Cluster, kubeClientOf } from "../harness/cluster.ts";
import type { KubectlResult } from "../harness/kubectl.ts";
import { pod } from "../operator/operatorUnderTest.ts";
import { compiled, create, generated, install } from "./rounds.ts";

const GOOD = `registry.company.com/app@sha256:${"a".repeat(64)}`;
const STRICT: PolicySpec = { registries: { allow: ["registry.company.com"] }, digest: { required: true } };

describe("what a generated ValidatingAdmissionPolicy leaves alone", function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let client: KubeClient;
  let namespace: string;
  let uninstall: () => Promise<void> = () => Promise.resolve();

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startCluster();
    client = kubeClientOf(cluster);
  });
  beforeEach(async () => {
    namespace = await cluster.newNamespace("behaves");
  });
  afterEach(() => uninstall());
  after(() => client?.close());

  const enforce = async (
    specs: readonly PolicySpec[],
    exceptions: readonly CompiledException[] = [],
    placeholders: readonly string[] = [],
  ): Promise<void> => {
    const policies = specs.map((spec, index) => compiled(`behaves-${index}`, spec));
    const pairs = policies.flatMap((policy) => generated(policy, namespace, policies, exceptions, placeholders) ?? []);
    uninstall = await install(client, pairs);
  };
  const exception = (spec: Omit<ExceptionSpec, "reason" | "policies">): CompiledException =>
    compileException(
      {
        apiVersion: "imagesecurity.dev/v1",
        kind: "ImageSecurityException",
        metadata: { name: "e" },
        spec: { policies: ["*"], reason: "a test", ...spec },
      },
      { maxDuration: 86_400_000, now: Date.now() },
    );
  const refused = async (images: readonly string[], more: object = {}): Promise<string | undefined> => {
    const containers = images.map((image, index) => ({ name: `c${index}`, image }));
    return (
      await create(client, namespace, "Pod", {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "x" },
        spec: { containers, ...more },
      })
    ).refused;
  };
  const accepted = async (run: Promise<KubectlResult>): Promise<void> => {
    const { code, stderr } = await run;
    assert.equal(code, 0, stderr);
  };

  it("images that an updated object had before, ephemeral containers among the new ones", async () => {
    await accepted(cluster.kubectl("create", "-f", "-", pod(namespace, "old", "nginx:1.21")));
    await enforce([STRICT]);
    const patch = (value: object): Promise<KubectlResult> =>
      cluster.kubectl("patch", "pod", "old", "-n", namespace, "-p", JSON.stringify(value));
    await accepted(cluster.kubectl("label", "pod", "old", "-n", namespace, "a=b"));
    const image = (name: string, of: string): object => ({ spec: { containers: [{ name, image: of }] } });
    await accepted(patch(image("main", GOOD)));
    assert.match((await patch(image("main", "nginx:1.22"))).stderr, /RegistryNotAllowed/);
    // kubectl patches this subresource from 1.32 on.
    const debug = async (of: string): Promise<string> => {
      const answer = await client.request("PATCH", `/api/v1/namespaces/${namespace}/pods/old/ephemeralcontainers`, {
        body: { spec: { ephemeralContainers: [{ name: "debug", image: of }] } },
        contentType: "application/strategic-merge-patch+json",
      });
      return `${answer.status} ${textOf(fieldsOf(answer.body)["message"])}`;
    };
    assert.match(await debug("busybox"), /^4\d\d .*container "debug"/s);
    assert.match(await debug(GOOD), /^200 /);
  });

  it("mirror pods of the node that they name, and nobody else's", async () => {
    await enforce([STRICT]);
    const mirror = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace, name: "static-n1", annotations: { "kubernetes.io/config.mirror": "x" } },
      spec: { nodeName: "n1", containers: [{ name: "c", image: "nginx" }] },
    };
    const as = async (user: string, ...groups: readonly string[]): Promise<KubectlResult> =>
      (await cluster.kubectlAs(user, ["system:masters", ...groups]))("create", "--dry-run=server", "-f", "-", {
        input: JSON.stringify(mirror),
      });
    await accepted(as("system:node:n1", "system:nodes"));
    for (const [user, ...groups] of [
      ["system:node:n2", "system:nodes"],
      ["system:node:n1"],
      ["eve", "system:nodes"],
    ] as const)
      assert.match((await as(user, ...groups)).stderr, /RegistryNotAllowed/, user);
  });

  it("what an injector replaces in Pods, in templates and nowhere else", async () => {
    await enforce([STRICT], [], ["auto"]);
    const template = (restartPolicy: string, images: readonly string[]): object => ({
      metadata: { labels: { a: "b" } },
      spec: { restartPolicy, containers: images.map((image, index) => ({ name: `c${index}`, image })) },
    });
    const deployment = async (...images: readonly string[]): Promise<string | undefined> =>
      (
        await create(client, namespace, "Deployment", {
          apiVersion: "apps/v1",
          kind: "Deployment",
          metadata: { name: "x" },
          spec: {
            selector: { matchLabels: { a: "b" } },
            template: template("Always", images),
          },
        })
      ).refused;
    const cronJob = {
      apiVersion: "batch/v1",
      kind: "CronJob",
      metadata: { name: "x" },
      spec: { schedule: "@daily", jobTemplate: { spec: { template: template("Never", ["auto"]) } } },
    };
    assert.equal(await deployment("auto", GOOD), undefined);
    assert.equal((await create(client, namespace, "CronJob", cronJob)).refused, undefined);
    assert.match((await deployment("auto", "quay.io/x:1")) ?? "", /container "c1", .*RegistryNotAllowed/);
    assert.match((await deployment("auto:latest")) ?? "", /image "auto:latest": RegistryNotAllowed/);
    assert.match((await refused(["auto"])) ?? "", /image "auto": RegistryNotAllowed/);
  });

  it("objects with more than 64 images, and none with 64", async () => {
    await enforce([STRICT]);
    const longest = `${"a".repeat(60)}.company.com/${"b/".repeat(80)}c:v1`;
    const images = Array.from({ length: 64 }, (_, index) => `${longest}${index}`);
    assert.match((await refused(images)) ?? "", /^\[behaves-0\] container "c0", .*RegistryNotAllowed/);
    assert.equal(await refused([...images, GOOD]), undefined);
    // Initial containers and image volumes, where there are any, count as well.
    const volumes = (await cluster.hasImageVolumes()) ? [{ name: "v", image: { reference: GOOD } }] : [];
    const initial = volumes.length > 0 ? ["i"] : ["i", "j"];
    assert.equal(
      await refused(images.slice(1), {
        initContainers: initial.map((name) => ({ name, image: GOOD })),
        volumes,
      }),
      undefined,
    );
  });

  it("nothing of 64 images under lists as long as a policy may have", async () => {
    const list = (host: string): readonly string[] =>
      Array.from({ length: 128 }, (_, index) => `${host}${index}.company.com/team/app-${index}/**`);
    await enforce([{ registries: { allow: list("allowed"), deny: list("denied") }, digest: {} }]);
    const images = Array.from(
      { length: 64 },
      (_, index) => `allowed${index}.company.com/team/app-${index}/x@sha256:${"a".repeat(64)}`,
    );
    assert.equal(await refused(images), undefined);
    assert.match(
      (await refused([...images.slice(1), "denied127.company.com/team/app-127/x:v1"])) ?? "",
      /RegistryDenied: .* is denied by "denied127\.company\.com\/team\/app-127\/\*\*"; allowed: /,
    );
  });

  it("tags of what another policy pins, but not where they come from", async () => {
    await enforce([
      STRICT,
      { enforcementAction: "warn", match: { images: ["registry.company.com/pinned/**"] }, digest: { pin: "Pods" } },
    ]);
    assert.equal(await refused(["registry.company.com/pinned/app:1"]), undefined);
    assert.match((await refused(["registry.company.com/app:1"])) ?? "", /DigestRequired/);
    assert.match((await refused(["docker.io/pinned/app:1"])) ?? "", /RegistryNotAllowed/);
  });

  it("what an exception is about, until it expires, on the API server's own clock", async () => {
    const expires = new Date(Date.now() + 12_000).toISOString();
    await enforce([STRICT], [exception({ rules: ["All"], match: { images: ["docker.io/library/nginx"] }, expires })]);
    assert.equal(await refused(["nginx"]), undefined);
    assert.match((await refused(["redis"])) ?? "", /RegistryNotAllowed/);
    await wait(Math.max(0, Date.parse(expires) + 1_500 - Date.now()));
    assert.match((await refused(["nginx"])) ?? "", /RegistryNotAllowed/);
  });

  it("updates of what an exception is about", async () => {
    await accepted(cluster.kubectl("create", "-f", "-", pod(namespace, "old", GOOD)));
    const expires = new Date(Date.now() + 3_600_000).toISOString();
    await enforce(
      [STRICT],
      [
        exception({
          rules: ["All"],
          match: { images: ["docker.io/library/nginx"], objectSelector: { matchLabels: { a: "b" } } },
          expires,
        }),
      ],
    );
    const set = (image: string): Promise<KubectlResult> =>
      cluster.kubectl("set", "image", "pod/old", `main=${image}`, "-n", namespace);
    assert.match((await set("nginx")).stderr, /RegistryNotAllowed/);
    await accepted(cluster.kubectl("label", "pod", "old", "-n", namespace, "a=b"));
    await accepted(set("nginx"));
  });
});
