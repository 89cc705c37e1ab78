import assert from "node:assert/strict";
import lock from "../../package-lock.json" with { type: "json" };

/** What may be shipped under Apache-2.0, in an image and bundled, with no more to do than to keep its text (SPDX identifiers). */
const SHIPPED: ReadonlySet<string> = new Set([
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BlueOak-1.0.0",
  "ISC",
  "MIT",
  "PSF-2.0",
  "Unlicense",
]);
/** What development needs is given to nobody. */
const DEVELOPMENT: ReadonlySet<string> = new Set([...SHIPPED, "CC-BY-4.0", "CC0-1.0", "MPL-2.0", "Python-2.0"]);

describe("the licences of dependencies", () => {
  const packages = Object.entries(lock.packages as Readonly<Record<string, { license?: string; dev?: boolean }>>);
  for (const [who, allowed, dev] of [
    ["the image", SHIPPED, false],
    ["development", DEVELOPMENT, true],
  ] as const)
    it(`of ${who} are on the list`, () => {
      const concerned = packages.filter(([place, one]) => place !== "" && (one.dev ?? false) === dev);
      assert.ok(concerned.length > 100);
      assert.deepEqual(
        concerned.flatMap(([place, { license = "none" }]) =>
          partsOf(license).every((part) => allowed.has(part)) ? [] : [`${place}: ${license}`],
        ),
        [],
      );
    });
});

/** All of `A AND B` have to be kept; no package here offers a choice. */
const partsOf = (expression: string): readonly string[] => expression.replaceAll(/[()]/g, "").split(" AND ");
