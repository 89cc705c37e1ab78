import assert from "node:assert/strict";
import { isImage } from "../../evidence/gather/tagMatch.ts";
import { readManifest } from "../../evidence/registry/manifest.ts";
import { bindingTo } from "../../evidence/scan/sources/binding.ts";
import { vulnerabilityReports } from "../../evidence/scan/sources/reportSource.ts";
import { storedReport, type StoredReport } from "../../evidence/scan/formats/vulnerabilityReport.ts";
import { readSignedPayload, type SignedPayload } from "../../evidence/sigstore/verify/signedPayload.ts";
import { makeImage, makeIndex, type Pushable } from "../../sandbox/registry/images.ts";
import { contentDigest } from "../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { addToStore } from "../../sandbox/registry/push.ts";
import { startRegistry } from "../../sandbox/registry/server.ts";
import { openReaders, patient } from "../unit/evidence/registry/support/readers.ts";
import { vulnerabilityReportObject } from "../unit/evidence/scan/reports.ts";
import { payloadOf, SIGN, statementOf } from "../unit/evidence/sigstore/sigstoreInstance.ts";

/** The digest with one digit changed: its first, one in the middle, its last. A comparison of a prefix or an end takes one of them. */
const near = (digest: string): readonly string[] => {
  const start = digest.indexOf(":") + 1;
  const positions = [start, start + Math.floor((digest.length - start) / 2), digest.length - 1];
  return positions.map((at) => digest.slice(0, at) + (digest[at] === "0" ? "1" : "0") + digest.slice(at + 1));
};

const image = makeImage();
const index = makeIndex([image]);

describe("a digest that differs in one digit is another digest", () => {
  it("of a manifest, by SHA-256 and by SHA-512", async () => {
    await using place = await startRegistry();
    await using readers = openReaders();
    const app = readers.open(`${place.host}/team/app`);
    for (const one of [image, makeImage({ algorithm: "sha512" })]) {
      addToStore(place.store, "team/app", one);
      assert.equal((await app.manifest(one.digest, patient())).status, "verified");
      for (const digest of near(one.digest)) {
        place.store.putManifest("team/app", { ...one, digest });
        const outcome = await app.manifest(digest, patient());
        assert.equal(outcome.status === "invalid" && outcome.reason, "DigestMismatch", digest);
      }
    }
  });

  it("of a blob", async () => {
    await using place = await startRegistry();
    await using readers = openReaders();
    const app = readers.open(`${place.host}/team/app`);
    const bytes = Buffer.from("a layer");
    const right = place.store.putBlob("team/app", bytes);
    assert.equal((await app.blob(right, bytes.length, patient())).status, "verified");
    for (const digest of near(right)) {
      place.store.putBlob("team/app", bytes, digest);
      const outcome = await app.blob(digest, bytes.length, patient());
      assert.equal(outcome.status === "invalid" && outcome.reason, "DigestMismatch", digest);
    }
  });

  it("that a registry tells of a tag", async () => {
    for (const said of [image.digest, ...near(image.digest)]) {
      await using place = await startRegistry();
      await using readers = openReaders();
      addToStore(place.store, "team/app", image, "v1");
      place.misbehave({ when: { kind: "manifest" }, as: contentDigest(said) });
      const outcome = await readers.open(`${place.host}/team/app`).manifestByTag("v1", patient());
      assert.equal(outcome.status, said === image.digest ? "verified" : "invalid", said);
    }
  });

  it("of a child of an index, or of what a tag names", () => {
    const read = (pushed: Pushable) =>
      readManifest(JSON.parse(Buffer.from(pushed.bytes).toString()), pushed.mediaType, pushed, "it");
    for (const [pushed, digests] of [
      [image, [image.digest]],
      [index, [index.digest, image.digest]],
    ] as const) {
      const manifest = read(pushed);
      assert.ok(manifest.status === "verified");
      for (const digest of digests) {
        assert.ok(isImage(manifest.value, digest));
        for (const other of near(digest)) assert.ok(!isImage(manifest.value, other), other);
      }
    }
  });

  it("in a signature's payload, and in a statement's subject", () => {
    const message = (digest: string): Buffer => payloadOf(digest);
    const statement = (digest: string): Buffer => {
      const [algorithm = "", hex = ""] = digest.split(":");
      return Buffer.from(
        JSON.stringify({ ...statementOf(image.digest, SIGN), subject: [{ digest: { [algorithm]: hex } }] }),
      );
    };
    const claim = (bytes: Buffer, type: "message" | "dsse", digest: string): SignedPayload =>
      readSignedPayload(
        {
          content:
            type === "message"
              ? { type, bytes }
              : { type, payload: bytes, payloadType: "application/vnd.in-toto+json" },
          // Only what was signed is read here.
        } as Parameters<typeof readSignedPayload>[0],
        digest,
      );
    for (const digest of [image.digest, makeImage({ algorithm: "sha512" }).digest]) {
      assert.ok(claim(message(digest), "message", digest).names);
      assert.ok(claim(statement(digest), "dsse", digest).names);
      for (const other of near(digest)) {
        assert.ok(!claim(message(other), "message", digest).names, other);
        assert.ok(!claim(message(digest), "message", other).names, other);
        assert.ok(!claim(statement(other), "dsse", digest).names, other);
        assert.ok(!claim(statement(digest), "dsse", other).names, other);
      }
    }
  });

  it("in what a report says of its image", () => {
    const layers = image.diffIds;
    const part = {
      digest: image.digest,
      annotations: {},
      config: { digest: image.configDigest, labels: {}, diffIds: layers },
    };
    const none = { diffIds: [], digests: [] };
    assert.equal(bindingTo({ ...none, diffIds: layers }, part, []), "bound");
    for (const other of near(layers[0]!))
      assert.equal(bindingTo({ ...none, diffIds: [other, ...layers.slice(1)] }, part, []), "contradicts");
    assert.equal(bindingTo({ ...none, diffIds: [...layers, layers[0]!] }, part, []), "contradicts");
    assert.equal(bindingTo({ ...none, imageId: image.configDigest }, part, []), "bound");
    for (const imageId of near(image.configDigest))
      assert.equal(bindingTo({ ...none, imageId }, part, []), "contradicts");
    assert.equal(bindingTo({ ...none, digests: [image.digest] }, part, [image.digest]), "bound");
    for (const other of near(image.digest))
      assert.equal(bindingTo({ ...none, digests: [other] }, part, [image.digest]), "contradicts");
  });

  it("in a VulnerabilityReport, which ends at the very moment that it says", () => {
    const stored = storedReport(vulnerabilityReportObject([], { digest: image.digest, ttl: "1h0m0s" }))!;
    const ask = (digest: string, now: number): string => {
      const reports = (wanted: string): readonly StoredReport[] => (wanted === stored.digest ? [stored] : []);
      return vulnerabilityReports(digest, [], () => true, reports, now).status;
    };
    const { expiresAt = 0 } = stored;
    assert.equal(ask(image.digest, expiresAt - 1), "verified");
    assert.equal(ask(image.digest, expiresAt), "absent");
    for (const other of near(image.digest)) {
      assert.equal(ask(other, 0), "absent");
      assert.notEqual(storedReport(vulnerabilityReportObject([], { digest: other }))?.digest, image.digest);
    }
  });
});
