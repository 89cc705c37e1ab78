import assert from "node:assert/strict";
import { clusterTimeout, startCluster, type Cluster } from "../harness/cluster.ts";
import type { KubectlResult } from "../harness/kubectl.ts";
import { startWebhook, type WebhookUnderTest } from "./webhookUnderTest.ts";

const V1 = `sha256:${"1".repeat(64)}`;
const V2 = `sha256:${"2".repeat(64)}`;
const IMAGE = "registry.company.com/nginx:v1.21";

describe("pinning, asked by a real API server", function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let webhook: WebhookUnderTest;
  let namespace: string;
  let digest = V1;

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startCluster();
    webhook = await startWebhook(cluster, { resolveDigest: () => ({ status: "verified", value: digest }) });
  });
  after(async () => await webhook?.stop());
  beforeEach(async () => {
    namespace = await cluster.newNamespace("pinning");
    digest = V1;
    await webhook.enforce({ pin: { digest: { required: true, pin: "Pods" } } });
  });

  const kubectl = (...args: readonly string[]): Promise<KubectlResult> => cluster.kubectl("-n", namespace, ...args);
  const apply = (object: object): Promise<KubectlResult> =>
    cluster.kubectl("apply", "-n", namespace, "-f", "-", { input: JSON.stringify(object) });
  const passes = ({ code, stderr }: KubectlResult): void => assert.equal(code, 0, stderr);
  const imageOf = async (target: string, path = "{.spec.containers[0].image}"): Promise<string> => {
    const result = await kubectl("get", target, "-o", `jsonpath=${path}`);
    passes(result);
    return result.stdout;
  };
  const manifest = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web" },
    spec: { containers: [{ name: "c", image: IMAGE }] },
  };

  it("creates a pod with the digest of its tag", async () => {
    passes(await kubectl("run", "pinned", `--image=${IMAGE}`));
    assert.equal(await imageOf("pod/pinned"), `${IMAGE}@${V1}`);
    assert.equal(await imageOf("pod/pinned", "{.metadata.annotations.imagesecurity\\.dev/pinned-by}"), "pin");
  });

  it("leaves a Deployment's tag, and validation excuses it", async () => {
    passes(await kubectl("create", "deployment", "web", `--image=${IMAGE}`));
    assert.equal(await imageOf("deployment/web", "{.spec.template.spec.containers[0].image}"), IMAGE);
  });

  it("keeps the digest when the manifest is applied again after the tag moved", async () => {
    passes(await apply(manifest));
    digest = V2;
    passes(await apply({ ...manifest, metadata: { ...manifest.metadata, annotations: { changed: "yes" } } }));
    assert.equal(await imageOf("pod/web"), `${IMAGE}@${V1}`);
    passes(await kubectl("set", "image", "pod/web", "c=registry.company.com/nginx:v2"));
    assert.equal(await imageOf("pod/web"), `registry.company.com/nginx:v2@${V2}`);
  });

  it("never changes an old pod for a label", async () => {
    await webhook.enforce({});
    passes(await apply(manifest));
    await webhook.enforce({ pin: { digest: { required: true, pin: "Pods" } } });
    passes(await kubectl("label", "pod", "web", "a=b"));
    assert.equal(await imageOf("pod/web"), IMAGE);
  });

  it("pins image volumes", async function () {
    if (!(await cluster.hasImageVolumes())) this.skip();
    const volumes = [{ name: "v", image: { reference: IMAGE } }];
    passes(await apply({ ...manifest, spec: { ...manifest.spec, volumes } }));
    assert.equal(await imageOf("pod/web", "{.spec.volumes[0].image.reference}"), `${IMAGE}@${V1}`);
  });

  it("pins init containers and what kubectl debug adds", async () => {
    passes(await apply({ ...manifest, spec: { ...manifest.spec, initContainers: [{ name: "i", image: IMAGE }] } }));
    assert.equal(await imageOf("pod/web", "{.spec.initContainers[0].image}"), `${IMAGE}@${V1}`);
    passes(await kubectl("debug", "web", `--image=${IMAGE}`, "--attach=false"));
    assert.equal(await imageOf("pod/web", "{.spec.ephemeralContainers[0].image}"), `${IMAGE}@${V1}`);
  });

  it("is safe in a dry run", async () => {
    const { stdout } = await kubectl(
      "run",
      "dry",
      `--image=${IMAGE}`,
      "--dry-run=server",
      "-o",
      "jsonpath={.spec.containers[0].image}",
    );
    assert.equal(stdout, `${IMAGE}@${V1}`);
    assert.equal((await kubectl("get", "pod", "dry")).code, 1);
  });

  it("is not asked once no policy pins", async () => {
    await webhook.enforce({ plain: { digest: { required: true } } });
    assert.notEqual((await kubectl("run", "a", `--image=${IMAGE}`)).code, 0);
    assert.ok(!webhook.asked.some((line) => line.startsWith("mutate")));
  });
});
