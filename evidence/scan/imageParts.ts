import { asObject, texts } from "./json.ts";
import type { ImagePart, ImageParts } from "./imagePart.ts";
import type { ConfigFacts } from "../../policy/facts.ts";
import type { Outcome } from "../../policy/outcome.ts";
import type { FactContext } from "../gather.ts";
import type { Descriptor, Manifest } from "../registry/repository.ts";

/** Image configs are some KiB; a larger one is no config that a runtime would want. */
const MOST_CONFIG_BYTES = 4 * 1024 * 1024;
/** Docker's official images have about ten platforms. */
const MOST_PLATFORMS = 64;

const invalid = (message: string): Outcome<never> => ({ status: "invalid", reason: "ImageMalformed", message });

const readConfig = async (context: FactContext, manifest: Manifest): Promise<Outcome<ConfigFacts>> => {
  if (manifest.config === undefined) return invalid("the manifest has no config");
  const { digest } = manifest.config;
  const blob = await context.repository.blob(digest, MOST_CONFIG_BYTES, context.request.signal);
  if (blob.status === "absent") return invalid("the image's config is not in the registry");
  if (blob.status !== "verified") return blob;
  try {
    const document = asObject(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(blob.value)));
    if (document === undefined) return invalid("the image's config is not a JSON object");
    const labels = Object.entries(asObject(asObject(document["config"])?.["Labels"]) ?? {});
    return {
      status: "verified",
      value: {
        digest,
        diffIds: texts(asObject(document["rootfs"])?.["diff_ids"]),
        labels: Object.fromEntries(labels.filter((label): label is [string, string] => typeof label[1] === "string")),
      },
    };
  } catch {
    return invalid("the image's config is not JSON");
  }
};

/** Build attestations ride in an index as `unknown/unknown`; they are no platform. */
const platformOf = ({ platform }: Descriptor): string | undefined => {
  const parts = [platform?.os, platform?.architecture, platform?.variant].filter(
    (part) => part !== undefined && part !== "",
  );
  return platform?.os === "unknown" && platform.architecture === "unknown" ? undefined : parts.join("/");
};

const partOf = async (context: FactContext, manifest: Manifest, platform?: string): Promise<Outcome<ImagePart>> => {
  const config = await readConfig(context, manifest);
  if (config.status !== "verified") return config;
  return {
    status: "verified",
    value: {
      digest: manifest.digest,
      annotations: manifest.annotations,
      config: config.value,
      ...(platform === undefined ? {} : { platform }),
    },
  };
};

const childPart = async (context: FactContext, child: Descriptor, platform: string): Promise<Outcome<ImagePart>> => {
  const manifest = await context.repository.manifest(child.digest, context.request.signal);
  if (manifest.status === "absent") return invalid(`the image for ${platform} is not in the registry`);
  if (manifest.status !== "verified") return manifest;
  if (manifest.value.manifests.length > 0) return invalid(`the image for ${platform} is an index inside an index`);
  return partOf(context, manifest.value, platform === "" ? child.digest : platform);
};

/** Takes the judged image apart: every platform child of an index with its config. The first part that cannot be had decides. */
export const loadImageParts = async (context: FactContext): Promise<Outcome<ImageParts>> => {
  const outcome = await context.manifest();
  if (outcome.status !== "verified") return outcome;
  const manifest = outcome.value;
  const isIndex = manifest.config === undefined && manifest.manifests.length > 0;
  const children = manifest.manifests.flatMap((child) => {
    const platform = platformOf(child);
    return platform === undefined ? [] : [{ child, platform }];
  });
  if (isIndex && children.length === 0) return invalid("the index has no platform image");
  if (children.length > MOST_PLATFORMS)
    return invalid(`the index has ${children.length} platforms; at most ${MOST_PLATFORMS} are looked at`);
  const outcomes = isIndex
    ? await Promise.all(children.map(({ child, platform }) => childPart(context, child, platform)))
    : [await partOf(context, manifest)];
  const parts: ImagePart[] = [];
  for (const part of outcomes) {
    if (part.status !== "verified") return part;
    parts.push(part.value);
  }
  return { status: "verified", value: { digest: manifest.digest, isIndex, annotations: manifest.annotations, parts } };
};
