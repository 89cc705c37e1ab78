import type { CompiledPolicy } from "../policy/compiledPolicy.ts";
import type { Decision } from "../policy/decision.ts";
import type { Subject } from "../policy/subject.ts";

/** One object to be judged. */
export interface ReviewRequest {
  readonly policies: readonly CompiledPolicy[];
  readonly subject: Subject;
  /** Audits judge dryrun policies too, and what really runs. */
  readonly mode: "admission" | "audit";
  /** The one deadline of this request. */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly dryRun: boolean;
}

/**
 * The one engine that admission, audit and CLI share. Never rejects; synchronous when nothing has to be fetched.
 * Made by `createReview(gather)`.
 */
export type Review = (request: ReviewRequest) => Decision | Promise<Decision>;
