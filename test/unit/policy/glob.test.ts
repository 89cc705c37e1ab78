import assert from "node:assert/strict";
import { parseDuration } from "../../../policy/duration.ts";
import { compileGlob, compileGlobs, matchRuns } from "../../../policy/image/glob.ts";

type Table = readonly (readonly [pattern: string, value: string, matches: boolean])[];

const holds = (table: Table, match: (pattern: string, value: string) => boolean): void => {
  for (const [pattern, value, matches] of table)
    it(`${JSON.stringify(pattern)} ${matches ? "takes" : "leaves"} ${JSON.stringify(value)}`, () =>
      assert.equal(match(pattern, value), matches));
};

describe("compileGlob", () => {
  const table: Table = [
    ["prod", "prod", true],
    ["prod", "prod-1", false],
    ["prod-*", "prod-1", true],
    ["prod-*", "prod-", true],
    ["prod-*", "prod", false],
    ["prod-*", "xprod-1", false],
    ["*-prod", "eu-prod", true],
    ["*-prod", "eu-prod-1", false],
    ["*prod*", "prod", true],
    ["a*b*c", "axbybzc", true],
    ["a*b*c", "acb", false],
    ["a*b*c", "axc", false],
    ["a*b*b", "ab", false],
    ["a*b*b*c", "abc", false],
    ["a*b*b*c", "abbc", true],
    ["ab*ba", "aba", false],
    ["a*b", "xb", false],
    ["a*ab", "aab", true],
    ["a*ab", "ab", false],
    ["*", "", true],
    ["**", "anything", true],
    ["", "", true],
    ["", "a", false],
    ["a.b", "axb", false],
    ["pay?", "payx", false],
  ];
  holds(table, (glob, value) => compileGlob(glob)(value));

  it("of several globs one is enough, and none takes nothing", () => {
    assert.equal(compileGlobs(["a", "b*"])("bc"), true);
    assert.equal(compileGlobs(["a", "b*"])("c"), false);
    assert.equal(compileGlobs([])("a"), false);
  });
});

describe("matchRuns", () => {
  const table: Table = [
    ["ab", "ab", true],
    ["b", "ab", false],
    ["ab", "a", false],
    ["a", "ab", false],
    ["", "", true],
    ["", "a", false],
    ["*", "", true],
    ["a*", "a", true],
    ["a**", "a", true],
    ["*b", "ab", true],
    ["*b", "ba", false],
    ["a*b", "ab", true],
    ["a*b", "axxb", true],
    ["a*b", "abx", false],
    ["a*b", "xab", false],
    ["a*bc", "abbc", true],
    ["a*b*c", "abxc", true],
    ["a*b*c", "axc", false],
  ];
  holds(table, (pattern, value) => matchRuns(pattern, value, "*", (one, other) => one === other));
});

describe("parseDuration", () => {
  const table: readonly (readonly [text: string, milliseconds: number | undefined])[] = [
    ["24h", 86_400_000],
    ["7d", 604_800_000],
    ["1h30m", 5_400_000],
    ["1d1h1m1s", 90_061_000],
    ["0s", 0],
    ["", undefined],
    ["5", undefined],
    ["h", undefined],
    ["-1h", undefined],
    ["1.5h", undefined],
    ["1h ", undefined],
    ["1w", undefined],
    ["1H", undefined],
    ["999999999999999999d", undefined],
  ];
  for (const [text, milliseconds] of table) {
    it(`reads ${JSON.stringify(text)} as ${milliseconds}`, () => assert.equal(parseDuration(text), milliseconds));
  }
});
