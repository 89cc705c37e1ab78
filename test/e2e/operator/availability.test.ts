import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import type { KubeClient } from "../../../kube/kubeClient.ts";
import { clusterTimeout, startOwnCluster, type Cluster, kubeClientOf } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { startLoad, type Load, type Sent } from "../harness/load.ts";
import { startSlowPath, type SlowPath } from "../harness/slowPath.ts";
import { startService, type Endpoint, type Service } from "../harness/service.ts";
import { spawnOperator, type OperatorProcess } from "./operatorProcess.ts";
import { OPERATOR_NAMESPACE, policy } from "./operatorUnderTest.ts";

const GOOD = "registry.company.com/team/web:1";
const BAD = "docker.io/library/nginx:1.21";
const CREATORS = 4;

/** Long enough for a machine that does much else at the same time not to lose it. */
const LEASE = ["--lease-duration=6s", "--lease-renew-deadline=4s", "--lease-retry=1s"];
/** A machine that does much else at the same time takes its time to start one. */
const START = { within: 200_000 };

/** One operator, and its place behind the Service. */
interface Replica {
  readonly process: OperatorProcess;
  readonly endpoint: Endpoint;
}

/**
 * Two operators behind a Service (what it models, `service.ts` says), and a constant load of pods, each fifth of which has to be refused.
 */
describe("admission and audits while operators come and go", function () {
  this.timeout(600_000);
  let cluster: Cluster;
  let client: KubeClient;
  let etcd: SlowPath | undefined;
  let service: Service;
  let namespace: string;
  let load: Load;
  let replicas: Replica[] = [];

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startOwnCluster({
      wayToEtcd: async (url) => {
        etcd?.close();
        etcd = await startSlowPath(url);
        return etcd.url;
      },
    });
    await cluster.installCrds();
    client = kubeClientOf(cluster);
    service = await startService();
    const own = await cluster.kubectl("create", "namespace", OPERATOR_NAMESPACE);
    assert.equal(own.code, 0, own.stderr);
    await apply("origin", { registries: { allow: ["registry.company.com"] } });
    await apply("digests", { enforcementAction: "warn", digest: {} });
    await start();
    await eventually(
      async () => assert.match((await cluster.kubectl("get", "isp", "-o", "wide")).stdout, /origin.*True/),
      START,
    );
  });
  after(async function () {
    this.timeout(60_000);
    for (const { process } of replicas) process.kill("SIGKILL");
    await Promise.all(replicas.map(({ process }) => process.gone()));
    await service?.close();
    await client?.close();
    await cluster?.stop();
    etcd?.close();
  });
  beforeEach(async () => {
    // Each test ends some of them, and a test that is tried again has done so before.
    while (replicas.length < 2) await start();
    namespace = await cluster.newNamespace("load");
    load = startLoad({ client, namespace, creators: CREATORS, rest: 80, good: GOOD, bad: BAD });
    await wait(1_000);
  });
  afterEach(async function () {
    await load.stop();
    etcd?.delayBy(0);
    await cluster.controlPlane.startApiServer();
    await apply("digests", { enforcementAction: "warn", digest: {} });
    // The next test's time is not for what this one has left.
    await cluster.kubectl("delete", "--raw", `/api/v1/namespaces/${namespace}/pods`);
    if (this.currentTest?.state === "passed") return;
    for (const { process } of replicas) process.kill("SIGCONT");
    for (const { process } of replicas) console.error(process.output().slice(-4_000));
  });

  const apply = async (name: string, spec: object): Promise<void> => {
    const { code, stderr } = await cluster.kubectl("apply", "-f", "-", policy(name, spec));
    assert.equal(code, 0, stderr);
  };
  /** A replica that is in service. */
  const start = async (): Promise<Replica> => {
    const process = spawnOperator(cluster, "--manage-webhooks=true", `--webhook-url=${service.url}`, ...LEASE);
    const port = await eventually(() => {
      const found = /webhook=https:\/\/127\.0\.0\.1:(\d+)/.exec(process.output())?.[1];
      return found === undefined ? false : Number(found);
    }, START);
    const replica = { process, endpoint: service.add(Number(port)) };
    replicas.push(replica);
    await eventually(() => replica.endpoint.inService(), START);
    return replica;
  };
  const leads = ({ process }: Replica): boolean =>
    process.output().lastIndexOf("leads now") > process.output().lastIndexOf("leads no longer");
  const leaderAnd = (): { readonly leader: Replica; readonly other: Replica } => {
    const leader = replicas.find(leads) ?? assert.fail("nobody leads");
    return { leader, other: replicas.find((one) => one !== leader) ?? assert.fail("there is one replica only") };
  };
  /** Milliseconds until another one leads. */
  const takenOver = async (by: () => boolean): Promise<number> => {
    const since = performance.now();
    await eventually(by, { within: 30_000, every: 10 });
    return performance.now() - since;
  };
  /** Ends it as a kubelet does when its Pod is deleted. */
  const end = async (replica: Replica): Promise<void> => {
    replica.endpoint.deleted();
    replica.process.kill("SIGTERM");
    assert.equal(await replica.process.gone(), 0, replica.process.output());
    replicas = replicas.filter((one) => one !== replica);
  };
  const failed = (sent: readonly Sent[]): readonly Sent[] =>
    sent.filter(({ refused, status, message }) =>
      refused ? status !== 403 || !message.includes("RegistryNotAllowed") : status !== 201,
    );
  const told = (what: string, sent: readonly Sent[], takeOver: number): void => {
    const slowest = Math.max(...sent.map(({ milliseconds }) => milliseconds));
    const figures = [`${sent.length} sent`, `${failed(sent).length} failed`, `slowest ${Math.round(slowest)} ms`];
    console.log(`      ${what}: ${figures.join(", ")}, taken over after ${Math.round(takeOver)} ms`);
  };
  const listed = async (resource: string, path: string): Promise<readonly string[]> => {
    const { code, stdout, stderr } = await cluster.kubectl(
      "get",
      resource,
      "-n",
      namespace,
      "-o",
      `jsonpath={${path}}`,
    );
    assert.equal(code, 0, stderr);
    return stdout
      .split(" ")
      .filter((one) => one !== "")
      .toSorted();
  };
  /** Each pod that there is has its one Violation, and nothing else has; no refused image is among them. */
  const violationsAreWhole = async (sent: readonly Sent[]): Promise<readonly string[]> => {
    const pods = await listed("pods", ".items[*].metadata.name");
    for (const { name, refused } of sent) if (refused) assert.ok(!pods.includes(name), `${name} got in`);
    for (const { name, status } of sent) if (status === 201) assert.ok(pods.includes(name), `${name} is not there`);
    await eventually(async () => assert.deepEqual(await listed("violations", ".items[*].subject.name"), pods), {
      within: 120_000,
      every: 500,
    });
    return pods;
  };
  /** Each Violation was told of once. */
  const eventsAreWhole = async (pods: readonly string[]): Promise<void> => {
    await eventually(async () => assert.deepEqual(await listed("events", ".items[*].involvedObject.name"), pods), {
      within: 60_000,
      every: 500,
    });
    assert.deepEqual(new Set(await listed("events", ".items[*].count")), new Set(["1"]), "told of once");
  };

  it("loses no review, no Violation and no Event when the leader is told to end", async () => {
    const { leader, other } = leaderAnd();
    const [takeOver] = await Promise.all([takenOver(() => leads(other)), end(leader)]);
    await wait(1_000);
    const sent = await load.stop();
    told("SIGTERM of the leader", sent, takeOver);
    assert.deepEqual(failed(sent), []);
    await eventsAreWhole(await violationsAreWhole(sent));
    assert.ok(takeOver < 5_000);
  });

  it("loses no review, no Violation and no Event when all are replaced, each by one that is ready", async () => {
    const old = [...replicas];
    await start();
    const since = performance.now();
    for (const replica of old) await end(replica);
    await start();
    await eventually(() => replicas.some(leads), { within: 20_000 });
    const took = performance.now() - since;
    await wait(1_000);
    const sent = await load.stop();
    told("rolling update", sent, took);
    assert.deepEqual(failed(sent), []);
    await eventsAreWhole(await violationsAreWhole(sent));
  });

  it("loses the reviews in hand, and those sent to what is no longer there, when the leader is killed", async () => {
    const { leader, other } = leaderAnd();
    leader.endpoint.mark();
    const inHand = load.inHand();
    leader.process.kill("SIGKILL");
    leader.endpoint.died();
    replicas = replicas.filter((one) => one !== leader);
    const takeOver = await takenOver(() => leads(other));
    await wait(1_000);
    const after = load.sent().length;
    await wait(1_000);
    const sent = await load.stop();
    told("kill -9 of the leader", sent, takeOver);
    // In hand when it was killed, sent in the moment in which it died, or refused by what is no longer there.
    const lost = inHand + leader.endpoint.asked() + leader.endpoint.refused();
    assert.ok(
      failed(sent).length <= lost,
      `${inHand} in hand, ${leader.endpoint.asked()} sent, ${leader.endpoint.refused()} refused: ${JSON.stringify(failed(sent))}`,
    );
    assert.deepEqual(failed(sent.slice(after)), [], "nothing fails after it is out of service");
    await violationsAreWhole(sent);
    assert.deepEqual(new Set(await listed("events", ".items[*].count")), new Set(["1"]), "nothing is told of twice");
  });

  it("have one leader among three, whichever of them end", async () => {
    await start();
    for (const ending of ["killed", "told to end"]) {
      const { leader } = leaderAnd();
      const others = replicas.filter((one) => one !== leader);
      leader.endpoint.mark();
      const [inHand, before] = [load.inHand(), load.sent().length];
      if (ending === "killed") {
        leader.process.kill("SIGKILL");
        leader.endpoint.died();
        replicas = others;
      } else {
        await end(leader);
      }
      const takeOver = await takenOver(() => others.some(leads));
      await wait(3_000);
      assert.equal(others.filter(leads).length, 1, `one leads after the one before was ${ending}`);
      const since = load.sent().slice(before);
      told(`three, the leader ${ending}`, since, takeOver);
      assert.ok(failed(since).length <= inHand + leader.endpoint.asked() + leader.endpoint.refused(), ending);
      if (ending !== "killed") assert.deepEqual(failed(since), []);
    }
    await violationsAreWhole(await load.stop());
  });

  it("lose nothing but what the API server itself could not answer while it was restarted", async () => {
    const before = load.sent().length;
    const since = performance.now();
    await cluster.controlPlane.stopApiServer();
    await cluster.controlPlane.startApiServer();
    const down = performance.now() - since;
    const back = load.sent().length + load.inHand();
    await wait(3_000);
    await eventually(() => replicas.filter(leads).length === 1, { within: 30_000 });
    await wait(2_000);
    const sent = await load.stop();
    told(`API server gone for ${Math.round(down)} ms`, sent, 0);
    assert.deepEqual(failed(sent.slice(0, before)), []);
    assert.deepEqual(failed(sent.slice(back)), [], "nothing fails when it is back");
    await violationsAreWhole(sent.filter(({ status }) => status !== 0));
  });

  it("lose nothing while etcd is slow", async () => {
    // A write is two to four round trips, and the two renewals of the Lease have to fit into their deadline of 4 s.
    etcd?.delayBy(150);
    await wait(15_000);
    etcd?.delayBy(0);
    await wait(1_000);
    const sent = await load.stop();
    told("etcd 300 ms slower, for 15 s", sent, 0);
    assert.ok(
      sent.some(({ milliseconds }) => milliseconds > 300),
      "it was felt",
    );
    assert.deepEqual(failed(sent), []);
    await violationsAreWhole(sent);
    assert.equal(replicas.filter(leads).length, 1);
  });

  it("loses what was sent to a leader that froze, and the one that wakes up writes nothing", async () => {
    const { leader, other } = leaderAnd();
    leader.endpoint.mark();
    const inHand = load.inHand();
    leader.process.kill("SIGSTOP");
    const takeOver = await takenOver(() => leads(other));
    await eventually(() => !leader.endpoint.inService(), { within: 20_000 });
    await apply("digests", { enforcementAction: "dryrun", digest: {} });
    const actions = async (): Promise<ReadonlySet<string>> =>
      new Set(await listed("violations", ".items[*].enforcementAction"));
    await eventually(async () => assert.deepEqual(await actions(), new Set(["dryrun"])), { within: 120_000 });
    // By now the API server has given up on the last one that it had sent there.
    await wait(10_000);
    const asked = leader.endpoint.asked();
    const after = load.sent().length;
    leader.process.kill("SIGCONT");
    await eventually(() => !leads(leader), { within: 10_000, every: 10 });
    await eventually(() => leader.endpoint.inService(), { within: 20_000 });
    await wait(2_000);
    assert.deepEqual(await actions(), new Set(["dryrun"]), "it writes nothing of what it knew");
    const sent = await load.stop();
    told("SIGSTOP and SIGCONT of the leader", sent, takeOver);
    assert.ok(failed(sent).length <= inHand + asked, `${inHand} and ${asked} at most: ${failed(sent).length}`);
    assert.deepEqual(failed(sent.slice(after)), [], "nothing fails when it is back");
    await violationsAreWhole(sent);
    assert.deepEqual(new Set(await listed("events", ".items[*].count")), new Set(["1"]), "nothing is told of twice");
  });
});
