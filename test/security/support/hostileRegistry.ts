/**
 * A hostile registry in a process of its own, so that what it costs to be hostile is not measured as ours. The first part of
 * a repository's name says how it behaves. Prints its `host:port` and ends with its standard input.
 */
import { makeArtifact, makeImage, makeRawManifest } from "../../../sandbox/registry/images.ts";
import { endlessReferrers, manyReferrers } from "../../../sandbox/registry/misbehaviour/hostileContent.ts";
import type { Misbehaviour } from "../../../sandbox/registry/misbehaviour/rules.ts";
import { header, status } from "../../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { drip, endless, gzipBomb, stall, stallAfter } from "../../../sandbox/registry/misbehaviour/wrongTransport.ts";
import { addToStore } from "../../../sandbox/registry/push.ts";
import { startRegistry } from "../../../sandbox/registry/server.ts";

const MiB = 1024 * 1024;
const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const ARTIFACT = "application/vnd.dev.sigstore.bundle.v0.3+json";

const behaviours: Readonly<Record<string, Misbehaviour>> = {
  honest: async (_, answer) => answer(),
  endless: endless(),
  drip: drip(20),
  stall: stall(),
  "stall-after": stallAfter(10),
  "gzip-bomb": gzipBomb(64 * MiB),
  "slow-down": status(429, { "retry-after": "2" }),
  headers: header("x-filler", "x".repeat(200_000)),
  "many-referrers": manyReferrers(10_000, ARTIFACT),
  "endless-referrers": endlessReferrers(1_000, ARTIFACT),
  "tiny-pages": endlessReferrers(1, ARTIFACT),
};

const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest: `sha256:${"a".repeat(64)}`, size: 1 };
const rest = `"schemaVersion":2,"config":${JSON.stringify(config)},"layers":[]`;
const fill = (open: string, one: (nth: number) => string, close: string, bytes: number): Buffer => {
  const parts: string[] = [];
  for (let size = 0, nth = 0; size < bytes; nth += 1) {
    const part = one(nth);
    parts.push(part);
    size += part.length + 1;
  }
  return Buffer.from(`${open}${parts.join(",")}${close}`);
};
const LARGE = 4 * MiB - 1_000;

/** Documents of nearly 4 MiB, each the worst of its kind for somebody who parses it. */
const documents: Readonly<Record<string, Buffer>> = {
  lists: fill(`{${rest},"x":[`, () => "[]", "]}", LARGE),
  objects: fill(`{${rest},"x":[`, () => '{"a":{}}', "]}", LARGE),
  keys: fill(`{${rest},"annotations":{`, (nth) => `"k${nth}":""`, "}}", LARGE),
  shapes: fill(`{${rest},"x":[`, (nth) => `{"k${nth}":1}`, "]}", LARGE),
  strings: fill(`{${rest},"x":[`, (nth) => `"s${nth}"`, "]}", LARGE),
  escapes: fill(`{${rest},"annotations":{"a":"`, () => String.raw`\u00e9\u00e9\u00e9`, `"}}`, LARGE),
  numbers: fill(`{${rest},"x":[`, () => "1.5e300", "]}", LARGE),
  deep: Buffer.from(`{${rest},"x":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}}`),
  layers: fill(
    `{"schemaVersion":2,"config":${JSON.stringify(config)},"layers":[`,
    () => JSON.stringify({ ...config, annotations: { "org.opencontainers.image.title": "layer" } }),
    "]}",
    LARGE,
  ),
};

const place = await startRegistry({
  misbehave: [
    {
      as: async (request, answer, nth) => {
        const behaviour = behaviours[request.path.split("/")[2] ?? ""];
        return behaviour === undefined ? answer() : behaviour(request, answer, nth);
      },
    },
  ],
});
const image = makeImage();
const artifact = makeArtifact({
  artifactType: ARTIFACT,
  subject: image,
  layers: [{ mediaType: "text/plain", bytes: "x" }],
});
for (const behaviour of Object.keys(behaviours)) {
  addToStore(place.store, `${behaviour}/app`, image, "v1");
  addToStore(place.store, `${behaviour}/app`, artifact);
}
for (let nth = 0; nth < 60; nth += 1) place.store.putBlob("endless/app", Buffer.from(`blob ${nth}`));
// Stored as they are: parsing them would take this process seconds.
const stored = place.store.open("honest/app");
const put = (tag: string, bytes: Buffer): void => {
  const { digest } = makeRawManifest(OCI_MANIFEST, bytes);
  stored.manifests.set(digest, { digest, mediaType: OCI_MANIFEST, bytes, content: {} });
  stored.tags.set(tag, digest);
};
for (const [name, bytes] of Object.entries(documents)) put(name, bytes);
put("huge", Buffer.concat([image.bytes, Buffer.alloc(5 * MiB, " ")]));

console.log(place.host);
process.stdin.resume().once("end", () => process.exit(0));
