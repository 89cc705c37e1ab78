import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { request } from "node:https";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { digestReference } from "../../../sandbox/registry/samples.ts";
import { clusterTimeout, startCluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import type { Kubectl } from "../harness/kubectl.ts";
import { SandboxProcess, stillThere } from "./sandboxProcess.ts";

describe("the sandbox", function () {
  this.timeout(120_000);
  let sandbox: SandboxProcess;
  let kubectl: Kubectl;

  before(async function () {
    this.timeout(clusterTimeout);
    // The programs are there afterwards, so that what follows is as quick as it is for a user the second time.
    await startCluster();
    sandbox = await SandboxProcess.run();
    kubectl = await sandbox.kubectl();
  });
  after(() => sandbox.dispose());

  it("says where everything is in ready.json, and everything is there", async () => {
    const ready = await sandbox.ready();
    assert.deepEqual(Object.keys(ready).sort(), ["kubeconfig", "metrics", "pid", "registry", "webhook"]);
    assert.equal(ready.kubeconfig, join(sandbox.folder, ".sandbox", "kubeconfig"));
    assert.equal((await stat(ready.kubeconfig)).mode & 0o077, 0, "nobody else may read the administrator's key");
    assert.match(ready.registry, /^127\.0\.0\.1:\d+$/);
    assert.match(ready.webhook, /^https:\/\/127\.0\.0\.1:\d+$/);
    assert.ok(sandbox.processes().some(({ pid }) => pid === ready.pid));
    assert.match(await (await fetch(ready.metrics)).text(), /^image_security_policies\{/m);
    assert.equal((await fetch(`http://${ready.registry}/v2/nginx/manifests/v1.21`, { method: "HEAD" })).status, 200);
    const health = await new Promise((resolve, reject) => {
      const asked = request(`${ready.webhook}/readyz`, { rejectUnauthorized: false }, (answer) =>
        resolve(answer.statusCode),
      );
      asked.on("error", reject).end();
    });
    assert.equal(health, 200);
  });

  it("tells the user what to try, and what it has not", async () => {
    await eventually(() => sandbox.output.includes("Ctrl-C ends everything"));
    for (const part of [
      "Sandbox ready",
      "kubectl run docker-hub-test --image=nginx:latest",
      "kubectl run tag-test --image=registry.company.com/nginx:v1.21",
      `kubectl run digest-test --image=${digestReference("nginx", "v1.21")}`,
      "no controller manager and no kubelet",
    ]) {
      assert.ok(sandbox.output.includes(part), `${part} is missing in:\n${sandbox.output}`);
    }
  });

  it("answers the documented commands as documented", async () => {
    const hub = await kubectl("run", "docker-hub-test", "--image=nginx:latest");
    assert.equal(hub.code, 1);
    assert.match(hub.stderr, /docker\.io/);
    assert.match(hub.stderr, /registry\.company\.com/, "it says what is allowed");
    const tag = await kubectl("run", "tag-test", "--image=registry.company.com/nginx:v1.21");
    assert.equal(tag.code, 1);
    assert.match(tag.stderr, /DigestRequired/);
    const digest = await kubectl("run", "digest-test", `--image=${digestReference("nginx", "v1.21")}`);
    assert.equal(digest.code, 0, digest.stderr);
    const secret = await kubectl(
      "create",
      "secret",
      "generic",
      "cosign-pub",
      "--from-literal=cosign.pub=x",
      "-n",
      "opa-system",
    );
    assert.equal(secret.code, 0, secret.stderr);
  });

  it("starts the API server again when it was killed, and admission is judged as before", async () => {
    const server = sandbox.processes().find(({ args }) => args.includes("kube-apiserver"));
    process.kill(server!.pid, "SIGKILL");
    await eventually(
      async () => {
        const { code, stderr } = await kubectl("run", "after-restart", "--image=nginx:latest");
        assert.equal(code, 1);
        assert.match(stderr, /docker\.io/);
      },
      { within: 60_000, every: 500 },
    );
  });

  it("refuses a second one in the same folder, without harm to the first", async () => {
    const second = await SandboxProcess.run(`--folder=${join(sandbox.folder, ".sandbox")}`);
    try {
      await eventually(() => second.exitCode !== null, { within: 20_000 });
      assert.equal(second.exitCode, 2);
      assert.match(second.output, /a sandbox runs here already/);
      assert.equal((await kubectl("get", "namespaces")).code, 0);
      assert.ok(existsSync(sandbox.readyFile));
    } finally {
      await second.dispose();
    }
  });

  it("leaves no process and no ready.json behind after Ctrl-C", async () => {
    const pids = sandbox.processes().map(({ pid }) => pid);
    assert.ok(pids.length >= 4, "the sandbox, etcd, the API server and the guard");
    assert.equal(await sandbox.end("SIGINT"), 0);
    assert.deepEqual(stillThere(pids), []);
    assert.deepEqual(await readdir(join(sandbox.folder, ".sandbox")), ["kubeconfig"]);
  });
});

describe("an empty sandbox", function () {
  this.timeout(120_000);

  it("has no policies; takes another port for the registry; leaves nothing behind after SIGKILL", async () => {
    const blocker = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => blocker.once("listening", resolve));
    const taken = (blocker.address() as AddressInfo).port;
    const sandbox = await SandboxProcess.run("--empty", `--port=${taken}`);
    try {
      const { registry } = await sandbox.ready();
      assert.notEqual(registry, `127.0.0.1:${taken}`);
      assert.match(sandbox.output, new RegExp(`port ${taken} is taken`));
      const kubectl = await sandbox.kubectl();
      assert.equal((await kubectl("get", "isp", "-o", "name")).stdout, "");
      const run = await kubectl("run", "anything", "--image=nginx");
      assert.equal(run.code, 0, run.stderr);

      const pids = sandbox.processes().map(({ pid }) => pid);
      await sandbox.end("SIGKILL");
      await eventually(() => assert.deepEqual(stillThere(pids), []));
      await eventually(async () => assert.deepEqual(await readdir(join(sandbox.folder, ".sandbox")), ["kubeconfig"]));
    } finally {
      blocker.close();
      await sandbox.dispose();
    }
  });

  it("ends at once when it is told to while it starts", async () => {
    const sandbox = await SandboxProcess.run("--empty");
    try {
      await eventually(() => sandbox.processes().some(({ args }) => args.includes("kube-apiserver")), {
        within: 30_000,
      });
      const pids = sandbox.processes().map(({ pid }) => pid);
      assert.equal(await sandbox.end("SIGTERM"), 0);
      assert.deepEqual(stillThere(pids), []);
      assert.ok(!existsSync(sandbox.readyFile));
    } finally {
      await sandbox.dispose();
    }
  });

  it("says what is wrong with the operator's flags before anything is started", async () => {
    const sandbox = await SandboxProcess.run("--", "--audit-intervall=3s");
    try {
      await eventually(() => sandbox.exitCode !== null, { within: 30_000 });
      assert.equal(sandbox.exitCode, 2);
      assert.match(sandbox.output, /--audit-intervall.*did you mean --audit-interval\?/);
      assert.doesNotMatch(sandbox.output, /kube-apiserver/);
    } finally {
      await sandbox.dispose();
    }
  });
});
