import assert from "node:assert/strict";
import { makeImage } from "../../sandbox/registry/images.ts";
import {
  anotherManifest,
  contentDigest,
  contentType,
  inTurn,
  status,
} from "../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { addToStore } from "../../sandbox/registry/push.ts";
import { startRegistry } from "../../sandbox/registry/server.ts";
import { openReaders, patient } from "../unit/evidence/registry/support/readers.ts";

const good = makeImage();
const bad = makeImage({ labels: { bad: "yes" } });

describe("a tag is no key (CVE-2026-122321)", () => {
  it("a warm cache, a moved tag: the new digest is seen, and what the old one proved is not its", async () => {
    await using place = await startRegistry();
    addToStore(place.store, "team/app", good, "v1");
    await using readers = openReaders();
    const app = readers.open(`${place.host}/team/app`);
    await app.resolveTag("v1", patient());
    addToStore(place.store, "team/app", bad, "v1");
    readers.tick(2_001);
    const outcome = await app.resolveTag("v1", patient());
    assert.ok(outcome.status === "verified" && outcome.value.digest === bad.digest);
  });
});

describe("HEAD unlike GET, and answers that change (GHSA-mf7q-r4rv-jv94, CVE-2022-47633)", () => {
  it("the digest is that of the bytes that were read, whatever HEAD says", async () => {
    await using place = await startRegistry({ misbehave: [{ when: { method: "HEAD" }, as: anotherManifest(bad) }] });
    addToStore(place.store, "team/app", good, "v1");
    await using readers = openReaders();
    const app = readers.open(`${place.host}/team/app`);
    for (let round = 0; round < 3; round += 1) {
      const outcome = await app.resolveTag("v1", patient());
      assert.ok(outcome.status === "verified" && outcome.value.digest === good.digest);
      readers.tick(2_001);
    }
  });

  it("a HEAD that names no digest confirms no tag", async () => {
    await using place = await startRegistry({
      misbehave: [{ when: { method: "HEAD" }, as: contentDigest(undefined) }],
    });
    addToStore(place.store, "team/app", good, "v1");
    await using readers = openReaders();
    const app = readers.open(`${place.host}/team/app`);
    await app.resolveTag("v1", patient());
    addToStore(place.store, "team/app", bad, "v1");
    readers.tick(2_001);
    const outcome = await app.resolveTag("v1", patient());
    assert.ok(outcome.status === "verified" && outcome.value.digest === bad.digest);
  });

  for (const [why, as] of [
    ["names another digest", anotherManifest(bad)],
    ["is a page to log in", contentType("text/html")],
    ["has no type", contentType(undefined)],
  ] as const) {
    it(`a HEAD that ${why} confirms no digest: a deleted image is gone`, async () => {
      await using place = await startRegistry({
        misbehave: [
          { when: { method: "HEAD" }, as },
          { when: { method: "GET" }, as: status(404), after: 1 },
        ],
      });
      addToStore(place.store, "team/app", good, "v1");
      await using readers = openReaders();
      const app = readers.open(`${place.host}/team/app`);
      assert.equal((await app.manifest(good.digest, patient())).status, "verified");
      readers.tick(600_001);
      assert.equal((await app.manifest(good.digest, patient())).status, "absent");
    });
  }

  for (const [why, said] of [
    ["other bytes, by SHA-512", `sha512:${"b".repeat(128)}`],
    ["other bytes, by SHA-256", bad.digest],
    ["nothing that can be proved", "md5:d41d8cd98f00b204e9800998ecf8427e"],
  ] as const) {
    it(`a header that names ${why} is a mismatch`, async () => {
      await using place = await startRegistry({ misbehave: [{ when: { method: "GET" }, as: contentDigest(said) }] });
      addToStore(place.store, "team/app", good, "v1");
      await using readers = openReaders();
      const outcome = await readers.open(`${place.host}/team/app`).resolveTag("v1", patient());
      assert.ok(outcome.status === "invalid" && outcome.reason === "DigestMismatch");
    });
  }

  it("a header that contradicts the bytes is a mismatch: the node's runtime would believe it", async () => {
    await using place = await startRegistry({
      misbehave: [{ when: { method: "GET" }, as: contentDigest(bad.digest) }],
    });
    addToStore(place.store, "team/app", good, "v1");
    await using readers = openReaders();
    const outcome = await readers.open(`${place.host}/team/app`).resolveTag("v1", patient());
    assert.ok(outcome.status === "invalid" && outcome.reason === "DigestMismatch");
  });

  it("together there is one answer for everybody", async () => {
    await using place = await startRegistry({
      misbehave: [{ as: inTurn(anotherManifest(good), anotherManifest(bad)) }],
    });
    addToStore(place.store, "team/app", good, "v1");
    await using readers = openReaders();
    const app = readers.open(`${place.host}/team/app`);
    const outcomes = await Promise.all(Array.from({ length: 50 }, async () => app.resolveTag("v1", patient())));
    const digests = new Set(
      outcomes.map((outcome) => (outcome.status === "verified" ? outcome.value.digest : outcome.status)),
    );
    assert.deepEqual([...digests], [good.digest]);
    assert.equal(place.requests.length, 1);
  });
});
