import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { ANONYMOUS, literalSource } from "../../../../evidence/registry/auth/credential.ts";
import { digestTag } from "../../../../evidence/registry/digest.ts";
import type { CachedRepository } from "../../../../evidence/registry/cache/cachedRepository.ts";
import { makeArtifact, makeImage, makeIndex, type Pushable } from "../../../../sandbox/registry/images.ts";
import {
  contentDigest,
  header,
  inTurn,
  nextPageAt,
  status,
} from "../../../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { late, stall } from "../../../../sandbox/registry/misbehaviour/wrongTransport.ts";
import { addToFallbackTag, addToStore } from "../../../../sandbox/registry/push.ts";
import { type RegistryOptions, type SandboxRegistry, startRegistry } from "../../../../sandbox/registry/server.ts";
import type { RegistrySettings } from "../../../../evidence/registry/settings.ts";
import { openReaders, patient, type Readers } from "./support/readers.ts";

const image = makeImage();
const arm = makeImage({ platform: { os: "linux", architecture: "arm64" } });
const index = makeIndex([image, arm]);
const signature = (text: string): Pushable =>
  makeArtifact({
    artifactType: "application/x-sig",
    subject: index,
    layers: [{ mediaType: "text/plain", bytes: text }],
  });

interface Scene extends AsyncDisposable {
  readonly place: SandboxRegistry;
  readonly readers: Readers;
  readonly app: CachedRepository;
  readonly asked: () => readonly string[];
}

async function scene(options: RegistryOptions = {}, settings: Partial<RegistrySettings> = {}): Promise<Scene> {
  const place = await startRegistry(options);
  const readers = openReaders(settings);
  addToStore(place.store, "team/app", index, "v1");
  return {
    place,
    readers,
    app: readers.open(`${place.host}/team/app`),
    asked: () =>
      place.requests.map(({ method, target }) =>
        `${method} ${target.replace("/v2/team/app/", "")}`
          .replace(index.digest, "INDEX")
          .replace(image.digest, "IMAGE"),
      ),
    [Symbol.asyncDispose]: async () => {
      await readers[Symbol.asyncDispose]();
      await place.close();
    },
  };
}

const digestsOf = async (app: CachedRepository, digest = index.digest): Promise<readonly string[]> =>
  (await Array.fromAsync(app.referrers(digest, patient()))).flatMap((page) =>
    page.status === "verified" ? page.value.map((descriptor) => descriptor.digest) : [page.status],
  );

describe("reading manifests", () => {
  it("a tag is resolved by reading, and its digest is that of the bytes", async () => {
    await using s = await scene();
    const { mediaType, digest, bytes } = index;
    assert.deepEqual(await s.app.resolveTag("v1", patient()), {
      status: "verified",
      value: { mediaType, digest, size: bytes.length },
    });
    const manifest = await s.app.manifest(digest, patient());
    assert.equal(manifest.status, "verified");
    assert.deepEqual(Buffer.from(manifest.value.bytes), Buffer.from(bytes));
    assert.deepEqual(s.asked(), ["GET manifests/v1"], "what was read by tag is there by digest");
    const [request] = s.place.requests;
    assert.equal(request?.headers["accept-encoding"], "identity", "packed bytes could be without bound");
    assert.match(request.headers["accept"] ?? "", /oci\.image\.index.*docker\.distribution\.manifest\.v2/);
  });

  it("what is not there is absent", async () => {
    await using s = await scene();
    for (const outcome of [
      await s.app.resolveTag("v2", patient()),
      await s.app.manifest(`sha256:${"0".repeat(64)}`, patient()),
      await s.app.blob(`sha256:${"0".repeat(64)}`, 100, patient()),
      await s.readers.open(`${s.place.host}/nowhere`).resolveTag("v1", patient()),
    ]) {
      assert.equal(outcome.status, "absent");
    }
  });

  it("SHA-512 is proved by SHA-512", async () => {
    await using s = await scene();
    const strong = makeImage({ algorithm: "sha512", labels: { strong: "yes" } });
    addToStore(s.place.store, "team/app", strong);
    const outcome = await s.app.manifest(strong.digest, patient());
    assert.equal(outcome.status, "verified");
    assert.equal(outcome.value.digest, strong.digest);
  });

  it("a registry that knows no SHA-512 (400) does not have it", async () => {
    await using s = await scene({ misbehave: [{ when: { path: "sha512" }, as: status(400) }] });
    assert.equal((await s.app.manifest(`sha512:${"0".repeat(128)}`, patient())).status, "absent");
  });

  it("a digest that cannot be proved is not asked for", async () => {
    await using s = await scene();
    for (const digest of ["sha256:abc", "md5:abc", "v1", ""]) {
      assert.equal((await s.app.manifest(digest, patient())).status, "invalid");
    }
    assert.deepEqual(s.asked(), []);
  });

  it("blobs are hashed and bounded", async () => {
    await using s = await scene();
    const outcome = await s.app.blob(image.configDigest, 10_000, patient());
    assert.equal(outcome.status, "verified");
    assert.equal((await s.app.blob(image.configDigest, 5, patient())).status, "invalid");
    s.place.store.putBlob("team/app", Buffer.from("other"), arm.configDigest);
    const wrong = await s.app.blob(arm.configDigest, 10_000, patient());
    assert.ok(wrong.status === "invalid" && wrong.reason === "DigestMismatch");
  });

  it("a tag and a digest in the same breath are one read", async () => {
    await using s = await scene();
    await Promise.all(Array.from({ length: 200 }, async () => s.app.manifest(image.digest, patient())));
    assert.deepEqual(s.asked(), ["GET manifests/IMAGE"]);
  });
});

describe("what is kept", () => {
  it("content is confirmed by HEAD after its time, not read again", async () => {
    await using s = await scene();
    await s.app.manifest(image.digest, patient());
    assert.equal(s.app.peekManifest(image.digest)?.status, "verified");
    s.readers.tick(599_000);
    assert.equal((await s.app.manifest(image.digest, patient())).status, "verified");
    s.readers.tick(1_001);
    assert.equal(s.app.peekManifest(image.digest), undefined);
    assert.equal((await s.app.manifest(image.digest, patient())).status, "verified");
    assert.deepEqual(s.asked(), ["GET manifests/IMAGE", "HEAD manifests/IMAGE"]);
    assert.deepEqual(
      s.readers.metrics.cache.map(({ result }) => result),
      ["miss", "hit", "hit", "miss"],
    );
  });

  it("a digest that was deleted is absent after its time", async () => {
    await using s = await scene();
    await s.app.manifest(image.digest, patient());
    s.place.store.deleteManifest("team/app", image.digest);
    s.readers.tick(600_001);
    assert.equal((await s.app.manifest(image.digest, patient())).status, "absent");
  });

  for (const code of [400, 401, 403, 404, 405, 501]) {
    it(`where HEAD is not known and answered with ${code}, content is read again`, async () => {
      await using s = await scene({ misbehave: [{ when: { method: "HEAD" }, as: status(code) }] });
      await s.app.manifest(image.digest, patient());
      s.readers.tick(600_001);
      assert.equal((await s.app.manifest(image.digest, patient())).status, "verified");
      assert.deepEqual(s.asked(), ["GET manifests/IMAGE", "HEAD manifests/IMAGE", "GET manifests/IMAGE"]);
    });

    it(`where HEAD is not known and answered with ${code}, a moved tag is seen, and one that is gone`, async () => {
      await using s = await scene({ misbehave: [{ when: { method: "HEAD" }, as: status(code) }] });
      await s.app.resolveTag("v1", patient());
      addToStore(s.place.store, "team/app", image, "v1");
      s.readers.tick(2_001);
      const moved = await s.app.resolveTag("v1", patient());
      assert.ok(moved.status === "verified" && moved.value.digest === image.digest);
      s.place.store.deleteManifest("team/app", image.digest);
      s.readers.tick(2_001);
      assert.equal((await s.app.resolveTag("v1", patient())).status, "absent");
    });
  }

  it("an outage of HEAD is one: GET is not asked as well", async () => {
    await using s = await scene({ misbehave: [{ when: { method: "HEAD" }, as: status(503) }] });
    await s.app.manifest(image.digest, patient());
    s.readers.tick(600_001);
    assert.equal((await s.app.manifest(image.digest, patient())).status, "verified");
    assert.deepEqual([...new Set(s.asked())], ["GET manifests/IMAGE", "HEAD manifests/IMAGE"]);
    assert.equal(s.asked().lastIndexOf("GET manifests/IMAGE"), 0);
  });

  it("a tag is asked again within seconds, and a moved one is read", async () => {
    await using s = await scene();
    await s.app.resolveTag("v1", patient());
    s.readers.tick(2_001);
    await s.app.resolveTag("v1", patient());
    addToStore(s.place.store, "team/app", image, "v1");
    s.readers.tick(2_001);
    const moved = await s.app.resolveTag("v1", patient());
    assert.ok(moved.status === "verified" && moved.value.digest === image.digest);
    assert.deepEqual(s.asked(), ["GET manifests/v1", "HEAD manifests/v1", "HEAD manifests/v1", "GET manifests/v1"]);
  });

  it("a tag that is gone is gone", async () => {
    await using s = await scene();
    await s.app.resolveTag("v1", patient());
    s.place.store.deleteManifest("team/app", index.digest);
    s.readers.tick(2_001);
    assert.equal((await s.app.resolveTag("v1", patient())).status, "absent");
  });

  it("what one credential did not find is not what the next one finds", async () => {
    const users = { poor: { password: "p", pull: ["other/*"] }, rich: { password: "p", pull: ["team/*"] } };
    await using s = await scene({ auth: { type: "basic", users, refuseWith: 404 } });
    const [poor, rich] = ["poor", "rich"].map((username) => literalSource({ username, password: "p" }));
    assert.ok(poor !== undefined && rich !== undefined);
    const app = s.readers.open(s.app.name, poor, rich);
    assert.equal((await app.manifest(index.digest, patient())).status, "verified");
    assert.equal(app.peekManifest(index.digest)?.status, "verified");
    assert.equal(s.readers.open(s.app.name, poor, ANONYMOUS).peekManifest(index.digest), undefined);
  });

  it("absence is kept for half a second", async () => {
    await using s = await scene();
    await s.app.resolveTag("v2", patient());
    await s.app.resolveTag("v2", patient());
    s.readers.tick(501);
    addToStore(s.place.store, "team/app", image, "v2");
    assert.equal((await s.app.resolveTag("v2", patient())).status, "verified");
    assert.deepEqual(s.asked(), ["GET manifests/v2", "GET manifests/v2"]);
  });

  it("a good answer survives while its refresh is unavailable, and the registry is not pressed", async () => {
    await using s = await scene();
    await s.app.resolveTag("v1", patient());
    const heal = s.place.misbehave({ as: status(503) });
    s.readers.tick(2_001);
    s.place.forgetRequests();
    assert.equal((await s.app.resolveTag("v1", patient())).status, "verified");
    const asked = s.asked().length;
    assert.equal((await s.app.resolveTag("v1", patient())).status, "verified");
    assert.equal(s.asked().length, asked, "not asked again at once");
    assert.equal(s.readers.metrics.cache.filter(({ result }) => result === "stale").length, 1);
    heal();
    addToStore(s.place.store, "team/app", image, "v1");
    s.readers.tick(5_001);
    const healed = await s.app.resolveTag("v1", patient());
    assert.ok(healed.status === "verified" && healed.value.digest === image.digest);
  });

  it("a refresh that hangs is given two seconds while there is a good answer", async () => {
    await using s = await scene();
    await s.app.resolveTag("v1", patient());
    s.place.misbehave({ as: stall() });
    s.readers.tick(2_001);
    const started = performance.now();
    assert.equal((await s.app.resolveTag("v1", patient())).status, "verified");
    assert.ok(performance.now() - started < 4_000);
  });

  it("a refresh that is only slow goes on meanwhile, and what it finds is used", async () => {
    await using s = await scene();
    await s.app.resolveTag("v1", patient());
    addToStore(s.place.store, "team/app", image, "v1");
    s.place.misbehave({ when: { method: "HEAD" }, as: late(2_500) });
    s.readers.tick(2_001);
    const digestNow = async (): Promise<string> => {
      const found = await s.app.resolveTag("v1", patient());
      return found.status === "verified" ? found.value.digest : found.status;
    };
    assert.equal(await digestNow(), index.digest, "the answer that there is");
    await sleep(1_000);
    assert.equal(await digestNow(), image.digest, "where the tag has moved to");
  }).timeout(10_000);

  it("a clock that is set back makes old what was had before: a moved tag is seen, and one that is gone", async () => {
    await using s = await scene();
    await s.app.resolveTag("v1", patient());
    await s.app.manifest(image.digest, patient());
    addToStore(s.place.store, "team/app", image, "v1");
    s.readers.tick(-3_600_000);
    const moved = await s.app.resolveTag("v1", patient());
    assert.ok(moved.status === "verified" && moved.value.digest === image.digest);
    s.place.store.deleteManifest("team/app", image.digest);
    s.readers.tick(-3_600_000);
    assert.equal((await s.app.resolveTag("v1", patient())).status, "absent");
    addToStore(s.place.store, "team/app", image, "v1");
    s.readers.tick(-3_600_000);
    assert.equal((await s.app.resolveTag("v1", patient())).status, "verified");
  });

  it("nor does it make an outage's pause longer", async () => {
    await using s = await scene();
    await s.app.resolveTag("v1", patient());
    const heal = s.place.misbehave({ as: status(503) });
    s.readers.tick(2_001);
    assert.equal((await s.app.resolveTag("v1", patient())).status, "verified");
    heal();
    addToStore(s.place.store, "team/app", image, "v1");
    s.readers.tick(-3_600_000);
    const moved = await s.app.resolveTag("v1", patient());
    assert.ok(moved.status === "verified" && moved.value.digest === image.digest);
  });

  it("it does not survive for ever, and an absence never does", async () => {
    await using s = await scene();
    await s.app.resolveTag("v1", patient());
    await s.app.resolveTag("v2", patient());
    s.place.misbehave({ as: status(503) });
    s.readers.tick(86_402_001);
    assert.equal((await s.app.resolveTag("v1", patient())).status, "unavailable");
    assert.equal((await s.app.resolveTag("v2", patient())).status, "unavailable");
  });

  for (const code of [401, 403]) {
    it(`a refusal (${code}) ends it: an outage afterwards brings nothing back`, async () => {
      await using s = await scene();
      await s.app.resolveTag("v1", patient());
      await s.app.manifest(index.digest, patient());
      const admit = s.place.misbehave({ as: status(code) });
      s.readers.tick(600_001);
      const refused = [await s.app.resolveTag("v1", patient()), await s.app.manifest(index.digest, patient())];
      admit();
      s.place.misbehave({ as: status(503) });
      s.readers.tick(10_000);
      const down = [await s.app.resolveTag("v1", patient()), await s.app.manifest(index.digest, patient())];
      assert.deepEqual(
        [...refused, ...down].map((outcome) => (outcome.status === "unavailable" ? outcome.cause : outcome.status)),
        ["unauthorised", "unauthorised", "serverError", "serverError"],
      );
    });
  }

  it("nothing unavailable is kept", async () => {
    await using s = await scene({ misbehave: [{ as: status(500), times: 3 }] });
    assert.equal((await s.app.resolveTag("v1", patient())).status, "unavailable");
    assert.equal((await s.app.resolveTag("v1", patient())).status, "verified");
  });

  it("a small cache keeps working", async () => {
    await using s = await scene({}, { cacheBytes: 1 });
    const digests = Array.from({ length: 300 }, (_, nth) =>
      addToStore(s.place.store, "team/app", makeImage({ labels: { nth: `${nth}`, filler: "x".repeat(1000) } })),
    );
    for (let round = 0; round < 2; round += 1) {
      for (const digest of digests) assert.equal((await s.app.manifest(digest, patient())).status, "verified");
    }
  });
});

describe("one flight", () => {
  it("one caller's end is not the others'", async () => {
    await using s = await scene({ misbehave: [{ as: late(150) }] });
    const [hasty, calm] = await Promise.all([
      s.app.resolveTag("v1", AbortSignal.timeout(20)),
      s.app.resolveTag("v1", patient()),
    ]);
    assert.ok(hasty.status === "unavailable" && hasty.cause === "timeout");
    assert.equal(calm.status, "verified");
    assert.deepEqual(s.asked(), ["GET manifests/v1"]);
  });

  it("ends at the registry when nobody waits", async () => {
    await using s = await scene({ misbehave: [{ as: stall() }] });
    assert.equal((await s.app.resolveTag("v1", AbortSignal.timeout(30))).status, "unavailable");
    assert.equal((await s.app.resolveTag("v1", AbortSignal.abort())).status, "unavailable");
  });
});

describe("referrers", () => {
  it("come page by page, each once", async () => {
    await using s = await scene({ pageSize: 2 });
    const signatures = Array.from({ length: 5 }, (_, nth) =>
      addToStore(s.place.store, "team/app", signature(`${nth}`)),
    );
    assert.deepEqual(await digestsOf(s.app), signatures);
    const pages = s.asked().filter((target) => target.includes("referrers"));
    assert.equal(pages.length, 3);
  });

  it("reading stops when the reader has enough", async () => {
    await using s = await scene({ pageSize: 1 });
    for (let nth = 0; nth < 5; nth += 1) addToStore(s.place.store, "team/app", signature(`${nth}`));
    for await (const page of s.app.referrers(index.digest, patient())) {
      assert.equal(page.status, "verified");
      break;
    }
    assert.ok(s.asked().filter((target) => target.includes("referrers")).length <= 2);
  });

  for (const referrers of ["api", "off", "empty"] as const) {
    it(`from the fallback tag as well, where the API is ${referrers}`, async () => {
      await using s = await scene({ referrers });
      addToFallbackTag(s.place.store, "team/app", signature("old"));
      assert.deepEqual(await digestsOf(s.app), [signature("old").digest]);
    });
  }

  it("an empty list from the API does not hide the fallback tag", async () => {
    await using s = await scene();
    s.place.store.putManifest(
      "team/app",
      {
        mediaType: "application/vnd.oci.image.index.v1+json",
        bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [signature("x").descriptor] })),
      },
      digestTag(index.digest),
    );
    assert.deepEqual(await digestsOf(s.app), [signature("x").digest]);
  });

  it("none is an empty list", async () => {
    await using s = await scene();
    assert.deepEqual(await digestsOf(s.app), []);
  });

  it("a source that fails is one unavailable, the other is read", async () => {
    await using s = await scene({ misbehave: [{ when: { kind: "referrers" }, as: status(503) }] });
    addToFallbackTag(s.place.store, "team/app", signature("old"));
    assert.deepEqual(new Set(await digestsOf(s.app)), new Set([signature("old").digest, "unavailable"]));
  });

  for (const code of [400, 404, 405, 501]) {
    it(`a registry that answers ${code} has no such API: what nobody signed is not signed, and it is asked once`, async () => {
      await using s = await scene({ misbehave: [{ when: { kind: "referrers" }, as: status(code) }] });
      assert.deepEqual(await digestsOf(s.app), []);
      assert.equal(s.asked().filter((target) => target.includes("referrers")).length, 1);
    });
  }

  it("a list that hangs does not hold up the fallback tag", async () => {
    await using s = await scene({ misbehave: [{ when: { kind: "referrers" }, as: stall() }] });
    addToFallbackTag(s.place.store, "team/app", signature("old"));
    const seen: string[] = [];
    for await (const page of s.app.referrers(index.digest, patient())) {
      seen.push(page.status);
      break;
    }
    assert.deepEqual(seen, ["verified"]);
  });

  it("a fallback tag that is an image is no list", async () => {
    await using s = await scene();
    addToStore(s.place.store, "team/app", image, digestTag(index.digest));
    assert.deepEqual(await digestsOf(s.app), ["invalid"]);
  });

  it("a fallback tag that is the image itself lists nothing, as cosign copies leave it", async () => {
    await using s = await scene();
    s.place.store.open("team/app").tags.set(digestTag(index.digest), index.digest);
    assert.deepEqual(await digestsOf(s.app), []);
    addToStore(s.place.store, "team/app", signature("x"));
    s.readers.tick(501);
    assert.deepEqual(await digestsOf(s.app), [signature("x").digest]);
  });

  it("are listed anew where the clock was set back", async () => {
    await using s = await scene();
    assert.deepEqual(await digestsOf(s.app), []);
    addToStore(s.place.store, "team/app", signature("new"));
    s.readers.tick(-3_600_000);
    assert.deepEqual(await digestsOf(s.app), [signature("new").digest]);
  });

  it("are kept for seconds, an empty list for less, and survive an outage", async () => {
    await using s = await scene();
    assert.deepEqual(await digestsOf(s.app), []);
    addToStore(s.place.store, "team/app", signature("new"));
    s.readers.tick(501);
    assert.deepEqual(await digestsOf(s.app), [signature("new").digest], "a new signature is found at once");
    const before = s.asked().length;
    await digestsOf(s.app);
    assert.equal(s.asked().filter((target) => target.includes("referrers")).length, 2, `${before}`);
    s.place.misbehave({ as: status(503) });
    s.readers.tick(2_001);
    assert.ok((await digestsOf(s.app)).includes(signature("new").digest));
    assert.ok((await digestsOf(s.app)).includes(signature("new").digest));
  });

  it("many readers are one request for each page", async () => {
    await using s = await scene({ pageSize: 2 });
    for (let nth = 0; nth < 6; nth += 1) addToStore(s.place.store, "team/app", signature(`${nth}`));
    const all = await Promise.all(Array.from({ length: 50 }, async () => digestsOf(s.app)));
    assert.ok(all.every((digests) => digests.length === 6));
    assert.equal(s.asked().length, 4, "three pages and the fallback tag");
  });

  it("a next page at another host is invalid", async () => {
    await using other = await startRegistry();
    await using s = await scene({
      misbehave: [{ when: { kind: "referrers" }, as: nextPageAt(`${other.url}/v2/x/referrers/y`) }],
    });
    addToStore(s.place.store, "team/app", signature("a"));
    assert.ok((await digestsOf(s.app)).includes("invalid"));
    assert.equal(other.requests.length, 0);
  });
});

describe("what a registry says besides", () => {
  it("a tag whose header names another digest than its bytes is a mismatch", async () => {
    await using s = await scene({ misbehave: [{ when: { method: "GET" }, as: contentDigest(image.digest) }] });
    const outcome = await s.app.resolveTag("v1", patient());
    assert.ok(outcome.status === "invalid" && outcome.reason === "DigestMismatch");
    assert.equal((await s.app.manifest(index.digest, patient())).status, "verified", "a digest speaks for itself");
  });
  it("without the header the bytes are enough", async () => {
    await using s = await scene({ misbehave: [{ as: contentDigest(undefined) }] });
    assert.equal((await s.app.resolveTag("v1", patient())).status, "verified");
  });
  it("without a Content-Type the manifest's own type is enough", async () => {
    await using s = await scene({ misbehave: [{ as: header("content-type", undefined) }] });
    assert.equal((await s.app.resolveTag("v1", patient())).status, "verified");
  });
  it("transient failures are tried again", async () => {
    await using s = await scene({
      misbehave: [{ as: inTurn(status(503), status(429, { "retry-after": "0" })), times: 2 }],
    });
    assert.equal((await s.app.resolveTag("v1", patient())).status, "verified");
    assert.equal(s.asked().length, 3);
  });
});
