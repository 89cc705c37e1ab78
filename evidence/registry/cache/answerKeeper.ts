import type { Outcome, UnavailableCause } from "../../../policy/facts/outcome.ts";
import { isOurs } from "../../../policy/facts/unavailable.ts";
import type { EvidenceMetrics } from "../../metrics.ts";
import { type Failure, isUnauthorised, late, unavailable, type RegistryFlight, type Unavailable } from "../failure.ts";
import type { ContentReason } from "../repository.ts";
import type { CacheTimes } from "../settings.ts";
import type { Answered, EvidenceCache } from "./evidenceCache.ts";
import type { Standing } from "../../standing.ts";
import { wasHeldUp } from "../../../async/shares/party.ts";
import { SingleFlight } from "../../../async/singleFlight.ts";
import { younger } from "../../../async/younger.ts";
import { within } from "../../../async/signals.ts";

/** Something that one credential asks of one repository, and whose answer may be used again for a while. */
export interface AccessRequest<T> {
  /** For metrics. */
  readonly kind: "manifest" | "tag" | "blob";
  /** Host, repository, credential and what is asked. */
  readonly key: string;
  /** Milliseconds that a good answer may be used. */
  readonly time: number;
  /** The content behind a good answer, unless it was dropped meanwhile. */
  readonly load: (digest: string) => T | undefined;
  /** It lists what was signed about an image: an answer from before a renewal stands in for none. */
  readonly lists?: boolean;
  /** Asks the registry; `known` is the digest of an older good answer whose content is still at hand. */
  readonly fetch: (flight: RegistryFlight, known: string | undefined) => Promise<Outcome<T, ContentReason>>;
  readonly digestOf: (value: T) => string;
  /** For the caller whose time is over. */
  readonly late: string;
}

/**
 * How long a caller waits for a refresh while it holds an older good answer, and how long a failed refresh is not repeated. What is only
 * slow goes on to the caller's own deadline: a registry that always takes three seconds must not be asked in vain for a day.
 */
const PATIENCE = 2_000;
const QUIET = 5_000;

export interface AnswerKeeperOptions {
  readonly cache: EvidenceCache;
  readonly times: CacheTimes;
  readonly metrics: EvidenceMetrics;
  readonly clock: () => number;
}

/**
 * Keeps answers for their time, asks once however many wait, and falls back to an older good answer while its refresh is
 * unavailable. A refusal (401, 403) is an answer: it ends what was proved before; and what our own bounds left undone is no outage, so that
 * nobody keeps an old answer alive by asking for too much. Never rejects.
 */
export class AnswerKeeper {
  readonly #options: AnswerKeeperOptions;
  // One map for questions of every type: a key is asked in one type only.
  readonly #flights = new SingleFlight<Outcome<unknown, ContentReason>, Unavailable>();

  /** How often somebody asked to look again. Counted, for a time would go wrong where the clock is set back. */
  #round = 0;

  constructor(options: AnswerKeeperOptions) {
    this.#options = options;
  }

  /** From now on answers from before are old; but content does not change, whoever asks. */
  renew(): void {
    this.#round += 1;
  }

  /** An answer that may still be used. Synchronous; counts nothing. `standing` is told how long a good one stands. */
  peek<T>(
    question: Pick<AccessRequest<T>, "key" | "time" | "load"> & Partial<Pick<AccessRequest<T>, "kind">>,
    standing?: Standing,
  ): Outcome<T, ContentReason> | undefined {
    const answered = this.#options.cache.answers.get(question.key);
    if (answered === undefined) return undefined;
    const { outcome, at, round, quietSince = -Infinity } = answered;
    const now = this.#options.clock();
    if (round < this.#round && (question.kind === "manifest" || question.kind === "tag")) return undefined;
    if (outcome.status !== "verified") return younger(at, now, this.#options.times.negative) ? outcome : undefined;
    const fresh = younger(at, now, question.time);
    if (!fresh && !younger(quietSince, now, QUIET)) return undefined;
    const value = question.load(outcome.digest);
    if (value === undefined) return undefined;
    if (fresh) standing?.limit(at + question.time);
    else standing?.end();
    return { status: "verified", value };
  }

  async ask<T>(question: AccessRequest<T>, signal: AbortSignal): Promise<Outcome<T, ContentReason>> {
    const { metrics } = this.#options;
    const kept = this.peek(question);
    if (kept !== undefined) {
      metrics.cacheRequest(question.kind, "hit");
      return kept;
    }
    const held = this.#held(question);
    const stale = held === undefined || (question.lists === true && held.round < this.#round) ? undefined : held;
    const gaveUp = (flight: RegistryFlight): Outcome<T, ContentReason> => flight.last ?? late(question.late);
    // The flight under this key was started by a question of this type.
    const refresh = this.#flights.run(
      question.key,
      signal,
      async (flight) => this.#refresh(question, flight, held?.digest),
      gaveUp,
    ) as Promise<Outcome<T, ContentReason>>;
    const soon = stale === undefined ? undefined : await within(refresh, { milliseconds: PATIENCE }, () => undefined);
    // Who fills our queues must not gain an old answer by it.
    const waits = soon === undefined && (stale === undefined || wasHeldUp());
    const outcome = waits ? await refresh : (soon ?? unavailable("timeout", question.late));
    if (outcome.status !== "unavailable" || isOurs(outcome) || stale === undefined) {
      metrics.cacheRequest(question.kind, "miss");
      if (outcome.status === "unavailable") this.#count(question, outcome.cause);
      return outcome;
    }
    metrics.cacheRequest(question.kind, "stale");
    const answered = this.#options.cache.answers.get(question.key);
    if (answered !== undefined) answered.quietSince = this.#options.clock();
    return { status: "verified", value: stale.value };
  }

  /** Something that another answer proved on the way. */
  remember(key: string, digest: string): void {
    this.#keep(key, { status: "verified", digest });
  }

  #keep(key: string, outcome: Answered["outcome"]): void {
    const { cache, clock } = this.#options;
    cache.answers.set(key, { outcome, at: clock(), round: this.#round });
  }

  #count<T>(question: AccessRequest<T>, cause: UnavailableCause): void {
    this.#options.metrics.unavailable(question.kind, cause);
  }

  /** An older good answer whose content is at hand. */
  #held<T>(
    question: AccessRequest<T>,
  ): { readonly digest: string; readonly value: T; readonly round: number } | undefined {
    const { cache, clock, times } = this.#options;
    const answered = cache.answers.get(question.key);
    if (answered?.outcome.status !== "verified") return undefined;
    if (clock() - answered.at >= question.time + times.stale) return undefined;
    const { digest } = answered.outcome;
    const value = question.load(digest);
    return value === undefined ? undefined : { digest, value, round: answered.round };
  }

  async #refresh<T>(
    question: AccessRequest<T>,
    flight: RegistryFlight,
    known: string | undefined,
  ): Promise<Outcome<T, ContentReason>> {
    const outcome = await question.fetch(flight, known).catch(
      // A defect of ours is nobody's evidence, and nobody's way around a policy.
      (): Failure => ({ status: "invalid", reason: "ImageMalformed", message: "its evidence could not be read" }),
    );
    if (outcome.status === "verified") this.remember(question.key, question.digestOf(outcome.value));
    else if (outcome.status !== "unavailable") this.#keep(question.key, outcome);
    else if (isUnauthorised(outcome)) this.#options.cache.answers.delete(question.key);
    return outcome;
  }
}
