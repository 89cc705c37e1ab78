import assert from "node:assert/strict";
import type { Outcome } from "../../../../policy/facts/outcome.ts";
import { manifestFacts } from "../../../../evidence/gather/manifestFacts.ts";
import { readManifest } from "../../../../evidence/registry/manifest.ts";
import type { ContentReason, Manifest } from "../../../../evidence/registry/repository.ts";
import { runningDigest } from "../../../../evidence/gather/runningDigest.ts";
import { isImage } from "../../../../evidence/gather/tagMatch.ts";
import { makeImage, makeIndex, type Pushable } from "../../../../sandbox/registry/images.ts";

type Answer = Outcome<Manifest, ContentReason>;
const parse = (pushed: Pushable): Answer =>
  readManifest(JSON.parse(Buffer.from(pushed.bytes).toString()), pushed.mediaType, pushed, "it");

const amd64 = makeImage({ platform: { os: "linux", architecture: "amd64" } });
const arm64 = makeImage({ platform: { os: "linux", architecture: "arm64", variant: "v8" } });
const attestation = makeImage({ platform: { os: "unknown", architecture: "unknown" } });
const index = makeIndex([amd64, arm64, attestation]);
const other = makeImage({ labels: { other: "yes" } });
const down: Answer = { status: "unavailable", cause: "network", message: "down" };
const gone: Answer = { status: "absent", message: "gone" };

const hexOf = (digest = ""): string => digest.slice("sha256:".length);

/** `digest / running`: a digest's name, or the status of the outcome. */
async function say(
  imageID: string | undefined,
  tag: Answer,
  served: readonly Pushable[],
  missing = gone,
): Promise<string> {
  const found = await runningDigest(imageID, {
    tag: () => tag,
    manifest: (digest) => {
      const one = served.find((pushed) => pushed.digest === digest);
      return one === undefined ? missing : parse(one);
    },
  });
  if (found === undefined) return "unknown";
  const names = new Map([
    [index.digest, "index"],
    [amd64.digest, "amd64"],
    [arm64.digest, "arm64"],
    [other.digest, "other"],
  ]);
  return [found.digest, found.running]
    .map((outcome) => (outcome.status === "verified" ? names.get(outcome.value) : outcome.status))
    .join(" / ");
}

describe("which digest runs", () => {
  const all = [index, amd64, arm64, other];
  const repo = (image: Pushable): string => `registry.company.com/app@${image.digest}`;
  const table: readonly (readonly [
    why: string,
    imageID: string | undefined,
    tag: Answer,
    served: readonly Pushable[],
    expected: string,
  ])[] = [
    ["nothing reported yet", undefined, parse(index), all, "unknown"],
    ["an empty imageID", "", parse(index), all, "unknown"],
    ["containerd: the index", repo(index), parse(index), all, "index / index"],
    ["the index, after the tag moved", repo(index), parse(other), all, "index / index"],
    ["CRI-O: a platform child of what the tag names", repo(arm64), parse(index), all, "index / index"],
    ["a child of an index that the tag no longer names", repo(arm64), parse(other), all, "arm64 / arm64"],
    ["an image without index", repo(other), parse(other), all, "other / other"],
    [
      "another repository of the same content",
      `mirror.internal:5000/x/y@${index.digest}`,
      parse(index),
      all,
      "index / index",
    ],
    ["docker-pullable", `docker-pullable://nginx@${index.digest}`, parse(index), all, "index / index"],
    ["a digest that the registry no longer has", repo(arm64), parse(other), [other], "arm64 / arm64"],
    ["a child whose own manifest is gone, in the tag's index", repo(arm64), parse(index), [index], "index / index"],
    ["the tag is gone", repo(other), gone, all, "other / other"],
    ["a single-platform manifest and no answer for the tag", repo(arm64), down, all, "unavailable / unavailable"],
    ["the index and no answer for the tag", repo(index), down, all, "index / index"],
    ["a bare config of the image", other.configDigest, parse(other), all, "other / other"],
    ["a bare config, with docker's scheme", `docker://${other.configDigest}`, parse(other), all, "other / other"],
    ["CRI-O: a bare config without its algorithm", hexOf(other.configDigest), parse(other), all, "other / other"],
    ["a bare config of a child without its algorithm", hexOf(arm64.configDigest), parse(index), all, "index / index"],
    ["the same with docker's scheme", `docker://${hexOf(other.configDigest)}`, parse(other), all, "other / other"],
    ["hex digits that are too few", hexOf(other.configDigest).slice(1), parse(other), all, "unavailable / unavailable"],
    ["a bare config of a child", arm64.configDigest, parse(index), all, "index / index"],
    ["Docker's containerd store: the bare index", `docker://${index.digest}`, parse(index), all, "index / index"],
    ["Docker's containerd store: the bare child", arm64.digest, parse(index), all, "index / index"],
    ["a bare index that the tag no longer names", index.digest, parse(other), all, "unavailable / absent"],
    ["a bare config of something else", other.configDigest, parse(index), all, "unavailable / absent"],
    ["a bare config and no answer for the tag", other.configDigest, down, all, "unavailable / unavailable"],
    ["a bare config and no tag", other.configDigest, gone, all, "unavailable / unavailable"],
    ["a tag", "registry.company.com/app:v1", parse(index), all, "unavailable / unavailable"],
    ["a digest that is cut off", "registry.company.com/app@sha256:abc", parse(index), all, "unavailable / unavailable"],
  ];
  for (const [why, imageID, tag, served, expected] of table) {
    it(`${why}: ${expected}`, async () => assert.equal(await say(imageID, tag, served), expected));
  }

  it("what cannot be told will not pass by itself, unlike a registry that does not answer", async () => {
    const lasting = async (imageID: string, tag: Answer): Promise<unknown> => {
      const found = await runningDigest(imageID, { tag: () => tag, manifest: () => gone });
      return found?.digest.status === "unavailable" ? found.digest.lasting : found?.digest.status;
    };
    assert.equal(await lasting("registry.company.com/app:v1", parse(index)), true);
    assert.equal(await lasting(other.configDigest, parse(index)), true);
    assert.equal(await lasting(other.configDigest, down), undefined);
    assert.equal(await lasting(repo(arm64), down), undefined);
  });
  it("a bare config while a child cannot be read cannot be told", async () =>
    assert.equal(await say(other.configDigest, parse(index), [index], down), "unavailable / unavailable"));
  it("a bare config of a child that can be read, though another cannot", async () =>
    assert.equal(await say(arm64.configDigest, parse(index), [arm64], down), "index / index"));
  it("takes no turn of the event loop where everything is known", () => {
    const found = runningDigest(repo(arm64), { tag: () => parse(index), manifest: () => parse(arm64) });
    assert.ok(!(found instanceof Promise));
  });
});

describe("the same image by another name", () => {
  const manifest = (pushed: Pushable): Manifest => {
    const outcome = parse(pushed);
    assert.equal(outcome.status, "verified");
    return outcome.value;
  };
  it("a platform child, or the same bytes by SHA-512", () => {
    const twin = makeImage({ algorithm: "sha512" });
    const sha256 = readManifest(
      JSON.parse(Buffer.from(twin.bytes).toString()),
      twin.mediaType,
      { digest: "sha256:x", bytes: twin.bytes },
      "it",
    );
    assert.equal(sha256.status, "verified");
    assert.ok(isImage(manifest(index), index.digest));
    assert.ok(isImage(manifest(index), arm64.digest));
    assert.ok(isImage(sha256.value, twin.digest));
  });
  it("neither an attestation, another image, nor an index of the child", () => {
    assert.ok(!isImage(manifest(index), attestation.digest));
    assert.ok(!isImage(manifest(index), other.digest));
    assert.ok(!isImage(manifest(arm64), index.digest));
    assert.ok(!isImage(manifest(index), `sha512:${"a".repeat(128)}`));
    assert.ok(!isImage(manifest(other), other.configDigest), "a config is no image");
  });
  it("facts name the platforms, without attestations", () =>
    assert.deepEqual(manifestFacts(manifest(index)).platforms, [
      { digest: amd64.digest, platform: "linux/amd64" },
      { digest: arm64.digest, platform: "linux/arm64/v8" },
    ]));
});
