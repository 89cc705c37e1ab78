import assert from "node:assert/strict";
import { BufferBudget } from "../../evidence/registry/http/limiter.ts";

const forever = new AbortController().signal;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Eight signatures of 10 MiB are more than one registry may have in memory at once. */
describe("large content that somebody pushed", () => {
  it("makes the rest of its registry wait, not unavailable", async () => {
    const budget = new BufferBudget(48, 192);
    const done: number[] = [];
    const large = Array.from({ length: 8 }, async (_, at) => {
      assert.ok(await budget.reserve("a", 10, forever));
      assert.ok(budget.take("a", 10, true));
      await turn();
      budget.release("a", 10, 10);
      done.push(at);
    });
    const manifest = budget.reserve("a", 1, forever);
    await Promise.all(large);
    assert.deepEqual(done, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert.ok(await manifest);
  });

  it("is given up with its deadline, and those behind it go on", async () => {
    const budget = new BufferBudget(10, 100);
    assert.ok(await budget.reserve("a", 6, forever));
    const leaving = new AbortController();
    const first = budget.reserve("a", 9, leaving.signal);
    const behind = budget.reserve("a", 4, forever);
    leaving.abort();
    assert.equal(await first, false);
    assert.equal(await behind, true);
  });

  it("of more than there ever is room for is refused at once", async () =>
    assert.equal(await new BufferBudget(10, 100).reserve("a", 11, forever), false));

  it("that is announced and never sent holds no other registry", async () => {
    const budget = new BufferBudget(48, 192);
    for (const registry of ["a", "b", "c", "d", "e"])
      for (let at = 0; at < 4; at++) assert.ok(await budget.reserve(registry, 12, forever));
    assert.ok(await budget.reserve("trusted", 12, forever));
    assert.ok(budget.take("trusted", 12, true));
  });

  it("that comes and does not end, from several registries, leaves room for small content of another", async () => {
    const budget = new BufferBudget(48, 192);
    for (let round = 0; round < 48; round += 1)
      for (const registry of ["a", "b", "c", "d", "e"]) budget.take(registry, 1);
    assert.ok(budget.take("trusted", 12));
  });
});
