import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import * as fc from "fast-check";
import { Asker } from "../../../async/shares/asker.ts";
import { FairQueue } from "../../../async/shares/fairQueue.ts";
import { currentParty, onBehalfOf, Party, wasHeldUp } from "../../../async/shares/party.ts";
import { Spent } from "../../../async/shares/spent.ts";
import { standIn } from "../../../async/shares/standIn.ts";
import { SingleFlight } from "../../../async/singleFlight.ts";

const of = (tenant: string, request: unknown = {}): Party => new Party(new Asker(tenant, request));
const drain = (queue: FairQueue<string>): string[] => {
  const order: string[] = [];
  for (;;) {
    const next = queue.take(
      () => 0,
      () => true,
    );
    if (next === undefined) return order;
    order.push(next.value);
  }
};

describe("a fair queue", () => {
  it("serves tenants in turn, of a tenant its requests in turn, of a request first come, first served", () => {
    const queue = new FairQueue<string>();
    const [big, small] = [of("a"), of("a")];
    for (const name of ["big1", "big2", "big3"]) queue.push(name, big);
    queue.push("small", small);
    queue.push("b1", of("b"));
    queue.push("b2", of("b"));
    queue.push("nobody", new Party());
    assert.deepEqual(drain(queue), ["big1", "b1", "nobody", "small", "b2", "big2", "big3"]);
  });

  it("gives shared work the best place of those who wait for it, also of who comes later", () => {
    const queue = new FairQueue<string>();
    const flood = of("flood");
    const shared = new Party();
    shared.join(flood);
    for (let at = 0; at < 100; at += 1) queue.push(`flood${at}`, flood);
    queue.push("shared", shared);
    shared.join(of("other"));
    assert.equal(drain(queue).indexOf("shared"), 1);
  });

  it("serves everything once, whoever comes, joins and goes", () => {
    const steps = fc.array(fc.record({ tenant: fc.constantFrom("a", "b", "c"), request: fc.nat(3), joins: fc.nat(3) }));
    fc.assert(
      fc.property(steps, (all) => {
        const queue = new FairQueue<string>();
        const names = all.map(({ tenant, request, joins }, at) => {
          const party = of(tenant, request);
          queue.push(`${at}`, party);
          for (let time = 0; time < joins; time += 1) party.join(of("abc".charAt(time), time));
          return `${at}`;
        });
        for (const gone of names.filter((_, at) => at % 5 === 4)) queue.remove(gone);
        const order = drain(queue);
        assert.deepEqual(order.toSorted(), names.filter((_, at) => at % 5 !== 4).toSorted());
        assert.equal(queue.size, 0);
      }),
    );
  });

  it("turns away the last of the longest request of the tenant with the most, and never what others wait for too", () => {
    const queue = new FairQueue<string>();
    const flood = of("flood");
    const shared = new Party();
    shared.join(flood);
    shared.join(of("other"));
    queue.push("first", flood);
    queue.push("second", flood);
    queue.push("shared", shared);
    queue.push("other", of("other"));
    queue.push("third", of("third"));
    assert.equal(queue.shed(), "second");
    assert.equal(queue.shed(), "first");
  });
});

describe("those on whose behalf something is done", () => {
  it("are known to all that is started for them, and to a shared flight all who wait for it", async () => {
    const flights = new SingleFlight<readonly string[]>();
    const names = (): string[] => [...currentParty().askers].map(({ tenant }) => tenant);
    const join = (tenant: string, signal = new AbortController().signal): Promise<readonly string[]> =>
      onBehalfOf(of(tenant), () =>
        flights.run(
          "key",
          signal,
          async () => {
            await sleep(20);
            return names();
          },
          () => names(),
        ),
      );
    const leaving = new AbortController();
    const [first, second, left] = [join("a"), join("b"), join("c", leaving.signal)];
    leaving.abort();
    assert.deepEqual(await left, ["c"], "who gives up speaks for himself");
    assert.deepEqual(await first, ["a", "b"]);
    assert.deepEqual(await second, ["a", "b"]);
    assert.deepEqual(names(), []);
  });

  it("come and go through nested flights, each as often as he is there", () => {
    const [outer, inner] = [new Party(), new Party()];
    const tenants = (): string[] => [...inner.askers].map(({ tenant }) => tenant);
    const a = of("a");
    const leaves = [outer.join(a), outer.join(a)];
    const inside = inner.join(outer);
    const b = outer.join(of("b"));
    assert.deepEqual(tenants(), ["a", "b"]);
    leaves[0]?.();
    leaves[0]?.();
    b();
    assert.deepEqual(tenants(), ["a"]);
    leaves[1]?.();
    assert.deepEqual(tenants(), []);
    outer.join(of("c"));
    inside();
    assert.deepEqual(tenants(), []);
  });

  it("were held up where a tenth of their time went by in queues of ours, those included that they still stand in", async () => {
    const waits = async (before: number, queued: number, after: number, counts: boolean): Promise<boolean> =>
      onBehalfOf(of("a"), async () => {
        await sleep(before);
        const end = standIn(currentParty(), () => counts);
        await sleep(queued);
        if (after > 0) {
          end();
          await sleep(after);
        }
        return wasHeldUp();
      });
    assert.deepEqual(
      await Promise.all([
        waits(0, 50, 50, true),
        waits(50, 50, 0, true),
        waits(0, 50, 50, false),
        waits(50, 50, 0, false),
        waits(150, 5, 50, true),
      ]),
      [true, true, false, false, false],
    );
    assert.equal(wasHeldUp(), false);
  });
});

describe("somebody who waits while the event loop is held", () => {
  it("was held up by us", async () => {
    await sleep(60);
    const asker = new Asker("a", {});
    const end = performance.now() + 700;
    while (performance.now() < end) continue;
    assert.equal(asker.heldUp, true);
    await sleep(60);
    assert.equal(asker.heldUp, true, "also after the loop has gone on");
  });
});

describe("what a tenant has spent", () => {
  it("fades, and makes who has spent less come first", () => {
    const spent = new Spent();
    spent.add("a", 1_000, 0);
    spent.add("b", 600, 10_000);
    assert.ok(spent.of("b") > spent.of("a"));
    spent.add("c", 1, 1_000_000);
    assert.equal(spent.of("a"), 0);
  });
});
