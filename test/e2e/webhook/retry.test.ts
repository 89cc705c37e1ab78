import assert from "node:assert/strict";
import { NotReadyError } from "../../../webhook/review/notReady.ts";
import { clusterTimeout, startCluster, type Cluster } from "../harness/cluster.ts";
import { startWebhook, type WebhookUnderTest } from "./webhookUnderTest.ts";

describe("a webhook that cannot judge for a moment", function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let webhook: WebhookUnderTest;
  let trouble: readonly Error[] = [];
  let asked = 0;

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startCluster();
    webhook = await startWebhook(cluster, {
      around: (handle) => (request, signal) => {
        const error = trouble[asked];
        asked += 1;
        if (error !== undefined) throw error;
        return handle(request, signal);
      },
    });
    await webhook.enforce({ ours: { registries: { allow: ["registry.company.com"] } } });
  });
  after(async () => await webhook?.stop());

  const run = async (image: string): Promise<{ readonly code: number | null; readonly stderr: string }> => {
    const namespace = await cluster.newNamespace("retry");
    asked = 0;
    return await cluster.kubectl("run", "web", `--image=${image}`, "-n", namespace);
  };

  it("is asked again by the API server, as Retry-After says, within the webhook's timeout", async () => {
    trouble = [new NotReadyError(), new NotReadyError()];
    const good = await run("registry.company.com/web");
    assert.equal(good.code, 0, good.stderr);
    assert.equal(asked, 3);
    assert.match((await run("nginx")).stderr, /RegistryNotAllowed/);
  });

  it("refuses what it could never judge, and is not asked again for a defect", async () => {
    trouble = Array.from({ length: 50 }, () => new NotReadyError());
    const late = await run("registry.company.com/web");
    assert.notEqual(late.code, 0);
    assert.match(late.stderr, /failed calling webhook/);
    trouble = [new Error("defect"), new Error("defect")];
    const { stderr } = await run("registry.company.com/web");
    assert.match(stderr, /failed calling webhook[^]*the review failed/);
    assert.equal(asked, 1);
  });
});
