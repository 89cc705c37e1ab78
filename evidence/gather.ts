import type { CompiledPolicy } from "../policy/compiledPolicy.ts";
import type { ImageFacts } from "../policy/facts.ts";
import type { ImageUse, Subject } from "../policy/subject.ts";

/** What is asked about one image. */
export interface GatherRequest {
  readonly subject: Subject;
  readonly image: ImageUse;
  /** The policies that match the image, already filtered: no static deny stands, and dryrun ones only in audits. */
  readonly policies: readonly CompiledPolicy[];
  readonly mode: "admission" | "audit";
  /** The one deadline. After it fires every open question is `unavailable` (timeout). */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** dryRun requests may fill caches, nothing else. */
  readonly dryRun: boolean;
}

/**
 * Finds and proves what the policies' rules need to know about an image. Never rejects: what goes wrong is an outcome.
 * Answers synchronously from the cache where it can, so that a warm decision costs no turn of the event loop.
 */
export type Gather = (request: GatherRequest) => ImageFacts | Promise<ImageFacts>;
