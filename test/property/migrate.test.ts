import assert from "node:assert/strict";
import fc from "fast-check";
import { parseAllDocuments, stringify } from "yaml";
import { migrateText } from "../../cli/migrate/migrateText.ts";

const digest = `sha256:${"b".repeat(64)}`;
const name = fc.stringMatching(/^[a-z]{1,8}(\/[a-z]{1,6})?$/);
const image = fc
  .tuple(name, fc.option(fc.stringMatching(/^[a-z0-9][a-z0-9.]{0,5}$/), { nil: undefined }))
  .map(([base, tag]) => (tag === undefined ? base : `${base}:${tag}`));
/** Anything, with names that mean something and names that do not. */
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(image, fc.string({ unit: "grapheme" }), fc.integer(), fc.constant(null), fc.boolean()),
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.dictionary(
      fc.constantFrom(
        "image",
        "containers",
        "spec",
        "volumes",
        "reference",
        "tag",
        "repository",
        "digest",
        "newTag",
        "name",
        "images",
        "x",
      ),
      tie("tree"),
      { maxKeys: 4 },
    ),
  ),
}));
const style = fc.record({
  collectionStyle: fc.constantFrom("any" as const, "flow" as const, "block" as const),
  defaultStringType: fc.constantFrom("PLAIN" as const, "QUOTE_DOUBLE" as const, "QUOTE_SINGLE" as const),
  indent: fc.integer({ min: 2, max: 4 }),
});

describe("migrate, whatever the file", () => {
  it("changes scalars alone: without the digests that it wrote, the text is what it was", async () => {
    await fc.assert(
      fc.asyncProperty(
        tree,
        style,
        fc.boolean(),
        fc.constantFrom("\n", "\r\n"),
        fc.boolean(),
        async (value, how, comment, line, kustomize) => {
          const plain = `${stringify(value, how)}${comment ? "# the end\n" : ""}`.replaceAll("\n", line);
          const result = await migrateText(plain, {
            keepTag: true,
            placeholders: [],
            isKustomization: kustomize,
            resolve: async () => ({ status: "resolved", digest }),
          });
          if (result.status === "unreadable") return;
          const removed = result.text
            .replaceAll(new RegExp(`(\\r?\\n[ ]*|, )digest: ${digest}`, "g"), "")
            .replaceAll(`@${digest}`, "");
          // A digest key that the file had is filled in.
          if (!/\bdigest\b/.test(plain)) assert.equal(removed, plain);
          assert.equal(parseAllDocuments(result.text, { uniqueKeys: false })[0]?.errors.length ?? 0, 0, result.text);
          const again = await migrateText(result.text, {
            keepTag: true,
            placeholders: [],
            isKustomization: kustomize,
            resolve: async () => assert.fail("an image was left to ask for"),
          });
          assert.ok(again.status === "ok");
          assert.equal(again.text, result.text);
        },
      ),
      { numRuns: 2_000 },
    );
  }).timeout(60_000);
});
