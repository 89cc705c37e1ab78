import { LRUCache } from "lru-cache";
import { digestFault } from "./digestForm.ts";
import { HUB, isHostLike, parseHost, type ParsedHost } from "./host.ts";
import { pathFault, withLibrary } from "./repositoryPath.ts";

/** A parsed OCI image reference. `parseReference` is the only maker. */
export interface Reference {
  /** As the object writes it. */
  readonly original: string;
  /** Canonical host with port: lower-case, `:443` dropped, Docker Hub's names are `docker.io`. */
  readonly registry: string;
  /** Canonical path, with `library/` where Docker Hub implies it. */
  readonly repository: string;
  /** The tag as written; absent where none was. */
  readonly tag?: string;
  /** `sha256:<64 hex>` or `sha512:<128 hex>`. */
  readonly digest?: string;
  /** `registry/repository`. */
  readonly name: string;
  /** `registry/repository[:tag][@digest]`. */
  readonly canonical: string;
}

/**
 * `DigestMalformed` says that all but the digest parses: `reference` is then the one without it,
 * so that policies can still tell whether they match. An ImageMalformed with a `reference` has a host that
 * is not ASCII, which no runtime takes; `reference` has its punycode, to tell what it imitates.
 */
export type ParsedReference =
  | { readonly status: "ok"; readonly reference: Reference }
  | { readonly status: "malformed"; readonly reason: "ImageMalformed"; readonly message: string }
  | {
      readonly status: "malformed";
      readonly reason: "ImageMalformed" | "DigestMalformed";
      readonly message: string;
      readonly reference: Reference;
    };

/** Older runtimes count the host as well, so the stricter reading holds (distribution NameTotalLengthMax). */
const MAX_NAME = 255;
/** Name, tag (128) and a sha512 digest (135), with room for a malformed digest to be named as such. */
const MAX_WRITTEN = 1024;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** Clusters use far fewer spellings than pods; an audit of 10,000 images stays warm. */
const parsed = new LRUCache<string, ParsedReference>({ max: 16_384 });

/**
 * Reads an image as containerd and the kubelet do (github.com/distribution/reference, ParseNormalizedNamed), and
 * stricter where runtimes differ: what one of them could read in another way is malformed. Answers are frozen and
 * shared.
 */
export function parseReference(text: string): ParsedReference {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const fresh = Object.freeze(parse(text));
  if (text.length <= MAX_WRITTEN) parsed.set(text, fresh);
  return fresh;
}

function parse(text: string): ParsedReference {
  if (text === "") return malformed("is empty");
  if (text.length > MAX_WRITTEN) return malformed(`is ${text.length} characters long`);
  if (/[\s\p{C}]/u.test(text)) return malformed("has blanks or invisible characters");
  const at = text.indexOf("@");
  const named = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? undefined : text.slice(at + 1);

  const slash = named.indexOf("/");
  const first = slash < 0 ? "" : named.slice(0, slash);
  const hosted = isHostLike(first) || first.startsWith("[");
  const host: ParsedHost = hosted ? parseHost(first) : { status: "ok", host: HUB };
  if (host.status === "fault") return malformed(host.message);

  const remainder = hosted ? named.slice(slash + 1) : named;
  const colon = remainder.indexOf(":");
  const path = colon < 0 ? remainder : remainder.slice(0, colon);
  const tag = colon < 0 ? undefined : remainder.slice(colon + 1);
  const wrong = pathFault(path) ?? imageIdFault(named, path) ?? tagFault(tag);
  if (wrong !== undefined) return malformed(wrong);
  const repository = withLibrary(host.host, path);
  const name = `${host.host}/${repository}`;
  if (name.length > MAX_NAME)
    return malformed(`has a name of ${name.length} characters; at most ${MAX_NAME} are allowed`);

  const reference: Reference = {
    original: text,
    registry: host.host,
    repository,
    name,
    canonical: tag === undefined ? name : `${name}:${tag}`,
    ...(tag === undefined ? {} : { tag }),
  };
  if ("translated" in host) {
    const message = `has a host that is not ASCII (${JSON.stringify(first)}); its registered name is ${host.host}`;
    return { status: "malformed", reason: "ImageMalformed", message, reference: Object.freeze(reference) };
  }
  if (digest === undefined) return { status: "ok", reference: Object.freeze(reference) };
  const broken = digestFault(digest);
  if (broken !== undefined) {
    return { status: "malformed", reason: "DigestMalformed", message: broken, reference: Object.freeze(reference) };
  }
  const whole = { ...reference, digest, canonical: `${reference.canonical}@${digest}` };
  return { status: "ok", reference: Object.freeze(whole) };
}

/**
 * containerd and cri-dockerd take `sha256:<hex>`, also cut short, for the ID of an image that the node already has,
 * whatever registry it came from (containerd LocalResolve); 64 bare hex digits are an ID as well.
 */
function imageIdFault(named: string, path: string): string | undefined {
  if (path === named || named.startsWith(`${path}:`)) {
    if (/^(?:sha(?:1|224|256|384|512)|md5|blake[0-9a-z]*)$/.test(path))
      return "is the ID of an image on a node, not a reference";
    if (/^[0-9a-f]{64}$/.test(path)) return "is the ID of an image on a node, not a reference";
  }
  return undefined;
}

function tagFault(tag: string | undefined): string | undefined {
  return tag === undefined || TAG.test(tag) ? undefined : `${JSON.stringify(tag)} is not a tag`;
}

function malformed(message: string): ParsedReference {
  return { status: "malformed", reason: "ImageMalformed", message };
}
