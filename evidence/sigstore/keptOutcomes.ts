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
  /** What all that was attested amounts to: lists are read again after that, so that a newer scan is noticed. */
  readonly whole: number;
  /** The same for audits, where so much runs that not all of it can be looked at again so often. */
  readonly audited: number;
  /** How much longer a proof survives while nobody can be asked again. */
  readonly stale: number;
}

export const OUTCOME_TIMES: OutcomeTimes = {
  verified: 600_000,
  negative: 500,
  whole: 20_000,
  audited: 3_600_000,
  stale: 86_400_000,
};

/** A digest in a set. */
const NAME_BYTES = 150;

export interface Kept<T> {
  readonly outcome: T;
  /** Milliseconds since the epoch. */
  at: number;
  /** false: reading stopped when enough was proved, so there may be more. */
  readonly complete: boolean;
  /** Of a search for all. */
  readonly looked?: Looked;
  readonly readAt: number;
  /** A list named something after that which nobody could look through. */
  doubted?: true;
}

/** What a search for all looked through. */
export interface Looked {
  /** The name of its lists; absent where one of them could not be read. */
  readonly lists?: string;
  /** Manifests that the lists name. */
  readonly named: ReadonlySet<string>;
  /** Whether it proved anything, for whichever question: then that there is nothing of another kind is as good as what is there. */
  readonly proved: boolean;
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
  fresh(key: string, since: number): Kept<T> | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined || kept.at < since) return undefined;
    return younger(kept.at, this.#clock(), this.until(kept) - kept.at) ? kept : undefined;
  }

  /** An outcome of a completed search, as old as it may be, whatever it says. */
  within(key: string, age: AnswerAge, since: number): Kept<T> | undefined {
    const kept = this.#kept.get(key);
    if (kept?.complete !== true || kept.at < since) return undefined;
    if (age === "audited" && kept.doubted === true) return undefined;
    return younger(kept.at, this.#clock(), this.until(kept, age) - kept.at) ? kept : undefined;
  }

  /** Lists name this by now: where that is more than was looked through, what is kept is no answer for as long as audits would take it. */
  doubt(key: string, named: ReadonlySet<string>): void {
    const kept = this.#kept.get(key);
    if (kept?.looked !== undefined && !isWithin(named, kept.looked)) kept.doubted = true;
  }

  /** Milliseconds since the epoch: until then the answer of `fresh`, or of `within` this age, stays. */
  until({ outcome, at }: Pick<Kept<T>, "outcome" | "at">, age?: AnswerAge): number {
    const { verified, negative, whole, audited } = this.#times;
    if (age !== undefined) return at + { kept: whole, fresh: negative, audited }[age];
    return at + (outcome.status === "verified" ? verified : negative);
  }

  /** When its lists were looked through last, in milliseconds since the epoch. */
  lookedAt(key: string): number | undefined {
    return this.#kept.get(key)?.at;
  }

  /**
   * The outcome of a completed search through the very same lists: content does not change, and it was there a while ago. What could not be
   * used then may have come meanwhile.
   */
  ofLists(key: string, lists: string, since: number): Kept<T> | undefined {
    const kept = this.#kept.get(key);
    if (kept?.complete !== true || kept.looked?.lists !== lists || kept.readAt < since) return undefined;
    const isBuried = "buried" in kept.outcome;
    return !isBuried && younger(kept.readAt, this.#clock(), this.#times.verified) ? kept : undefined;
  }

  /** Its lists were read again, and say the same. */
  renew(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    kept.at = this.#clock();
    delete kept.doubted;
  }

  /** A proof that stands in while its renewal is unavailable. */
  stale(key: string, since: number): T | undefined {
    const kept = this.#kept.get(key);
    return kept?.outcome.status === "verified" && this.#survives(kept, since) ? kept.outcome : undefined;
  }

  /**
   * What a completed search for all came to, while it cannot be repeated: with all of it, also that there is nothing of a kind. Where a list
   * names by now what it did not look through (`named`), that may say worse.
   */
  staleOfAll(key: string, named: ReadonlySet<string>, since: number): T | undefined {
    const kept = this.#kept.get(key);
    if (kept?.looked?.proved !== true || !kept.complete || "buried" in kept.outcome) return undefined;
    return this.#survives(kept, since) && isWithin(named, kept.looked) ? kept.outcome : undefined;
  }

  #survives({ at }: Kept<T>, since: number): boolean {
    return at >= since && this.#clock() - at < this.#times.verified + this.#times.stale;
  }

  /** `bytes`: in memory, of the statements that it holds. An unavailable outcome is never kept: it says nothing of the image. */
  keep(key: string, outcome: T, complete: boolean, bytes: number, looked?: Looked): void {
    if (outcome.status === "unavailable") return;
    const size = 2 * key.length + 600 + bytes + NAME_BYTES * (looked?.named.size ?? 0);
    const at = this.#clock();
    this.#kept.set(key, { outcome, at, readAt: at, complete, ...(looked === undefined ? {} : { looked }) }, { size });
  }

  /** The registry refuses this credential now: what it was shown before is not its any more. */
  forget(key: string): void {
    this.#kept.delete(key);
  }
}

const isWithin = (named: ReadonlySet<string>, looked: Looked): boolean =>
  [...named].every((one) => looked.named.has(one));
