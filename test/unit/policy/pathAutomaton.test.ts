import assert from "node:assert/strict";
import fc from "fast-check";
import { compileAutomaton } from "../../../policy/image/pathAutomaton.ts";

/** The same, said again in the words of the documentation. */
const matches = (pattern: readonly string[], value: readonly string[]): boolean => {
  const [first, ...rest] = pattern;
  if (first === undefined) return value.length === 0;
  if (first === "**") return matches(rest, value) || (value.length > 0 && matches(pattern, value.slice(1)));
  const [head, ...tail] = value;
  return head !== undefined && segmentMatches(first, head) && matches(rest, tail);
};
const segmentMatches = (glob: string, text: string): boolean => {
  if (glob === "") return text === "";
  if (glob.startsWith("*"))
    return segmentMatches(glob.slice(1), text) || (text !== "" && segmentMatches(glob, text.slice(1)));
  return glob[0] === text[0] && segmentMatches(glob.slice(1), text.slice(1));
};

describe("compileAutomaton", () => {
  const table: readonly (readonly [pattern: string, repository: string, matches: boolean, why: string])[] = [
    ["**/b", "b", true, "no segment"],
    ["**/b", "a/a/b", true, "two of them"],
    ["**/b", "ab", false, "at borders only"],
    ["a/**/b", "a/b", true, "no segment in the middle"],
    ["a/**/b", "a/x/y/b", true, "two in the middle"],
    ["a/**/b", "ab", false, "the slash stays"],
    ["**/*", "a", true, "one segment at least"],
    ["a*c", "a/c", false, "a star stays within its segment"],
    ["a*c", "xac", false, "anchored at its beginning"],
    ["ab*c", "babc", false, "at its first character"],
    ["*c", "c", true, "a star that is nothing at the beginning"],
    ["**/*b", "b", true, "behind no segment as well"],
    ["**/**/b", "b", true, "twice any number is any number"],
    [`${"a/".repeat(60)}**/b*`, `${"a/".repeat(61)}bc`, true, "beyond 32 places"],
    [`${"a".repeat(31)}*b`, `${"a".repeat(33)}b`, true, "a star at a word's end"],
    [`${"a".repeat(29)}/**/b`, `${"a".repeat(29)}/x/b`, true, "any number across a word's end"],
    [`${"a".repeat(30)}/**/b`, `${"a".repeat(30)}/b`, true, "and none of it"],
    [`${"a".repeat(28)}/**/*b`, `${"a".repeat(28)}/x/xb`, true, "and a star behind it"],
  ];
  for (const [pattern, repository, expected, why] of table) {
    it(`${pattern} ${expected ? "is" : "is not"} ${repository}: ${why}`, () => {
      assert.equal(compileAutomaton(pattern.split("/"))(repository), expected);
      assert.equal(matches(pattern.split("/"), repository.split("/")), expected, "so says the documentation");
    });
  }

  it("says what the documentation says, wherever a pattern's parts stand", () => {
    const letters = fc.array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 4 }).map((all) => all.join(""));
    const glob = fc
      .array(fc.constantFrom("a", "b", "*"), { minLength: 1, maxLength: 4 })
      .map((all) => all.join("").replaceAll(/\*+/g, "*"));
    const long = fc.integer({ min: 0, max: 70 }).map((length) => "a".repeat(length));
    fc.assert(
      fc.property(
        long,
        fc.array(fc.oneof(glob, fc.constant("**")), { maxLength: 5 }),
        glob,
        fc.array(letters, { minLength: 1, maxLength: 6 }),
        (prefix, head, last, value) => {
          // What stands before moves everything behind it across the words' borders.
          const pattern = prefix === "" ? [...head, last] : [prefix, ...head, last];
          const repository = prefix === "" ? value : [prefix, ...value];
          assert.equal(compileAutomaton(pattern)(repository.join("/")), matches(pattern, repository));
        },
      ),
      { numRuns: 20_000 },
    );
  });
});
