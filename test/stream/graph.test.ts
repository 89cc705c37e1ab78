import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { State } from "@thi.ng/rstream";
import {
  createGraph,
  type Effects,
  type Graph,
  type GraphSources,
  type PingSource,
  type ReportChange,
  type Snapshot,
} from "../../operator/graph.ts";
import { bridgeStreamLogger } from "../../operator/metrics/logging.ts";
import type { PolicySet } from "../../operator/policies/policySet.ts";
import { until } from "../unit/kube/fakeApiServer.ts";

/** A cache that pings when it is told to. */
class FakeCache implements PingSource {
  readonly listeners = new Set<() => void>();
  isSynced = false;

  synced(): boolean {
    return this.isSynced;
  }

  onPing(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  ping(): void {
    for (const listener of this.listeners) listener();
  }

  sync(): void {
    this.isSynced = true;
    this.ping();
  }
}

/** Nothing comes of what a test is not about. */
const NO_EFFECTS: Effects = {
  inForce: () => undefined,
  reportWatch: () => undefined,
  warmUp: () => undefined,
  serving: () => undefined,
  statuses: () => undefined,
  keepAdmissionPolicies: () => undefined,
  judgeAgain: () => undefined,
  audit: () => undefined,
  stepDown: () => undefined,
  keepViolations: () => undefined,
  keepReports: () => undefined,
};

const setOf = (key: string): PolicySet => ({ policies: [], audited: [], exceptions: [], key });

describe("the graph of streams", () => {
  let policies: FakeCache;
  let references: FakeCache;
  let pods: FakeCache;
  let namespaces: FakeCache;
  let violations: FakeCache;
  let admissionPolicies: FakeCache;
  let caches: Pick<
    GraphSources,
    "policies" | "references" | "exceptions" | "violations" | "namespaces" | "pods" | "admissionPolicies"
  >;
  let graph: Graph;
  let snapshots: Snapshot[];
  let sets: string[];
  /** What came of it besides, in order. */
  let effects: string[];
  let reported: ReportChange[];
  let errors: string[];
  let compiled: () => PolicySet | undefined;
  let logged: string[];

  beforeEach(() => {
    policies = new FakeCache();
    references = new FakeCache();
    pods = new FakeCache();
    namespaces = new FakeCache();
    references.isSynced = true;
    admissionPolicies = new FakeCache();
    violations = new FakeCache();
    const exceptions = new FakeCache();
    exceptions.isSynced = true;
    violations.isSynced = true;
    caches = { policies, references, exceptions, violations, namespaces, pods, admissionPolicies };
    snapshots = [];
    sets = [];
    effects = [];
    reported = [];
    errors = [];
    logged = [];
    compiled = () => setOf("1");
    bridgeStreamLogger({ error: (message) => logged.push(message), warn: (message) => logged.push(message) });
    graph = createGraph({
      ...caches,
      compile: () => compiled(),
      auditInterval: 60_000,
      clockInterval: 60_000,
      settle: 20,
      onError: (id) => errors.push(id),
    });
    graph.connect({
      inForce: ({ key }) => sets.push(key),
      reportWatch: () => effects.push("reportWatch"),
      warmUp: () => effects.push("warmUp"),
      serving: () => effects.push("serving"),
      statuses: () => effects.push("statuses"),
      keepAdmissionPolicies: () => effects.push("keepAdmissionPolicies"),
      judgeAgain: (changed) => reported.push(changed),
      audit: (snapshot) => snapshots.push(snapshot),
      stepDown: () => effects.push("stepDown"),
      keepViolations: ({ podKey }) => effects.push(podKey),
      keepReports: ({ podKey }) => effects.push(`${podKey}'s report`),
    });
  });
  afterEach(() => graph.stop());

  const synced = async (): Promise<void> => {
    for (const cache of [policies, pods, namespaces]) cache.sync();
    await until("a snapshot", () => snapshots.length > 0);
    await wait(50);
    snapshots.length = 0;
  };
  const inError = (): readonly string[] =>
    graph.streams.filter((stream) => stream.getState() >= State.DONE).map(({ id }) => id);

  it("is silent until every cache is synced, and speaks of an empty cluster, too", async () => {
    policies.sync();
    pods.sync();
    await wait(60);
    assert.equal(graph.policies()?.key, "1", "the policies are in force before anything is audited");
    assert.equal(snapshots.length, 0);
    namespaces.sync();
    await until("a snapshot", () => snapshots.length > 0);
    assert.equal(snapshots.at(-1)?.set.key, "1");
  });

  it("compiles nothing before the policies are synced: none is not the same as not yet", async () => {
    references.ping();
    policies.ping();
    await wait(40);
    assert.equal(graph.policies(), undefined);
    policies.sync();
    await until("compiled", () => graph.policies() !== undefined);
  });

  it("gathers what changes within a moment, under steady change, too", async () => {
    await synced();
    for (let index = 0; index < 40; index += 1) {
      compiled = () => setOf(`${index}`);
      policies.ping();
      await wait(5);
    }
    assert.ok(snapshots.length >= 3, "steady change does not starve it");
    assert.ok(snapshots.length <= 20, "and is gathered");
  });

  it("has nothing planned for a pod, a namespace or a Violation: audits hear of each themselves", async () => {
    await synced();
    for (let index = 0; index < 10; index += 1) {
      for (const cache of [pods, namespaces, violations]) cache.ping();
      await wait(5);
    }
    await wait(50);
    assert.deepEqual(snapshots, []);
  });

  it("says nothing when a policy set is the same", async () => {
    await synced();
    sets.length = 0;
    policies.ping();
    references.ping();
    await wait(50);
    assert.deepEqual(sets, []);
    compiled = () => setOf("2");
    references.ping();
    await until("the new set", () => sets.length > 0);
    assert.deepEqual(sets, ["2"]);
    await until("a snapshot with it", () => snapshots.at(-1)?.set.key === "2");
  });

  it("keeps the set in force while something that policies refer to is being read", async () => {
    await synced();
    compiled = () => undefined;
    policies.ping();
    await wait(50);
    assert.equal(graph.policies()?.key, "1");
    compiled = () => setOf("2");
    references.ping();
    await until("the new set", () => graph.policies()?.key === "2");
  });

  it("goes on after a compiler that throws, with the last set in force", async () => {
    await synced();
    compiled = () => {
      throw new Error("a bug");
    };
    policies.ping();
    await until("told", () => errors.length > 0);
    assert.deepEqual(inError(), []);
    assert.equal(graph.policies()?.key, "1");
    compiled = () => setOf("2");
    policies.ping();
    await until("the new set", () => graph.policies()?.key === "2");
    await until("a snapshot with it", () => snapshots.at(-1)?.set.key === "2");
  });

  it("goes on after a compiler that throws at first", async () => {
    compiled = () => {
      throw new Error("a bug");
    };
    for (const cache of [policies, pods, namespaces]) cache.sync();
    await until("told", () => errors.length > 0);
    compiled = () => setOf("1");
    policies.ping();
    await until("a snapshot", () => snapshots.length > 0);
    assert.deepEqual(inError(), []);
  });

  it("goes on after listeners that throw", async () => {
    const broken = (): never => {
      throw new Error("a bug");
    };
    graph.connect({
      inForce: broken,
      reportWatch: broken,
      warmUp: broken,
      serving: broken,
      statuses: broken,
      keepAdmissionPolicies: broken,
      judgeAgain: broken,
      audit: broken,
      stepDown: broken,
      keepViolations: broken,
      keepReports: broken,
    });
    await synced();
    compiled = () => setOf("2");
    policies.ping();
    await until("the new set", () => sets.at(-1) === "2");
    await until("a snapshot with it", () => snapshots.at(-1)?.set.key === "2");
    assert.deepEqual(inError(), []);
    graph.reports("all");
    graph.verdict({ podKey: "default/a", before: undefined, after: undefined });
    graph.leading(false);
    assert.deepEqual([...new Set(errors)].toSorted(), Object.keys(NO_EFFECTS).toSorted());
    assert.deepEqual(reported, ["all"]);
    assert.ok(effects.includes("default/a"));
    assert.deepEqual(inError(), []);
  });

  it("tells of leading and of audits that are asked for", async () => {
    await synced();
    graph.leading(true);
    await until("leading", () => snapshots.at(-1)?.leading === true);
    const { tick } = snapshots.at(-1) ?? { tick: 0 };
    graph.auditNow();
    await until("another tick", () => (snapshots.at(-1)?.tick ?? 0) > tick);
  });

  it("has every cause come to its effects", async () => {
    await synced();
    const after = async (cause: () => void): Promise<readonly string[]> => {
      effects.length = 0;
      cause();
      await wait(40);
      return effects.toSorted();
    };
    assert.deepEqual(await after(graph.trust), ["statuses"]);
    assert.deepEqual(await after(graph.guard), ["statuses"]);
    assert.deepEqual(await after(graph.layer), ["statuses"]);
    assert.deepEqual(await after(() => admissionPolicies.sync()), ["keepAdmissionPolicies"]);
    assert.deepEqual(await after(graph.progress), ["statuses"]);
    assert.deepEqual(await after(() => namespaces.ping()), ["serving"]);
    compiled = () => setOf("2");
    assert.deepEqual(await after(graph.gates), ["serving"]);
    assert.deepEqual(await after(() => policies.ping()), [
      "keepAdmissionPolicies",
      "reportWatch",
      "serving",
      "statuses",
      "warmUp",
    ]);
    assert.deepEqual(await after(() => graph.reports(new Set(["sha256:1"]))), []);
    assert.deepEqual(reported, [new Set(["sha256:1"])]);
    assert.deepEqual(await after(() => graph.leading(true)), ["keepAdmissionPolicies"]);
  });

  it("has stepped down, and has followed a verdict, when its cause returns", async () => {
    await synced();
    graph.leading(true);
    effects.length = 0;
    graph.leading(false);
    assert.deepEqual(effects.toSorted(), ["keepAdmissionPolicies", "stepDown"]);
    graph.verdict({ podKey: "default/a", before: undefined, after: undefined });
    assert.deepEqual(effects.slice(2).toSorted(), ["default/a", "default/a's report"]);
  });

  it("ticks by itself", async () => {
    graph.stop();
    graph = createGraph({
      ...caches,
      compile: () => setOf("1"),
      auditInterval: 30,
      clockInterval: 45,
      settle: 10,
      onError: () => undefined,
    });
    graph.connect({ ...NO_EFFECTS, audit: (snapshot) => snapshots.push(snapshot) });
    for (const cache of [policies, pods, namespaces]) cache.sync();
    await until("three ticks", () => (snapshots.at(-1)?.tick ?? 0) >= 3);
    assert.ok((snapshots.at(-1)?.clock ?? 0) >= 1);
  });

  it("ends: nothing comes any more, and nobody is listened to", async () => {
    await synced();
    graph.stop();
    assert.equal(pods.listeners.size + policies.listeners.size, 0);
    pods.ping();
    await wait(50);
    assert.deepEqual(snapshots, []);
  });
});
