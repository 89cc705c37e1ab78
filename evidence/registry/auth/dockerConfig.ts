import { matchRuns } from "../../../policy/image/glob.ts";
import { asObject, asText, type JsonObject } from "../../../json/fields.ts";
import { parseText } from "../../../json/parse.ts";
import { type Credential, type CredentialSource, literalSource } from "./credential.ts";

/** One entry of a dockerconfigjson: where a credential is good, and the credential. */
export interface DockerConfigEntry {
  readonly host: string;
  /** Labels of the host; `*` and `?` in one stand for parts of it, as kubelet reads them. */
  readonly labels: readonly string[];
  readonly port: string;
  /** Prefix of the repository; empty for the whole registry. */
  readonly path: string;
  readonly wildcard: boolean;
  readonly source: CredentialSource;
  /** Bytes that it takes in memory, about. */
  readonly size: number;
}

/** The names under which Docker Hub is logged in to, all of which references call docker.io. */
const DOCKER_HUB: ReadonlySet<string> = new Set(["index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"]);

/** Longer than any reference; the key comes from whoever may write a Secret. */
const LONGEST_PLACE = 512;
/** Longer than what a cloud gives. Servers break off at a header of some hundred KiB, which reads as an outage, and nobody must bring that about. */
const LONGEST_PART = 16_384;
/** RFC 6750 section 2.1: what may follow `Bearer`. */
const BEARER = /^[\x21-\x7E]*$/;

/** Host, port and path of a key or an image, as kubelet's `SplitURL` and `BasicDockerKeyring.Add` take them apart. */
function split(place: string): { readonly host: string; readonly port: string; readonly path: string } {
  const bare = place.trim().replace(/^https?:\/\//i, "");
  const slash = bare.indexOf("/");
  const authority = (slash < 0 ? bare : bare.slice(0, slash)).toLowerCase();
  const [, name = authority, port = ""] = /^(.*?)(?::(\d+))?$/s.exec(authority) ?? [];
  const path = (slash < 0 ? "" : bare.slice(slash + 1)).replace(/^v[12](?:\/|$)/, "").replace(/\/+$/, "");
  return { host: DOCKER_HUB.has(name) ? "docker.io" : name, port: port === "443" ? "" : port, path };
}

/** A field as Go's decoder finds it: whatever its case, and of several the last. */
function field(object: JsonObject, name: string): unknown {
  let found: unknown;
  for (const [key, value] of Object.entries(object)) if (key === name || key.toLowerCase() === name) found = value;
  return found;
}

/** What `auth` stands for; undefined where there is none, or where it is no `user:password`. */
function decoded(auth: unknown): Pick<Credential, "username" | "password"> | undefined {
  const text = Buffer.from(asText(auth) ?? "", "base64")
    .toString("utf8")
    .replace(/\0+$/, "");
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/**
 * As kubelet reads an entry: `auth` wins over `username` and `password`, either of which may be empty. undefined also for what no request can
 * carry.
 */
function credentialOf(entry: JsonObject): Credential | undefined {
  const written = field(entry, "auth");
  const [username, password] = [asText(field(entry, "username")), asText(field(entry, "password"))];
  const plain =
    username === undefined && password === undefined
      ? undefined
      : { username: username ?? "", password: password ?? "" };
  const user = asText(written) === undefined ? plain : decoded(written);
  const identityToken = asText(field(entry, "identitytoken"));
  const registryToken = asText(field(entry, "registrytoken"));
  if (user === undefined && identityToken === undefined && registryToken === undefined) return undefined;
  const parts = [user?.username, user?.password, identityToken, registryToken];
  if (parts.some((part = "") => part.length > LONGEST_PART) || !BEARER.test(registryToken ?? "")) return undefined;
  return {
    ...user,
    ...(identityToken === undefined ? {} : { identityToken }),
    ...(registryToken === undefined ? {} : { registryToken }),
  };
}

/**
 * The entries of a `.dockerconfigjson`, or of the older `.dockercfg` without `auths`. What cannot be read is left out, as
 * kubelet leaves it out: one broken entry does not take the others along. At most `most` are looked at.
 */
export function parseDockerConfig(text: string, most: number = Infinity): readonly DockerConfigEntry[] {
  const document = asObject(parseText(text));
  if (document === undefined) return [];
  const entries: DockerConfigEntry[] = [];
  const places = asObject(field(document, "auths")) ?? document;
  for (const place of Object.keys(places).slice(0, most)) {
    const entry = asObject(places[place]);
    const credential = entry === undefined ? undefined : credentialOf(entry);
    if (credential === undefined || place.length > LONGEST_PLACE) continue;
    const { host, port, path } = split(place);
    if (host === "") continue;
    const size = 2 * (place.length + JSON.stringify(credential).length) + 400;
    entries.push({
      host,
      labels: host.split("."),
      port,
      path,
      wildcard: /[*?]/.test(host),
      source: literalSource(credential),
      size,
    });
  }
  return entries;
}

export const dockerConfigSize = (entries: readonly DockerConfigEntry[]): number =>
  entries.reduce((sum, { size }) => sum + size, 0);

const sameOrAny = (pattern: string, character: string): boolean => pattern === "?" || pattern === character;

const matchLabels = (pattern: readonly string[], labels: readonly string[]): boolean =>
  pattern.length === labels.length &&
  pattern.every((label, index) => matchRuns(label, labels[index] ?? "", "*", sameOrAny));

/**
 * The credentials for a repository, the most specific first, each once: the longer path wins, then the literal host. As with
 * kubelet, `*` stands for one label and a path is a plain prefix.
 */
export function matchDockerConfig(
  entries: readonly DockerConfigEntry[],
  registry: string,
  repository: string,
): readonly CredentialSource[] {
  const { host, port } = split(registry);
  const labels = host.split(".");
  const found = entries.filter(
    (entry) =>
      entry.port === port &&
      (entry.wildcard ? matchLabels(entry.labels, labels) : entry.host === host) &&
      repository.startsWith(entry.path),
  );
  const ordered = found.toSorted((a, b) => b.path.length - a.path.length || Number(a.wildcard) - Number(b.wildcard));
  return [...new Map(ordered.map(({ source }) => [source.id, source])).values()];
}
