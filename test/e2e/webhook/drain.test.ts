import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { clusterTimeout, startCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { startWebhook, type WebhookUnderTest } from "./webhookUnderTest.ts";

describe("a webhook that ends while a real API server waits for it", function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let webhook: WebhookUnderTest;
  let inHand = 0;

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startCluster();
    webhook = await startWebhook(cluster, {
      around: (handle) => async (request, signal) => {
        inHand += 1;
        await sleep(request.name.startsWith("slow") ? 1_500 : 0);
        return await handle(request, signal);
      },
    });
  });
  after(async () => await webhook?.stop());

  it("answers what is in hand, refuses what comes later, and allows nothing by ending", async () => {
    const namespace = await cluster.newNamespace("drain");
    await webhook.enforce({ ours: { registries: { allow: ["registry.company.com"] } } });
    inHand = 0;
    const run = (name: string, image: string): ReturnType<Cluster["kubectl"]> =>
      cluster.kubectl("run", name, `--image=${image}`, "-n", namespace);
    const [good, bad] = [run("slow-good", "registry.company.com/web"), run("slow-bad", "nginx")];
    await eventually(() => inHand === 2);
    await webhook.die();
    assert.equal((await good).code, 0, (await good).stderr);
    assert.match((await bad).stderr, /RegistryNotAllowed/);
    assert.match((await run("late", "registry.company.com/web")).stderr, /failed calling webhook/);
  });
});
