import { Gate } from "../../../async/gate.ts";
import type { Descriptor, RepositoryReader } from "../../registry/repository.ts";
import { loadedAs, type Loaded, type UnreadPlace } from "../../sigstore/find/loaded.ts";
import type { ReadBudget } from "../../sigstore/find/readBudget.ts";
import { formatOf as sigstoreFormatOf } from "../../sigstore/find/formats.ts";
import { LIMITS } from "../verify/envelope.ts";
import { formatOf, type Candidate } from "./candidate.ts";

/** What is looked for about a digest in one repository. */
export interface SearchRequest {
  readonly repository: RepositoryReader;
  readonly digest: string;
  readonly effort: ReadBudget;
  readonly signal: AbortSignal;
}

/** Something that has the form of a signature, before its bytes are fetched. */
export interface CandidateDescriptor {
  /** Format and digest: equal ids are equal candidates, wherever they were found. */
  readonly id: string;
  readonly load: () => Promise<Loaded<Candidate>>;
}

export interface CandidateVisitor {
  /** Asked for each candidate once, several at a time. Never rejects. */
  readonly visit: (found: CandidateDescriptor) => Promise<void>;
  readonly trouble: (trouble: UnreadPlace) => void;
  /** A place that answered what it must not: a limit or a format is broken. */
  readonly broken: (message: string) => void;
}

/** `artifactType`, or in signatures of older clients the config's type (signature specification, "OCI Signatures"). */
const SIGNATURE = "application/vnd.cncf.notary.signature";

/** Candidates that are fetched and examined at the same time; each may be 10 MiB. */
const AT_ONCE = 8;

/**
 * Looks at what refers to the digest, the API's list and the fallback tag's. What is no candidate by its type is passed over unread, so that
 * junk costs a descriptor; what a list does not say the manifest does. Dates and sizes only order. Ends with the signal; never rejects.
 */
export const search = async (wanted: SearchRequest, visitor: CandidateVisitor): Promise<void> => {
  const walk = new Walk(wanted, visitor);
  await walk.referrers();
  await walk.finished();
};

class Walk {
  readonly #wanted: SearchRequest;
  readonly #visitor: CandidateVisitor;
  readonly #gate = new Gate(AT_ONCE);
  /** By digest: manifests that were looked at, whatever a list called them. */
  readonly #visited = new Set<string>();
  readonly #seen = new Set<string>();

  constructor(wanted: SearchRequest, visitor: CandidateVisitor) {
    this.#wanted = wanted;
    this.#visitor = visitor;
  }

  finished(): Promise<void> {
    return this.#gate.empty();
  }

  async referrers(): Promise<void> {
    const { repository, digest, signal, effort } = this.#wanted;
    const later: Descriptor[] = [];
    for await (const page of repository.referrers(digest, signal)) {
      if (page.status === "unavailable") this.#visitor.trouble(page);
      if (page.status === "invalid") this.#visitor.broken(`cannot be read: ${page.message}`);
      if (page.status !== "verified") continue;
      effort.listed(page.value.length);
      const ours = page.value.filter(({ artifactType }) => artifactType === SIGNATURE);
      later.push(...page.value.filter(({ artifactType }) => sigstoreFormatOf(artifactType) === "unspecific"));
      effort.wants(ours.length);
      for (const one of ours.toSorted(newestFirst)) await this.#referrer(one.digest);
      if (signal.aborted) return;
    }
    effort.wants(later.length);
    for (const one of later) await this.#referrer(one.digest);
  }

  async #referrer(digest: string): Promise<void> {
    const { repository, signal, effort } = this.#wanted;
    if (signal.aborted || this.#visited.has(digest)) return;
    this.#visited.add(digest);
    await this.#gate.run(async () => {
      effort.tried();
      const outcome = await repository.manifest(digest, signal);
      if (outcome.status === "unavailable") this.#visitor.trouble(outcome);
      // A referrer that hangs in the air, or holds nothing that could be read, is no candidate.
      if (outcome.status !== "verified") return;
      const { artifactType, config, layers } = outcome.value;
      if ((artifactType ?? config?.mediaType) !== SIGNATURE) return;
      const [layer, ...others] = layers;
      const format = formatOf(layer?.mediaType ?? "");
      if (layer === undefined || format === undefined || others.length > 0)
        this.#visitor.broken("is kept in another form than one envelope (application/jose+json, application/cose)");
      else await this.#visit(layer, format);
    });
  }

  async #visit(layer: Descriptor, format: Candidate["format"]): Promise<void> {
    const id = `${format} ${layer.digest}`;
    if (this.#wanted.signal.aborted || this.#seen.has(id)) return;
    this.#seen.add(id);
    this.#wanted.effort.wants(1);
    this.#wanted.effort.tried();
    await this.#visitor.visit({ id, load: () => this.#load(layer, format) });
  }

  async #load({ digest, size }: Descriptor, format: Candidate["format"]): Promise<Loaded<Candidate>> {
    const { repository, signal, effort } = this.#wanted;
    // Before it has come: what is still on its way when the time is over took that time, too.
    effort.read(Math.min(size, LIMITS.blob));
    // Whatever size this manifest gives it: another one may name the same bytes with a wrong one.
    return loadedAs(await repository.blob(digest, LIMITS.blob, signal), (bytes) => ({ format, bytes }));
  }
}

/** By the date that whoever pushed it wrote; good enough for an order. */
const newestFirst = (a: Descriptor, b: Descriptor): number => {
  const [x = "", y = ""] = [a, b].map(({ annotations }) => annotations?.["org.opencontainers.image.created"] ?? "");
  return x < y ? 1 : x > y ? -1 : 0;
};
