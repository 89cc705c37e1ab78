import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import fc from "fast-check";
import { KeyQueue } from "../../../kube/workQueue/keyQueue.ts";
import { KubeError } from "../../../kube/kubeError.ts";
import { SILENT } from "../../../kube/log.ts";
import { WorkQueue, type WorkQueueOptions } from "../../../kube/workQueue/workQueue.ts";

describe("a queue of keys", () => {
  it("is a set in the order of arrival", () => {
    const commands = fc.array(
      fc.tuple(fc.constantFrom("add", "delete", "take"), fc.integer({ min: 0, max: 20 }).map(String)),
      {
        maxLength: 200,
      },
    );
    fc.assert(
      fc.property(commands, (list) => {
        const queue = new KeyQueue();
        const model: string[] = [];
        for (const [command, key] of list) {
          if (command === "add") {
            queue.add(key);
            if (!model.includes(key)) model.push(key);
          } else if (command === "delete") {
            queue.delete(key);
            if (model.includes(key)) model.splice(model.indexOf(key), 1);
          } else {
            const taken = queue.take(() => true);
            // A key that was taken back and added anew may have its old place.
            if (taken === undefined) assert.equal(model.length, 0);
            else (assert.ok(model.includes(taken)), model.splice(model.indexOf(taken), 1));
          }
          assert.equal(queue.size, model.length);
        }
      }),
    );
  });

  it("passes over what is not ready, and keeps it", () => {
    const queue = new KeyQueue();
    for (const key of ["a", "b", "c"]) queue.add(key);
    assert.equal(
      queue.take((key) => key !== "a"),
      "b",
    );
    assert.equal(
      queue.take(() => false),
      undefined,
    );
    assert.deepEqual(new Set([queue.take(() => true), queue.take(() => true)]), new Set(["a", "c"]));
    assert.equal(
      queue.take(() => true),
      undefined,
    );
  });

  it("takes a million keys in little time and room", () => {
    const queue = new KeyQueue();
    for (let index = 0; index < 300_000; index += 1) queue.add(String(index));
    let taken = 0;
    while (queue.take(() => true) !== undefined) {
      taken += 1;
      if (taken <= 300_000) queue.add(`again-${taken}`);
    }
    assert.equal(taken, 600_000);
  });
});

describe("a work queue", () => {
  let queue: WorkQueue;
  afterEach(() => queue.close());
  const make = (process: WorkQueueOptions["process"], options: Partial<WorkQueueOptions> = {}): WorkQueue =>
    (queue = new WorkQueue({
      name: "test",
      concurrency: 2,
      process,
      log: SILENT,
      backoffBase: 2,
      backoffLimit: 10,
      ...options,
    }));

  it("does each key once, however often it is added, and once more if it was added in hand", async () => {
    const done: string[] = [];
    make(async (key) => {
      await wait(5);
      done.push(key);
    });
    for (let index = 0; index < 5; index += 1) for (const key of ["a", "b", "c"]) queue.add(key);
    await queue.settled();
    assert.deepEqual(done.toSorted(), ["a", "a", "b", "b", "c"], "a and b were taken at once, and added again");
  });

  it("has no more in hand than it may, and no key twice", async () => {
    const inHand = new Set<string>();
    make(
      async (key) => {
        assert.ok(!inHand.has(key));
        inHand.add(key);
        assert.ok(inHand.size <= 3);
        await wait(1);
        inHand.delete(key);
      },
      { concurrency: 3 },
    );
    for (let index = 0; index < 100; index += 1) queue.add(`key-${index % 20}`);
    await queue.settled();
  });

  const ofServer: readonly [string, KubeError][] = [
    ["has too much to do", new KubeError("status", "too many requests", 429, "TooManyRequests")],
    ["cannot write", new KubeError("status", "etcdserver: mvcc: database space exceeded", 500, "InternalError")],
    ["is not there", new KubeError("network", "connection refused")],
    ["does not answer", new KubeError("timeout", "no answer in time")],
  ];
  for (const [what, error] of ofServer) {
    it(`leaves an API server alone that ${what}, however many keys wait`, async () => {
      let tried = 0;
      make(
        async () => {
          tried += 1;
          throw error;
        },
        { backoffBase: 60_000 },
      );
      for (let index = 0; index < 100; index += 1) queue.add(String(index));
      for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
      assert.equal(tried, 2, "those that were in hand already");
    });
  }

  it("does all when the API server is well again", async () => {
    let trouble = 20;
    const done = new Set<string>();
    make(async (key) => {
      if ((trouble -= 1) >= 0) throw new KubeError("status", "too many requests", 429, "TooManyRequests");
      done.add(key);
    });
    for (let index = 0; index < 100; index += 1) queue.add(String(index));
    await queue.settled();
    assert.equal(done.size, 100);
  });

  it("writes at its end what waits, also where the API server was in trouble a moment ago", async () => {
    let trouble = true;
    const done: string[] = [];
    make(
      async (key) => {
        if (trouble) throw new KubeError("network", "connection refused");
        done.push(key);
      },
      { concurrency: 1, backoffBase: 60_000 },
    );
    for (const key of ["a", "b", "c"]) queue.add(key);
    for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
    trouble = false;
    await queue.close({ patience: 5_000, waiting: "done" });
    assert.deepEqual(done.toSorted(), ["a", "b", "c"]);
  });

  it("lets a new key take turns with those that fail again and again", async () => {
    const tried: string[] = [];
    make(
      async (key) => {
        tried.push(key);
        if (key !== "new") throw new KubeError("status", "a webhook of this namespace does not answer", 500);
      },
      { concurrency: 1, backoffLimit: 2 },
    );
    for (let index = 0; index < 6; index += 1) queue.add(String(index));
    while (new Set(tried).size < 6) await wait(1);
    const before = tried.length;
    queue.add("new");
    while (!tried.includes("new")) await wait(1);
    assert.ok(tried.indexOf("new") - before <= 2, `${tried.indexOf("new") - before} were tried before it`);
  });

  it("tries a failure again without holding up the others", async () => {
    const done: string[] = [];
    let left = 5;
    make(async (key) => {
      await wait(1);
      if (key === "bad" && left > 0) {
        left -= 1;
        throw new Error("no");
      }
      done.push(key);
    });
    for (const key of ["bad", "a", "b", "c"]) queue.add(key);
    await queue.settled();
    assert.deepEqual(done, ["a", "b", "c", "bad"]);
  });

  it("lets a key rest", async () => {
    let runs = 0;
    make(
      async () => {
        runs += 1;
        await wait(0);
      },
      { rest: 30 },
    );
    const end = performance.now() + 150;
    while (performance.now() < end) {
      queue.add("a");
      await wait(2);
    }
    await queue.settled();
    assert.ok(runs >= 2 && runs <= 7, `${runs} runs`);
  });

  it("forgets everything when it is cleared, and takes new keys", async () => {
    const done: string[] = [];
    make(async (key, signal) => {
      await wait(20, undefined, { signal });
      done.push(key);
    });
    for (const key of ["a", "b", "c"]) queue.add(key);
    queue.clear();
    queue.add("d");
    await queue.settled();
    assert.deepEqual(done, ["d"]);
  });

  for (const { what, rest, fails } of [
    { what: "tries what was in hand no more", rest: 0, fails: true },
    { what: "lets what was in hand not rest", rest: 60_000, fails: false },
  ]) {
    it(`${what} when it has forgotten everything, and does it anew when it is told`, async () => {
      const hands: PromiseWithResolvers<void>[] = [];
      make(
        () => {
          const hand = Promise.withResolvers<void>();
          hands.push(hand);
          return hand.promise;
        },
        { rest },
      );
      const end = (hand: PromiseWithResolvers<void> | undefined): void =>
        fails ? hand?.reject(new Error("no")) : hand?.resolve();
      queue.add("a");
      queue.forget();
      end(hands[0]);
      await queue.settled();
      await wait(30);
      assert.equal(hands.length, 1);

      queue.add("a");
      queue.forget();
      queue.add("a");
      end(hands[1]);
      await wait(0);
      assert.equal(hands.length, 3, "it was added after everything was forgotten");
      hands[2]?.resolve();
    });
  }

  for (const [what, ending, expected] of [
    ["aborts what is in hand and forgets the rest", {}, []],
    ["lets what is in hand end, and forgets the rest", { patience: 5_000 }, ["a", "b"]],
    ["does what waits as well, also what fails once", { patience: 5_000, waiting: "done" }, ["a", "b", "c", "fails"]],
    ["gives up when its patience ends", { patience: 5, waiting: "done" }, []],
  ] as const) {
    it(`${what}, when it ends so`, async () => {
      const done: string[] = [];
      let failed = false;
      make(async (key, signal) => {
        await wait(20, undefined, { signal });
        if (key === "fails" && !failed) {
          failed = true;
          throw new Error("no");
        }
        done.push(key);
      });
      for (const key of ["a", "b", "c", "fails"]) queue.add(key);
      const ended = queue.close(ending);
      queue.add("late");
      await ended;
      assert.deepEqual(done, expected);
      await wait(30);
      assert.deepEqual(done, expected, "and nothing comes after its end");
    });
  }

  it("survives a process that throws before it awaits", async () => {
    let left = 2;
    make(() => {
      left -= 1;
      if (left > 0) throw new Error("no");
      return Promise.resolve();
    });
    queue.add("a");
    await queue.settled();
    assert.equal(left, 0);
  });
});
