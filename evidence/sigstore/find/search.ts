import { createHash } from "node:crypto";
import type { Descriptor, Manifest, RepositoryReader } from "../../registry/repository.ts";
import { foundIn } from "./layer.ts";
import type { Candidate, CandidateKind } from "./candidate.ts";
import type { Loaded, UnreadPlace } from "./loaded.ts";
import type { ReadBudget } from "./readBudget.ts";
import { claimedTypes, formatOf, predicateHint, tagOf, type Format } from "./formats.ts";
import { mostPromisingFirst, Referrers, type Referrer } from "./referrer.ts";
import { Gate } from "../../../async/gate.ts";

/** What is looked for about a digest in one repository. */
export interface SearchRequest {
  readonly repository: RepositoryReader;
  readonly digest: string;
  /** Whether image signatures are wanted. */
  readonly signatures: boolean;
  /** Attestations of these types are wanted; their descriptors' hints come first. */
  readonly predicateTypes: ReadonlySet<string>;
  /** All that was attested is needed: what claims to be a part of it and cannot be used is told, and no list is looked into before all are read. */
  readonly whole: boolean;
  /** Whether all that is listed was looked at before, under a name of the lists' contents; asked only with `whole`. */
  readonly isKnown: (lists: string) => boolean;
  /** Takes up the manifests that the lists name, as they come; with `whole`. */
  readonly named: Set<string>;
  readonly effort: ReadBudget;
  readonly signal: AbortSignal;
}

/** Something that has the form of a signature, before its bytes are fetched. */
export interface CandidateDescriptor {
  /** Equal ids are equal candidates, wherever they were found. */
  readonly id: string;
  readonly format: Format;
  readonly kind: CandidateKind;
  /** Bytes that its descriptor says it has. Whoever wrote it may have written anything. */
  readonly said: number;
  /** Bytes that are read of it at most. */
  readonly most: number;
  /** Fetches at most so many bytes. */
  readonly load: (limit: number) => Promise<Loaded<Candidate>>;
}

export interface CandidateVisitor {
  /** Asked for each candidate once, several at a time. Gives why it cannot be used, where it may be genuine all the same. */
  readonly visit: (found: CandidateDescriptor) => Promise<string | undefined>;
  readonly trouble: (kind: CandidateKind, trouble: UnreadPlace) => void;
  /** A place that answered what it must not: a limit or a format is broken. */
  readonly broken: (kind: CandidateKind, message: string) => void;
  /** Something claims to be an attestation of these types and cannot be used. */
  readonly unusable: (predicateTypes: Iterable<string>, message: string) => void;
}

/** Candidates that are fetched and examined at the same time. */
const AT_ONCE = 8;
/** Layers of one manifest that are looked at where one good one is enough, the newest (last) first. */
const MAX_LAYERS = 1024;

/**
 * Looks in every place where signatures are kept, all at once: cosign's tags, and what refers to the digest. What is no
 * candidate by its type is passed over unread, so that junk costs a descriptor; of the rest those come first that
 * look right, but a hint only orders and never leaves out. Ends with the signal; never rejects.
 */
export const search = async (wanted: SearchRequest, visitor: CandidateVisitor): Promise<"read" | "known"> => {
  const walk = new Walk(wanted, visitor);
  const result = wanted.whole ? await walk.whole() : await walk.everyPlace();
  await walk.finished();
  return result;
};

/** A candidate that was met: whether it could be used, and what the places that name it say it is. */
interface Met {
  readonly claimed: Set<string>;
  failure?: string;
}

class Walk {
  readonly #wanted: SearchRequest;
  readonly #visitor: CandidateVisitor;
  readonly #gate = new Gate(AT_ONCE);
  readonly #met = new Map<string, Met>();
  readonly #visited = new Set<string>();
  #troubled = false;

  constructor(wanted: SearchRequest, visitor: CandidateVisitor) {
    this.#wanted = wanted;
    this.#visitor = visitor;
  }

  finished(): Promise<void> {
    return this.#gate.empty();
  }

  /** One place after the other, page by page, until the signal fires because it is enough. */
  async everyPlace(): Promise<"read"> {
    await Promise.all([this.#tag("sig"), this.#tag("att"), this.#referrers()]);
    return "read";
  }

  /** All lists first: what any of them names is a part of the whole, and what none names is not there. */
  async whole(): Promise<"read" | "known"> {
    const { signal, isKnown, named } = this.#wanted;
    const referrers = new Referrers(this.#wanted);
    const [sig, att] = await Promise.all([
      this.#manifestOf("sig"),
      this.#manifestOf("att"),
      this.#pages((page) => {
        for (const { digest } of this.#join(referrers, page)) named.add(digest);
      }),
    ]);
    if (signal.aborted) return "read";
    const listed = referrers.inOrder();
    if (!this.#troubled && isKnown(nameOf(sig, att, listed))) return "known";
    await Promise.all([
      sig === undefined ? undefined : this.#visitLayers(sig, "legacy"),
      att === undefined ? undefined : this.#visitLayers(att, "legacy"),
      this.#each(listed),
    ]);
    return "read";
  }

  async #tag(suffix: "sig" | "att"): Promise<void> {
    const manifest = await this.#manifestOf(suffix);
    if (manifest !== undefined) await this.#visitLayers(manifest, "legacy");
  }

  async #manifestOf(suffix: "sig" | "att"): Promise<Manifest | undefined> {
    const { repository, digest, signal, signatures, predicateTypes, named } = this.#wanted;
    const tag = tagOf(digest, suffix);
    if (tag === undefined || (suffix === "sig" ? !signatures : predicateTypes.size === 0)) return undefined;
    const kind = suffix === "sig" ? "signature" : "attestation";
    const outcome = await repository.manifestByTag(tag, signal);
    if (outcome.status === "verified") {
      named.add(outcome.value.digest);
      return outcome.value;
    }
    if (outcome.status === "unavailable") this.#trouble(kind, outcome);
    else if (outcome.status === "invalid") this.#broken(kind, `cannot be read: ${outcome.message}`);
    return undefined;
  }

  async #referrers(): Promise<void> {
    const referrers = new Referrers(this.#wanted);
    await this.#pages(async (page) => {
      const likely = this.#join(referrers, page).filter((one) => one.likely);
      await this.#each(likely.toSorted(mostPromisingFirst));
    });
    if (!this.#wanted.signal.aborted) await this.#each(referrers.inOrder());
  }

  #join(referrers: Referrers, page: readonly Descriptor[]): readonly Referrer[] {
    const before = referrers.size;
    const found = referrers.add(page);
    this.#wanted.effort.wants(referrers.size - before);
    return found;
  }

  async #pages(take: (page: readonly Descriptor[]) => void | Promise<void>): Promise<void> {
    const { repository, digest, signal, effort } = this.#wanted;
    for await (const page of repository.referrers(digest, signal)) {
      if (page.status === "unavailable") this.#trouble("either", page);
      if (page.status === "invalid") this.#broken("either", `cannot be read: ${page.message}`);
      if (page.status !== "verified") continue;
      effort.listed(page.value.length);
      await take(page.value);
      if (signal.aborted) return;
    }
  }

  #trouble(kind: CandidateKind, trouble: UnreadPlace): void {
    this.#troubled = true;
    this.#visitor.trouble(kind, trouble);
  }

  /** A place of which a part could not be read: what it holds may be anything. */
  #broken(kind: CandidateKind, message: string): void {
    this.#troubled = true;
    this.#visitor.broken(kind, message);
    if (kind !== "signature") this.#visitor.unusable(this.#wanted.predicateTypes, message);
  }

  async #each(referrers: readonly Referrer[]): Promise<void> {
    for (const one of referrers) await this.#referrer(one);
  }

  async #referrer(referrer: Referrer): Promise<void> {
    const { repository, signal, effort } = this.#wanted;
    const { digest } = referrer;
    if (signal.aborted || this.#visited.has(digest)) return;
    this.#visited.add(digest);
    await this.#gate.run(async () => {
      effort.tried();
      const outcome = await repository.manifest(digest, signal);
      if (outcome.status === "verified") {
        const { artifactType, config } = outcome.value;
        const format = formatOf(artifactType ?? config?.mediaType);
        await this.#visitLayers(outcome.value, format === "bundle" ? "bundle" : "experimental", true);
      } else if (outcome.status === "unavailable") this.#trouble("either", outcome);
      else this.#visitor.unusable(referrer.claimed, `cannot be read (${digest}): ${outcome.message}`);
    });
  }

  /** `inside`: the caller holds a place in the gate already. */
  async #visitLayers(manifest: Manifest, format: Format, inside = false): Promise<void> {
    const { whole, signal, effort, predicateTypes } = this.#wanted;
    const layers = whole ? manifest.layers : manifest.layers.slice(-MAX_LAYERS);
    for (const layer of layers.toReversed()) {
      if (signal.aborted) return;
      const found = foundIn(layer, format, this.#wanted);
      if (found === undefined) continue;
      const said = predicateHint(layer.annotations) === undefined ? manifest.annotations : layer.annotations;
      const claimed = found.kind === "signature" ? [] : claimedTypes(undefined, said, predicateTypes);
      const met = this.#met.get(found.id);
      if (met !== undefined) {
        for (const type of claimed) met.claimed.add(type);
        if (met.failure !== undefined) this.#visitor.unusable(claimed, met.failure);
        continue;
      }
      effort.wants(1);
      effort.tried();
      const work = this.#visit(found, claimed, manifest.digest);
      if (inside) await work();
      else await this.#gate.run(work);
    }
  }

  #visit(found: CandidateDescriptor, claimed: readonly string[], manifest: string): () => Promise<void> {
    const met: Met = { claimed: new Set(claimed) };
    this.#met.set(found.id, met);
    return async () => {
      const failure = await this.#visitor.visit(found);
      if (failure === undefined) return;
      // Named by its manifest, which is what can be deleted.
      met.failure = `cannot be used (${manifest}): ${failure}`;
      this.#visitor.unusable(met.claimed, met.failure);
    };
  }
}

/** Equal names, equal lists: every manifest in them, and what they claim to be. */
const nameOf = (sig: Manifest | undefined, att: Manifest | undefined, referrers: readonly Referrer[]): string => {
  const lines = referrers.map(({ digest, claimed }) => `${digest} ${[...claimed].toSorted().join(" ")}`).toSorted();
  return createHash("sha256")
    .update([sig?.digest ?? "", att?.digest ?? "", ...lines].join("\n"))
    .digest("base64url");
};
