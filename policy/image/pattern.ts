import { compileGlob } from "./glob.ts";
import { compileHostGlob, type HostGlob } from "./hostGlob.ts";
import { HUB, isHostLike, isPort, parseHost } from "./host.ts";
import { compilePath } from "./pathGlob.ts";
import type { Reference } from "./reference.ts";
import { withoutLibrary } from "./repositoryPath.ts";

/** A compiled image pattern (design.md section 3); `parsePattern` is the only maker. */
export interface ImagePattern {
  /** As the policy writes it. */
  readonly text: string;
  /** The host, where it has no wildcard: for lookalikes and metrics. */
  readonly literalHost?: string;
  /** The host may be any: the pattern names no registry in particular. */
  readonly everyHost: boolean;
  readonly form: PatternForm;
  readonly matches: (reference: Reference) => boolean;
}

/** What a pattern says, part by part, for whoever has to say it in another language. */
export interface PatternForm {
  readonly host:
    | { readonly type: "any" }
    | { readonly type: "literal"; readonly host: string }
    | ({ readonly type: "glob" } & HostGlob);
  /** The segments of the repository, with `library/` where a pattern for Docker Hub implies it; absent: any. */
  readonly path?: readonly string[];
  /** A glob over the tag; absent: any, and none. */
  readonly tag?: string;
}

export type ParsedPattern =
  | { readonly status: "ok"; readonly pattern: ImagePattern }
  | { readonly status: "fault"; readonly message: string };

interface HostPart {
  readonly form: PatternForm["host"];
  readonly literalHost?: string;
  readonly everyHost: boolean;
  readonly matches: (registry: string) => boolean;
}

type Part<T> = { readonly status: "ok"; readonly value: T } | { readonly status: "fault"; readonly message: string };

const MAX_WRITTEN = 512;
const EVERY_HOST: HostPart = { form: { type: "any" }, everyHost: true, matches: () => true };

/**
 * Compiles an image pattern. It is normalised as a reference is and anchored at both ends; `*` stays within one segment
 * (or one label of the host), `**` stands for any number of segments, a glob over the tag may follow `:`. What could be
 * read in two ways is a fault, whose message has the form to write instead.
 */
export function parsePattern(text: string): ParsedPattern {
  if (text === "") return fault("is empty");
  if (text.length > MAX_WRITTEN) return fault(`is longer than ${MAX_WRITTEN} characters`);
  if (/[\s\p{C}]/u.test(text)) return fault("has blanks or invisible characters");
  if (text.includes("://"))
    return fault("has a scheme; leave https:// away and begin with the host, such as registry.company.com/team/**");
  if (text.includes("@")) return fault("has a digest; patterns name registries, repositories and tags");
  const slash = text.indexOf("/");
  const parts = slash < 0 ? hostOnly(text) : hostAndPath(text, slash);
  if (parts.status === "fault") return parts;
  const { host, path, tag } = parts.value;
  const pattern: ImagePattern = {
    text,
    everyHost: host.everyHost,
    ...(host.literalHost === undefined ? {} : { literalHost: host.literalHost }),
    form: {
      host: host.form,
      ...(path === undefined ? {} : { path: path.segments }),
      ...(tag === undefined ? {} : { tag: tag.glob }),
    },
    matches: (reference) =>
      host.matches(reference.registry) &&
      (path === undefined || pathMatches(path.matches, host, reference)) &&
      (tag === undefined || tagMatches(tag.matches, reference)),
  };
  return { status: "ok", pattern: Object.freeze(pattern) };
}

interface Parts {
  readonly host: HostPart;
  readonly path?: { readonly segments: readonly string[]; readonly matches: (repository: string) => boolean };
  readonly tag?: TagPart;
}

interface TagPart {
  readonly glob: string;
  readonly matches: (tag: string) => boolean;
}

/** No slash: a whole registry, or everything. */
function hostOnly(text: string): Part<Parts> {
  const colon = text.startsWith("[") ? -1 : text.indexOf(":");
  const name = colon < 0 ? text : text.slice(0, colon);
  const behind = colon < 0 ? undefined : text.slice(colon + 1);
  if (name === "*" || name === "**") {
    if (behind === undefined) return ok({ host: EVERY_HOST });
    if (name === "*" && isPort(behind)) return fault(`could be a port or a tag; write **:${behind} for the tag`);
    const tag = compileTag(behind);
    return tag.status === "ok" ? ok({ host: EVERY_HOST, tag: tag.value }) : tag;
  }
  if (!isHostLike(name) && !text.startsWith("[") && (behind === undefined || !isPort(behind))) {
    return fault(
      `is ambiguous; write docker.io/library/${text} for the image on Docker Hub, or a registry's full host, such as registry.company.com`,
    );
  }
  if (behind !== undefined && !isPort(behind)) {
    return fault(`has no port behind its host; a tag follows a repository: write ${name}/**:${behind}`);
  }
  const host = compileHost(text);
  return host.status === "ok" ? ok({ host: host.value }) : host;
}

function hostAndPath(text: string, slash: number): Part<Parts> {
  const first = text.slice(0, slash);
  const any = first === "*" || first === "**";
  const hosted = any || isHostLike(first) || first.startsWith("[");
  const host = any ? ok(EVERY_HOST) : compileHost(hosted ? first : HUB);
  if (host.status === "fault") return host;

  const remainder = hosted ? text.slice(slash + 1) : text;
  const colon = remainder.indexOf(":");
  const written = colon < 0 ? remainder : remainder.slice(0, colon);
  const tag = colon < 0 ? undefined : compileTag(remainder.slice(colon + 1));
  if (tag?.status === "fault") return tag;
  // `**` as the first part is a host and any number of segments behind it.
  const segments = first === "**" ? ["**", ...written.split("/")] : written.split("/");
  // Docker Hub implies library/ for a repository of one part, in a pattern as in a reference.
  const implied = host.value.literalHost === HUB && segments.length === 1 && written !== "**";
  const whole = implied ? ["library", ...segments] : segments;
  const path = compilePath(whole);
  if (path.status === "fault") return path;
  return ok({
    host: host.value,
    path: { segments: whole, matches: path.matches },
    ...(tag === undefined ? {} : { tag: tag.value }),
  });
}

function compileHost(written: string): Part<HostPart> {
  if (!written.includes("*")) {
    const parsed = parseHost(written);
    if (parsed.status === "fault") return parsed;
    const { host } = parsed;
    const form = { type: "literal", host } as const;
    return ok({ form, literalHost: host, everyHost: false, matches: (registry) => registry === host });
  }
  const glob = compileHostGlob(written);
  if (glob.status === "fault") return glob;
  return ok({ form: { type: "glob", ...glob.form }, everyHost: false, matches: glob.matches });
}

function compileTag(glob: string): Part<TagPart> {
  if (!/^[A-Za-z0-9_*][A-Za-z0-9_.*-]{0,127}$/.test(glob))
    return fault(`${JSON.stringify(glob)} is not a tag, nor a glob over tags`);
  return ok({ glob, matches: compileGlob(glob) });
}

/**
 * `nginx` and `library/nginx` on Docker Hub are one image. A pattern that names Docker Hub has been normalised; one
 * whose host is a glob may mean either, so that a deny list of one holds for both.
 */
function pathMatches(
  path: (repository: string) => boolean,
  { literalHost }: HostPart,
  { registry, repository }: Reference,
): boolean {
  if (path(repository)) return true;
  const short = literalHost === undefined ? withoutLibrary(registry, repository) : undefined;
  return short !== undefined && path(short);
}

/** Never a reference by digest alone, well formed or not: nobody said which tag it has. */
function tagMatches(tag: (value: string) => boolean, { tag: written, original }: Reference): boolean {
  return written === undefined ? !original.includes("@") && tag("latest") : tag(written);
}

function ok<T>(value: T): { readonly status: "ok"; readonly value: T } {
  return { status: "ok", value };
}

function fault(message: string): { readonly status: "fault"; readonly message: string } {
  return { status: "fault", message };
}
