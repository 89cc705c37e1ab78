import { makeImage, makeIndex, type Image, type Pushable } from "./images.ts";
import { addToStore } from "./push.ts";
import type { Store } from "./store.ts";

/** An image that the sandbox offers. */
export interface Sample {
  /** Without the registry: `team/app`. */
  readonly repository: string;
  readonly tag: string;
  readonly image: Pushable;
  /** What it is for, in a few words. */
  readonly description: string;
}

/** The registry that the samples stand for: an alias leads from here to the sandbox registry. */
export const sampleRegistry = "registry.company.com";

const debian = base("debian", "12");
const node = base("node", "24");

/** The images of registry.company.com, made in code: their digests are the same on every machine and in every version. */
export const samples: readonly Sample[] = [
  sample("nginx", "v1.21", "a web server", program("nginx 1.21", debian, "base/debian:12")),
  sample("nginx", "v1.22", "a newer web server", program("nginx 1.22", debian, "base/debian:12")),
  sample("team/app", "v1", "an application on base/node", program("team/app v1", node, "base/node:24")),
  sample("team/app", "v2", "the same for two platforms", twoPlatforms("team/app v2", node, "base/node:24")),
  sample("payments/api", "v1", "what namespace payments runs", program("payments/api v1", node, "base/node:24")),
  sample("base/debian", "12", "a base image", debian),
  sample("base/node", "24", "another base image", node),
];

/** Fills the store with the samples. */
export function addSamples(store: Store): void {
  for (const { repository, tag, image } of samples) addToStore(store, repository, image, tag);
}

/** `registry.company.com/nginx:v1.21`. Throws for what is no sample. */
export function taggedReference(repository: string, tag: string): string {
  return `${sampleRegistry}/${repository}:${find(repository, tag).tag}`;
}

/** `registry.company.com/nginx@sha256:...` of a sample. Throws for what is no sample. */
export function digestReference(repository: string, tag: string): string {
  return `${sampleRegistry}/${repository}@${find(repository, tag).image.digest}`;
}

function find(repository: string, tag: string): Sample {
  const found = samples.find((one) => one.repository === repository && one.tag === tag);
  if (found === undefined) throw new Error(`there is no sample ${repository}:${tag}`);
  return found;
}

function sample(repository: string, tag: string, description: string, image: Pushable): Sample {
  return { repository, tag, image, description };
}

function base(name: string, version: string): Image {
  return makeImage({
    layers: [{ "etc/os-release": `ID=${name}\nVERSION_ID=${version}\n` }],
    annotations: { "org.opencontainers.image.title": `base/${name}`, "org.opencontainers.image.version": version },
  });
}

/** An image that says its base with the annotations of OCI image-spec 1.1, annotations.md. */
function program(name: string, from: Image, baseName: string, architecture = "amd64"): Image {
  return makeImage({
    layers: [...from.archives, { "srv/program": `${name}\n` }],
    platform: { os: "linux", architecture },
    command: ["/srv/program"],
    annotations: {
      "org.opencontainers.image.title": name,
      "org.opencontainers.image.base.name": `${sampleRegistry}/${baseName}`,
      "org.opencontainers.image.base.digest": from.digest,
    },
  });
}

function twoPlatforms(name: string, from: Image, baseName: string): Pushable {
  return makeIndex([program(name, from, baseName, "amd64"), program(name, from, baseName, "arm64")]);
}
