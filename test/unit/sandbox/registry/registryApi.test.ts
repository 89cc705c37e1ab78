import assert from "node:assert/strict";
import * as fc from "fast-check";
import { digestOf, fallbackTag } from "../../../../sandbox/registry/content/digest.ts";
import type { Descriptor } from "../../../../sandbox/registry/content/manifest.ts";
import * as types from "../../../../sandbox/registry/content/mediaTypes.ts";
import { makeArtifact, makeImage, makeIndex } from "../../../../sandbox/registry/images.ts";
import { addToStore, push } from "../../../../sandbox/registry/push.ts";
import { startRegistry, type SandboxRegistry } from "../../../../sandbox/registry/server.ts";

const image = makeImage();
const absent = `sha256:${"0".repeat(64)}`;

describe("the registry's API", () => {
  let registry: SandboxRegistry;
  const get = (path: string, init: RequestInit = {}): Promise<Response> => fetch(`${registry.url}${path}`, init);
  const codeOf = async (response: Response): Promise<string> => {
    const body = (await response.json()) as { errors: { code: string }[] };
    return body.errors[0]?.code ?? "";
  };

  beforeEach(async () => {
    registry = await startRegistry();
  });
  afterEach(async () => registry.close());

  describe("pull", () => {
    for (const [what, made] of [
      ["an OCI image", makeImage()],
      ["a Docker image", makeImage({ docker: true })],
      ["an OCI index", makeIndex([makeImage()])],
      ["a Docker manifest list", makeIndex([makeImage({ docker: true })], { docker: true })],
      ["a sha512 image", makeImage({ algorithm: "sha512" })],
    ] as const) {
      it(`gives ${what} back as it was pushed, by tag and by digest, GET and HEAD`, async () => {
        await push(registry.url, "team/app", made, { tag: "v1" });
        await push(registry.url, "team/app", made);
        for (const reference of ["v1", made.digest]) {
          for (const method of ["GET", "HEAD"]) {
            const response = await get(`/v2/team/app/manifests/${reference}`, { method });
            const bytes = Buffer.from(await response.arrayBuffer());
            assert.equal(response.status, 200);
            assert.equal(response.headers.get("content-type"), made.mediaType);
            assert.equal(response.headers.get("content-length"), String(made.bytes.length));
            const named = reference === "v1" ? digestOf(made.bytes) : made.digest;
            assert.equal(response.headers.get("docker-content-digest"), named);
            assert.deepEqual(bytes, method === "GET" ? Buffer.from(made.bytes) : Buffer.alloc(0));
          }
        }
      });
    }

    const refusals: readonly (readonly [string, number, string])[] = [
      ["/v2/team/app/manifests/none", 404, "MANIFEST_UNKNOWN"],
      [`/v2/team/app/manifests/${absent}`, 404, "MANIFEST_UNKNOWN"],
      ["/v2/none/manifests/v1", 404, "MANIFEST_UNKNOWN"],
      ["/v2/team/app/manifests/sha256:abc", 400, "DIGEST_INVALID"],
      ["/v2/team/app/manifests/.v1", 400, "DIGEST_INVALID"],
      [`/v2/team/app/blobs/${absent}`, 404, "BLOB_UNKNOWN"],
      ["/v2/team/app/blobs/md5:abc", 400, "DIGEST_INVALID"],
      ["/v2/Team/app/manifests/v1", 400, "NAME_INVALID"],
      ["/v2/team//app/manifests/v1", 400, "NAME_INVALID"],
      ["/v2/none/tags/list", 404, "NAME_UNKNOWN"],
      ["/v2/team/app/referrers/sha256:abc", 400, "DIGEST_INVALID"],
      ["/v1/team/app", 404, "UNSUPPORTED"],
    ];
    for (const [path, status, code] of refusals) {
      it(`answers ${path} with ${status} ${code}`, async () => {
        addToStore(registry.store, "team/app", image, "v1");
        const response = await get(path);
        assert.deepEqual([response.status, await codeOf(response)], [status, code]);
      });
    }

    it("finds repositories whose names hold the API's own words", async () => {
      addToStore(registry.store, "a/manifests/b/blobs/c", image, "tags");
      assert.equal((await get("/v2/a/manifests/b/blobs/c/manifests/tags")).status, 200);
    });

    it("gives ranges of blobs as RFC 9110 asks", async () => {
      const text = "0123456789";
      const digest = registry.store.putBlob("a", Buffer.from(text));
      const cases: readonly (readonly [string, number, string])[] = [
        ["bytes=0-3", 206, "0123"],
        ["bytes=4-", 206, "456789"],
        ["bytes=-2", 206, "89"],
        ["bytes=8-99", 206, "89"],
        ["bytes=-99", 206, text],
        ["bytes=10-", 416, ""],
        ["bytes=-0", 416, ""],
        ["bytes=5-2", 200, text],
        ["bytes=0-1,3-4", 200, text],
        ["lines=1-2", 200, text],
      ];
      for (const [range, status, body] of cases) {
        const response = await get(`/v2/a/blobs/${digest}`, { headers: { range } });
        assert.deepEqual([range, response.status, await response.text()], [range, status, body]);
      }
      const part = await get(`/v2/a/blobs/${digest}`, { headers: { range: "bytes=4-5" } });
      assert.equal(part.headers.get("content-range"), "bytes 4-5/10");
    });
  });

  describe("push", () => {
    const put = (reference: string, body: Uint8Array | object, type?: string): Promise<Response> =>
      get(`/v2/team/app/manifests/${reference}`, {
        method: "PUT",
        body: body instanceof Uint8Array ? Buffer.from(body) : JSON.stringify(body),
        ...(type === undefined ? {} : { headers: { "content-type": type } }),
      });
    const empty = { schemaVersion: 2, mediaType: types.ociIndex, manifests: [] };
    const config = image.blobs[0]!;
    const configDescriptor = { mediaType: config.mediaType, digest: config.digest, size: config.bytes.length };

    const refusals: readonly (readonly [string, string, Uint8Array | object, string, number, string])[] = [
      ["a manifest with parts that are not there", "v1", image.bytes, types.ociManifest, 404, "MANIFEST_BLOB_UNKNOWN"],
      [
        "an index whose child is not there",
        "v1",
        { ...empty, manifests: [image.descriptor] },
        types.ociIndex,
        404,
        "MANIFEST_BLOB_UNKNOWN",
      ],
      ["another digest", absent, empty, types.ociIndex, 400, "DIGEST_INVALID"],
      ["half a digest", "sha256:abc", empty, types.ociIndex, 400, "DIGEST_INVALID"],
      ["what is no JSON", "v1", Buffer.from("{"), types.ociIndex, 400, "MANIFEST_INVALID"],
      ["a JSON list", "v1", Buffer.from("[]"), types.ociIndex, 400, "MANIFEST_INVALID"],
      ["an index said to be an image", "v1", empty, types.ociManifest, 400, "MANIFEST_INVALID"],
      ["an unknown type", "v1", empty, "text/html", 400, "MANIFEST_INVALID"],
      [
        "an index that is an image as well",
        "v1",
        { ...empty, config: configDescriptor, layers: [] },
        types.ociIndex,
        400,
        "MANIFEST_INVALID",
      ],
      [
        "an image that is an index as well",
        "v1",
        { schemaVersion: 2, mediaType: types.ociManifest, config: configDescriptor, layers: [], manifests: [] },
        types.ociManifest,
        400,
        "MANIFEST_INVALID",
      ],
      ["far more than 4 MiB", "v1", Buffer.alloc(40 * 1024 * 1024, " "), types.ociIndex, 413, "SIZE_INVALID"],
    ];
    for (const [what, reference, body, type, status, code] of refusals) {
      it(`refuses ${what}`, async () => {
        const response = await put(reference, body, type);
        assert.deepEqual([response.status, await codeOf(response)], [status, code]);
        assert.equal(registry.store.manifest("team/app", "v1"), undefined);
      });
    }

    it("takes parameters on the type, and layers that may not be distributed", async () => {
      registry.store.putBlob("team/app", config.bytes);
      const layer = {
        mediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar",
        digest: absent,
        size: 1,
        urls: [],
      };
      const manifest = { schemaVersion: 2, config: configDescriptor, layers: [layer] };
      assert.equal((await put("v1", manifest, `${types.ociManifest}; charset=utf-8`)).status, 201);
      assert.equal(registry.store.manifest("team/app", "v1")?.mediaType, types.ociManifest);
    });

    it("takes a manifest of 4 MiB, and not one byte more", async () => {
      const sized = (bytes: number): Buffer => Buffer.from(JSON.stringify(empty).padEnd(bytes, " "));
      assert.equal((await put("v1", sized(4 * 1024 * 1024), types.ociIndex)).status, 201);
      assert.equal((await put("v1", sized(4 * 1024 * 1024 + 1), types.ociIndex)).status, 413);
    });

    it("tags a manifest pushed by digest with the tag parameters", async () => {
      const bytes = Buffer.from(JSON.stringify(empty));
      const response = await put(`${digestOf(bytes)}?tag=a&tag=b`, bytes, types.ociIndex);
      assert.deepEqual([response.status, response.headers.get("oci-tag")], [201, "a, b"]);
      assert.equal(registry.store.manifest("team/app", "b")?.digest, digestOf(bytes));
    });

    it("takes chunks in order, and says how far it is when they are not", async () => {
      const start = await get("/v2/a/blobs/uploads/", { method: "POST" });
      const location = start.headers.get("location") ?? "";
      const patch = (range: string, body: string): Promise<Response> =>
        get(location, { method: "PATCH", body, headers: { "content-range": range } });
      assert.equal((await patch("0-3", "0123")).status, 202);
      const wrong = await patch("6-7", "67");
      assert.deepEqual([wrong.status, wrong.headers.get("range")], [416, "0-3"]);
      const status = await get(location);
      assert.deepEqual([status.status, status.headers.get("range")], [204, "0-3"]);
      assert.equal((await patch("4-9", "456")).status, 400, "the length must be that of the range");
      const digest = digestOf(Buffer.from("01234567"));
      const last = { method: "PUT", body: "4567", headers: { "content-range": "4-7" } };
      assert.equal((await get(`${location}?digest=${digest}`, last)).status, 201);
      assert.equal(await (await get(`/v2/a/blobs/${digest}`)).text(), "01234567");
      assert.equal((await get(location)).status, 404, "the session is over");
    });

    it("refuses a blob that does not hash to its digest, and forgets a cancelled upload", async () => {
      const whole = await get(`/v2/a/blobs/uploads/?digest=${absent}`, { method: "POST", body: "x" });
      assert.deepEqual([whole.status, await codeOf(whole)], [400, "DIGEST_INVALID"]);
      const start = await get("/v2/a/blobs/uploads/", { method: "POST" });
      const location = start.headers.get("location") ?? "";
      assert.equal((await get(location.replace("/a/", "/b/"))).status, 404, "another repository's session");
      assert.equal((await get(location, { method: "DELETE" })).status, 204);
      assert.equal(await codeOf(await get(location)), "BLOB_UPLOAD_UNKNOWN");
    });

    it("mounts a blob from another repository, and begins an upload where it is not there", async () => {
      const digest = registry.store.putBlob("from", Buffer.from("x"));
      const mount = (query: string): Promise<Response> => get(`/v2/to/blobs/uploads/?${query}`, { method: "POST" });
      assert.equal((await mount(`mount=${digest}&from=other`)).status, 202);
      assert.equal((await mount(`mount=${digest}&from=from`)).status, 201);
      assert.equal(await (await get(`/v2/to/blobs/${digest}`)).text(), "x");
    });
  });

  describe("tags", () => {
    const linkOf = (response: Response): string | undefined =>
      /^<([^>]+)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];

    it("are listed whole and in order, however they are paged", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(fc.stringMatching(/^\w[\w.-]{0,5}$/), { maxLength: 12 }),
          fc.integer({ min: 1, max: 5 }),
          async (tags, n) => {
            registry.store.repositories.clear();
            registry.store.open("a");
            for (const tag of tags) registry.store.tag("a", tag, absent);
            const seen: string[] = [];
            for (let next: string | undefined = `/v2/a/tags/list?n=${n}`; next !== undefined;) {
              const response: Response = await get(next);
              const page = (await response.json()) as { name: string; tags: string[] };
              assert.ok(page.tags.length <= n && page.name === "a");
              seen.push(...page.tags);
              next = linkOf(response);
            }
            assert.deepEqual(seen, tags.toSorted());
          },
        ),
        { numRuns: 30 },
      );
    });

    it("n=0 is empty and has no next page; what is no number is refused", async () => {
      registry.store.tag("a", "x", absent);
      const none = await get("/v2/a/tags/list?n=0");
      assert.deepEqual([await none.json(), linkOf(none)], [{ name: "a", tags: [] }, undefined]);
      assert.equal((await get("/v2/a/tags/list?n=many")).status, 400);
    });

    it("the catalog lists repositories", async () => {
      registry.store.open("b");
      registry.store.open("a");
      assert.deepEqual(await (await get("/v2/_catalog")).json(), { repositories: ["a", "b"] });
    });
  });

  describe("delete", () => {
    it("a tag leaves its manifest, a manifest takes its tags along", async () => {
      addToStore(registry.store, "a", image, "one", "two");
      addToStore(registry.store, "a", makeIndex([]), "another");
      const remove = async (path: string): Promise<number> => (await get(path, { method: "DELETE" })).status;
      assert.equal(await remove("/v2/a/manifests/one"), 202);
      assert.equal(await remove("/v2/a/manifests/one"), 404);
      assert.equal((await get(`/v2/a/manifests/${image.digest}`)).status, 200);
      assert.equal(await remove(`/v2/a/manifests/${image.digest}`), 202);
      assert.equal((await get("/v2/a/manifests/two")).status, 404);
      assert.equal((await get("/v2/a/manifests/another")).status, 200);
      assert.equal(await remove(`/v2/a/blobs/${image.blobs[0]!.digest}`), 202);
      assert.equal(await remove(`/v2/a/blobs/${image.blobs[0]!.digest}`), 404);
    });
  });

  describe("referrers", () => {
    const artifact = (artifactType: string | undefined, text: string, configType?: string) =>
      makeArtifact({
        subject: image,
        layers: [{ mediaType: "text/plain", bytes: text }],
        annotations: { text },
        ...(artifactType === undefined ? {} : { artifactType }),
        ...(configType === undefined ? {} : { config: { mediaType: configType, bytes: "{}" } }),
      });
    const list = async (query = ""): Promise<{ response: Response; manifests: Descriptor[] }> => {
      const response = await get(`/v2/a/referrers/${image.digest}${query}`);
      const { manifests } = (await response.json()) as { manifests: Descriptor[] };
      return { response, manifests };
    };

    it("are described by their manifests: artifactType, else the config's type; annotations; an index may have none", async () => {
      const pushed = [
        artifact("a/sig", "1"),
        artifact(undefined, "2", "a/config"),
        makeIndex([], { subject: image }),
        makeIndex([], { subject: image, artifactType: "a/index" }),
      ];
      for (const one of pushed) await push(registry.url, "a", one);
      const { response, manifests } = await list();
      assert.equal(response.headers.get("content-type"), types.ociIndex);
      assert.deepEqual(manifests, [
        { ...pushed[0]!.descriptor, artifactType: "a/sig", annotations: { text: "1" } },
        { ...pushed[1]!.descriptor, artifactType: "a/config", annotations: { text: "2" } },
        pushed[2]!.descriptor,
        { ...pushed[3]!.descriptor, artifactType: "a/index" },
      ]);
    });

    it("are filtered by artifactType, and say so", async () => {
      for (const one of [artifact("a/sig", "1"), artifact("a/sbom", "2")]) addToStore(registry.store, "a", one);
      const filtered = await list("?artifactType=a%2Fsbom");
      assert.deepEqual(
        filtered.manifests.map(({ artifactType }) => artifactType),
        ["a/sbom"],
      );
      assert.equal(filtered.response.headers.get("oci-filters-applied"), "artifactType");
      assert.equal((await list()).response.headers.get("oci-filters-applied"), null);
    });

    it("of a subject that is not there, and of nothing, are lists all the same", async () => {
      assert.deepEqual((await list()).manifests, []);
    });

    it("are paged by Link, the filter kept", async () => {
      await using paged = await startRegistry({ store: registry.store, pageSize: 2 });
      const expected: string[] = [];
      for (let index = 0; index < 5; index += 1) {
        expected.push(addToStore(registry.store, "a", artifact("a/sig", String(index))));
        addToStore(registry.store, "a", artifact("a/sbom", String(index)));
      }
      const seen: string[] = [];
      let next: string | undefined = `/v2/a/referrers/${image.digest}?artifactType=a/sig`;
      while (next !== undefined) {
        const response: Response = await fetch(`${paged.url}${next}`);
        const { manifests } = (await response.json()) as { manifests: Descriptor[] };
        seen.push(...manifests.map(({ digest }) => digest));
        next = /<([^>]+)>/.exec(response.headers.get("link") ?? "")?.[1];
      }
      assert.deepEqual(seen, expected);
    });

    it("a push with a subject is answered with OCI-Subject where there is the API, and only there", async () => {
      const bytes = Buffer.from(JSON.stringify({ manifests: [], subject: image.descriptor }));
      for (const [referrers, expected, listing] of [
        ["api", image.digest, 200],
        ["off", null, 404],
        ["empty", null, 200],
      ] as const) {
        await using other = await startRegistry({ referrers });
        const headers = { "content-type": types.ociIndex };
        const response = await fetch(`${other.url}/v2/a/manifests/x`, { method: "PUT", body: bytes, headers });
        assert.deepEqual([response.status, response.headers.get("oci-subject")], [201, expected]);
        const listed = await fetch(`${other.url}/v2/a/referrers/${image.digest}`);
        assert.equal(listed.status, listing);
        if (referrers === "empty") assert.deepEqual(((await listed.json()) as { manifests: [] }).manifests, []);
      }
    });

    it("the fallback tag is the specification's", () =>
      assert.match(fallbackTag(image.digest), /^sha256-[0-9a-f]{64}$/));
  });
});
