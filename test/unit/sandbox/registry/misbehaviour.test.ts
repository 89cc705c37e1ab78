import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { request as rawRequest } from "node:http";
import { makeImage } from "../../../../sandbox/registry/images.ts";
import {
  deepJson,
  endlessReferrers,
  imageAndIndex,
  manyReferrers,
} from "../../../../sandbox/registry/misbehaviour/hostileContent.ts";
import type { Misbehaviour } from "../../../../sandbox/registry/misbehaviour/rules.ts";
import * as answers from "../../../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import * as transport from "../../../../sandbox/registry/misbehaviour/wrongTransport.ts";
import { addToStore, push } from "../../../../sandbox/registry/push.ts";
import { startRegistry, type SandboxRegistry } from "../../../../sandbox/registry/server.ts";

const image = makeImage();
const other = makeImage({ annotations: { other: "yes" } });

describe("registry misbehaviour", () => {
  let registry: SandboxRegistry;
  const manifest = (init: RequestInit = {}): Promise<Response> =>
    fetch(`${registry.url}/v2/a/manifests/${image.digest}`, { redirect: "manual", ...init });
  const bad = (as: Misbehaviour): (() => void) => registry.misbehave({ when: { kind: "manifest" }, as });

  beforeEach(async () => {
    registry = await startRegistry();
    addToStore(registry.store, "a", image, "v1");
  });
  afterEach(async () => registry.close());

  describe("rules", () => {
    it("hold for their method, path and kind, after some requests and for so many", async () => {
      registry.misbehave({
        when: { method: ["GET", "HEAD"], path: /manifests\/sha256/, kind: "manifest" },
        as: answers.status(503),
        after: 1,
        times: 2,
      });
      const seen: number[] = [];
      for (let count = 0; count < 4; count += 1) seen.push((await manifest()).status);
      assert.deepEqual(seen, [200, 503, 503, 200]);
      assert.equal((await fetch(`${registry.url}/v2/a/manifests/v1`)).status, 200);
    });

    it("can be taken back, and add up in their order", async () => {
      const undo = bad(answers.contentType("text/html"));
      bad(answers.contentDigest(undefined));
      const both = await manifest();
      assert.deepEqual(
        [both.headers.get("content-type"), both.headers.get("docker-content-digest")],
        ["text/html", null],
      );
      undo();
      assert.equal((await manifest()).headers.get("content-type"), image.mediaType);
    });

    it("come after the challenge, unless they are for before it; and may be for the token server", async () => {
      const auth = { type: "bearer", users: {}, anonymous: { pull: ["a"] } } as const;
      await using guarded = await startRegistry({ auth, store: registry.store });
      const status = async (path: string): Promise<number> => (await fetch(`${guarded.url}${path}`)).status;
      guarded.misbehave({ when: { kind: "manifest" }, as: answers.status(500) });
      assert.equal(await status("/v2/a/manifests/v1"), 401);
      guarded.misbehave({ when: { kind: "manifest", beforeAuth: true }, as: answers.status(429) });
      assert.equal(await status("/v2/a/manifests/v1"), 429);
      guarded.misbehave({ when: { kind: "token" }, as: answers.status(503) });
      assert.equal(await status("/token"), 503);
    });

    it("keep a refused push from being stored", async () => {
      registry.misbehave({ when: { method: "PUT" }, as: answers.status(500) });
      await assert.rejects(push(registry.url, "b", image, { tag: "v1" }), /500/);
      assert.equal(registry.store.manifest("b", "v1"), undefined);
    });
  });

  describe("wrong answers", () => {
    it("other bytes under the same digest", async () => {
      bad(answers.otherBytes("{}"));
      const response = await manifest();
      assert.equal(response.headers.get("docker-content-digest"), image.digest);
      assert.equal(await response.text(), "{}");
    });

    it("HEAD unlike GET", async () => {
      registry.misbehave({ when: { method: "HEAD" }, as: answers.anotherManifest(other) });
      const head = await manifest({ method: "HEAD" });
      const get = await manifest();
      assert.deepEqual(
        [head.headers.get("docker-content-digest"), get.headers.get("docker-content-digest")],
        [other.digest, image.digest],
      );
    });

    it("another answer each time", async () => {
      bad(answers.inTurn(answers.anotherManifest(image), answers.anotherManifest(other)));
      const seen: unknown[] = [];
      for (let count = 0; count < 3; count += 1) seen.push((await manifest()).headers.get("docker-content-digest"));
      assert.deepEqual(seen, [image.digest, other.digest, image.digest]);
    });

    it("errors with their headers", async () => {
      bad(answers.status(429, { "retry-after": "2" }));
      const response = await manifest();
      assert.deepEqual([response.status, response.headers.get("retry-after")], [429, "2"]);
      assert.match(await response.text(), /TOOMANYREQUESTS/);
    });

    it("a challenge with any realm", async () => {
      bad(answers.challenge('Bearer realm="http://169.254.169.254/token"'));
      assert.match((await manifest()).headers.get("www-authenticate") ?? "", /169\.254/);
    });

    it("redirects: elsewhere, round in circles, on and on", async () => {
      const locations: unknown[] = [];
      for (const as of [
        answers.redirect("http://other.example/x"),
        answers.redirectLoop(),
        answers.redirectChain(),
        answers.redirectChain(),
      ]) {
        const undo = bad(as);
        const response = await manifest();
        locations.push(response.status, response.headers.get("location"));
        undo();
      }
      const path = `/v2/a/manifests/${image.digest}`;
      assert.deepEqual(locations, [
        307,
        "http://other.example/x",
        307,
        path,
        307,
        `${path}?hop=1`,
        307,
        `${path}?hop=1`,
      ]);
      bad(answers.redirectChain());
      await manifest();
      assert.equal((await manifest()).headers.get("location"), `${path}?hop=2`);
    });

    it("a next page on another host", async () => {
      registry.misbehave({ when: { kind: "referrers" }, as: answers.nextPageAt("http://other.example/v2/") });
      const response = await fetch(`${registry.url}/v2/a/referrers/${image.digest}`);
      assert.equal(response.headers.get("link"), '<http://other.example/v2/>; rel="next"');
    });
  });

  describe("wrong transport", () => {
    it("stalls before the answer, and the connection can be given up", async () => {
      bad(transport.stall());
      await assert.rejects(manifest({ signal: AbortSignal.timeout(50) }), { name: "TimeoutError" });
    });

    it("stalls in the body", async () => {
      bad(transport.stallAfter(10));
      const response = await manifest({ signal: AbortSignal.timeout(100) });
      assert.equal(response.status, 200);
      const reader = response.body!.getReader();
      assert.equal((await reader.read()).value?.length, 10);
      await assert.rejects(reader.read(), { name: "TimeoutError" });
    });

    it("stops short of the length that it promised", async () => {
      bad(transport.truncateAfter(10));
      const response = await manifest();
      assert.equal(response.headers.get("content-length"), String(image.bytes.length));
      await assert.rejects(response.arrayBuffer());
    });

    it("resets the connection", async () => {
      bad(transport.resetAfter(0));
      const error = await new Promise<NodeJS.ErrnoException>((resolve, reject) => {
        const sent = rawRequest(`${registry.url}/v2/a/manifests/v1`, (response) => {
          response.on("error", resolve).on("end", () => reject(new Error("it ended well")));
          response.resume();
        });
        sent.on("error", resolve).end();
      });
      assert.equal(error.code, "ECONNRESET");
    });

    it("drips the whole body, late", async () => {
      bad(transport.drip(1, 100));
      bad(transport.late(5));
      assert.equal((await (await manifest()).arrayBuffer()).byteLength, image.bytes.length);
    });

    it("goes on without end, until the client has enough", async () => {
      bad(transport.endless());
      const response = await manifest();
      assert.equal(response.headers.get("content-length"), null);
      let length = 0;
      for await (const chunk of response.body!) {
        length += chunk.length;
        if (length > 2_000_000) break;
      }
      assert.ok(length > 2_000_000);
    });

    it("answers HEAD of what is endless at once", async () => {
      bad(transport.endless());
      assert.equal((await manifest({ method: "HEAD" })).status, 200);
    });

    it("sends a small body that unpacks to a large one", async () => {
      bad(transport.gzipBomb(10_000_000));
      const packed = await new Promise<Buffer>((resolve, reject) => {
        rawRequest(`${registry.url}/v2/a/manifests/v1`, (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => resolve(Buffer.concat(chunks)));
        })
          .on("error", reject)
          .end();
      });
      assert.ok(packed.length < 20_000);
      assert.equal(gunzipSync(packed).length, 10_000_000);
    });

    it("ends with the registry, whatever hangs", async () => {
      bad(transport.stall());
      const hanging = assert.rejects(manifest());
      registry.misbehave({ when: { kind: "ping" }, as: transport.drip(60_000) });
      const dripping = assert.rejects(fetch(`${registry.url}/v2/`).then((response) => response.text()));
      await new Promise((resolve) => setTimeout(resolve, 20));
      await registry.close();
      await Promise.all([hanging, dripping]);
    });
  });

  describe("hostile content", () => {
    const referrers = async (query = ""): Promise<{ link: string | null; digests: string[] }> => {
      const response = await fetch(`${registry.url}/v2/a/referrers/${image.digest}${query}`);
      const { manifests } = (await response.json()) as { manifests: { digest: string; artifactType: string }[] };
      return { link: response.headers.get("link"), digests: manifests.map(({ digest }) => digest) };
    };

    it("10,000 referrers", async () => {
      registry.misbehave({ when: { kind: "referrers" }, as: manyReferrers(10_000, "a/junk") });
      assert.equal(new Set((await referrers()).digests).size, 10_000);
    });

    it("pages without end, each with others", async () => {
      registry.misbehave({ when: { kind: "referrers" }, as: endlessReferrers(2, "a/junk") });
      const first = await referrers();
      const second = await referrers("?page=1");
      assert.equal(new Set([...first.digests, ...second.digests]).size, 4);
      assert.equal(second.link, `</v2/a/referrers/${image.digest}?page=2>; rel="next"`);
    });

    it("JSON that is deep, and an image that is an index as well, under their true digests", async () => {
      for (const bytes of [deepJson(100_000), imageAndIndex(image, [other.descriptor])]) {
        const digest = registry.store.putManifest("a", { bytes, mediaType: image.mediaType });
        const response = await fetch(`${registry.url}/v2/a/manifests/${digest}`);
        assert.equal(Buffer.from(bytes).equals(Buffer.from(await response.arrayBuffer())), true);
      }
      const both = JSON.parse(Buffer.from(imageAndIndex(image, [other.descriptor])).toString()) as object;
      assert.ok("manifests" in both && "layers" in both && "config" in both);
    });
  });
});
