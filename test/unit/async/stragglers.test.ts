import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import type { Maybe } from "../../../async/maybe.ts";
import { withoutStragglers } from "../../../async/stragglers.ts";

const never = new Promise<string>(() => undefined);
const soon = (value: string): Promise<string> => wait(1, value);
type Part = string | Promise<string>;
const of = (parts: readonly Part[], least = 20): Maybe<readonly string[]> =>
  withoutStragglers([...parts.entries()], ([, part]) => part, { least, late: ([index]) => `late ${index}` });

describe("results without stragglers", () => {
  it("are there at once where all are", () => {
    assert.deepEqual(of(["a", "b"]), ["a", "b"]);
    assert.deepEqual(of([]), []);
  });
  it("are all of them, in their order, where none hangs", async () => {
    assert.deepEqual(await of([wait(10, "a"), soon("b"), "c"]), ["a", "b", "c"]);
  });
  it("are those that came, where one hangs", async () => {
    assert.deepEqual(await of([soon("a"), never, "c", never]), ["a", "late 1", "c", "late 3"]);
  });
  it("are waited for as long again as the others took", async () => {
    const parts = [wait(150, "a"), wait(200, "b")];
    assert.deepEqual(await of(parts, 1), ["a", "b"]);
  });
  it("are waited for where none has come: when to give up is the caller's", async () => {
    const given = Promise.resolve(of([never, never], 1));
    assert.equal(await Promise.race([given, wait(50, "still")]), "still");
  });
  it("reject where one does, and hear of no other", async () => {
    const failed = of([Promise.reject(new Error("first")), never]);
    await assert.rejects(Promise.resolve(failed), /first/);
    const after = of([soon("a"), wait(60).then(() => assert.fail("nobody's business"))]);
    assert.deepEqual(await after, ["a", "late 1"]);
    await wait(80);
  });
});
