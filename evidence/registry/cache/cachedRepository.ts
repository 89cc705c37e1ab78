import type { Outcome } from "../../../policy/facts/outcome.ts";
import type { AccessRequest, AnswerKeeper } from "./answerKeeper.ts";
import type { EvidenceCache } from "./evidenceCache.ts";
import type { CredentialSource } from "../auth/credential.ts";
import type { EvidenceMetrics } from "../../metrics.ts";
import { currentParty } from "../../../async/shares/party.ts";
import { standIn } from "../../../async/shares/standIn.ts";
import { isOurs } from "../../../policy/facts/unavailable.ts";
import type { Standing } from "../../standing.ts";
import { digestAlgorithm, digestOfTag } from "../digest.ts";
import type { Endpoint } from "../endpoint.ts";
import { absent, type Failure, isUnauthorised, isUnread, malformed, type Unavailable } from "../failure.ts";
import { mergeReferrers } from "../referrers.ts";
import type { ReferrerLists } from "../referrerLists.ts";
import type { Call, ManifestHead, RegistryClient } from "../registryClient.ts";
import type { ContentReason, Descriptor, Manifest, RepositoryReader } from "../repository.ts";
import type { CacheTimes } from "../settings.ts";

export interface RepositoryServices {
  readonly client: RegistryClient;
  readonly cache: EvidenceCache;
  readonly keeper: AnswerKeeper;
  readonly lists: ReferrerLists;
  readonly times: CacheTimes;
  readonly metrics: EvidenceMetrics;
}

type ListPage = Outcome<readonly Descriptor[], ContentReason>;

/** What is asked, before it is settled which credential asks. */
type Asked<T> = (source: CredentialSource) => AccessRequest<T>;

const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * One repository through the cache, tried with each credential that may be used for it until one is let in. A credential that
 * has proved access before is tried first, and what it does not find is not there.
 */
export class CachedRepository implements RepositoryReader {
  readonly name: string;
  readonly scope: string;
  readonly #endpoint: Endpoint;
  readonly #sources: readonly CredentialSource[];
  readonly #services: RepositoryServices;
  readonly #place: string;

  /** `sources` is not empty; the last one is usually ANONYMOUS. */
  constructor(endpoint: Endpoint, sources: readonly CredentialSource[], services: RepositoryServices) {
    this.name = endpoint.name;
    this.scope = sources.map(({ id }) => id).join(" ");
    this.#endpoint = endpoint;
    this.#sources = sources;
    this.#services = services;
    this.#place = `${endpoint.name}\n${endpoint.origin}`;
  }

  /** A fresh answer from the cache, if there is one that needs no asking. */
  peekManifest(digest: string, standing?: Standing): Outcome<Manifest, ContentReason> | undefined {
    return this.#peek((source) => this.#manifest(digest, source), standing);
  }

  peekManifestByTag(tag: string): Outcome<Manifest, ContentReason> | undefined {
    return this.#peek((source) => this.#tag(tag, source));
  }

  async resolveTag(tag: string, signal: AbortSignal): Promise<Outcome<Descriptor, ContentReason>> {
    const outcome = await this.manifestByTag(tag, signal);
    return outcome.status === "verified" ? { status: "verified", value: descriptorOf(outcome.value) } : outcome;
  }

  async manifest(digest: string, signal: AbortSignal): Promise<Outcome<Manifest, ContentReason>> {
    if (digestAlgorithm(digest) === undefined)
      return malformed(`${this.name}@${digest} cannot be proved: its digest is malformed`);
    return this.#ask((source) => this.#manifest(digest, source), signal);
  }

  async manifestByTag(tag: string, signal: AbortSignal): Promise<Outcome<Manifest, ContentReason>> {
    if (!TAG.test(tag)) return malformed(`${this.name}:${tag.slice(0, 128)} is no tag`);
    const outcome = await this.#ask((source) => this.#tag(tag, source), signal);
    const subject = digestOfTag(tag);
    if (subject === undefined || !isUnauthorised(outcome)) return outcome;
    return (await this.#hasRead(subject, signal))
      ? absent(`${this.#endpoint.registry} does not have ${this.name}:${tag}`)
      : outcome;
  }

  async blob(digest: string, limit: number, signal: AbortSignal): Promise<Outcome<Uint8Array, ContentReason>> {
    return this.#ask((source) => this.#blob(digest, limit, source), signal);
  }

  referrers(digest: string, signal: AbortSignal): AsyncIterable<Outcome<readonly Descriptor[], ContentReason>> {
    const { lists, client } = this.#services;
    const pages = lists.read(
      this.#byAccess().map((source) => ({
        key: this.#key(source, "referrers", digest),
        letIn: this.#wasLetIn(source),
        ofPod: source.ofPod === true,
        fetch: async (flight, page) => client.referrers(this.#call(source, flight), digest, page),
      })),
      `${this.#endpoint.registry} did not list the referrers of ${this.name}@${digest} in time`,
      signal,
    );
    return mergeReferrers(this.#unlessHidden(pages, digest, signal), digest, async (tag) =>
      this.manifestByTag(tag, signal),
    );
  }

  /**
   * Whether the credentials that were refused read this image itself. Then there is nothing under what they may not see: Artifactory's virtual
   * repositories answer 403 for a tag that does not exist (design.md section 9).
   */
  async #hasRead(digest: string, signal: AbortSignal): Promise<boolean> {
    return (await this.manifest(digest, signal)).status === "verified";
  }

  /** A list that is refused to who has read the image is none. */
  async *#unlessHidden(pages: AsyncIterable<ListPage>, digest: string, signal: AbortSignal): AsyncGenerator<ListPage> {
    for await (const page of pages) if (!isUnauthorised(page) || !(await this.#hasRead(digest, signal))) yield page;
  }

  #key(source: CredentialSource, kind: string, id: string): string {
    return `${this.#place}\n${source.id}\n${kind}\n${id}`;
  }

  #call(source: CredentialSource, flight: Call["flight"]): Call {
    return { endpoint: this.#endpoint, source, flight };
  }

  #manifest(digest: string, source: CredentialSource): AccessRequest<Manifest> {
    const { cache, times } = this.#services;
    return {
      kind: "manifest",
      key: this.#key(source, "manifest", digest),
      time: times.presence,
      load: (found) => cache.manifests.get(found),
      digestOf: (manifest) => manifest.digest,
      late: `${this.#endpoint.registry} did not answer in time for ${this.name}@${digest}`,
      // A page to log in answers 200 as well.
      fetch: async (flight, known) =>
        this.#read(this.#call(source, flight), digest, known, (head) => head.confirms(digest)),
    };
  }

  /**
   * Resolving is reading the manifest: the digest is that of bytes that we hashed. Only an unchanged tag is confirmed by HEAD,
   * which registries do not count as a pull.
   */
  #tag(tag: string, source: CredentialSource): AccessRequest<Manifest> {
    const { cache, times } = this.#services;
    return {
      kind: "tag",
      key: this.#key(source, "tag", tag),
      time: times.tag,
      load: (found) => cache.manifests.get(found),
      digestOf: (manifest) => manifest.digest,
      lists: digestOfTag(tag) !== undefined,
      late: `${this.#endpoint.registry} did not answer in time for ${this.name}:${tag}`,
      fetch: async (flight, known) =>
        this.#read(this.#call(source, flight), tag, known, (head, { digest }) => head.names(digest)),
    };
  }

  /** The manifest that is held under the `known` digest, where HEAD says that it is still the same, else what GET gives. */
  async #read(
    call: Call,
    reference: string,
    known: string | undefined,
    isSame: (head: ManifestHead, held: Manifest) => boolean,
  ): Promise<Outcome<Manifest, ContentReason>> {
    const { client, cache } = this.#services;
    const held = known === undefined ? undefined : cache.manifests.get(known);
    if (held !== undefined) {
      const head = await client.manifestHead(call, reference);
      if (isOutage(head)) return head;
      if (head.status === "verified" && isSame(head.value, held)) return { status: "verified", value: held };
    }
    return this.#hold(await client.manifest(call, reference), call.source);
  }

  /** Read once by each credential, also where another has read it before: only the bytes are kept together. */
  #blob(digest: string, limit: number, source: CredentialSource): AccessRequest<Uint8Array> {
    const { client, cache, times } = this.#services;
    const fits = (bytes: Uint8Array | undefined): Uint8Array | undefined =>
      bytes !== undefined && bytes.length <= limit ? bytes : undefined;
    return {
      kind: "blob",
      key: this.#key(source, "blob", `${digest} ${limit}`),
      // What it says cannot change, and whoever asks for it has just proved access to the manifest that names it.
      time: times.stale,
      load: (found) => fits(cache.blobs.get(found)),
      digestOf: () => digest,
      late: `${this.#endpoint.registry} did not answer in time for blob ${digest} of ${this.name}`,
      fetch: async (flight) => {
        const outcome = await client.blob(this.#call(source, flight), digest, limit);
        if (outcome.status === "verified") cache.blobs.set(digest, outcome.value);
        return outcome;
      },
    };
  }

  /** What was read by tag or digest is there by its digest as well, and is kept once. */
  #hold(outcome: Outcome<Manifest, ContentReason>, source: CredentialSource): Outcome<Manifest, ContentReason> {
    if (outcome.status !== "verified") return outcome;
    const { cache, keeper } = this.#services;
    const { digest } = outcome.value;
    const held = cache.manifests.get(digest);
    if (held?.mediaType === outcome.value.mediaType) {
      keeper.remember(this.#key(source, "manifest", digest), digest);
      return { status: "verified", value: held };
    }
    cache.manifests.set(digest, outcome.value);
    keeper.remember(this.#key(source, "manifest", digest), digest);
    return outcome;
  }

  #peek<T>(asked: Asked<T>, standing?: Standing): Outcome<T, ContentReason> | undefined {
    const { keeper, metrics } = this.#services;
    for (const source of this.#sources) {
      const question = asked(source);
      const known = keeper.peek(question, standing);
      if (known?.status === "verified" || (known !== undefined && this.#sources.length === 1)) {
        metrics.cacheRequest(question.kind, "hit");
        if (known.status !== "verified") standing?.end();
        return known;
      }
    }
    return undefined;
  }

  async #ask<T>(asked: Asked<T>, signal: AbortSignal): Promise<Outcome<T, ContentReason>> {
    const known = this.#peek(asked);
    if (known?.status === "verified") return known;
    let best: Failure | undefined;
    const refused: CredentialSource[] = [];
    let unread: Failure | undefined;
    let outage: Failure | undefined;
    for (const source of this.#byAccess()) {
      let inVain = false;
      // Whoever brings many credentials that are refused stands in his own way.
      const end = source.ofPod === true ? standIn(currentParty(), () => inVain) : undefined;
      const outcome = await this.#services.keeper.ask(asked(source), signal);
      inVain = !signal.aborted && isPassedOver(outcome);
      end?.();
      if (outcome.status === "verified") {
        this.#letIn(source);
        return outcome;
      }
      if (source.ofPod === true && inVain && !isUnauthorised(outcome)) {
        outage ??= outcome;
        continue;
      }
      if (isUnread(outcome)) {
        unread ??= outcome;
        continue;
      }
      const final = outcome.status === "absent" ? this.#wasLetIn(source) : !isUnauthorised(outcome);
      if (final) return outcome;
      if (isUnauthorised(outcome)) refused.push(source);
      // Not there for one credential, hidden from another: that it is not there is the answer that somebody gave.
      if (best === undefined || outcome.status === "absent") best = outcome;
    }
    return unread ?? outage ?? (best && withOwners(best, refused)) ?? malformed(`${this.name} cannot be asked`);
  }

  #letIn(source: CredentialSource): void {
    this.#services.keeper.remember(this.#key(source, "access", ""), "");
  }

  /** For as long as presence is believed: a registry that hides what one may not see says 404 to a credential that was withdrawn. */
  #wasLetIn(source: CredentialSource): boolean {
    if (this.#sources.length === 1) return true;
    const { keeper, times } = this.#services;
    const key = this.#key(source, "access", "");
    return keeper.peek({ key, time: times.presence, load: () => true }) !== undefined;
  }

  #byAccess(): readonly CredentialSource[] {
    if (this.#sources.length === 1) return this.#sources;
    return this.#sources.toSorted((a, b) => Number(this.#wasLetIn(b)) - Number(this.#wasLetIn(a)));
  }
}

/** Says whose credentials were refused. Only here: an answer is shared by all who have the same credential, whoever lent it to them. */
function withOwners(outcome: Failure, refused: readonly CredentialSource[]): Failure {
  const owners = [...new Set(refused.flatMap(({ owner }) => owner ?? []))].join(", ");
  if (owners === "" || (outcome.status === "unavailable" && outcome.lasting === true)) return outcome;
  return outcome.status === "absent"
    ? { ...outcome, message: `${outcome.message}, or does not show it: it refuses ${owners}` }
    : { ...outcome, message: `${outcome.message} (${owners})` };
}

/**
 * HEAD only confirms: registries, what stands before them and the storage that they redirect to may not know it and say so in any words (403,
 * 404, 405, 501), so that whatever else it says is for GET to say.
 */
const isOutage = (head: { readonly status: string }): head is Unavailable =>
  head.status === "unavailable" && !isUnauthorised(head);

/** What a registry says to one credential, so that another is asked: refused, limited, or an error of the server. */
const isPassedOver = <T>(outcome: Outcome<T, ContentReason>): boolean =>
  outcome.status === "unavailable" && (isUnauthorised(outcome) || !isOurs(outcome));

const descriptorOf = ({ mediaType, digest, size }: Manifest): Descriptor => ({ mediaType, digest, size });
