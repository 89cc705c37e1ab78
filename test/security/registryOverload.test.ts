import assert from "node:assert/strict";
import { Asker } from "../../async/shares/asker.ts";
import { onBehalfOf, Party } from "../../async/shares/party.ts";
import { BufferBudget, type Room } from "../../evidence/registry/http/bufferBudget.ts";

const forever = new AbortController().signal;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const got = (room: Room | undefined): Room => {
  assert.ok(room !== undefined);
  return room;
};
const as = <T>(tenant: string, work: () => T): T => onBehalfOf(new Party(new Asker(tenant, {})), work);

/** Eight signatures of 10 MiB are more than one registry may have in memory at once. */
describe("large content that somebody pushed", () => {
  it("makes the rest of its registry wait, not unavailable", async () => {
    const budget = new BufferBudget(48, 192);
    const done: number[] = [];
    const large = Array.from({ length: 8 }, async (_, at) => {
      const room = got(await budget.reserve("a", 10, forever));
      assert.ok(room.take(10));
      await turn();
      room.release();
      done.push(at);
    });
    const manifest = budget.reserve("a", 1, forever);
    await Promise.all(large);
    assert.deepEqual(done, [0, 1, 2, 3, 4, 5, 6, 7]);
    got(await manifest);
  });

  it("is given up with its deadline, and those behind it go on", async () => {
    const budget = new BufferBudget(10, 100);
    got(await budget.reserve("a", 6, forever));
    const leaving = new AbortController();
    const first = budget.reserve("a", 9, leaving.signal);
    const behind = budget.reserve("a", 1, forever);
    leaving.abort();
    assert.equal(await first, undefined);
    got(await behind);
  });

  it("of more than there ever is room for is refused at once", async () =>
    assert.equal(await new BufferBudget(10, 100).reserve("a", 11, forever), undefined));

  it("that is announced and never sent holds no other registry", async () => {
    const budget = new BufferBudget(48, 192);
    for (const registry of ["a", "b", "c", "d", "e"])
      for (let at = 0; at < 4; at++) void as("flood", () => budget.reserve(registry, 12, forever));
    assert.ok(got(await as("other", () => budget.reserve("trusted", 12, forever))).take(12));
    assert.ok(got(await as("other", () => budget.reserve("a", 12, forever))).take(12), "nor its own from the others");
  });

  it("that comes and does not end, from several registries, leaves room for small content of another", async () => {
    const budget = new BufferBudget(48, 192);
    const rooms = ["a", "b", "c", "d", "e"].map((registry) => budget.open(registry, "flood"));
    for (let round = 0; round < 48; round += 1) for (const room of rooms) room.take(1);
    assert.ok(budget.open("trusted", "other").take(12));
  });
});
