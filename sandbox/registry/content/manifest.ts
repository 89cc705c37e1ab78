import { isImageType, isIndexType } from "./mediaTypes.ts";

/** A descriptor as manifests write it. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string };
}

/** What the registry reads in a manifest that it stores. The bytes stay as they were pushed. */
export interface ManifestContent {
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A manifest's content, or undefined where the bytes are no JSON object. The fields are taken at their word. */
export function readManifest(bytes: Uint8Array): ManifestContent | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    // What the registry does with a field (compare it, repeat it in a list) works for any JSON value.
    return value;
  } catch {
    return undefined;
  }
}

/** Why a pushed manifest is refused, or undefined. `mediaType` is the Content-Type that it was pushed with. */
export function manifestFault(content: ManifestContent, mediaType: string): string | undefined {
  if (!isImageType(mediaType) && !isIndexType(mediaType)) return `${mediaType} is not a manifest type`;
  if (content.mediaType !== undefined && content.mediaType !== mediaType) {
    return `pushed as ${mediaType}, says ${content.mediaType}`;
  }
  if (isImageType(mediaType)) {
    // Clients disagree on what such a manifest is: GHSA-qq97-vm5h-rrhg.
    if (content.manifests !== undefined) return "an image manifest has no manifests";
    if (!isDescriptor(content.config)) return "an image manifest needs a config descriptor";
    if (!isDescriptorList(content.layers)) return "an image manifest needs a list of layer descriptors";
  } else {
    if (content.config !== undefined || content.layers !== undefined) return "an index has neither config nor layers";
    if (!isDescriptorList(content.manifests)) return "an index needs a list of manifest descriptors";
  }
  if (content.subject !== undefined && !isDescriptor(content.subject)) return "the subject is not a descriptor";
  return undefined;
}

function isDescriptor(value: unknown): value is Descriptor {
  return (
    typeof value === "object" &&
    value !== null &&
    "digest" in value &&
    typeof value.digest === "string" &&
    "mediaType" in value &&
    typeof value.mediaType === "string"
  );
}

function isDescriptorList(value: unknown): value is readonly Descriptor[] {
  return Array.isArray(value) && value.every(isDescriptor);
}
