import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { createTurns, type Steps } from "../../../async/turns.ts";

/** So many steps, each of which takes a millisecond of this clock. */
const clock = () => {
  let time = 0;
  function* steps(count: number, taken: (nth: number) => void = () => {}): Steps<string> {
    for (let nth = 0; nth < count; nth += 1) {
      time += 1;
      taken(nth);
      yield;
    }
    return "done";
  }
  return { now: () => time, steps };
};

describe("createTurns", () => {
  it("does short work at once", () => {
    const { now, steps } = clock();
    assert.equal(createTurns(now, 5).run(steps(4)), "done");
  });

  it("does long work in slices, one in a turn of the event loop, each work in its order", async () => {
    const { now, steps } = clock();
    const turns = createTurns(now, 5);
    const [one, other] = [0, 1].map(() => ({ taken: 0 }));
    const works = [one, other].map(async (work) => turns.run(steps(33, () => (work!.taken += 1))));
    const seen: string[] = [];
    for (let nth = 0; nth < 5; nth += 1) {
      seen.push(`${one!.taken} ${other!.taken}`);
      await turn();
    }
    assert.deepEqual(seen, ["5 5", "10 5", "10 10", "15 10", "15 15"]);
    assert.deepEqual(await Promise.all(works), ["done", "done"]);
  });

  it("queues even short work behind what waits, one in a turn of the event loop", async () => {
    const { now, steps } = clock();
    const turns = createTurns(now, 5);
    const done: string[] = [];
    const works = ["a", "b", "c"].map(async (name) => {
      await turns.queue(steps(2));
      done.push(name);
    });
    const seen: string[] = [];
    for (let nth = 0; nth < 4; nth += 1) {
      seen.push(done.join(""));
      await turn();
    }
    assert.deepEqual(seen, ["", "a", "ab", "abc"]);
    await Promise.all(works);
  });

  it("rejects with what a later step throws", async () => {
    const { now, steps } = clock();
    const failing = steps(20, (nth) => {
      if (nth === 15) throw new Error("a defect");
    });
    await assert.rejects(async () => createTurns(now, 5).run(failing), /a defect/);
  });
});
