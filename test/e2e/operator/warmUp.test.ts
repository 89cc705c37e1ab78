import assert from "node:assert/strict";
import type { KubeClient } from "../../../kube/kubeClient.ts";
import { defaultSettings } from "../../../operator/settings/settings.ts";
import { makeImage } from "../../../sandbox/registry/images.ts";
import { status } from "../../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { addToStore } from "../../../sandbox/registry/push.ts";
import { freePort } from "../../../sandbox/freePort.ts";
import { startRegistry, type SandboxRegistry } from "../../../sandbox/registry/server.ts";
import { clusterTimeout, startOwnCluster, type Cluster, kubeClientOf } from "../harness/cluster.ts";
import { OPERATOR_NAMESPACE, policy, startOperator } from "./operatorUnderTest.ts";

const REGISTRY = "registry.company.com";
const IMAGES = 60;

/** What the registry saw of a replica that came, and of the rollout that met it. */
interface Seen {
  /** Milliseconds from the start until it was ready. */
  readonly ready: number;
  readonly beforeReady: number;
  readonly inReviews: number;
  /** Requests in the busiest 100 ms. */
  readonly peak: number;
}

describe("a replica that comes while images run", function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let client: KubeClient;
  let registry: SandboxRegistry;
  let namespace: string;
  /** The same for each replica: the API server knows where it is before it is there. */
  let webhookPort: number;
  const images = Array.from({ length: IMAGES }, (_, index) => makeImage({ labels: { app: String(index) } }));
  const nameOf = (index: number): string => `${REGISTRY}/app-${index}@${images[index]?.digest}`;

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startOwnCluster();
    await cluster.installCrds();
    client = kubeClientOf(cluster);
    registry = await startRegistry();
    webhookPort = await freePort();
    images.forEach((image, index) => addToStore(registry.store, `app-${index}`, image));
    namespace = await cluster.newNamespace("rollout");
    for (let index = 0; index < IMAGES; index += 1) assert.equal(await create(`running-${index}`, nameOf(index)), 201);
    const made = await cluster.kubectl("create", "namespace", OPERATOR_NAMESPACE);
    assert.equal(made.code, 0, made.stderr);
    // Somebody else leads: what the new one asks is its own.
    const lease = await client.request("POST", `/apis/coordination.k8s.io/v1/namespaces/${OPERATOR_NAMESPACE}/leases`, {
      body: {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata: { name: "image-security" },
        spec: { holderIdentity: "another", leaseDurationSeconds: 3_600 },
      },
    });
    assert.equal(lease.status, 201);
    const applied = await cluster.kubectl("apply", "-f", "-", policy("there", { digest: { verify: true } }));
    assert.equal(applied.code, 0, applied.stderr);
  });
  after(async function () {
    this.timeout(60_000);
    await client?.close();
    await registry?.close();
    await cluster?.stop();
  });

  const create = async (name: string, image: string, query: Record<string, string> = {}): Promise<number> => {
    const body = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name },
      spec: { containers: [{ name: "main", image }] },
    };
    return (await client.request("POST", `/api/v1/namespaces/${namespace}/pods`, { body, query })).status;
  };

  /** Starts a replica, and has every image rolled out anew as soon as it is ready. */
  const replaced = async (warmUp: number): Promise<Seen> => {
    registry.forgetRequests();
    let [peak, last] = [0, 0];
    const timer = setInterval(() => {
      peak = Math.max(peak, registry.requests.length - last);
      last = registry.requests.length;
    }, 100);
    const since = performance.now();
    const operator = await startOperator(cluster, {
      warmUp,
      webhookPort,
      registry: {
        ...defaultSettings().registry,
        mirrors: new Map([[REGISTRY, registry.url]]),
        plainHttp: ["127.0.0.1"],
      },
    });
    try {
      const ready = performance.now() - since;
      const beforeReady = registry.requests.length;
      const created: number[] = [];
      // One after the other: it is not the API server that is measured.
      for (const index of images.keys()) created.push(await create(`new-${index}`, nameOf(index), { dryRun: "All" }));
      assert.deepEqual(new Set(created), new Set([201]));
      return { ready, beforeReady, inReviews: registry.requests.length - beforeReady, peak };
    } finally {
      clearInterval(timer);
      await operator.stop();
    }
  };

  it("asks registries before it is ready, evenly, and not in the reviews of the rollout that it comes with", async () => {
    const cold = await replaced(0);
    const warm = await replaced(30_000);
    for (const [what, seen] of Object.entries({ cold, warm }))
      console.log(
        `      ${what}: ready after ${Math.round(seen.ready)} ms, ${seen.beforeReady} requests before, ` +
          `${seen.inReviews} in ${IMAGES} reviews, at most ${seen.peak} in 100 ms`,
      );
    assert.equal(cold.beforeReady, 0);
    assert.ok(cold.inReviews >= IMAGES);
    assert.ok(warm.beforeReady >= IMAGES);
    assert.equal(warm.inReviews, 0);
  });

  it("is ready in its time where the registry fails", async () => {
    const undo = registry.misbehave({ as: status(500) });
    const since = performance.now();
    const operator = await startOperator(cluster, {
      warmUp: 1_000,
      webhookPort,
      registry: {
        ...defaultSettings().registry,
        mirrors: new Map([[REGISTRY, registry.url]]),
        plainHttp: ["127.0.0.1"],
      },
    });
    undo();
    await operator.stop();
    assert.ok(performance.now() - since < 30_000);
  });
});
