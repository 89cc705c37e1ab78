import assert from "node:assert/strict";
import { makeImage, makeIndex, makeRawManifest } from "../../sandbox/registry/images.ts";
import { deepJson, imageAndIndex } from "../../sandbox/registry/misbehaviour/hostileContent.ts";
import { contentType, otherBytes, status } from "../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { resetAfter, truncateAfter } from "../../sandbox/registry/misbehaviour/wrongTransport.ts";
import type { Misbehaviour } from "../../sandbox/registry/misbehaviour/rules.ts";
import { addToStore } from "../../sandbox/registry/push.ts";
import { type SandboxRegistry, startRegistry } from "../../sandbox/registry/server.ts";
import { openReaders, patient } from "../unit/evidence/registry/support/readers.ts";

const image = makeImage();
const other = makeImage({ labels: { other: "yes" } });
const index = makeIndex([image, other]);
const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";

async function told(place: SandboxRegistry, reference: string): Promise<string> {
  await using readers = openReaders();
  const app = readers.open(`${place.host}/team/app`);
  const outcome = reference.includes(":")
    ? await app.manifest(reference, patient())
    : await app.resolveTag(reference, patient());
  if (outcome.status === "invalid") return outcome.reason;
  return outcome.status === "unavailable" ? outcome.cause : outcome.status;
}

async function withImages(): Promise<SandboxRegistry> {
  const place = await startRegistry();
  addToStore(place.store, "team/app", index, "v1");
  return place;
}

describe("a registry controls bytes, not digests (CVE-2023-47630, CVE-2023-33959)", () => {
  const cases: readonly (readonly [why: string, as: Misbehaviour])[] = [
    ["another manifest", otherBytes(other.bytes)],
    ["the same manifest with a blank more", otherBytes(`${Buffer.from(image.bytes).toString()} `)],
    ["nothing", otherBytes("")],
    ["another document", otherBytes("{}")],
    ["HTML", otherBytes("<html></html>")],
  ];
  for (const [why, as] of cases) {
    it(`under a digest: ${why}`, async () => {
      await using place = await withImages();
      place.misbehave({ when: { kind: "manifest" }, as });
      assert.equal(await told(place, image.digest), "DigestMismatch");
    });
    it(`under a tag whose digest the registry tells: ${why}`, async () => {
      await using place = await withImages();
      place.misbehave({ when: { kind: "manifest" }, as });
      assert.equal(await told(place, "v1"), "DigestMismatch");
    });
  }

  it("stored under a digest that is not theirs, SHA-512 as well", async () => {
    await using place = await withImages();
    for (const digest of [image.digest, `sha512:${"a".repeat(128)}`]) {
      place.store.putManifest("team/app", { ...other, digest });
      assert.equal(await told(place, digest), "DigestMismatch");
    }
  });

  it("the wrong bytes of one repository do not spoil the right ones of another, nor the other way round", async () => {
    await using place = await withImages();
    addToStore(place.store, "team/good", image);
    place.store.putManifest("team/bad", { ...other, digest: image.digest });
    await using readers = openReaders();
    const read = async (name: string): Promise<string> =>
      (await readers.open(`${place.host}/${name}`).manifest(image.digest, patient())).status;
    assert.equal(await read("team/bad"), "invalid");
    assert.equal(await read("team/good"), "verified");
    assert.equal(await read("team/bad"), "invalid");
    readers.tick(60_000);
    assert.equal(await read("team/bad"), "invalid", "what another repository proved is not its proof");
  });
});

describe("the same bytes, read in two ways (GHSA-qq97-vm5h-rrhg)", () => {
  const raw = (type: string, value: unknown): ReturnType<typeof makeRawManifest> => makeRawManifest(type, value);
  const parsed = JSON.parse(Buffer.from(image.bytes).toString()) as object;
  const cases: readonly (readonly [why: string, manifest: ReturnType<typeof makeRawManifest>])[] = [
    ["image and index in one, as an image", raw(OCI_MANIFEST, imageAndIndex(image, [other.descriptor]))],
    ["image and index in one, as an index", raw(OCI_INDEX, imageAndIndex(image, [other.descriptor]))],
    ["a key that Go folds", raw(OCI_MANIFEST, { ...parsed, Manifests: [other.descriptor] })],
    [
      "a duplicate key",
      raw(
        OCI_MANIFEST,
        Buffer.from(`{"schemaVersion":2,"layers":[],"config":{},"config":${JSON.stringify(other.descriptor)}}`),
      ),
    ],
    ["a prototype", raw(OCI_MANIFEST, Buffer.from(`{"__proto__":{"manifests":[]},${JSON.stringify(parsed).slice(1)}`))],
    ["a type unlike its content", raw(OCI_INDEX, image.bytes)],
    ["a deep document", raw(OCI_MANIFEST, deepJson(100_000))],
    ["no JSON", raw(OCI_MANIFEST, Buffer.from("manifest"))],
    ["JSON and something after", raw(OCI_MANIFEST, Buffer.from(`${JSON.stringify(parsed)}{}`))],
    [
      "no UTF-8",
      raw(OCI_MANIFEST, Buffer.concat([image.bytes.subarray(0, 30), Buffer.of(0xff), image.bytes.subarray(31)])),
    ],
    ["a list", raw(OCI_MANIFEST, [])],
    ["null", raw(OCI_MANIFEST, null)],
    [
      "Docker's schema 1",
      raw("application/vnd.docker.distribution.manifest.v1+prettyjws", { schemaVersion: 1, fsLayers: [] }),
    ],
  ];
  for (const [why, manifest] of cases) {
    it(`${why} is malformed, though it hashes right`, async () => {
      await using place = await withImages();
      place.store.putManifest("team/app", manifest, "strange");
      assert.equal(await told(place, manifest.digest), "ImageMalformed");
      assert.equal(await told(place, "strange"), "ImageMalformed");
    });
  }

  for (const type of [
    OCI_INDEX,
    "application/vnd.docker.distribution.manifest.v2+json",
    "text/html",
    "application/octet-stream",
  ]) {
    it(`an OCI image that is served as ${type} is malformed`, async () => {
      await using place = await withImages();
      place.misbehave({ as: contentType(type) });
      assert.equal(await told(place, image.digest), "ImageMalformed");
    });
  }
});

describe("what an interruption is taken for (Kyverno #6123)", () => {
  const cases: readonly (readonly [why: string, as: Misbehaviour, expected: string])[] = [
    ["truncation", truncateAfter(20), "network"],
    ["a reset", resetAfter(20), "network"],
    ["nothing sent", truncateAfter(0), "network"],
    ["429", status(429), "rateLimited"],
    ["429 for an hour", status(429, { "retry-after": "3600" }), "rateLimited"],
    ["500", status(500), "serverError"],
    ["503", status(503), "serverError"],
    ["401", status(401), "unauthorised"],
    ["403", status(403), "unauthorised"],
    ["404", status(404), "absent"],
    ["410", status(410), "absent"],
    ["400", status(400), "ImageMalformed"],
    ["204", status(204), "ImageMalformed"],
    ["405", status(405), "ImageMalformed"],
  ];
  for (const [why, as, expected] of cases) {
    it(`${why} is ${expected}, for a tag and for a digest`, async () => {
      await using place = await withImages();
      place.misbehave({ as });
      assert.equal(await told(place, image.digest), expected);
      assert.equal(await told(place, "v1"), expected);
    });
  }
  it("an hour of Retry-After is not waited for, and not asked on", async () => {
    await using place = await withImages();
    place.misbehave({ as: status(429, { "retry-after": "3600" }) });
    await told(place, "v1");
    assert.equal(place.requests.length, 1);
  });
});
