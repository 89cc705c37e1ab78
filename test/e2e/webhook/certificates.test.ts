import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { issueAuthority, issueServing } from "../../../webhook/certificates/issue.ts";
import { splitPem } from "../../../webhook/certificates/material.ts";
import { secretWith } from "../../../webhook/certificates/secret.ts";
import { clusterTimeout, startCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { startWebhook, type WebhookUnderTest } from "./webhookUnderTest.ts";

const DAY = 86_400_000;
const NAMES = ["127.0.0.1", "localhost"];

describe("the webhook's certificates, under requests of a real API server", function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let core: CoreV1Api;
  const webhooks: WebhookUnderTest[] = [];

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startCluster();
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromFile(cluster.kubeconfig);
    core = kubeConfig.makeApiClient(CoreV1Api);
  });
  afterEach(async () => {
    for (const webhook of webhooks.splice(0)) await webhook.stop();
  });

  const start = async (options: Parameters<typeof startWebhook>[1]): Promise<WebhookUnderTest> => {
    const webhook = await startWebhook(cluster, options);
    webhooks.push(webhook);
    return webhook;
  };

  const bundle = async (webhook: WebhookUnderTest): Promise<readonly string[]> => {
    const { webhooks } = await webhook.admission.readValidatingWebhookConfiguration({ name: "image-security" });
    return splitPem(Buffer.from(webhooks?.[0]?.clientConfig.caBundle ?? "", "base64").toString());
  };

  const served = async ({ port }: WebhookUnderTest): Promise<X509Certificate> => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
    await once(socket, "secureConnect");
    const { raw } = socket.getPeerCertificate();
    socket.destroy();
    return new X509Certificate(raw);
  };

  /** Makes requests in bursts of more than the 25 connections that client-go keeps, so that new ones are opened all the time; gives what went wrong. */
  const underRequests = async (
    during: () => Promise<void>,
  ): Promise<{ readonly count: number; readonly failures: readonly string[] }> => {
    const namespace = await cluster.newNamespace("rotation");
    const failures: string[] = [];
    let count = 0;
    let going = true;
    const one = async (): Promise<void> => {
      count += 1;
      await core
        .createNamespacedPod({
          namespace,
          dryRun: "All",
          body: { metadata: { name: "web" }, spec: { containers: [{ name: "c", image: "registry.company.com/web" }] } },
        })
        .catch((error: unknown) => failures.push(String(error)));
    };
    const bursts = (async () => {
      while (going) {
        await Promise.all(Array.from({ length: 30 }, one));
        await sleep(150);
      }
    })();
    try {
      await during();
    } finally {
      going = false;
      await bursts;
    }
    return { count, failures };
  };

  it("change to a new authority without one failed request", async () => {
    const real = Date.now();
    // An authority with 91 days to live, as the clock starts two days ago: it is due when the clock is right.
    const authority = await issueAuthority(real - 3_561 * DAY);
    const serving = await issueServing(authority, NAMES, real);
    const secret = secretWith(
      { metadata: { name: "rotating", namespace: "kube-system" }, type: "kubernetes.io/tls" },
      { authority, bundle: [authority.cert], serving, authoritySince: real - 3_561 * DAY },
    );
    await core.createNamespacedSecret({ namespace: "kube-system", body: secret });
    let now = real - 2 * DAY;
    const webhook = await start({ secret: "rotating", now: () => now });
    const before = await served(webhook);
    assert.ok(before.checkIssued(new X509Certificate(authority.cert)));

    const { count, failures } = await underRequests(async () => {
      await sleep(300);
      now = real;
      await eventually(async () => assert.equal((await bundle(webhook)).length, 2));
      await eventually(async () => assert.notEqual((await served(webhook)).fingerprint256, before.fingerprint256));
      await sleep(500);
      now = real + 2 * DAY;
      await eventually(async () => assert.equal((await bundle(webhook)).length, 1));
      await sleep(500);
    });
    assert.deepEqual([...new Set(failures)], [], `${failures.length} of ${count}`);
    assert.ok(count > 50);
    const [current = ""] = await bundle(webhook);
    assert.ok((await served(webhook)).verify(new X509Certificate(current).publicKey));
  });

  it("go over to another replica without one failed request", async () => {
    const first = await start({ secret: "rolling" });
    const { count, failures } = await underRequests(async () => {
      await sleep(300);
      // As a Deployment rolls: the new one is ready, then the old one is told to end.
      const second = await start({ secret: "rolling" });
      assert.notEqual(second.port, first.port);
      await first.installation.stop();
      second.installation.poke();
      await eventually(async () => {
        const { webhooks } = await second.admission.readValidatingWebhookConfiguration({ name: "image-security" });
        return webhooks?.[0]?.clientConfig.url?.includes(`:${second.port}/`) === true;
      });
      await first.server.drain(1_000);
      await sleep(500);
    });
    assert.deepEqual([...new Set(failures)], [], `${failures.length} of ${count}`);
  });

  it("are made anew when their Secret is deleted", async () => {
    const webhook = await start({ secret: "deleted" });
    const before = await served(webhook);
    const { count, failures } = await underRequests(async () => {
      await core.deleteNamespacedSecret({ namespace: "kube-system", name: "deleted" });
      await eventually(async () => assert.notEqual((await served(webhook)).fingerprint256, before.fingerprint256));
      await sleep(300);
    });
    assert.deepEqual([...new Set(failures)], [], `${failures.length} of ${count}`);
    const [current = ""] = await bundle(webhook);
    assert.ok((await served(webhook)).verify(new X509Certificate(current).publicKey));
  });
});
