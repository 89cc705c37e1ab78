import assert from "node:assert/strict";
import { untilEnough } from "../../../async/untilEnough.ts";

const never = new Promise<boolean>(() => undefined);

describe("untilEnough", () => {
  it("waits for nobody once it is enough", () => untilEnough([never, Promise.resolve(true)]));

  it("waits for all where it never is", async () => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    let ended = false;
    const waited = untilEnough([Promise.resolve(false), promise]).then(() => (ended = true));
    await new Promise((turn) => void setImmediate(turn));
    assert.equal(ended, false);
    resolve(false);
    await waited;
  });

  it("rejects where one does, unless it was enough before", async () => {
    const broken = (): Promise<boolean> => Promise.reject(new Error("broken"));
    await assert.rejects(untilEnough([never, broken()]), /broken/);
    await untilEnough([Promise.resolve(true), new Promise((_, reject) => setTimeout(() => reject(new Error("late"))))]);
    await new Promise((turn) => void setTimeout(turn, 5));
  });
});
