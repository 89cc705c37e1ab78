import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect as connectTcp, createServer, type AddressInfo, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import type { RunningOperator } from "../../../operator/run.ts";
import { issueAuthority, issueServing, type IssuedPair } from "../../../webhook/certificates/issue.ts";
import { certificatesIn } from "../../../webhook/configurations/caBundles.ts";
import { MountedSecret } from "../../unit/webhook/support/mountedSecret.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { install, OWN } from "../config/installed.ts";

/** A Service: each connection goes to the next replica. */
const balance = async (replicas: () => readonly string[]): Promise<Server> => {
  let next = 0;
  const server = createServer((socket) => {
    const to = replicas();
    const url = new URL(to[(next += 1) % to.length] ?? "https://127.0.0.1:1");
    const onward = connectTcp({ host: url.hostname, port: Number(url.port) });
    const end = (): void => {
      socket.destroy();
      onward.destroy();
    };
    for (const one of [socket, onward]) one.on("error", end).on("close", end);
    socket.pipe(onward);
    onward.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
};

describe("certificates that somebody else renews in files, with two replicas under a real API server", function () {
  this.timeout(400_000);
  let cluster: Cluster;
  let core: CoreV1Api;
  let service: Server | undefined;
  const mounted: MountedSecret[] = [];
  const operators: RunningOperator[] = [];
  const logged: string[] = [];

  const filesOf = (authority: IssuedPair, { cert, key }: IssuedPair): Readonly<Record<string, string>> => ({
    "ca.crt": authority.cert,
    "tls.crt": cert,
    "tls.key": key,
  });
  const made = async (authority: IssuedPair): Promise<IssuedPair> => issueServing(authority, ["127.0.0.1"], Date.now());
  const served = async ({ webhookUrl }: RunningOperator): Promise<X509Certificate> => {
    const socket = connect({ host: "127.0.0.1", port: Number(new URL(webhookUrl).port), rejectUnauthorized: false });
    await once(socket, "secureConnect");
    const { raw } = socket.getPeerCertificate();
    socket.destroy();
    return new X509Certificate(raw);
  };
  const serves = (operator: RunningOperator | undefined, { cert }: IssuedPair): Promise<unknown> =>
    eventually(
      async () =>
        operator !== undefined && (await served(operator)).fingerprint256 === new X509Certificate(cert).fingerprint256,
      { within: 60_000, every: 250 },
    );
  const bundle = async (): Promise<readonly string[]> => {
    const { stdout } = await cluster.kubectl(
      "get",
      "validatingwebhookconfiguration",
      "image-security",
      "-o",
      'jsonpath={.webhooks[?(@.name=="pods.validate.imagesecurity.dev")].clientConfig.caBundle}',
    );
    return certificatesIn(stdout);
  };

  /** More requests at a time than the 25 connections that client-go keeps, so that new ones are opened all the time. Every one is refused by the policy. */
  const underLoad = async (during: () => Promise<void>): Promise<{ sent: number; failed: readonly string[] }> => {
    const failed: string[] = [];
    let sent = 0;
    let going = true;
    const one = async (): Promise<void> => {
      sent += 1;
      const body = {
        metadata: { name: "web" },
        spec: { containers: [{ name: "c", image: "docker.io/library/nginx" }] },
      };
      await core.createNamespacedPod({ namespace: "default", dryRun: "All", body }).then(
        () => failed.push("let in"),
        (error: unknown) => {
          if (!String(error).includes("RegistryNotAllowed")) failed.push(String(error));
        },
      );
    };
    const bursts = (async () => {
      while (going) {
        await Promise.all(Array.from({ length: 30 }, one));
        await sleep(100);
      }
    })();
    try {
      await during();
    } finally {
      going = false;
      await bursts;
    }
    return { sent, failed };
  };

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startOwnCluster();
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromFile(cluster.kubeconfig);
    core = kubeConfig.makeApiClient(CoreV1Api);
    const installed = await install(cluster);
    // As components/cert-manager has it: without it nothing may be written.
    const { code, stderr } = await cluster.kubectl(
      "delete",
      "role,rolebinding",
      "image-security-certificates",
      "-n",
      OWN,
    );
    assert.equal(code, 0, stderr);
    service = await balance(() => operators.map(({ webhookUrl }) => webhookUrl));
    const { port } = service.address() as AddressInfo;
    const authority = await issueAuthority(Date.now());
    const pair = await made(authority);
    for (const _ of [1, 2]) {
      const files = await MountedSecret.with(filesOf(authority, pair));
      mounted.push(files);
      operators.push(
        await installed.start(logged, `--certificate-files=${files.folder}`, `--webhook-url=https://127.0.0.1:${port}`),
      );
    }
    const spec = { registries: { allow: ["registry.company.com"] } };
    await cluster.kubectl("apply", "-f", "-", {
      input: JSON.stringify({
        apiVersion: "imagesecurity.dev/v1",
        kind: "ImageSecurityPolicy",
        metadata: { name: "registries" },
        spec,
      }),
    });
    await Promise.all(operators.map(({ ready }) => ready));
    const enforced = await cluster.kubectl("wait", "--for=condition=Enforced", "isp/registries", "--timeout=30s");
    assert.equal(enforced.code, 0, enforced.stderr);
  });
  afterEach(function () {
    if (this.currentTest?.state === "failed") console.error(logged.slice(-20).join("\n"));
  });
  after(async function () {
    this.timeout(30_000);
    await Promise.all(operators.map((operator) => operator.stop()));
    service?.close();
    await cluster?.stop();
    await Promise.all(mounted.map((files) => files.remove()));
  });

  it("change to a new authority, and to a new certificate, without one failed review", async () => {
    const [first, second] = operators;
    const authority = await issueAuthority(Date.now());
    const [one, other] = [await made(authority), await made(authority)];
    const { sent, failed } = await underLoad(async () => {
      // Kubelets bring a change one after the other: until the second has, its replica serves what the authority before has signed.
      await mounted[0]?.change(filesOf(authority, one));
      await serves(first, one);
      await sleep(12_000);
      assert.equal((await bundle()).length, 2, "the replica whose files are older leaves the new authority in");
      await mounted[1]?.change(filesOf(authority, one));
      await serves(second, one);
      for (const files of mounted) await files.change(filesOf(authority, other));
      await Promise.all(operators.map((operator) => serves(operator, other)));
      await sleep(1_000);
    });
    console.log(`      ${sent} reviews, ${failed.length} failed`);
    assert.deepEqual([...new Set(failed)], [], `${failed.length} of ${sent}`);
    assert.ok(sent > 300, `${sent} reviews`);
    assert.equal((await bundle()).length, 2, "the one before stays for an hour");
  });

  it("wrote no Secret", async () => {
    const { stdout } = await cluster.kubectl("get", "secrets", "-n", OWN, "-o", "name");
    assert.equal(stdout, "");
    assert.deepEqual(
      logged.filter((line) => line.startsWith("error")),
      [],
    );
  });
});
