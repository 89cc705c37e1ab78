import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { coalesce } from "../../../async/coalesce.ts";

describe("a coalescing consumer", () => {
  it("works on one at a time, and of those that come meanwhile on the newest", async () => {
    const done: number[] = [];
    let running = 0;
    const consumer = coalesce<number>(
      async (value) => {
        running += 1;
        assert.equal(running, 1);
        await wait(10);
        running -= 1;
        done.push(value);
      },
      () => assert.fail("no error"),
    );
    for (const value of [1, 2, 3, 4]) consumer.push(value);
    await consumer.settled();
    assert.deepEqual(done, [1, 4]);
  });

  it("goes on after a failure", async () => {
    const done: number[] = [];
    const errors: unknown[] = [];
    const consumer = coalesce<number>(
      async (value) => {
        await wait(1);
        if (value === 1) throw new Error("a bug");
        done.push(value);
      },
      (error) => errors.push(error),
    );
    consumer.push(1);
    consumer.push(2);
    await consumer.settled();
    assert.deepEqual(done, [2]);
    assert.equal(errors.length, 1);
  });
});
