import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { gunzipSync } from "node:zlib";
import * as fc from "fast-check";
import { digestOf, fallbackTag, hashesTo, isDigest } from "../../../../sandbox/registry/content/digest.ts";
import { gzip } from "../../../../sandbox/registry/content/gzip.ts";
import { tar } from "../../../../sandbox/registry/content/tar.ts";
import { makeArtifact, makeImage, makeIndex } from "../../../../sandbox/registry/images.ts";
import { addSamples, digestReference, samples, taggedReference } from "../../../../sandbox/registry/samples.ts";
import { Store } from "../../../../sandbox/registry/store.ts";

const hex = "a".repeat(64);

describe("digests", () => {
  const cases: readonly (readonly [string, boolean, string])[] = [
    [`sha256:${hex}`, true, "64 hex digits"],
    [`sha512:${hex}${hex}`, true, "128 hex digits"],
    [`sha256:${hex.slice(1)}`, false, "one short"],
    [`sha256:${hex}a`, false, "one long"],
    [`sha512:${hex}`, false, "the length of another algorithm"],
    [`sha256:${hex.toUpperCase()}`, false, "capitals are not registered"],
    [`md5:${hex.slice(32)}`, false, "another algorithm"],
    [`sha256:${hex}\n`, false, "a line end at the end"],
    ["", false, "nothing"],
  ];
  for (const [text, good, why] of cases) {
    it(`${good ? "takes" : "refuses"} ${why}`, () => assert.equal(isDigest(text), good));
  }

  it("hashes with the digest's own algorithm", () => {
    const bytes = Buffer.from("x");
    assert.ok(hashesTo(bytes, digestOf(bytes, "sha512")));
    assert.ok(hashesTo(bytes, digestOf(bytes)));
    assert.ok(!hashesTo(Buffer.from("y"), digestOf(bytes)));
  });

  it("makes the fallback tags of the specification's table", () => {
    assert.equal(fallbackTag(`sha256:${hex}`), `sha256-${hex}`);
    assert.equal(fallbackTag(`sha512:${hex}${hex}`), `sha512-${hex}`);
    assert.equal(
      fallbackTag(
        "test+algorithm+using+algorithm+separators+and+lots+of+characters+to+excercise+overall+truncation:alsoSome=InTheEncodedSectionToShowHyphenReplacementAndLotsAndLotsOfCharactersToExcerciseEncodedTruncation",
      ),
      "test-algorithm-using-algorithm-s-alsoSome-InTheEncodedSectionToShowHyphenReplacementAndLotsAndLot",
    );
  });
});

describe("archives", () => {
  it("are gzip to everybody else, whatever their size", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(3), (bytes, times) => {
        const long = Buffer.concat(Array.from({ length: times * 200 + 1 }, () => bytes));
        assert.deepEqual(gunzipSync(gzip(long)), long);
      }),
    );
  });

  it("fill whole blocks", () => {
    const full = Buffer.alloc(2 * 0xff_ff, 7);
    assert.deepEqual(gunzipSync(gzip(full)), full);
  });

  it("are tar to everybody else", () => {
    const archive = tar({ "etc/a": "one\n", "srv/b": "x".repeat(1000), empty: "" });
    const listing = execFileSync("tar", ["-tvf", "-"], { input: archive }).toString();
    assert.deepEqual(
      listing
        .trim()
        .split("\n")
        .map((line) => [line.slice(0, 10), line.split(/\s+/).at(2), line.split(/\s+/).at(-1)]),
      [
        ["-rw-r--r--", "4", "etc/a"],
        ["-rw-r--r--", "1000", "srv/b"],
        ["-rw-r--r--", "0", "empty"],
      ],
    );
    assert.equal(execFileSync("tar", ["-xOf", "-", "etc/a"], { input: archive }).toString(), "one\n");
  });
});

describe("made images", () => {
  it("are the same each time, and differ with each option", () => {
    const variants = [
      makeImage(),
      makeImage({ docker: true }),
      makeImage({ algorithm: "sha512" }),
      makeImage({ annotations: { a: "b" } }),
      makeImage({ labels: { a: "b" } }),
      makeImage({ platform: { os: "linux", architecture: "arm64" } }),
      makeImage({ layers: [{ a: "b" }] }),
      makeImage({ subject: makeImage() }),
    ];
    assert.equal(makeImage().digest, variants[0]?.digest);
    assert.equal(new Set(variants.map(({ digest }) => digest)).size, variants.length);
  });

  it("say their DiffIDs in the config: digests of what the layers unpack to, not of the layers", () => {
    const image = makeImage({ layers: [{ a: "1" }, { b: "2" }] });
    const [config, ...layers] = image.blobs;
    const written = JSON.parse(Buffer.from(config!.bytes).toString()) as { rootfs: { diff_ids: string[] } };
    assert.deepEqual(written.rootfs.diff_ids, image.diffIds);
    assert.deepEqual(
      image.diffIds,
      layers.map(({ bytes }) => digestOf(gunzipSync(bytes))),
    );
    assert.equal(
      image.diffIds.some((id) => layers.some(({ digest }) => digest === id)),
      false,
    );
  });

  it("have sha512 throughout when told so, but for DiffIDs", () => {
    const image = makeImage({ algorithm: "sha512" });
    assert.ok([image, ...image.blobs].every(({ digest }) => digest.startsWith("sha512:")));
    assert.ok(image.diffIds.every((id) => id.startsWith("sha256:")));
  });

  it("an index lists its images with their platforms", () => {
    const arm = makeImage({ platform: { os: "linux", architecture: "arm64", variant: "v8" } });
    const index = JSON.parse(Buffer.from(makeIndex([makeImage(), arm]).bytes).toString()) as { manifests: unknown[] };
    assert.deepEqual(index.manifests[1], {
      ...arm.descriptor,
      platform: { os: "linux", architecture: "arm64", variant: "v8" },
    });
  });

  it("an artifact has the empty config of OCI 1.1 and names its subject", () => {
    const subject = makeImage();
    const artifact = makeArtifact({ artifactType: "a/b", subject, layers: [{ mediaType: "a/c", bytes: "x" }] });
    const manifest = JSON.parse(Buffer.from(artifact.bytes).toString()) as Record<string, unknown>;
    assert.deepEqual(manifest["subject"], subject.descriptor);
    assert.deepEqual(manifest["config"], {
      mediaType: "application/vnd.oci.empty.v1+json",
      digest: "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
      size: 2,
    });
  });
});

describe("samples", () => {
  it("have the digests that the documentation shows", () => {
    const digests = samples.map(({ repository, tag, image }) => `${repository}:${tag} ${image.digest}`);
    assert.deepEqual(digests, [
      "nginx:v1.21 sha256:0accfd25d373d88010ce6c35c7134b6be563c85770046a2d39622302d0d49d96",
      "nginx:v1.22 sha256:2d1b5038b15fbae8b7e9f293a5833fb89c72661999a92b8f67156fbdecc4b56f",
      "team/app:v1 sha256:e3d408452fb78fa229d10430066d7745581f2729bffffba23f13043054108ea5",
      "team/app:v2 sha256:4e26e57316fccb2f34730d3516daf620a5f2b3a73988bc3bddab7abbb18dfb79",
      "payments/api:v1 sha256:41bf7559e67303e4c5c828955f89f65c192b31e90e99cbd8a12f395f66fca403",
      "base/debian:12 sha256:13fd3ed7298022481c6aa7cceed192ca40746478ec62a22939cd8f7be5df4666",
      "base/node:24 sha256:debececf312778a93580ae8f69d6a004519db50b90ae2c4c54ab94ee5b674bc6",
    ]);
  });

  it("are named as a user writes them", () => {
    assert.equal(taggedReference("nginx", "v1.21"), "registry.company.com/nginx:v1.21");
    assert.match(digestReference("nginx", "v1.21"), /^registry\.company\.com\/nginx@sha256:0accfd25/);
    assert.throws(() => digestReference("nginx", "v9"), /no sample nginx:v9/);
  });

  it("are whole: everything that a manifest names is there and hashes right", () => {
    const store = new Store();
    addSamples(store);
    for (const { blobs, manifests } of store.repositories.values()) {
      for (const [digest, bytes] of blobs) assert.ok(hashesTo(bytes, digest));
      for (const { digest, bytes, content } of manifests.values()) {
        assert.ok(hashesTo(bytes, digest));
        const named = [content.config, ...(content.layers ?? [])].filter((part) => part !== undefined);
        for (const part of named) assert.equal(blobs.get(part.digest)?.length, part.size);
        for (const child of content.manifests ?? []) {
          assert.equal(manifests.get(child.digest)?.bytes.length, child.size);
        }
      }
    }
  });
});
