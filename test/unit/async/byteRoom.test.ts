import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { ByteRoom } from "../../../async/byteRoom.ts";

const forever = new AbortController().signal;

/** Asks for room and notes who has it. */
const asking = (room: ByteRoom, inside: string[]) => {
  const leaves = new Map<string, () => void>();
  return {
    ask: (name: string, key: string, bytes: number, signal: AbortSignal = forever): void =>
      void room.enter(key, bytes, signal).then((leave) => {
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
    ask("a", "x", 6);
    ask("b", "x", 6);
    await turn();
    assert.deepEqual(inside, ["a"]);
    leave("a");
    leave("a");
    await turn();
    assert.deepEqual(inside, ["a", "b"]);
  });

  it("goes to the key that holds the least, so that one with many pieces holds up another by one", async () => {
    const inside: string[] = [];
    const { ask, leave } = asking(new ByteRoom(10), inside);
    ask("x1", "x", 5);
    ask("x2", "x", 5);
    for (const name of ["x3", "x4", "x5"]) ask(name, "x", 5);
    ask("y1", "y", 5);
    await turn();
    leave("x1");
    await turn();
    assert.deepEqual(inside, ["x1", "x2", "y1"]);
  });

  it("is not kept from a large piece by small ones, and one that is too large gets all of it", async () => {
    const inside: string[] = [];
    const { ask, leave } = asking(new ByteRoom(10), inside);
    ask("small", "x", 4);
    ask("whole", "y", 100);
    ask("late", "z", 1);
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
    ask("a", "x", 6);
    ask("large", "y", 10, late.signal);
    ask("b", "z", 4);
    await turn();
    late.abort();
    await turn();
    assert.deepEqual(inside, ["a", "large gave up", "b"]);
    ask("gone", "x", 1, late.signal);
    await turn();
    assert.equal(inside.at(-1), "gone gave up");
  });
});
