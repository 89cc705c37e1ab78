import assert from "node:assert/strict";
import { boundedDer } from "../../../../evidence/sigstore/verify/boundedDer.ts";

/** One element of DER, its length in the shortest form. */
const element = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const value = Buffer.concat(parts);
  const { length } = value;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), value]);
};
const sequence = (...parts: readonly Buffer[]): Buffer => element(0x30, ...parts);
const octets = (...parts: readonly Buffer[]): Buffer => element(0x04, ...parts);
const nulls = (count: number): Buffer => Buffer.concat(Array.from({ length: count }, () => Buffer.from([5, 0])));

const isRead = (der: Buffer): boolean => {
  try {
    const copy = boundedDer(der);
    assert.ok(copy.equals(der) && copy !== der);
    return true;
  } catch (error) {
    assert.equal((error as Error).message, "too entangled to be read");
    return false;
  }
};

describe("DER that is bounded before it is parsed", () => {
  it("has 4,000 elements at most, those in octet strings among them", () => {
    assert.deepEqual([isRead(sequence(nulls(3_999))), isRead(sequence(nulls(4_000)))], [true, false]);
    assert.deepEqual(
      [3_997, 3_998].map((count) => isRead(sequence(octets(nulls(1_000)), nulls(count - 1_000), octets()))),
      [true, false],
    );
  });

  it("is counted where octet strings hold no elements, and where they hold some and more", () => {
    for (const value of [[0xff], [5, 0, 0xff], [5, 1], [5]])
      assert.deepEqual(
        [3_000, 4_000].map((count) => isRead(sequence(octets(Buffer.from(value)), nulls(count)))),
        [true, false],
        String(value),
      );
  });

  it("is not looked for in what holds no elements", () => {
    for (const tag of [0x02, 0x03, 0x0c, 0x80]) assert.ok(isRead(sequence(element(tag, nulls(5_000)))), String(tag));
    for (const tag of [0x30, 0x31, 0xa0, 0x24]) assert.ok(!isRead(sequence(element(tag, nulls(5_000)))), String(tag));
  });

  /** After what the library refuses it reads nothing more, and nothing more is counted. */
  const headers: readonly (readonly [bytes: readonly number[], goesOn: boolean, why: string])[] = [
    [[0x05, 0x00], true, "an element"],
    [[0x0c, 0x01, 0x61], true, "one of a byte"],
    [[0x30, 0x00], true, "a sequence"],
    [[0x30, 0x01, 0x05], false, "a sequence of half an element"],
    [[0x0c, 0x7f, ...Buffer.alloc(0x7f)], true, "the longest short form"],
    [[0x0c, 0x81, 0x80, ...Buffer.alloc(0x80)], true, "the shortest long form"],
    [[0x0c, 0x82, 0x01, 0x00, ...Buffer.alloc(0x100)], true, "of two bytes"],
    [[0x00, 0x00], false, "the end of contents"],
    [[0x20, 0x00], false, "the same, constructed"],
    [[0x1f, 0x00], false, "a tag that goes on"],
    [[0xbf, 0x00], false, "the same of a context"],
    [[0x0c, 0x80], false, "a length that is left open"],
    [[0x0c, 0x81, 0x01, 0x61], false, "a long form for a short length"],
    [[0x0c, 0x82, 0x00, 0x80, ...Buffer.alloc(0x80)], false, "a zero before the length"],
    [[0x0c, 0x86, 0x01, 0, 0, 0, 0, 0], false, "more than there is"],
    [[0x0c, 0x87, 0x01, 0, 0, 0, 0, 0, 0], false, "a length of seven bytes"],
  ];
  for (const [bytes, goesOn, why] of headers)
    it(`${goesOn ? "goes on" : "ends"} behind ${why}`, () =>
      assert.equal(isRead(sequence(Buffer.from(bytes), nulls(4_000))), !goesOn));

  it("may be cut off, and empty", () => {
    for (const bytes of [[], [0x30], [0x30, 0x02, 0x05], [0x30, 0x81]]) assert.ok(isRead(Buffer.from(bytes)));
  });

  it("nests 100 levels deep, where the library stops", () => {
    const deep = (levels: number): Buffer => {
      let der = nulls(4_000);
      for (let level = 0; level < levels; level++) der = sequence(der);
      return der;
    };
    assert.deepEqual([isRead(deep(100)), isRead(deep(101))], [false, true]);
  });
});
