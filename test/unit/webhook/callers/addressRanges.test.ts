import assert from "node:assert/strict";
import { addressRanges } from "../../../../webhook/callers/addressRanges.ts";

describe("addressRanges", () => {
  const rows: readonly (readonly [range: string, address: string | undefined, inside: boolean])[] = [
    ["10.0.0.0/28", "10.0.0.15", true],
    ["10.0.0.0/28", "10.0.0.16", false],
    ["10.0.0.4", "10.0.0.4", true],
    ["10.0.0.4", "10.0.0.5", false],
    ["10.0.0.4", "10.0.0.40", false],
    // A socket of both families.
    ["10.0.0.0/28", "::ffff:10.0.0.15", true],
    ["10.0.0.0/28", "::ffff:10.0.0.16", false],
    ["10.0.0.0/28", "::FFFF:a00:f", true],
    ["::ffff:10.0.0.0/124", "10.0.0.15", true],
    ["::ffff:10.0.0.0/124", "10.0.0.16", false],
    ["fd00::/64", "fd00::1", true],
    ["fd00::/64", "fd00:0:0:1::1", false],
    ["fd00::/64", "10.0.0.1", false],
    ["fe80::/10", "fe80::1%eth0", true],
    ["10.0.0.0/8", undefined, false],
    ["10.0.0.0/8", "", false],
    ["10.0.0.0/8", "10.0.0", false],
  ];
  for (const [range, address, inside] of rows)
    it(`${range} ${inside ? "holds" : "does not hold"} ${address}`, () => {
      assert.equal(addressRanges([range])(address), inside);
      assert.equal(addressRanges(["192.0.2.1", range])(address), inside);
    });

  it("refuses what is no range", () => {
    for (const range of ["apiserver", "10.0.0.0/33", "10.0.0.0/x", ""])
      assert.throws(() => addressRanges([range]), Error, range);
  });
});
