import { wasHeldUp } from "../../async/shares/party.ts";
import type { SignatureOutcome } from "../../policy/facts/facts.ts";
import { isOurs } from "../../policy/facts/unavailable.ts";
import type { EvidenceMetrics } from "../metrics.ts";
import { late } from "../registry/failure.ts";
import { KeptOutcomes, type OutcomeTimes } from "../sigstore/keptOutcomes.ts";
import type { Standing } from "../standing.ts";
import type { ResultCollector } from "./find/resultCollector.ts";

/** One authority's question about one image: `key` holds everything that the verdict depends on. */
export interface ResolvedQuery {
  /** Of the authority, which is its signer's in a tally. */
  readonly id: string;
  readonly key: string;
}

const BYTES = 16 * 1024 * 1024;

const TOO_LATE = "its notation signatures could not be looked up in time";

const JUNK = {
  status: "invalid",
  reason: "SignatureInvalid",
  message:
    "so much lies beside this image in the place of signatures that it could not be looked through in time, and nothing of it counts so far",
} as const;

/** What was proved and what was not, kept as cosign's is, and no longer than time alone leaves it true. */
export class Outcomes {
  readonly #kept: KeptOutcomes<SignatureOutcome>;
  readonly #clock: () => number;
  readonly #metrics: EvidenceMetrics;
  /** Milliseconds: when an expiry, or the end of a certificate, makes an outcome another one. */
  readonly #until = new WeakMap<SignatureOutcome, number>();

  constructor(times: OutcomeTimes, clock: () => number, metrics: EvidenceMetrics) {
    this.#kept = new KeptOutcomes(BYTES, times, clock);
    this.#clock = clock;
    this.#metrics = metrics;
  }

  /** `complete`: there is nothing more to know. `standing` is told how long it stands. */
  recall(
    { key }: ResolvedQuery,
    since: number,
    standing: Standing,
  ): { readonly outcome: SignatureOutcome; readonly complete: boolean } | undefined {
    const kept = this.#kept.fresh(key, since);
    if (kept === undefined || !this.#holds(kept.outcome)) return undefined;
    // One good one is enough: what is not there helped nobody to pass.
    if (kept.outcome.status === "verified")
      standing.limit(Math.min(this.#kept.until(kept), this.#until.get(kept.outcome) ?? Infinity));
    return kept;
  }

  /** Takes over what a lookup has found; in the middle of it only proofs, since what is missing may come yet. */
  take(
    { id, key }: ResolvedQuery,
    tally: ResultCollector,
    complete: boolean,
    since: number,
  ): SignatureOutcome | undefined {
    const { outcome, until } = tally.outcome(id);
    if (outcome.status !== "verified" && !complete) return undefined;
    if (until !== undefined) this.#until.set(outcome, until);
    if (outcome.status !== "unavailable") {
      this.#kept.keep(key, outcome, complete && !tally.isTroubled, 0);
      return outcome;
    }
    return this.standIn(key, outcome, since);
  }

  /** A proof that is known stands in for what could not be had now. */
  standIn(key: string, outcome: Extract<SignatureOutcome, { status: "unavailable" }>, since: number): SignatureOutcome {
    this.#metrics.unavailable("signatures", outcome.cause);
    // 401 and 403 are answers: they end what this credential was shown before.
    if (outcome.cause === "unauthorised") this.#kept.forget(key);
    const stale = isOurs(outcome) ? undefined : this.#stale(key, since);
    if (stale !== undefined) this.#metrics.cacheRequest("signatures", "stale");
    return stale ?? outcome;
  }

  /** For a caller whose time is over: an older proof, or that it could not be told; where it was the content that took the time, that. */
  giveUp({ key }: ResolvedQuery, why: "late" | "junk", since: number): SignatureOutcome {
    // What our own queues held up is no outage: who fills them must not gain an older proof by it.
    const ours = why === "late" && wasHeldUp();
    return (ours ? undefined : this.#stale(key, since)) ?? { late: late(TOO_LATE), junk: JUNK }[why];
  }

  #stale(key: string, since: number): SignatureOutcome | undefined {
    const stale = this.#kept.stale(key, since);
    return stale !== undefined && this.#holds(stale) ? stale : undefined;
  }

  #holds(outcome: SignatureOutcome): boolean {
    return this.#clock() < (this.#until.get(outcome) ?? Infinity);
  }
}
