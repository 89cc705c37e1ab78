import { digestOf, type DigestAlgorithm } from "./content/digest.ts";
import type { Descriptor } from "./content/manifest.ts";
import {
  dockerConfig,
  dockerIndex,
  dockerLayer,
  dockerManifest,
  ociConfig,
  ociEmpty,
  ociIndex,
  ociLayer,
  ociManifest,
} from "./content/mediaTypes.ts";
import { gzip } from "./content/gzip.ts";
import { tar } from "./content/tar.ts";

/** Bytes with the type and digest that descriptors give them. */
export interface Content {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly digest: string;
}

/** A manifest with all that a registry needs to have before it. */
export interface Pushable extends Content {
  readonly blobs: readonly Content[];
  /** What an index lists. */
  readonly children: readonly Pushable[];
  /** The descriptor of the manifest, as an index or a `subject` writes it. */
  readonly descriptor: Descriptor;
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** An image for one platform. */
export interface Image extends Pushable {
  readonly platform: Platform;
  /** Digest of the config: the "image ID" of container runtimes, and Trivy's `Metadata.ImageID`. */
  readonly configDigest: string;
  /** Digests of the uncompressed layers, in order. */
  readonly diffIds: readonly string[];
  /** The uncompressed layers: to build another image on this one. */
  readonly archives: readonly Uint8Array[];
}

export interface ImageOptions {
  /** One layer for each: its files, or the bytes of a tar. By default one layer with one file. */
  readonly layers?: readonly (Readonly<Record<string, string>> | Uint8Array)[];
  /** linux/amd64 by default. */
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
  /** More fields of the config. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly subject?: Content;
  readonly artifactType?: string;
  /** Docker's media types; OCI's by default. */
  readonly docker?: boolean;
  /** For every digest of the image; sha256 by default. */
  readonly algorithm?: DigestAlgorithm;
}

const linux: Platform = { os: "linux", architecture: "amd64" };

/** An image. The same options give the same bytes, on every machine. */
export function makeImage(options: ImageOptions = {}): Image {
  const { layers = [{ "etc/image": "sandbox\n" }], platform = linux, docker = false, algorithm } = options;
  const archives = layers.map((layer) => (layer instanceof Uint8Array ? layer : tar(layer)));
  const layerBlobs = archives.map((archive) => content(docker ? dockerLayer : ociLayer, gzip(archive), algorithm));
  // Container runtimes know only SHA-256 here.
  const diffIds = archives.map((archive) => digestOf(archive));
  const config = json(
    docker ? dockerConfig : ociConfig,
    {
      created: "2024-01-01T00:00:00Z",
      ...platform,
      config: {
        Cmd: options.command ?? ["/bin/true"],
        ...(options.labels === undefined ? {} : { Labels: options.labels }),
      },
      rootfs: { type: "layers", diff_ids: diffIds },
      history: layerBlobs.map(() => ({ created: "2024-01-01T00:00:00Z", created_by: "image-security sandbox" })),
      ...options.config,
    },
    algorithm,
  );
  const manifest = json(
    docker ? dockerManifest : ociManifest,
    {
      schemaVersion: 2,
      mediaType: docker ? dockerManifest : ociManifest,
      ...artifactTypeOf(options.artifactType),
      config: describeContent(config),
      layers: layerBlobs.map((layer) => describeContent(layer)),
      ...subjectOf(options.subject),
      ...annotationsOf(options.annotations),
    },
    algorithm,
  );
  const blobs = [config, ...layerBlobs];
  return { ...pushable(manifest, blobs, []), platform, configDigest: config.digest, diffIds, archives };
}

export interface IndexOptions {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly subject?: Content;
  readonly artifactType?: string;
  readonly docker?: boolean;
  readonly algorithm?: DigestAlgorithm;
}

/** An index of images, one descriptor with its platform for each; or of anything that can be pushed, without. */
export function makeIndex(children: readonly (Image | Pushable)[], options: IndexOptions = {}): Pushable {
  const mediaType = options.docker === true ? dockerIndex : ociIndex;
  const manifests = children.map((child) =>
    "platform" in child ? { ...child.descriptor, platform: child.platform } : child.descriptor,
  );
  const index = json(
    mediaType,
    {
      schemaVersion: 2,
      mediaType,
      ...artifactTypeOf(options.artifactType),
      manifests,
      ...subjectOf(options.subject),
      ...annotationsOf(options.annotations),
    },
    options.algorithm,
  );
  return pushable(index, [], children);
}

export interface ArtifactOptions {
  /** Absent: the config's media type says what it is, as before OCI 1.1. */
  readonly artifactType?: string;
  /** The manifest that it is attached to. */
  readonly subject?: Content | Descriptor;
  readonly layers: readonly {
    readonly mediaType: string;
    readonly bytes: Uint8Array | string;
    readonly annotations?: Readonly<Record<string, string>>;
  }[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** By default the empty JSON object of OCI 1.1. */
  readonly config?: { readonly mediaType: string; readonly bytes: Uint8Array | string };
  readonly algorithm?: DigestAlgorithm;
}

/** A signature, an attestation, or any other artifact (OCI image-spec 1.1, "Guidelines for Artifact Usage"). */
export function makeArtifact(options: ArtifactOptions): Pushable {
  const { config = { mediaType: ociEmpty, bytes: "{}" }, algorithm } = options;
  const configBlob = content(config.mediaType, Buffer.from(config.bytes), algorithm);
  const layers = options.layers.map((layer) => ({
    blob: content(layer.mediaType, Buffer.from(layer.bytes), algorithm),
    annotations: layer.annotations,
  }));
  const manifest = json(
    ociManifest,
    {
      schemaVersion: 2,
      mediaType: ociManifest,
      ...artifactTypeOf(options.artifactType),
      config: describeContent(configBlob),
      layers: layers.map(({ blob, annotations }) => ({ ...describeContent(blob), ...annotationsOf(annotations) })),
      ...subjectOf(options.subject),
      ...annotationsOf(options.annotations),
    },
    algorithm,
  );
  return pushable(manifest, [configBlob, ...layers.map(({ blob }) => blob)], []);
}

/** Any JSON, or any bytes, as a manifest: for content that no registry would take. */
export function makeRawManifest(mediaType: string, value: unknown, algorithm?: DigestAlgorithm): Pushable {
  const raw = value instanceof Uint8Array ? content(mediaType, value, algorithm) : json(mediaType, value, algorithm);
  return pushable(raw, [], []);
}

/** The descriptor of what has bytes; a descriptor stays as it is. */
function describeContent(part: Content | Descriptor): Descriptor {
  const { mediaType, digest } = part;
  return "bytes" in part ? { mediaType, digest, size: part.bytes.length } : part;
}

function content(mediaType: string, bytes: Uint8Array, algorithm?: DigestAlgorithm): Content {
  return { mediaType, bytes, digest: digestOf(bytes, algorithm) };
}

function json(mediaType: string, value: unknown, algorithm?: DigestAlgorithm): Content {
  return content(mediaType, Buffer.from(JSON.stringify(value)), algorithm);
}

function pushable(manifest: Content, blobs: readonly Content[], children: readonly Pushable[]): Pushable {
  return { ...manifest, blobs, children, descriptor: describeContent(manifest) };
}

function subjectOf(subject: Content | Descriptor | undefined): object {
  return subject === undefined ? {} : { subject: describeContent(subject) };
}

function annotationsOf(annotations: Readonly<Record<string, string>> | undefined): object {
  return annotations === undefined ? {} : { annotations };
}

function artifactTypeOf(artifactType: string | undefined): object {
  return artifactType === undefined ? {} : { artifactType };
}
