import assert from "node:assert/strict";
import { backoffAfter } from "../../../async/backoff.ts";

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
