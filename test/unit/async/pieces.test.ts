import assert from "node:assert/strict";
import fc from "fast-check";
import { Pieces } from "../../../async/pieces.ts";

const KiB = 1024;

/** What comes, each piece as a view of so much memory. */
const collect = (pieces: Iterable<{ readonly size: number; readonly memory: number }>): readonly Buffer[] => {
  const collected = new Pieces();
  let nth = 0;
  for (const { size, memory } of pieces) {
    nth += 1;
    collected.add(Buffer.from(new ArrayBuffer(memory), 0, size).fill(nth % 251));
  }
  return collected.end();
};

/** Bytes of memory that they keep, an object of each among it. */
const kept = (pieces: readonly Buffer[]): number =>
  [...new Set(pieces.map(({ buffer }) => buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0) +
  200 * pieces.length;

const repeated = (times: number, ...of: readonly { readonly size: number; readonly memory: number }[]) =>
  Array.from({ length: times }, () => of).flat();

describe("pieces of a body", () => {
  const cases: readonly (readonly [why: string, pieces: Parameters<typeof collect>[0], bytes: number])[] = [
    ["a byte at a time, each in memory of its own", repeated(100_000, { size: 1, memory: 1 }), 100_000],
    ["a byte at a time, each in 64 KiB", repeated(1_000, { size: 1, memory: 64 * KiB }), 1_000],
    [
      "a kilobyte and a byte in turn",
      repeated(1_000, { size: KiB, memory: KiB }, { size: 1, memory: 64 * KiB }),
      1_025_000,
    ],
    ["a kilobyte at a time, each in 64 KiB", repeated(1_000, { size: KiB, memory: 64 * KiB }), 1_024_000],
    ["records of TLS", repeated(100, { size: 16 * KiB, memory: 16 * KiB }), 1_638_400],
  ];
  for (const [why, pieces, bytes] of cases) {
    it(`of ${bytes} bytes take memory in proportion: ${why}`, () => {
      const memory = kept(collect(pieces));
      assert.ok(memory <= 4 * bytes + 32 * KiB, `${memory} bytes`);
    });
  }

  it("are kept as they are where they are large", () => {
    const [only, ...others] = collect([{ size: 5 * KiB, memory: 6 * KiB }]);
    assert.equal(others.length, 0);
    assert.equal(only?.buffer.byteLength, 6 * KiB);
  });

  it("come out as they came in", () => {
    const sizes = fc.array(fc.oneof(fc.nat(3), fc.nat(2_000), fc.constantFrom(1_024, 16_384, 16_385, 40_000)));
    fc.assert(
      fc.property(sizes, (all) => {
        const made = all.map((size, nth) => Buffer.alloc(size, nth % 251));
        const collected = new Pieces();
        for (const piece of made) collected.add(piece);
        assert.ok(Buffer.concat(collected.end()).equals(Buffer.concat(made)));
      }),
    );
  });

  it("are nothing after they were let go of", () => {
    const collected = new Pieces();
    for (const size of [10, 5_000, 10]) collected.add(Buffer.alloc(size));
    collected.clear();
    assert.deepEqual(collected.end(), []);
  });
});
