import assert from "node:assert/strict";
import { backoffAfter, createBackoff } from "../../../async/backoff.ts";

describe("backoffAfter", () => {
  const after = (failures: number, random: number): number =>
    backoffAfter(failures, { base: 100, limit: 2_000, random: () => random });

  it("grows, with jitter, to a bound", () => {
    assert.deepEqual(
      [1, 2, 3].map((failures) => after(failures, 1)),
      [100, 200, 400],
    );
    assert.deepEqual(
      [1, 2, 3].map((failures) => after(failures, 0)),
      [50, 100, 200],
    );
    assert.equal(after(20, 1), 2_000);
    assert.equal(after(2_000, 1), 2_000);
  });
});

describe("a back-off", () => {
  it("doubles up to its limit, never comes at once, and starts over", () => {
    const backoff = createBackoff({ base: 100, limit: 1_000, random: () => 0 });
    assert.deepEqual(
      [1, 2, 3, 4, 5, 6].map(() => backoff.next()),
      [50, 100, 200, 400, 500, 500],
    );
    backoff.reset();
    assert.equal(backoff.next(), 50);
    for (let index = 0; index < 100; index += 1) assert.ok(backoff.next() <= 1_000);
  });
});
