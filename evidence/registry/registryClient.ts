import { setImmediate } from "node:timers/promises";
import type { Outcome } from "../../policy/facts/outcome.ts";
import type { CredentialSource } from "./auth/credential.ts";
import type { Authenticator } from "./auth/authenticator.ts";
import { digestAlgorithm, Digester } from "./digest.ts";
import { type Endpoint, isMirrored } from "./endpoint.ts";
import { absent, type Failure, malformed, mismatch, type RegistryFlight } from "./failure.ts";
import { parseScanned } from "../../json/parse.ts";
import { JsonScan } from "../../json/scan.ts";
import { readManifest, readReferrersPage } from "./manifest.ts";
import { IMAGE_TYPES, INDEX_TYPES, MANIFEST_ACCEPT, mediaTypeOf, OCI_INDEX } from "./mediaTypes.ts";
import type { ContentReason, Descriptor, Manifest } from "./repository.ts";
import type { RegistryLimits } from "./settings.ts";
import type { RegistryResponse, RegistryRequest, Sink } from "./http/transport.ts";

/** Whom to ask, with what, for how long. */
export interface Call {
  readonly endpoint: Endpoint;
  readonly source: CredentialSource;
  readonly flight: RegistryFlight;
}

/** What a registry says of a manifest without sending it. */
export interface ManifestHead {
  /** That this digest, which was asked for, is there. */
  readonly confirms: (digest: string) => boolean;
  /** That the tag, which was asked for, names this digest. */
  readonly names: (digest: string) => boolean;
}

export interface ReferrersPage {
  readonly descriptors: readonly Descriptor[];
  readonly next?: URL;
  /** Of the body, for the cache. */
  readonly size: number;
}

/** Above this JSON.parse takes milliseconds: other work gets a turn first. */
const LARGE = 256 * 1024;

/** Hashes a body and watches its JSON while it streams. */
class ManifestSink implements Sink {
  readonly #scan = new JsonScan();
  readonly #digester: Digester;

  constructor(digester: Digester) {
    this.#digester = digester;
  }

  get problem(): string | undefined {
    return this.#scan.problem;
  }

  write(chunk: Uint8Array): void {
    this.#digester.update(chunk);
    this.#scan.feed(chunk);
  }
}

/** The endpoints of the OCI Distribution API that reading needs, one exchange each, nothing kept. Never rejects. */
export class RegistryClient {
  readonly #authenticator: Authenticator;
  readonly #limits: RegistryLimits;

  constructor(authenticator: Authenticator, limits: RegistryLimits) {
    this.#authenticator = authenticator;
    this.#limits = limits;
  }

  /** A manifest by digest, whose bytes must hash to it, or by tag. */
  async manifest(call: Call, reference: string): Promise<Outcome<Manifest, ContentReason>> {
    const wanted = digestAlgorithm(reference);
    const what = nameOf(call.endpoint, reference);
    // Made by the attempt that is read to its end.
    let digester = new Digester(wanted ?? "sha256");
    const answer = await this.#ask(call, {
      operation: wanted === undefined ? "tag" : "manifest",
      method: "GET",
      path: `manifests/${reference}`,
      accept: MANIFEST_ACCEPT,
      limit: this.#limits.manifestBytes,
      what,
      sink: () => {
        digester = new Digester(wanted ?? "sha256");
        return new ManifestSink(digester);
      },
    });
    if (answer.status !== "answered") return answer;
    const digest = digester.digest();
    const { bytes, headers } = answer;
    if (wanted !== undefined && digest !== reference) {
      return mismatch(`${call.endpoint.registry} serves other bytes for ${what}: they hash to ${digest}`);
    }
    // The node's runtime takes a tag's digest from this header: a registry that contradicts itself would show it other bytes.
    const said = wanted === undefined ? headers["docker-content-digest"] : undefined;
    if (said !== undefined && said !== "" && !hashesTo(bytes, said, digest)) {
      return mismatch(`${call.endpoint.registry} says ${what} is another digest than its bytes hash to: ${digest}`);
    }
    if (bytes.length > LARGE) await setImmediate();
    const parsed = parseScanned(bytes);
    if (parsed.status !== "ok") return malformed(`${what} ${parsed.message}`);
    return readManifest(parsed.value, headers["content-type"], { digest, bytes }, what);
  }

  /** What HEAD tells of a manifest. Proves access, never content. */
  async manifestHead(call: Call, reference: string): Promise<Outcome<ManifestHead, ContentReason>> {
    const answer = await this.#ask(call, {
      operation: digestAlgorithm(reference) === undefined ? "tag" : "manifest",
      method: "HEAD",
      path: `manifests/${reference}`,
      accept: MANIFEST_ACCEPT,
      limit: 0,
      what: nameOf(call.endpoint, reference),
    });
    if (answer.status !== "answered") return answer;
    const said = answer.headers["docker-content-digest"];
    const type = mediaTypeOf(answer.headers["content-type"]);
    const manifest = type !== undefined && (IMAGE_TYPES.has(type) || INDEX_TYPES.has(type));
    const value: ManifestHead = {
      confirms: (digest) => manifest && (said === undefined || said === digest),
      names: (digest) => manifest && said === digest,
    };
    return { status: "verified", value };
  }

  /** Bytes that hash to `digest`, at most `limit` of them. */
  async blob(call: Call, digest: string, limit: number): Promise<Outcome<Uint8Array, ContentReason>> {
    const what = `blob ${digest} of ${call.endpoint.name}`;
    const algorithm = digestAlgorithm(digest);
    if (algorithm === undefined) return malformed(`${what} has a digest that cannot be proved`);
    let digester = new Digester(algorithm);
    const answer = await this.#ask(call, {
      operation: "blob",
      method: "GET",
      path: `blobs/${digest}`,
      accept: "*/*",
      limit: Math.min(limit, this.#limits.blobBytes),
      what,
      sink: () => {
        digester = new Digester(algorithm);
        const current = digester;
        return { write: (chunk) => current.update(chunk) };
      },
    });
    if (answer.status !== "answered") return answer;
    const found = digester.digest();
    if (found !== digest)
      return mismatch(`${call.endpoint.registry} serves other bytes for ${what}: they hash to ${found}`);
    return { status: "verified", value: answer.bytes };
  }

  /** One page of the referrers API; `absent`: the registry does not have this API. `page` is the `next` of the one before. */
  async referrers(call: Call, digest: string, page: URL | undefined): Promise<Outcome<ReferrersPage, ContentReason>> {
    const what = `the list of referrers of ${nameOf(call.endpoint, digest)}`;
    const url = page ?? this.#url(call.endpoint, `referrers/${digest}`);
    const scan = { current: new JsonScan() };
    const answer = await this.#ask(call, {
      operation: "referrers",
      method: "GET",
      url,
      accept: OCI_INDEX,
      limit: this.#limits.manifestBytes,
      what,
      // Registries without the API answer with whatever they have for unknown paths.
      missing: page === undefined ? [400, 404, 405, 501] : [404],
      ...(page === undefined ? { onlyType: OCI_INDEX } : {}),
      sink: () => {
        const fresh = new JsonScan();
        scan.current = fresh;
        return {
          write: (chunk) => fresh.feed(chunk),
          get problem() {
            return fresh.problem;
          },
        };
      },
    });
    if (answer.status !== "answered") return answer;
    const next = nextPage(answer.headers["link"], url);
    if (next === "foreign") return malformed(`${what} goes on at another place than the registry`);
    if (answer.bytes.length > LARGE) await setImmediate();
    const parsed = parseScanned(answer.bytes);
    if (parsed.status !== "ok") return malformed(`${what} ${parsed.message}`);
    const list = readReferrersPage(parsed.value, answer.headers["content-type"], what);
    if (list.status !== "verified") return list;
    const value = { descriptors: list.value, size: answer.bytes.length, ...(next === undefined ? {} : { next }) };
    return { status: "verified", value };
  }

  #url(endpoint: Endpoint, path: string): URL {
    return new URL(`${endpoint.origin}/v2/${endpoint.repository}/${path}`);
  }

  async #ask(
    call: Call,
    ask: Pick<RegistryRequest, "operation" | "method" | "limit" | "what" | "onlyType"> & {
      readonly path?: string;
      readonly url?: URL;
      readonly accept: string;
      readonly sink?: () => Sink;
      readonly missing?: readonly number[];
    },
  ): Promise<RegistryResponse | Failure> {
    const { endpoint, source, flight } = call;
    const { path = "", accept, missing = [], url = this.#url(endpoint, path), ...rest } = ask;
    // That a method is not implemented is no outage (RFC 9110 section 15.6.2).
    const answers = ask.method === "HEAD" ? [501] : missing;
    const { registry } = endpoint;
    const mirrored = isMirrored(endpoint);
    const question = { ...rest, registry, mirrored, url, headers: { accept }, follow: true, answers };
    const answer = await this.#authenticator.ask(question, endpoint, source, flight);
    if (answer.status !== "answered" || answer.code === 200) return answer;
    // A registry that cannot serve SHA-512 says 400: it does not have what was asked for (design.md section 9).
    const unknownAlgorithm = answer.code === 400 && url.pathname.includes("/sha512:");
    if (answer.code === 404 || answer.code === 410 || missing.includes(answer.code) || unknownAlgorithm) {
      return absent(`${answer.elsewhere ?? registry} does not have ${ask.what}`);
    }
    const who = answer.elsewhere ?? registry;
    // What Go's server says to plain HTTP where it speaks TLS.
    const todo = url.protocol === "http:" && answer.code === 400 ? "; is --registry-plain-http right for it?" : "";
    return malformed(`${who} answers with status ${answer.code} when asked for ${ask.what}${todo}`);
  }
}

const nameOf = (endpoint: Endpoint, reference: string): string =>
  `${endpoint.name}${digestAlgorithm(reference) === undefined ? ":" : "@"}${reference}`;

/** Whether a digest that a registry named is that of these bytes. One that cannot be proved is not. */
function hashesTo(bytes: Uint8Array, said: string, computed: string): boolean {
  const algorithm = digestAlgorithm(said);
  if (algorithm === undefined) return false;
  if (computed.startsWith(algorithm)) return said === computed;
  const other = new Digester(algorithm);
  other.update(bytes);
  return other.digest() === said;
}

/** RFC 8288, as far as the distribution specification uses it: `<url>; rel="next"`. */
function nextPage(header: string | undefined, from: URL): URL | "foreign" | undefined {
  if (header === undefined) return undefined;
  const links = [...header.matchAll(/<([^<>]*)>([^<]*)/g)];
  const link = links.find(([, , parameters = ""]) => /;\s*rel\s*=\s*"?next"?\s*(?:[;,]|$)/i.test(parameters))?.[1];
  if (link === undefined) return undefined;
  if (!URL.canParse(link, from.href)) return "foreign";
  const url = new URL(link, from);
  return url.origin === from.origin && url.username === "" && url.password === "" ? url : "foreign";
}
