import { setImmediate } from "node:timers/promises";
import { asObject } from "../../../json/fields.ts";
import { texts } from "../formats/reportFields.ts";
import type { ImagePart, ImageParts, UnreadPart } from "./imagePart.ts";
import type { ConfigFacts, PlatformChild } from "../../../policy/facts/facts.ts";
import type { Outcome } from "../../../policy/facts/outcome.ts";
import { platformChildren } from "../../gather/manifestFacts.ts";
import { withoutStragglers } from "../../../async/stragglers.ts";
import { late, malformed } from "../../registry/failure.ts";
import { parseJson } from "../../../json/parse.ts";
import type { ContentReason, Manifest, RepositoryReader } from "../../registry/repository.ts";

/** Image configs are some KiB; a larger one is no config that a runtime would want. */
const MOST_CONFIG_BYTES = 4 * 1024 * 1024;
/** Bytes from which on parsing takes milliseconds: others get a turn in between. */
const LARGE = 256 * 1024;
/** Docker's official images have about ten platforms. */
export const MOST_PLATFORMS = 64;
/**
 * Annotations and labels of all platforms together, in characters. Each manifest may be 4 MiB, so that a hostile index could
 * hold a quarter of a gibibyte; four honest reports of the largest size fit.
 */
const MOST_TEXT = 16 * 1024 * 1024;
/**
 * Bytes of the manifests and configs of all platforms together: what is made to take longer than there is time for is malformed, and no
 * slow registry.
 */
const MOST_BYTES = 32 * 1024 * 1024;
/** Children that are fetched at the same time. */
const AT_ONCE = 8;
/**
 * Milliseconds that a platform gets when nothing more comes of the others. An admission has 8 s, in which one that hangs may do so with its
 * manifest, its config and its attestations.
 */
export const STRAGGLER_MS = 2_000;

type Part<T> = Outcome<T, ContentReason>;

/** Where the parts of an image are read from. */
export interface ImageSource {
  readonly repository: RepositoryReader;
  readonly signal: AbortSignal;
}

/** The characters that an image's parts hold in their annotations and labels. */
export const textOfParts = ({ annotations, parts }: ImageParts): number =>
  [annotations, ...parts.flatMap((part) => ("unread" in part ? [] : [part.annotations, part.config.labels]))]
    .flatMap((one) => Object.entries(one))
    .reduce((sum, [key, text]) => sum + key.length + text.length, 0);

/** Whether a manifest is an index; one that is both is never a `Manifest`. */
export const isIndex = ({ config, manifests }: Manifest): boolean => config === undefined && manifests.length > 0;

const readConfig = async ({ repository, signal }: ImageSource, manifest: Manifest): Promise<Part<ConfigFacts>> => {
  if (manifest.config === undefined) return malformed("the manifest has no config");
  const { digest, size } = manifest.config;
  if (size > MOST_CONFIG_BYTES) return malformed(`the image's config is larger than ${MOST_CONFIG_BYTES} bytes`);
  // The descriptor says how much it is, and more is not read.
  const blob = await repository.blob(digest, size, signal);
  if (blob.status === "absent") return malformed("the image's config is not in the registry");
  if (blob.status !== "verified") return blob;
  // 4 MiB of 330,000 keys hold the event loop for half a second, and an index may have 64 such configs.
  const parsed = parseJson(blob.value);
  if (blob.value.length > LARGE) await setImmediate();
  if (parsed.status !== "ok") return malformed(`the image's config ${parsed.message}`);
  const document = asObject(parsed.value);
  if (document === undefined) return malformed("the image's config is not a JSON object");
  const labels = Object.entries(asObject(asObject(document["config"])?.["Labels"]) ?? {});
  return {
    status: "verified",
    value: {
      digest,
      diffIds: texts(asObject(document["rootfs"])?.["diff_ids"]),
      labels: Object.fromEntries(labels.filter((label): label is [string, string] => typeof label[1] === "string")),
    },
  };
};

const partOf = async (source: ImageSource, manifest: Manifest, platform?: string): Promise<Part<ImagePart>> => {
  const config = await readConfig(source, manifest);
  if (config.status !== "verified") return config;
  const { digest, annotations } = manifest;
  return {
    status: "verified",
    value: { digest, annotations, config: config.value, ...(platform === undefined ? {} : { platform }) },
  };
};

interface ChildManifest {
  readonly child: PlatformChild;
  readonly outcome: Part<Manifest>;
}

const childManifest = async ({ repository, signal }: ImageSource, child: PlatformChild): Promise<ChildManifest> => {
  const outcome = await repository.manifest(child.digest, signal);
  if (outcome.status === "absent")
    return { child, outcome: malformed(`the image for ${child.platform} is not in the registry`) };
  if (outcome.status === "verified" && isIndex(outcome.value))
    return { child, outcome: malformed(`the image for ${child.platform} is an index inside an index`) };
  return { child, outcome };
};

/** What could not be had of one child says nothing of the others; what is wrong with one does. */
const childPart = async (
  source: ImageSource,
  { child, outcome }: ChildManifest,
): Promise<Part<ImagePart | UnreadPart>> => {
  const part = outcome.status === "verified" ? await partOf(source, outcome.value, child.platform) : outcome;
  return part.status === "unavailable" ? { status: "verified", value: { ...child, unread: part } } : part;
};

const HANGS = "it was not read while the image's other platforms were";

const childParts = async (
  source: ImageSource,
  children: readonly PlatformChild[],
): Promise<Part<ImageParts["parts"]>> => {
  const parts: (ImagePart | UnreadPart)[] = [];
  let bytes = 0;
  for (let next = 0; next < children.length; next += AT_ONCE) {
    const batch = children.slice(next, next + AT_ONCE);
    const manifests = await withoutStragglers(batch, (child) => childManifest(source, child), {
      least: STRAGGLER_MS,
      late: (child): ChildManifest => ({ child, outcome: late(HANGS) }),
    });
    for (const { outcome } of manifests) {
      if (outcome.status === "verified") bytes += outcome.value.size + (outcome.value.config?.size ?? 0);
      else if (outcome.status !== "unavailable") return outcome;
    }
    // Before the configs are fetched.
    if (bytes > MOST_BYTES)
      return malformed(
        `the platforms of the index have more than ${MOST_BYTES / 1024 / 1024} MiB of manifests and configs`,
      );
    const read = await withoutStragglers(manifests, (one) => childPart(source, one), {
      least: STRAGGLER_MS,
      late: ({ child }): Part<ImagePart | UnreadPart> => ({
        status: "verified",
        value: { ...child, unread: late(HANGS) },
      }),
    });
    for (const part of read) {
      if (part.status !== "verified") return part;
      parts.push(part.value);
    }
  }
  return { status: "verified", value: parts };
};

/**
 * Takes an image apart: every platform child of an index with its config. A part that is wrong decides; one that could not be
 * had stands among the others, and the image is not whole.
 */
export const loadImageParts = async (manifest: Manifest, source: ImageSource): Promise<Part<ImageParts>> => {
  const { digest, annotations } = manifest;
  if (!isIndex(manifest)) {
    const part = await partOf(source, manifest);
    return part.status === "verified"
      ? { status: "verified", value: { digest, isIndex: false, annotations, parts: [part.value] } }
      : part;
  }
  const children = platformChildren(manifest);
  if (children.length === 0) return malformed("the index has no platform image");
  if (children.length > MOST_PLATFORMS)
    return malformed(`the index has ${children.length} platforms; at most ${MOST_PLATFORMS} are looked at`);
  const end = new AbortController();
  const parts = await childParts({ ...source, signal: AbortSignal.any([source.signal, end.signal]) }, children);
  // Nobody waits for what was given up.
  end.abort();
  if (parts.status !== "verified") return parts;
  const image: ImageParts = { digest, isIndex: true, annotations, parts: parts.value };
  return textOfParts(image) > MOST_TEXT
    ? malformed(`the annotations of the index and its platforms are larger than ${MOST_TEXT / 1024 / 1024} MiB`)
    : { status: "verified", value: image };
};
