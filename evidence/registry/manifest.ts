import { isObject, type JsonObject } from "../../json/fields.ts";
import type { Outcome } from "../../policy/facts/outcome.ts";
import { malformed } from "./failure.ts";
import { IMAGE_TYPES, INDEX_TYPES, mediaTypeOf, OCI_INDEX } from "./mediaTypes.ts";
import type { ContentReason, Descriptor, Manifest } from "./repository.ts";

/** What is wrong with a manifest; caught in `readManifest`, never seen outside. */
class Unsound extends Error {}

const quoted = (said: string): string => JSON.stringify(said.slice(0, 100));

const DIGEST = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]{1,256}$/;
/** Wider than RFC 6838: what pushers write in an artifact's layer type is theirs. */
const MEDIA_TYPE = /^[\x21-\x7E][\x20-\x7E]{0,254}$/;

const FIELDS: readonly string[] = [
  "schemaVersion",
  "mediaType",
  "artifactType",
  "config",
  "layers",
  "manifests",
  "subject",
  "annotations",
  "fsLayers",
  "digest",
  "size",
  "platform",
  "os",
  "architecture",
  "variant",
];
const FOLDED = new Map(FIELDS.map((field) => [field.toLowerCase(), field]));

/**
 * Go reads `Manifests` as `manifests`, and so do kubelet's runtimes: a spelling that only some programs see would make
 * the same bytes an image here and an index there (GHSA-qq97-vm5h-rrhg). `ſ` and the Kelvin sign fold to s and k in Go.
 */
function sound(value: unknown, what: string): JsonObject {
  if (!isObject(value)) throw new Unsound(`${what} is no object`);
  for (const key of Object.keys(value)) {
    const folded = key.replaceAll("ſ", "s").replaceAll("\u212A", "k").toLowerCase();
    const field = FOLDED.get(folded);
    if (field !== undefined && field !== key) throw new Unsound(`${what} spells ${field} as ${quoted(key)}`);
  }
  return value;
}

const given = (value: unknown): boolean => value !== undefined && value !== null;

function text(value: unknown, what: string): string | undefined {
  if (!given(value)) return undefined;
  if (typeof value !== "string") throw new Unsound(`${what} is no text`);
  return value === "" ? undefined : value;
}

function annotations(value: unknown, what: string): Readonly<Record<string, string>> {
  const result: Record<string, string> = {};
  if (!given(value)) return result;
  if (typeof value !== "object" || Array.isArray(value)) throw new Unsound(`${what} is no object`);
  for (const [key, entry] of Object.entries(value as JsonObject)) {
    if (typeof entry !== "string") throw new Unsound(`${what} holds something else than text`);
    result[key] = entry;
  }
  return result;
}

function list(value: unknown, what: string): readonly unknown[] {
  if (!given(value)) return [];
  if (!Array.isArray(value)) throw new Unsound(`${what} is no list`);
  return value;
}

function platform(value: unknown, what: string): NonNullable<Descriptor["platform"]> {
  const fields = sound(value, what);
  const [os, architecture, variant] = ["os", "architecture", "variant"].map((field) =>
    text(fields[field], `${what}.${field}`),
  );
  return {
    ...(os === undefined ? {} : { os }),
    ...(architecture === undefined ? {} : { architecture }),
    ...(variant === undefined ? {} : { variant }),
  };
}

function descriptor(value: unknown, what: string): Descriptor {
  const fields = sound(value, what);
  const { mediaType, digest, size } = fields;
  if (typeof mediaType !== "string" || !MEDIA_TYPE.test(mediaType)) throw new Unsound(`${what} has no media type`);
  if (typeof digest !== "string" || !DIGEST.test(digest)) throw new Unsound(`${what} has no digest`);
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) throw new Unsound(`${what} has no size`);
  const artifactType = text(fields["artifactType"], `${what}.artifactType`);
  return {
    mediaType,
    digest,
    size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(given(fields["annotations"]) ? { annotations: annotations(fields["annotations"], `${what}.annotations`) } : {}),
    ...(given(fields["platform"]) ? { platform: platform(fields["platform"], `${what}.platform`) } : {}),
  };
}

const descriptors = (value: unknown, what: string): readonly Descriptor[] =>
  list(value, what).map((entry, index) => descriptor(entry, `${what}[${index}]`));

/** The one media type that header and body agree on. */
function agreedType(fields: JsonObject, contentType: string | undefined): string {
  const said = text(fields["mediaType"], "mediaType");
  const header = mediaTypeOf(contentType);
  if (header !== undefined && said !== undefined && header !== said.toLowerCase()) {
    throw new Unsound(`says mediaType ${quoted(said)} but is served as ${quoted(header)}`);
  }
  const type = header ?? said?.toLowerCase();
  if (type === undefined) throw new Unsound("is served without a media type and names none");
  if (!IMAGE_TYPES.has(type) && !INDEX_TYPES.has(type))
    throw new Unsound(`has the media type ${quoted(type)}, which is no image's`);
  return type;
}

function build(parsed: unknown, contentType: string | undefined): Omit<Manifest, "bytes" | "digest" | "size"> {
  const fields = sound(parsed, "it");
  const mediaType = agreedType(fields, contentType);
  const version = fields["schemaVersion"];
  if (given(version) && version !== 2) throw new Unsound("has a schemaVersion other than 2");
  const index = INDEX_TYPES.has(mediaType);
  const foreign = index ? ["layers", "config", "fsLayers"] : ["manifests", "fsLayers"];
  const both = foreign.find((field) => given(fields[field]));
  if (both !== undefined) throw new Unsound(`is ${index ? "an index" : "an image"} and has ${both} as well`);
  if (index && !Array.isArray(fields["manifests"])) throw new Unsound("is an index without manifests");

  const artifactType = text(fields["artifactType"], "artifactType");
  return {
    mediaType,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(index ? {} : { config: descriptor(fields["config"], "config") }),
    layers: descriptors(fields["layers"], "layers"),
    manifests: descriptors(fields["manifests"], "manifests"),
    ...(given(fields["subject"]) ? { subject: descriptor(fields["subject"], "subject") } : {}),
    annotations: annotations(fields["annotations"], "annotations"),
  };
}

/**
 * The descriptors of a page of referrers. Entries that are malformed are left out: whoever can push a referrer must not be
 * able to hide the others.
 */
export function readReferrersPage(
  parsed: unknown,
  contentType: string | undefined,
  what: string,
): Outcome<readonly Descriptor[], ContentReason> {
  try {
    const fields = sound(parsed, "it");
    if (agreedType(fields, contentType) !== OCI_INDEX) throw new Unsound("is no OCI index");
    const found = list(fields["manifests"], "manifests").flatMap((entry) => {
      try {
        return [descriptor(entry, "a referrer")];
      } catch (error) {
        if (error instanceof Unsound) return [];
        throw error;
      }
    });
    return { status: "verified", value: found };
  } catch (error) {
    if (error instanceof Unsound) return malformed(`${what} ${error.message}`);
    throw error;
  }
}

/**
 * A manifest from parsed JSON whose bytes were hashed to `digest`. Image or index, never both; served as what it says it
 * is. `what` begins the message of a refusal.
 */
export function readManifest(
  parsed: unknown,
  contentType: string | undefined,
  content: { readonly digest: string; readonly bytes: Uint8Array },
  what: string,
): Outcome<Manifest, ContentReason> {
  try {
    const { digest, bytes } = content;
    return { status: "verified", value: { digest, size: bytes.length, bytes, ...build(parsed, contentType) } };
  } catch (error) {
    if (error instanceof Unsound) return malformed(`${what} ${error.message}`);
    throw error;
  }
}
