import assert from "node:assert/strict";
import { loadImageParts } from "../../evidence/scan/sources/imageParts.ts";
import { MemoryRepository } from "../unit/evidence/sigstore/memoryRepository.ts";

const signal = new AbortController().signal;
const DIFF = `sha256:${"1".repeat(64)}`;
const keys = (count: number): string => Array.from({ length: count }, (_, at) => `"k${at}":1`).join(",");

const load = async (config: string): ReturnType<typeof loadImageParts> => {
  const repository = new MemoryRepository();
  const bytes = Buffer.from(config);
  const digest = repository.putManifest(
    Buffer.from(
      JSON.stringify({
        config: {
          mediaType: "application/vnd.oci.image.config.v1+json",
          digest: repository.putBlob(bytes),
          size: bytes.length,
        },
      }),
    ),
  );
  return loadImageParts(repository.manifests.get(digest)!, { repository, signal });
};

/** Configs are parsed where admission requests are answered: one that is made to take long must not hold the others. */
describe("an image config that is made to take long", () => {
  const hostile: readonly (readonly [why: string, config: string])[] = [
    ["330,000 keys", `{${keys(330_000)}}`],
    ["a million empty lists", `{"a":[${"[],".repeat(1_000_000)}[]]}`],
    ["nesting", `{"a":${"[".repeat(10_000)}${"]".repeat(10_000)}}`],
    ["a key twice, of which programs read different ones", `{"rootfs":{"diff_ids":["${DIFF}"]},"rootfs":{}}`],
  ];
  for (const [why, config] of hostile) {
    it(`is malformed: ${why}`, async () => {
      const parts = await load(config);
      assert.deepEqual([parts.status, "reason" in parts && parts.reason], ["invalid", "ImageMalformed"]);
    });
  }

  it("is not what a long history is", async () => {
    const history = Array.from({ length: 127 }, () => ({ created_by: `/bin/sh -c ${"x".repeat(4_000)}` }));
    const parts = await load(JSON.stringify({ rootfs: { type: "layers", diff_ids: [DIFF] }, history }));
    assert.ok(parts.status === "verified");
    const [part] = parts.value.parts;
    assert.ok(part !== undefined && "config" in part);
    assert.deepEqual(part.config.diffIds, [DIFF]);
  });
});
