import type { CompiledPolicy } from "../policy/compiledPolicy.ts";
import type { ImageFacts } from "../policy/facts/facts.ts";
import type { Outcome } from "../policy/facts/outcome.ts";
import type { Reference } from "../policy/image/reference.ts";
import type { ImageUse, Subject } from "../policy/subject/subject.ts";
import type { ContentReason, Manifest, RepositoryReader } from "./registry/repository.ts";
import type { Standing } from "./standing.ts";

/** What is asked about one image. */
export interface GatherRequest {
  readonly subject: Subject;
  readonly image: ImageUse;
  /** The policies that match the image, already filtered: no static deny stands, and dryrun ones only in audits. */
  readonly policies: readonly CompiledPolicy[];
  /**
   * All policies that are about the image, also those that ask nothing of its registry: they may lend credentials for it, or name its
   * repository. Absent: `policies`.
   */
  readonly concerned?: readonly CompiledPolicy[];
  readonly mode: "admission" | "audit";
  /** The one deadline. After it fires every open question is `unavailable` (timeout). */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** dryRun requests may fill caches, nothing else. */
  readonly dryRun: boolean;
}

/**
 * Finds and proves what the policies' rules need to know about an image. What goes wrong is an outcome: it throws and rejects for
 * defects only, which the review takes for a finding that nothing settles.
 * Answers synchronously from the cache where it can, so that a warm decision costs no turn of the event loop.
 */
export type Gather = (request: GatherRequest) => ImageFacts | Promise<ImageFacts>;

/**
 * What the mutating webhook pins a tag to: the same resolution, cache and flight that judging uses. Never rejects, and ends
 * with `signal`.
 */
export type ResolveDigest = (
  subject: Subject,
  image: ImageUse,
  policies: readonly CompiledPolicy[],
  signal: AbortSignal,
) => Outcome<string> | Promise<Outcome<string>>;

/**
 * What a provider works with while it answers one request: the image's digest is known, its content may be asked for.
 * `request.policies` are those of one enforcement class; a provider is asked once for the deny policies, then for the others.
 */
export interface FactContext {
  readonly request: GatherRequest;
  readonly reference: Reference;
  /** The digest that is judged. Content rules bind to it and to nothing else. */
  readonly digest: string;
  /** The image's repository, with the credentials that this request may use. */
  readonly repository: RepositoryReader;
  /** Another repository (`registry/repository`, canonical), such as an authority's `repository`, with this request's credentials for it. */
  readonly open: (name: string) => RepositoryReader;
  /** Milliseconds since the epoch: no answer from before that will do (`LookAgain`). Absent: as old as it may be anyway. */
  readonly since?: number;
  /** Told how long stands what is answered from what is kept. */
  readonly standing: Standing;
  /** The judged digest's manifest; synchronous where it is cached. */
  readonly manifest: () => Outcome<Manifest, ContentReason> | Promise<Outcome<Manifest, ContentReason>>;
}

/** What a provider adds to the facts of an image. */
export type ProvidedFacts = Partial<
  Pick<
    ImageFacts,
    "configs" | "signatures" | "attestations" | "allAttested" | "platforms" | "scans" | "runsAlready" | "bases"
  >
>;

/**
 * One source of facts about a digest: signatures and attestations, scans, base images. Plugged into `createGather`.
 * Keeps what it proved by digest, the reader's `name` and `scope`, and what it was proved against; never rejects; ends with `request.signal`.
 */
export interface FactProvider {
  readonly name: string;
  /** Whether any of these policies asks for its facts: if not, no digest has to be known for it. */
  readonly wanted: (policies: readonly CompiledPolicy[]) => boolean;
  /** `context.standing` is told of all that a synchronous answer is made from. Absent: what it says is good for the moment alone. */
  readonly tellsStanding?: true;
  /** Synchronous where everything is cached. */
  readonly gather: (context: FactContext) => ProvidedFacts | Promise<ProvidedFacts>;
}
