import assert from "node:assert/strict";
import fc from "fast-check";
import { fitWarnings } from "../../../webhook/review/warnings.ts";

const digest = `sha256:${"a".repeat(64)}`;

describe("fitWarnings", () => {
  it("leaves short ones as they are and repeats none", () => {
    assert.deepEqual(fitWarnings(["b", "a", "b"]), ["b", "a"]);
    assert.deepEqual(fitWarnings([]), []);
  });

  it("shortens digests before anything else", () => {
    const line = `[p] container "web", image "registry.company.com/team/app:v1@${digest}": TagForbidden: has a tag beside its digest; write registry.company.com/team/app@${digest}`;
    const [shorter = ""] = fitWarnings([line]);
    assert.ok(line.length > 256 && shorter.length <= 256);
    assert.match(shorter, /v1@sha256:a{12}\.\.\."/);
    assert.match(shorter, /write registry\.company\.com\/team\/app@sha256:a{12}\.\.\.$/);
  });

  it("shortens digests in every warning, also in one that has room", () => {
    assert.deepEqual(fitWarnings([`[p] container "web", image "app@${digest}"`]), [
      `[p] container "web", image "app@sha256:${"a".repeat(12)}..."`,
    ]);
  });

  it("cuts what is still too long, never inside a character", () => {
    const [cut = ""] = fitWarnings(["𝕏".repeat(400)]);
    assert.equal(Array.from(cut).length, 256);
    assert.ok(cut.isWellFormed() && cut.endsWith("..."));
  });

  it("says how many it leaves out", () => {
    const many = Array.from({ length: 100 }, (_, index) => `warning ${index} ${"x".repeat(100)}`);
    const fitted = fitWarnings(many);
    const left = Number(/(\d+) more warnings/.exec(fitted.at(-1) ?? "")?.[1]);
    assert.equal(fitted.length - 1 + left, 100);
    assert.deepEqual(fitted.slice(0, -1), many.slice(0, fitted.length - 1));
  });

  it("never needs more than the API server has room for", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme", maxLength: 600 }), { maxLength: 60 }), (messages) => {
        const fitted = fitWarnings(messages);
        assert.ok(fitted.every((line) => Array.from(line).length <= 256));
        assert.ok(fitted.reduce((sum, line) => sum + Buffer.byteLength(line), 0) <= 4_096);
        assert.equal(fitted.length === 0, messages.length === 0);
      }),
    );
  });
});
