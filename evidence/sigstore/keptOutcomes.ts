import { LRUCache } from "lru-cache";
import type { AnswerAge } from "../attestations.ts";
import { younger } from "../../async/younger.ts";
import type { AttestationOutcome, SignatureOutcome } from "../../policy/facts/facts.ts";

/** How long an outcome may be used again, in milliseconds. */
export interface OutcomeTimes {
  /** What was proved. Content never changes, but a signature may be taken back, and access to it. */
  readonly verified: number;
  /** That nothing counts: short, for somebody is signing right now. */
  readonly negative: number;
  /** How much longer a proof survives while nobody can be asked again. */
  readonly stale: number;
}

export const OUTCOME_TIMES: OutcomeTimes = { verified: 600_000, negative: 500, stale: 86_400_000 };

export interface Kept<T> {
  readonly outcome: T;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** false: reading stopped when enough was proved, so there may be more. */
  readonly complete: boolean;
}

/** `registry/repository`, the credential's scope, and the digest: nothing is ever kept by tag. */
export const placeKey = (repository: { readonly name: string; readonly scope: string }, digest: string): string =>
  `${repository.name}\n${repository.scope}\n${digest}`;

/** What was proved and what was not, by place and by what it was proved against; bounded by bytes. */
export class KeptOutcomes<T extends SignatureOutcome | AttestationOutcome> {
  readonly #kept: LRUCache<string, Kept<T>>;
  readonly #times: OutcomeTimes;
  readonly #clock: () => number;

  constructor(bytes: number, times: OutcomeTimes, clock: () => number) {
    this.#times = times;
    this.#clock = clock;
    this.#kept = new LRUCache({ maxSize: bytes });
  }

  /** An outcome that may be used as it is. */
  fresh(key: string): Kept<T> | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    const time = kept.outcome.status === "verified" ? this.#times.verified : this.#times.negative;
    return younger(kept.at, this.#clock(), time) ? kept : undefined;
  }

  /** An outcome of a completed search, within the time of a proof (`kept`), or of an absence (`fresh`), whatever it says. */
  within(key: string, age: AnswerAge): Kept<T> | undefined {
    const kept = this.#kept.get(key);
    const time = age === "kept" ? this.#times.verified : this.#times.negative;
    return kept?.complete === true && younger(kept.at, this.#clock(), time) ? kept : undefined;
  }

  /** A proof that stands in while its renewal is unavailable. `whole`: only one of a completed search will do. */
  stale(key: string, whole: boolean): T | undefined {
    const kept = this.#kept.get(key);
    if (kept?.outcome.status !== "verified" || (whole && !kept.complete)) return undefined;
    return this.#clock() - kept.at < this.#times.verified + this.#times.stale ? kept.outcome : undefined;
  }

  /** `bytes`: of the statements that it holds. An unavailable outcome is never kept: it says nothing of the image. */
  keep(key: string, outcome: T, complete: boolean, bytes: number): void {
    if (outcome.status === "unavailable") return;
    // Parsed JSON takes about three times its text.
    const size = 2 * key.length + 600 + 3 * bytes;
    this.#kept.set(key, { outcome, at: this.#clock(), complete }, { size });
  }

  /** The registry refuses this credential now: what it was shown before is not its any more. */
  forget(key: string): void {
    this.#kept.delete(key);
  }
}
