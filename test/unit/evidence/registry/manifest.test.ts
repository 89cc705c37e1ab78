import assert from "node:assert/strict";
import { readManifest, readReferrersPage } from "../../../../evidence/registry/manifest.ts";
import { digestAlgorithm, digestOfTag, digestTag } from "../../../../evidence/registry/digest.ts";
import { DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from "../../../../evidence/registry/mediaTypes.ts";

const digest = `sha256:${"a".repeat(64)}`;
const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest, size: 10 };
const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest, size: 20 };
const image = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer] };
const child = {
  mediaType: OCI_MANIFEST,
  digest,
  size: 5,
  platform: { os: "linux", architecture: "arm", variant: "v7" },
};
const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [child] };
const read = (value: unknown, type: string | undefined): ReturnType<typeof readManifest> =>
  readManifest(value, type, { digest, bytes: Uint8Array.of(1) }, "it");

describe("digests", () => {
  const hex = "0123456789abcdef".repeat(4);
  it("that can be proved are SHA-256 and SHA-512 in full, in small letters, and nothing around them", () => {
    assert.equal(digestAlgorithm(`sha256:${hex}`), "sha256");
    assert.equal(digestAlgorithm(`sha512:${hex}${hex}`), "sha512");
    for (const text of [
      `sha256:${hex.slice(1)}`,
      `sha256:${hex}0`,
      `sha256:${hex.toUpperCase()}`,
      `sha256:${hex.slice(1)}g`,
      ` sha256:${hex}`,
      `sha256:${hex}\n`,
      `xsha256:${hex}`,
      `sha512:${hex}`,
      `sha512:${hex}${hex}0`,
      `sha384:${hex}`,
      hex,
      "v1",
      "",
    ])
      assert.equal(digestAlgorithm(text), undefined, text);
  });

  it("stand in derived tags, and in no other", () => {
    for (const suffix of ["", ".sig", ".att", ".sbom"])
      assert.equal(digestOfTag(digestTag(`sha256:${hex}`) + suffix), `sha256:${hex}`);
    for (const tag of [
      `sha256-${hex.slice(1)}`,
      `sha256-${hex}.`,
      `sha256-${hex}.S`,
      `xsha256-${hex}`,
      `sha256-${hex}x`,
      "v1",
    ])
      assert.equal(digestOfTag(tag), undefined, tag);
  });
});

describe("descriptors", () => {
  const table: readonly (readonly [why: string, descriptor: object, message: RegExp])[] = [
    ["a media type that is no text", { ...layer, mediaType: ["a/b"] }, /no media type/],
    ["a media type with a line break", { ...layer, mediaType: "a/b\nc" }, /no media type/],
    ["a digest that is no text", { ...layer, digest: 5 }, /no digest/],
    ["a digest without algorithm", { ...layer, digest: "abc" }, /no digest/],
    ["a size that is a text", { ...layer, size: "10" }, /no size/],
    ["a size with a fraction", { ...layer, size: 1.5 }, /no size/],
    ["a size below nothing", { ...layer, size: -1 }, /no size/],
    ["an artifactType that is no text", { ...layer, artifactType: 5 }, /no text/],
    ["annotations that are a list", { ...layer, annotations: [] }, /no object/],
    ["annotations that are a text", { ...layer, annotations: "a" }, /no object/],
  ];
  for (const [why, one, message] of table) {
    it(`are malformed with ${why}`, () => {
      const outcome = read({ ...image, layers: [one] }, OCI_MANIFEST);
      assert.ok(outcome.status === "invalid" && outcome.reason === "ImageMalformed", JSON.stringify(outcome));
      assert.match(outcome.message, message);
    });
  }
  it("may be of nothing", () =>
    assert.equal(read({ ...image, layers: [{ ...layer, size: 0 }] }, OCI_MANIFEST).status, "verified"));
});

describe("manifests", () => {
  const good: readonly (readonly [why: string, value: unknown, type: string | undefined])[] = [
    ["an image", image, OCI_MANIFEST],
    ["an index", index, OCI_INDEX],
    ["an image in Docker's types", { ...image, mediaType: DOCKER_MANIFEST }, DOCKER_MANIFEST],
    ["an index in Docker's types", { ...index, mediaType: DOCKER_LIST }, DOCKER_LIST],
    ["a type with parameters and capitals", image, `${OCI_MANIFEST.toUpperCase()}; charset=utf-8`],
    ["OCI without mediaType", { ...image, mediaType: undefined }, OCI_MANIFEST],
    ["no Content-Type, but mediaType", image, undefined],
    ["an artifact without layers", { ...image, layers: null, artifactType: "application/x" }, OCI_MANIFEST],
    ["an empty index", { ...index, manifests: [] }, OCI_INDEX],
    ["what is null", { ...image, annotations: null, subject: null, manifests: null }, OCI_MANIFEST],
    [
      "a digest of an algorithm that we do not prove",
      { ...image, layers: [{ ...layer, digest: "blake3:abc" }] },
      OCI_MANIFEST,
    ],
  ];
  for (const [why, value, type] of good) it(`takes ${why}`, () => assert.equal(read(value, type).status, "verified"));

  const bad: readonly (readonly [why: string, value: unknown, type: string | undefined, message: RegExp])[] = [
    [
      "image and index in one (GHSA-qq97-vm5h-rrhg)",
      { ...image, manifests: [child] },
      OCI_MANIFEST,
      /image and has manifests/,
    ],
    ["index and image in one", { ...index, layers: [layer] }, OCI_INDEX, /index and has layers/],
    ["an index with a config", { ...index, config }, OCI_INDEX, /index and has config/],
    ["an empty list of manifests in an image", { ...image, manifests: [] }, OCI_MANIFEST, /has manifests/],
    ["Docker's schema 1 in disguise", { ...image, fsLayers: [] }, OCI_MANIFEST, /fsLayers/],
    ["mediaType unlike Content-Type", image, OCI_INDEX, /mediaType .* served as/],
    ["the same in Docker's types", image, DOCKER_MANIFEST, /served as/],
    ["a type that is no image's", image, "application/json", /served as/],
    ["no type at all", { ...image, mediaType: undefined }, undefined, /without a media type/],
    ["an unknown type", { ...image, mediaType: undefined }, "text/html", /no image's/],
    ["schema 1", { ...image, mediaType: undefined, schemaVersion: 1 }, OCI_MANIFEST, /schemaVersion/],
    ["a spelling that Go reads as another field", { ...image, Manifests: [child] }, OCI_MANIFEST, /spells manifests/],
    ["the Kelvin sign, which Go folds", { ...image, ["layerſ"]: [layer] }, OCI_MANIFEST, /spells layers/],
    [
      "such a spelling in a descriptor",
      { ...image, layers: [{ ...layer, Digest: digest }] },
      OCI_MANIFEST,
      /spells digest/,
    ],
    ["an index without manifests", { ...index, manifests: undefined }, OCI_INDEX, /without manifests/],
    ["an image without config", { ...image, config: undefined }, OCI_MANIFEST, /config is no object/],
    ["a layer without digest", { ...image, layers: [{ ...layer, digest: undefined }] }, OCI_MANIFEST, /no digest/],
    ["a size that is none", { ...image, layers: [{ ...layer, size: -1 }] }, OCI_MANIFEST, /no size/],
    ["a size that is a text", { ...image, layers: [{ ...layer, size: "5" }] }, OCI_MANIFEST, /no size/],
    ["annotations that are no text", { ...image, annotations: { a: 1 } }, OCI_MANIFEST, /something else than text/],
    ["a list", [], OCI_MANIFEST, /no object/],
    ["null", null, OCI_MANIFEST, /no object/],
    ["a text", "manifest", OCI_MANIFEST, /no object/],
  ];
  for (const [why, value, type, message] of bad) {
    it(`refuses ${why}`, () => {
      const outcome = read(value, type);
      assert.equal(outcome.status, "invalid");
      assert.equal(outcome.reason, "ImageMalformed");
      assert.match(outcome.message, message);
    });
  }

  it("keeps what is read", () => {
    const outcome = read({ ...index, annotations: { a: "b" }, subject: layer }, OCI_INDEX);
    assert.equal(outcome.status, "verified");
    assert.deepEqual(outcome.value.manifests, [child]);
    assert.deepEqual(outcome.value.annotations, { a: "b" });
    assert.deepEqual(outcome.value.subject, layer);
    assert.equal(outcome.value.config, undefined);
  });
});

describe("pages of referrers", () => {
  it("leave out what is malformed, so that junk hides nothing", () => {
    const page = { ...index, manifests: [{ ...child, size: "x" }, 7, child] };
    assert.deepEqual(readReferrersPage(page, OCI_INDEX, "it"), { status: "verified", value: [child] });
  });
  const bad: readonly (readonly [why: string, value: unknown, type: string])[] = [
    ["Docker's list", { ...index, mediaType: DOCKER_LIST }, DOCKER_LIST],
    ["HTML", {}, "text/html"],
    ["a list", [], OCI_INDEX],
    ["manifests that are no list", { ...index, manifests: {} }, OCI_INDEX],
  ];
  for (const [why, value, type] of bad)
    it(`are not ${why}`, () => assert.equal(readReferrersPage(value, type, "it").status, "invalid"));
});
