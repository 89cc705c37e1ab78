import type { ImagePattern } from "../image/pattern.ts";
import { HUB } from "../image/host.ts";
import { allOf, anyOf, escaped, isOneOf, regex, text, texts } from "./cel.ts";

/**
 * CEL: whether one of the patterns matches the image `i`, one of `variables.readable` (`references.ts`). Whole
 * registries, repositories and prefixes stand in lists, so that a policy of plain names reads like its source.
 */
export function matchesAny(patterns: readonly ImagePattern[]): string {
  const [registries, names, prefixes, rest] = [
    new Set<string>(),
    new Set<string>(),
    new Set<string>(),
    new Set<string>(),
  ];
  for (const pattern of patterns) {
    const { kind, value } = simpleForm(pattern) ?? { kind: "other" };
    if (kind === "registry") registries.add(value);
    else if (kind === "name") names.add(value);
    else if (kind === "prefix") prefixes.add(value);
    else rest.add(matches(pattern));
  }
  return anyOf([
    ...(registries.size === 0 ? [] : [isOneOf("i.registry", [...registries])]),
    ...(names.size === 0 ? [] : [isOneOf("i.name", [...names])]),
    ...(prefixes.size < 2
      ? [...prefixes].map((prefix) => `i.name.startsWith(${text(prefix)})`)
      : [`${texts([...prefixes])}.exists(prefix, i.name.startsWith(prefix))`]),
    ...rest,
  ]);
}

/** CEL: whether the pattern matches the image `i`. */
export function matches(pattern: ImagePattern): string {
  const simple = simpleForm(pattern);
  switch (simple?.kind) {
    case "registry":
      return `i.registry == ${text(simple.value)}`;
    case "name":
      return `i.name == ${text(simple.value)}`;
    case "prefix":
      return `i.name.startsWith(${text(simple.value)})`;
    case undefined:
  }
  const { host, path, tag } = pattern.form;
  const parts: string[] = [];
  if (host.type === "glob") parts.push(matchesHost(host));
  const wanted = path?.every((segment) => segment === "**") === true ? undefined : path;
  if (host.type === "literal") {
    if (wanted === undefined) parts.push(`i.registry == ${text(host.host)}`);
    else parts.push(`i.name.matches(${regex(`^${escaped(host.host)}/${pathRegex(wanted)}$`)})`);
  } else if (wanted !== undefined) {
    // Where the host is a glob `nginx` on Docker Hub is meant both ways: with library/ and without.
    parts.push(`[i.repository, i.short].exists(path, path.matches(${regex(`^${pathRegex(wanted)}$`)}))`);
  }
  if (tag !== undefined) parts.push(`i.tagged != "" && i.tagged.matches(${regex(`^${globRegex(tag, ".*")}$`)})`);
  return allOf(parts);
}

/** Whether a pattern is about registries with an IPv6 address, whose spellings CEL cannot compare. */
export function namesAddressInBrackets({ form: { host } }: ImagePattern): boolean {
  return host.type === "literal" && host.host.startsWith("[");
}

interface SimpleForm {
  readonly kind: "registry" | "name" | "prefix";
  readonly value: string;
}

/** What can be said without a regular expression. */
function simpleForm({ form: { host, path, tag } }: ImagePattern): SimpleForm | undefined {
  if (host.type !== "literal" || tag !== undefined) return undefined;
  if (path === undefined || path.every((segment) => segment === "**")) return { kind: "registry", value: host.host };
  const below = path.at(-1) === "**";
  const segments = below ? path.slice(0, -1) : path;
  if (segments.some((segment) => segment.includes("*"))) return undefined;
  const value = `${host.host}/${segments.join("/")}`;
  return below ? { kind: "prefix", value: `${value}/` } : { kind: "name", value };
}

function matchesHost({ labels, port, fitsHub }: { labels: readonly string[]; port: string; fitsHub: boolean }): string {
  const name = labels.map((label) => globRegex(label, "[a-z0-9-]*")).join(String.raw`\.`);
  const fits = `i.registry.matches(${regex(`^${name}${port === "" ? "" : `:${port}`}$`)})`;
  return fitsHub ? anyOf([`i.registry == ${text(HUB)}`, fits]) : fits;
}

/** `**` is any number of segments, and one at least at the end; `*` any characters of one segment. */
function pathRegex(path: readonly string[]): string {
  const segments = path.at(-1) === "**" ? [...path, "*"] : path;
  return segments
    .map((segment, index) => {
      if (segment === "**") return "(?:[^/]+/)*";
      const one = globRegex(segment, "[^/]*");
      return index === segments.length - 1 ? one : `${one}/`;
    })
    .join("");
}

function globRegex(glob: string, star: string): string {
  return glob.split("*").map(escaped).join(star);
}
