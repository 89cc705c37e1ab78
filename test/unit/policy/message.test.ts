import assert from "node:assert/strict";
import { listed, message } from "../../../policy/finding/message.ts";
import type { ImageUse } from "../../../policy/subject/subject.ts";
import { parseReference } from "../../../policy/image/reference.ts";

const use = (some: Partial<ImageUse> = {}): ImageUse => ({
  container: "web",
  field: "containers",
  path: "/spec/containers/0/image",
  image: "nginx:1.21",
  parsed: parseReference("nginx:1.21"),
  ...some,
});

describe("message", () => {
  it("has the form of the contract", () => {
    assert.equal(
      message("production", use(), "DigestRequired", "uses a tag"),
      '[production] container "web", image "nginx:1.21": DigestRequired: uses a tag',
    );
    assert.match(message("p", use({ field: "initContainers" }), "DigestRequired", "x"), /container "web"/);
    assert.match(message("p", use({ field: "volumes", container: "model" }), "DigestRequired", "x"), /volume "model"/);
  });
  it("is one line, whatever a report or a signer says", () => {
    const line = message(
      "p",
      use(),
      "ScanVulnerable",
      'evil\n[other] container "x", image "y": fine\u2028\u202e\u200b\u0000',
    );
    assert.equal(line.split(/[\n\r\u2028\u2029]/).length, 1);
    assert.match(line, /evil\\u\{a\}\[other\]/);
    assert.doesNotMatch(line, /\p{C}/u);
  });
  it("keeps letters of every script, and quotes in our own words", () => {
    assert.match(message("p", use(), "RegistryDenied", 'denied by "\u00fc\u0436"'), /denied by "\u00fc\u0436"$/);
  });
  it("lets no image close its quotes", () => {
    assert.match(message("p", use({ image: 'a": fine' }), "ImageMalformed", "x"), /image "a\\": fine": ImageMalformed/);
  });
  it("is bounded", () => {
    const line = message(
      "p",
      use({ image: "i".repeat(10_000), container: "c".repeat(10_000) }),
      "ImageMalformed",
      "d".repeat(100_000),
    );
    assert.ok(line.length < 3000);
  });
});

describe("listed", () => {
  it("cuts long lists, and says so", () => {
    assert.equal(listed(["a", "b"]), "a, b");
    assert.equal(listed(["a", "b", "c"], 2), "a, b and 1 more");
    assert.equal(listed([]), "");
  });
});
