import assert from "node:assert/strict";
import { HeldStatements, type Dated } from "../../../../evidence/sigstore/find/heldStatements.ts";

const MiB = 1024 * 1024;
const at = (minute: number): string => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
const time = (minute: number): number => Date.parse(at(minute));
const of = (minute: number | undefined, bytes = 1): Dated => ({
  bytes,
  ...(minute === undefined ? {} : { finishedAt: at(minute) }),
});

const heldOf = (...items: readonly Dated[]): HeldStatements<Dated> => {
  const held = new HeldStatements<Dated>();
  for (const item of items) held.add(item);
  return held;
};
const times = (held: HeldStatements<Dated>): readonly string[] =>
  [...held].map(({ finishedAt = "" }) => finishedAt).toSorted((a, b) => (a < b ? -1 : 1));

describe("what one signer attested, as much as is held", () => {
  it("is all of it, up to 32", () => {
    const held = heldOf(...Array.from({ length: 32 }, (_, minute) => of(minute)));
    assert.equal([...held].length, 32);
    assert.equal(held.leftOut, undefined);
  });

  it("is the 32 that were finished last, in whatever order they come, and the newest that was left out is known", () => {
    const minutes = Array.from({ length: 40 }, (_, minute) => minute);
    const expected = minutes.slice(8).map(at);
    for (const order of [minutes, minutes.toReversed(), minutes.map((minute) => (minute * 7) % 40)]) {
      const held = heldOf(...order.map((minute) => of(minute)));
      assert.deepEqual(times(held), expected);
      assert.equal(held.leftOut, time(7));
    }
  });

  it("is more of what says no time: any of it may be the newest", () => {
    const held = heldOf(...Array.from({ length: 1_024 }, () => of(undefined)));
    assert.equal(held.leftOut, undefined);
    held.add(of(undefined));
    assert.equal(held.leftOut, Infinity);
    const malformed = heldOf(...Array.from({ length: 40 }, () => ({ bytes: 1, finishedAt: "yesterday" })));
    assert.equal([...malformed].length, 40);
  });

  it("is 16 MiB, but one whatever its size; and 64 MiB of what says no time", () => {
    assert.equal(heldOf(of(1, 65 * MiB)).leftOut, undefined);
    const held = heldOf(of(2, 10 * MiB), of(1, 7 * MiB));
    assert.deepEqual(times(held), [at(2)]);
    assert.equal(held.leftOut, time(1));
    assert.equal(held.bytes, 10 * MiB);
    assert.equal(heldOf(of(undefined, 40 * MiB), of(undefined, 30 * MiB)).leftOut, Infinity);
  });

  it("knows what it would hold", () => {
    const held = heldOf(...Array.from({ length: 32 }, (_, minute) => of(minute + 10)));
    assert.equal(held.wants(of(9)), false);
    assert.equal(held.wants(of(10)), false);
    assert.equal(held.wants(of(11)), true);
    assert.equal(held.wants(of(undefined)), true);
    held.leaveOut(of(9));
    assert.equal(held.leftOut, time(9));
    held.leaveOut(of(5));
    assert.equal(held.leftOut, time(9));
  });
});
