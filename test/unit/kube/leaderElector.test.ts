import assert from "node:assert/strict";
import type { KubeClient } from "../../../kube/kubeClient.ts";
import { fieldsOf } from "../../../json/fields.ts";
import { LeaderElector, type LeaderElectorOptions } from "../../../kube/leaderElection/leaderElector.ts";
import { SILENT } from "../../../kube/log.ts";
import { FakeApiServer, json, until } from "./fakeApiServer.ts";

const LEASES = "/apis/coordination.k8s.io/v1/leases";
const KEY = "system/image-security";

/** One operator's election, with a network that can be cut and a clock that can jump. */
interface Candidate {
  readonly elector: LeaderElector;
  readonly told: boolean[];
  cut: boolean;
  /** Milliseconds added to each clock. */
  readonly skip: { monotonic: number; wall: number };
}

describe("leader election", () => {
  let server: FakeApiServer;
  let client: KubeClient;
  let candidates: Candidate[];

  beforeEach(async () => {
    server = new FakeApiServer();
    server.define(LEASES);
    await server.start();
    client = server.client();
    candidates = [];
  });
  afterEach(async () => {
    await Promise.all(candidates.map(({ elector }) => elector.stop()));
    await client.close();
    await server.stop();
  });

  const candidate = (identity: string, options: Partial<LeaderElectorOptions> = {}): Candidate => {
    const state: Candidate = {
      elector: undefined as unknown as LeaderElector,
      told: [],
      cut: false,
      skip: { monotonic: 0, wall: 0 },
    };
    const made: Candidate = Object.assign(state, {
      elector: new LeaderElector({
        client: {
          ...client,
          request: (method, path, given) =>
            state.cut ? Promise.reject(new Error("no network")) : client.request(method, path, given),
        },
        namespace: "system",
        name: "image-security",
        identity,
        duration: 1_000,
        renewDeadline: 300,
        retry: 50,
        onChange: (leading) => state.told.push(leading),
        log: SILENT,
        clocks: { monotonic: () => performance.now() + state.skip.monotonic, wall: () => Date.now() + state.skip.wall },
        ...options,
      }),
    });
    candidates.push(made);
    made.elector.start();
    return made;
  };
  const leading = (): number => candidates.filter(({ elector }) => elector.mayWrite()).length;
  const holder = (): unknown => fieldsOf(server.get(LEASES, KEY)?.["spec"])["holderIdentity"];

  /** Watches all the while that never two may write. */
  const neverTwo = async (work: () => Promise<void>): Promise<void> => {
    let most = 0;
    const timer = setInterval(() => (most = Math.max(most, leading())), 1);
    try {
      await work();
    } finally {
      clearInterval(timer);
    }
    assert.ok(most <= 1, "two operators could write at one time");
  };

  it("gives the lease to one of two that start together", async () => {
    await neverTwo(async () => {
      candidate("a");
      candidate("b");
      await until("one leads", () => leading() === 1);
      await new Promise((resolve) => setTimeout(resolve, 400));
      assert.equal(leading(), 1, "it stays: the lease is renewed");
    });
  });

  it("hands over at once when the leader stops", async () => {
    await neverTwo(async () => {
      const a = candidate("a");
      await until("a leads", () => a.elector.mayWrite());
      const b = candidate("b");
      await new Promise((resolve) => setTimeout(resolve, 120));
      const since = performance.now();
      await a.elector.stop();
      assert.deepEqual(a.told, [true, false]);
      await until("b leads", () => b.elector.mayWrite());
      assert.ok(performance.now() - since < 900, "without waiting for the lease to run out");
      assert.equal(holder(), "b");
    });
  });

  it("gives the lease back also where a renewal that it ended on its way has arrived", async () => {
    const a = candidate("a");
    await until("a leads", () => a.elector.mayWrite());
    let arrived = false;
    server.faults.push((request) => {
      if (request.method !== "PUT" || arrived) return false;
      arrived = true;
      // As a write of ours that nobody was told of.
      const lease = server.get(LEASES, KEY);
      if (lease !== undefined) server.put(LEASES, lease);
      return false;
    });
    await a.elector.stop();
    assert.ok(arrived);
    assert.equal(holder(), "");
  });

  it("tells that a term has ended before it begins another, where it slept through the end", async () => {
    const a = candidate("a");
    await until("a leads", () => a.elector.mayWrite());
    // Both clocks have gone on, and no timer of it has run.
    a.skip.monotonic = a.skip.wall = 400;
    await until("a leads again", () => a.told.length === 3);
    assert.deepEqual(a.told, [true, false, true]);
  });

  it("stops writing before another may begin when the leader is cut off", async () => {
    await neverTwo(async () => {
      const a = candidate("a");
      await until("a leads", () => a.elector.mayWrite());
      const b = candidate("b");
      await new Promise((resolve) => setTimeout(resolve, 120));
      a.cut = true;
      await until("a stops", () => !a.elector.mayWrite());
      assert.equal(b.elector.mayWrite(), false);
      await until("a is told", () => a.told.at(-1) === false);
      await until("b leads", () => b.elector.mayWrite());
      a.cut = false;
      await new Promise((resolve) => setTimeout(resolve, 200));
      assert.equal(a.elector.mayWrite(), false, "and a does not take it back");
    });
  });

  for (const clock of ["monotonic", "wall"] as const) {
    it(`knows after a pause that only the ${clock} clock has seen that its time is over, before it asks anyone`, async () => {
      const a = candidate("a");
      await until("a leads", () => a.elector.mayWrite());
      a.cut = true;
      a.skip[clock] = 400;
      assert.equal(a.elector.mayWrite(), false);
    });
  }

  it("does not trust a clock that is set forward to have outlived another's lease", async () => {
    const a = candidate("a");
    await until("a leads", () => a.elector.mayWrite());
    const b = candidate("b");
    await new Promise((resolve) => setTimeout(resolve, 120));
    a.cut = true;
    b.skip.wall = 3_600_000;
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(b.elector.mayWrite(), false);
  });

  it("counts its term from before the request, however late the answer is", async () => {
    let arrived = 0;
    server.faults.push(async (request) => {
      if (request.method === "GET" || arrived > 0) return false;
      arrived = performance.now();
      await new Promise((resolve) => setTimeout(resolve, 80));
      return false;
    });
    const a = candidate("a", { retry: 1_000 });
    await until("a leads", () => a.elector.mayWrite());
    for (const clock of ["monotonic", "wall"] as const) {
      a.skip[clock] = arrived + 301 - performance.now();
      assert.equal(a.elector.mayWrite(), false, `300 ms from the request by the ${clock} clock, not from its answer`);
      a.skip[clock] = 0;
    }
  });

  it("outlives errors that are shorter than its term", async () => {
    const a = candidate("a");
    await until("a leads", () => a.elector.mayWrite());
    let left = 3;
    server.faults.push((_request, response) => {
      if (left <= 0) return false;
      left -= 1;
      json(response, 500, {});
      return true;
    });
    await until("the errors are over", () => left === 0);
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.deepEqual(a.told, [true]);
  });

  it("steps down when another holds the lease, whatever it believed", async () => {
    const a = candidate("a");
    await until("a leads", () => a.elector.mayWrite());
    const lease = server.get(LEASES, KEY);
    server.put(LEASES, {
      ...lease!,
      metadata: { name: "image-security", namespace: "system" },
      spec: { ...fieldsOf(lease?.["spec"]), holderIdentity: "someone" },
    });
    await until("a steps down", () => a.told.at(-1) === false);
    assert.equal(holder(), "someone");
  });

  it("takes over what nobody has renewed for as long as it holds, and counts the transition", async () => {
    const spec = {
      holderIdentity: "dead",
      leaseDurationSeconds: 1,
      leaseTransitions: 4,
      renewTime: "2000-01-01T00:00:00.000000Z",
    };
    server.put(LEASES, { metadata: { name: "image-security", namespace: "system" }, spec });
    const begun = performance.now();
    const a = candidate("a");
    await until("a leads", () => a.elector.mayWrite());
    assert.ok(performance.now() - begun >= 1_000, "its own observation counts, not the time that stands in the lease");
    assert.equal(fieldsOf(server.get(LEASES, KEY)?.["spec"])["leaseTransitions"], 5);
  });
});
