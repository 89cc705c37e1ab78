import { wasHeldUp } from "../../async/shares/party.ts";
import { isOurs } from "../../policy/facts/unavailable.ts";
import { late } from "../registry/failure.ts";
import type { AttestationOutcome, SignatureOutcome } from "../../policy/facts/facts.ts";
import { factKey, type AnswerAge } from "../attestations.ts";
import type { EvidenceMetrics } from "../metrics.ts";
import type { Standing } from "../standing.ts";
import { keyOf, type ResolvedQuery, type OpenQuery } from "./resolvedQuery.ts";
import { KeptOutcomes, type Looked, type OutcomeTimes } from "./keptOutcomes.ts";
import type { LookupState } from "./lookup.ts";
import type { GatheredOutcomes, SignatureQuery } from "./signatureQuery.ts";

/** An outcome where signatures and attestations are treated alike; which one it is, the want says. */
type AnyOutcome = SignatureOutcome & AttestationOutcome;

const SIGNATURE_BYTES = 16 * 1024 * 1024;
const ATTESTATION_BYTES = 32 * 1024 * 1024;
const WHOLE_BYTES = 96 * 1024 * 1024;

const TOO_LATE = "its signatures could not be looked up in time";

const NOTHING: ReadonlySet<string> = new Set();

const CROWDED = {
  status: "unavailable",
  cause: "overloaded",
  message: "too many large attestations are being read at once",
} as const;

const JUNK =
  "so much lies beside this image in the place of signatures that it could not be looked through in time, and nothing of it counts so far";
const JUNK_SIGNATURES = { status: "invalid", reason: "SignatureInvalid", message: JUNK } as const;
const JUNK_ATTESTATIONS = {
  status: "invalid",
  reason: "AttestationInvalid",
  message: JUNK,
  buried: true,
} as const;

/** Kept outcomes as answers to wants, and found ones as kept. */
export class Outcomes {
  readonly #signatures: KeptOutcomes<SignatureOutcome>;
  readonly #attestations: KeptOutcomes<AttestationOutcome>;
  /** Answers to who needs all that was attested; for others one good one beside something unusable is enough. */
  readonly #wholes: KeptOutcomes<AttestationOutcome>;
  readonly #metrics: EvidenceMetrics;

  constructor(times: OutcomeTimes, clock: () => number, metrics: EvidenceMetrics) {
    this.#signatures = new KeptOutcomes(SIGNATURE_BYTES, times, clock);
    this.#attestations = new KeptOutcomes(ATTESTATION_BYTES, times, clock);
    this.#wholes = new KeptOutcomes(WHOLE_BYTES, times, clock);
    this.#metrics = metrics;
  }

  /**
   * Answers from what is known; says whether there is nothing more to know. `age`: how old that may be, whatever it says; nothing is from
   * before `since`. `standing` is told how long it stands.
   */
  recall(asked: ResolvedQuery, answers: GatheredOutcomes, since: number, standing: Standing, age?: AnswerAge): boolean {
    const { want, resolved } = asked;
    if (resolved.status !== "ready" || resolved.renewable !== undefined) standing.end();
    if (resolved.status === "unavailable") {
      put(answers, want, { status: "unavailable", cause: resolved.cause, message: resolved.message });
      return true;
    }
    if (resolved.status === "unusable") {
      if (age === undefined) putUntrusted(answers, want, resolved.message);
      // What it made does not count, and may be the newest.
      else put(answers, want, { status: "unavailable", cause: "kms", message: resolved.message, lasting: true });
      return true;
    }
    const key = keyOf(asked, resolved.signer);
    if (resolved.renewable !== undefined) {
      const { cause, message } = resolved.renewable;
      put(answers, want, this.#stale(want, key, since, age && NOTHING) ?? { status: "unavailable", cause, message });
      return true;
    }
    const store = this.#store(want, age !== undefined);
    const kept = age === undefined ? store.fresh(key, since) : store.within(key, age, since);
    if (kept === undefined) return false;
    put(answers, want, kept.outcome);
    // Where one good one is enough, what is not there helped nobody to pass: only what is limits that.
    if (age !== undefined || kept.outcome.status === "verified") standing.limit(store.until(kept, age));
    return kept.complete;
  }

  /**
   * Takes over what a lookup has found. In the middle of it (`complete` false) only proofs: what is missing may come yet.
   * A proof that is known stands in for what could not be had now. `looked` is there for who needs all that was attested: half of it could
   * lack the newest scan, or the statement that takes an excuse back.
   */
  take(
    open: OpenQuery,
    state: LookupState,
    complete: boolean,
    answers: GatheredOutcomes,
    since: number,
    looked?: Looked,
  ): void {
    const { want, signer } = open;
    const type = want.predicateType;
    const found = type === undefined ? state.signatures(signer.key) : state.attestations(type, signer.key);
    if (found.status !== "verified" && !complete) return;
    const key = keyOf(open, signer);
    const store = this.#store(want, looked !== undefined);
    // The outcome is of the kind that the want asks for, and so is the store.
    const outcome = found as AnyOutcome;
    if (outcome.status !== "unavailable") {
      const read = complete && !state.isTroubled(type === undefined ? "signature" : "attestation");
      store.keep(key, outcome, read, type === undefined ? 0 : sizeOf(outcome, state.bytes(type)), looked);
      put(answers, want, outcome);
      return;
    }
    this.#metrics.unavailable("signatures", outcome.cause);
    // 401 and 403 are answers: they end what this credential was shown before.
    if (outcome.cause === "unauthorised") store.forget(key);
    if (looked !== undefined) store.doubt(key, looked.named);
    const stale = isOurs(outcome) ? undefined : this.#stale(want, key, since, looked?.named);
    if (stale !== undefined) this.#metrics.cacheRequest("signatures", "stale");
    put(answers, want, stale ?? outcome);
  }

  /** When was looked through last, for all that was attested, what is beside it; undefined: never. */
  lookedAt(open: OpenQuery): number | undefined {
    return this.#wholes.lookedAt(keyOf(open, open.signer));
  }

  /** Whether what these lists name was looked through for this a while ago. */
  isOfLists(open: OpenQuery, lists: string, since: number): boolean {
    return this.#wholes.ofLists(keyOf(open, open.signer), lists, since) !== undefined;
  }

  /** Answers with what is kept, whose lists say the same as before. */
  renew(open: OpenQuery, answers: GatheredOutcomes, lists: string, since: number): void {
    const key = keyOf(open, open.signer);
    const kept = this.#wholes.ofLists(key, lists, since);
    if (kept === undefined) return;
    this.#wholes.renew(key);
    answers.attestations.set(factKey(open.want), kept.outcome);
  }

  /** For a caller whose time is over (`crowded`: waiting for memory that others took up): an older proof, or that it could not be told. */
  giveUp(
    open: OpenQuery,
    answers: GatheredOutcomes,
    crowded: boolean,
    since: number,
    named?: ReadonlySet<string>,
  ): void {
    const { want } = open;
    if (answers.has(want)) return;
    // What our own queues held up is no outage: who fills them must not gain an older proof by it.
    const ours = crowded || wasHeldUp();
    const key = keyOf(open, open.signer);
    if (named !== undefined) this.#store(want, true).doubt(key, named);
    const stale = ours ? undefined : this.#stale(want, key, since, named);
    put(answers, want, stale ?? (crowded ? CROWDED : late(TOO_LATE)));
  }

  /**
   * As `giveUp`, where it was the content that took the time. Who needs all that was attested gets no older proof then: whoever pushes
   * must not be able to hold up what says worse.
   */
  giveUpOnJunk(open: OpenQuery, answers: GatheredOutcomes, since: number, whole: boolean): void {
    const { want } = open;
    if (answers.has(want)) return;
    const stale = whole ? undefined : this.#stale(want, keyOf(open, open.signer), since);
    if (stale !== undefined) put(answers, want, stale);
    else if (want.predicateType === undefined) answers.signatures.set(factKey(want), JUNK_SIGNATURES);
    else answers.attestations.set(factKey(want), JUNK_ATTESTATIONS);
  }

  /** `named`: who asks needs all that was attested, and lists name this much of it by now. */
  #stale(want: SignatureQuery, key: string, since: number, named?: ReadonlySet<string>): AnyOutcome | undefined {
    const store = this.#store(want, named !== undefined);
    return named === undefined ? store.stale(key, since) : store.staleOfAll(key, named, since);
  }

  #store({ predicateType }: SignatureQuery, whole: boolean): Store {
    if (whole) return this.#wholes as Store;
    // Keys of the two never meet: a predicate type is never empty.
    return (predicateType === undefined ? this.#signatures : this.#attestations) as Store;
  }
}

type Store = Pick<
  KeptOutcomes<AnyOutcome>,
  "fresh" | "within" | "doubt" | "until" | "stale" | "staleOfAll" | "keep" | "forget"
>;

/** Large statements stay text, small ones are parsed, which takes about three times what they were read from. */
const sizeOf = (outcome: AttestationOutcome, bytes: number): number => {
  if (outcome.status !== "verified") return 0;
  const text = outcome.value.reduce((sum, statement) => sum + (statement.text?.length ?? 0), 0);
  // Of text there is less than of the base64 that it was read from.
  return text + 3 * Math.max(0, Math.ceil(bytes - (4 * text) / 3));
};

const put = (answers: GatheredOutcomes, want: SignatureQuery, outcome: AnyOutcome): void => {
  if (want.predicateType === undefined) answers.signatures.set(factKey(want), outcome);
  else answers.attestations.set(factKey(want), outcome);
};

/** There is no such key any more: nothing can be of it, and no outage is to blame. */
const putUntrusted = (answers: GatheredOutcomes, want: SignatureQuery, message: string): void => {
  if (want.predicateType === undefined)
    answers.signatures.set(factKey(want), { status: "invalid", reason: "SignatureUntrusted", message });
  else answers.attestations.set(factKey(want), { status: "invalid", reason: "AttestationUntrusted", message });
};
