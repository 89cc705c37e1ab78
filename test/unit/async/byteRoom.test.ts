import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { ByteRoom } from "../../../async/byteRoom.ts";

const forever = new AbortController().signal;

/** Asks for room and notes who has it. */
const asking = (room: ByteRoom, inside: string[]) => {
  const leaves = new Map<string, () => void>();
  return {
    ask: (name: string, bytes: number, signal: AbortSignal = forever): void =>
      void room.enter(bytes, signal).then((leave) => {
        inside.push(leave === undefined ? `${name} gave up` : name);
        if (leave !== undefined) leaves.set(name, leave);
      }),
    leave: (name: string): void => leaves.get(name)!(),
  };
};

describe("memory that pieces of work share", () => {
  it("is given as far as it goes, then to who waits", async () => {
    const inside: string[] = [];
    const { ask, leave } = asking(new ByteRoom(10), inside);
    ask("a", 6);
    ask("b", 6);
    await turn();
    assert.deepEqual(inside, ["a"]);
    leave("a");
    leave("a");
    await turn();
    assert.deepEqual(inside, ["a", "b"]);
  });

  it("is not kept from a large piece by small ones, and one that is too large gets all of it", async () => {
    const inside: string[] = [];
    const { ask, leave } = asking(new ByteRoom(10), inside);
    ask("small", 4);
    ask("whole", 100);
    ask("late", 1);
    await turn();
    assert.deepEqual(inside, ["small"]);
    leave("small");
    await turn();
    assert.deepEqual(inside, ["small", "whole"]);
    leave("whole");
    await turn();
    assert.deepEqual(inside, ["small", "whole", "late"]);
  });

  it("is not waited for past the deadline, and those behind go on", async () => {
    const inside: string[] = [];
    const { ask } = asking(new ByteRoom(10), inside);
    const late = new AbortController();
    ask("a", 6);
    ask("large", 10, late.signal);
    ask("b", 4);
    await turn();
    late.abort();
    await turn();
    assert.deepEqual(inside, ["a", "large gave up", "b"]);
    ask("gone", 1, late.signal);
    await turn();
    assert.equal(inside.at(-1), "gone gave up");
  });
});
