import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import type { RunningOperator } from "../../../operator/run.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { spawnOperator, type OperatorProcess } from "./operatorProcess.ts";
import { OPERATOR_NAMESPACE, pod, policy, startOperator } from "./operatorUnderTest.ts";

const PODS = 40;

describe("the operator when things break", function () {
  this.timeout(90_000);
  let cluster: Cluster;
  const processes: OperatorProcess[] = [];
  let namespace: string;

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startOwnCluster();
    await cluster.installCrds();
    const own = await cluster.kubectl("create", "namespace", OPERATOR_NAMESPACE);
    assert.equal(own.code, 0, own.stderr);
    namespace = await cluster.newNamespace("break");
    const items = Array.from({ length: PODS }, (_, index): unknown =>
      JSON.parse(pod(namespace, `web-${index}`, "nginx:1.21").input),
    );
    const input = JSON.stringify({ apiVersion: "v1", kind: "List", items });
    const made = await cluster.kubectl("apply", "-f", "-", { input });
    assert.equal(made.code, 0, made.stderr);
  });
  after(async function () {
    this.timeout(60_000);
    await cluster?.stop();
  });
  afterEach(async function () {
    // One that a failed test left would keep the Lease from the operators of the next.
    const left = processes.splice(0);
    for (const process of left) process.kill("SIGKILL");
    await Promise.all(left.map((process) => process.gone()));
    if (this.currentTest?.state !== "passed") for (const process of left) console.error(process.output());
    await cluster.controlPlane.startApiServer();
    await cluster.kubectl("delete", "isp", "--all");
    // In one request each: kubectl would take them away one by one.
    await cluster.kubectl("delete", "--raw", `/apis/imagesecurity.dev/v1/namespaces/${namespace}/violations`);
    await cluster.kubectl("delete", "--raw", `/api/v1/namespaces/${namespace}/events`);
  });

  const start = (...flags: readonly string[]): OperatorProcess => {
    const process = spawnOperator(cluster, ...flags);
    processes.push(process);
    return process;
  };
  const violators = async (): Promise<readonly string[]> => {
    const { code, stdout, stderr } = await cluster.kubectl(
      "get",
      "violations",
      "-n",
      namespace,
      "-o",
      "jsonpath={.items[*].subject.name}",
    );
    assert.equal(code, 0, stderr);
    return stdout
      .split(" ")
      .filter((name) => name !== "")
      .toSorted();
  };
  const all = (): Promise<void> =>
    eventually(async () => assert.equal((await violators()).length, PODS), { within: 30_000 });
  const apply = async (name: string, spec: object): Promise<void> => {
    const { code, stderr } = await cluster.kubectl("apply", "-f", "-", policy(name, spec));
    assert.equal(code, 0, stderr);
  };
  const eventCounts = async (): Promise<readonly number[]> => {
    const { stdout } = await cluster.kubectl("get", "events", "-n", namespace, "-o", "jsonpath={.items[*].count}");
    return stdout
      .split(" ")
      .filter((count) => count !== "")
      .map(Number);
  };

  it("finishes after kill -9 in the middle of an audit what it began", async () => {
    const first = start();
    await eventually(() => first.output().includes("leads now"), { within: 30_000 });
    await apply("killed", { digest: {} });
    await eventually(async () => (await violators()).length > 3, { every: 10, within: 30_000 });
    first.kill("SIGKILL");
    await first.gone();
    const begun = (await violators()).length;
    // Meanwhile something that it would have to undo.
    await cluster.kubectl("delete", "pod", "web-0", "-n", namespace, "--force", "--grace-period=0");
    const second = start();
    // It may have been killed at any count: only the names tell that the second one has finished.
    const others = Array.from({ length: PODS - 1 }, (_, index) => `web-${index + 1}`).toSorted();
    await eventually(async () => assert.deepEqual(await violators(), others), { within: 30_000 });
    assert.ok(begun <= PODS);
    await cluster.kubectl("apply", "-f", "-", pod(namespace, "web-0", "nginx:1.21"));
    await all();
    second.kill("SIGTERM");
    assert.equal(await second.gone(), 0, second.output());
  });

  it("heals when the API server is killed and comes back", async () => {
    const operator = start();
    await eventually(() => operator.output().includes("leads now"), { within: 30_000 });
    await apply("before", { digest: {} });
    await all();
    await cluster.controlPlane.stopApiServer();
    await wait(4_000);
    assert.equal(operator.child.exitCode, null, operator.output());
    await cluster.controlPlane.startApiServer();
    // What is changed afterwards is seen by watches that have healed by themselves.
    await eventually(async () => assert.equal((await cluster.kubectl("delete", "isp", "before")).code, 0), {
      within: 30_000,
    });
    await eventually(async () => assert.deepEqual(await violators(), []), { within: 30_000 });
    await apply("after", { digest: {} });
    await all();
    operator.kill("SIGTERM");
    assert.equal(await operator.gone(), 0, operator.output());
  });

  it("starts without an API server, and is ready when there is one", async () => {
    await cluster.controlPlane.stopApiServer();
    const operator = start();
    await wait(3_000);
    assert.equal(operator.child.exitCode, null, operator.output());
    await cluster.controlPlane.startApiServer();
    await eventually(() => operator.output().includes("leads now"), { within: 40_000 });
    await apply("late", { digest: {} });
    await all();
    operator.kill("SIGTERM");
    assert.equal(await operator.gone(), 0, operator.output());
  });

  it("writes once where two work side by side, and goes on when the leader freezes or is killed", async () => {
    const pair = [start(), start()];
    const leaders = (): readonly OperatorProcess[] =>
      pair.filter((one) => one.output().lastIndexOf("leads now") > one.output().lastIndexOf("leads no longer"));
    await eventually(() => leaders().length === 1, { within: 30_000 });
    await apply("pair", { digest: {} });
    await all();
    await wait(3_000);
    const counts = await eventually(async () => {
      const found = await eventCounts();
      assert.equal(found.length, PODS);
      return found;
    });
    assert.ok(
      counts.every((count) => count === 1),
      `each violation is told of once: ${counts.join()}`,
    );

    const [leader] = leaders();
    assert.ok(leader !== undefined);
    const other = pair.find((one) => one !== leader);
    leader.kill("SIGSTOP");
    await eventually(() => other?.output().includes("leads now") === true, { within: 30_000 });
    await cluster.kubectl("patch", "isp", "pair", "--type=merge", "-p", '{"spec":{"enforcementAction":"warn"}}');
    const actions = async (): Promise<string> =>
      (await cluster.kubectl("get", "violations", "-n", namespace, "-o", "jsonpath={.items[*].enforcementAction}"))
        .stdout;
    await eventually(async () => assert.doesNotMatch(await actions(), /deny/), { within: 20_000 });
    leader.kill("SIGCONT");
    await eventually(() => leader.output().includes("leads no longer"), { within: 20_000 });
    await wait(2_500);
    assert.doesNotMatch(await actions(), /deny/, "the one that was frozen writes nothing of what it knew");

    other?.kill("SIGKILL");
    await cluster.kubectl("delete", "isp", "pair");
    await eventually(async () => assert.deepEqual(await violators(), []), { within: 30_000 });
    leader.kill("SIGTERM");
    assert.equal(await leader.gone(), 0, leader.output());
  });

  it("notices custom resources that are defined after its start", async () => {
    const own = await startOwnCluster();
    try {
      let operator: RunningOperator | undefined;
      const made = await own.kubectl("create", "namespace", OPERATOR_NAMESPACE);
      assert.equal(made.code, 0);
      operator = await startOperator(own);
      try {
        await own.kubectl("apply", "-f", "-", pod("default", "web", "nginx:1.21"));
        await own.installCrds();
        await eventually(async () =>
          assert.equal((await own.kubectl("apply", "-f", "-", policy("new", { digest: {} }))).code, 0),
        );
        await eventually(
          async () => assert.match((await own.kubectl("get", "violations", "-n", "default")).stdout, /DigestRequired/),
          { within: 30_000 },
        );
      } finally {
        await operator.stop();
      }
    } finally {
      await own.stop();
    }
  });
});
