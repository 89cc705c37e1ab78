import type { AttestationOutcome, SignatureOutcome } from "../../policy/facts/facts.ts";
import type { AnswerAge } from "../attestations.ts";
import type { EvidenceMetrics } from "../metrics.ts";
import { keyOf, type Asked, type Open } from "./asked.ts";
import { KeptOutcomes, type OutcomeTimes } from "./keptOutcomes.ts";
import type { LookupState } from "./lookup.ts";
import { factKey, type Answers, type Want } from "./wants.ts";

/** An outcome where signatures and attestations are treated alike; which one it is, the want says. */
type AnyOutcome = SignatureOutcome & AttestationOutcome;

const SIGNATURE_BYTES = 16 * 1024 * 1024;
const ATTESTATION_BYTES = 64 * 1024 * 1024;

const TOO_LATE = {
  status: "unavailable",
  cause: "timeout",
  message: "its signatures could not be looked up in time",
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
  readonly #metrics: EvidenceMetrics;

  constructor(times: OutcomeTimes, clock: () => number, metrics: EvidenceMetrics) {
    this.#signatures = new KeptOutcomes(SIGNATURE_BYTES, times, clock);
    this.#attestations = new KeptOutcomes(ATTESTATION_BYTES, times, clock);
    this.#metrics = metrics;
  }

  /** Answers from what is known; says whether there is nothing more to know. `age`: how old that may be, whatever it says. */
  recall(asked: Asked, answers: Answers, age?: AnswerAge): boolean {
    const { want, resolved } = asked;
    if (resolved.status === "unavailable") {
      put(answers, want, { status: "unavailable", cause: resolved.cause, message: resolved.message });
      return true;
    }
    if (resolved.status === "unusable") {
      putUntrusted(answers, want, resolved.message);
      return true;
    }
    const key = keyOf(asked, resolved.signer);
    if (resolved.renewable !== undefined) {
      const { cause, message } = resolved.renewable;
      put(answers, want, this.#store(want).stale(key, age !== undefined) ?? { status: "unavailable", cause, message });
      return true;
    }
    const kept = age === undefined ? this.#store(want).fresh(key) : this.#store(want).within(key, age);
    if (kept !== undefined) put(answers, want, kept.outcome);
    return kept?.complete === true;
  }

  /**
   * Takes over what a lookup has found. In the middle of it (`complete` false) only proofs: what is missing may come yet.
   * A proof that is known stands in for what could not be had now. `age` is there for who needs all that was attested: half of it could
   * lack the newest scan, or the statement that takes an excuse back.
   */
  take(open: Open, state: LookupState, complete: boolean, answers: Answers, age?: AnswerAge): void {
    const { want, signer } = open;
    const type = want.predicateType;
    const whole = age !== undefined;
    const found = type === undefined ? state.signatures(signer.key) : state.attestations(type, signer.key, whole);
    if (found.status !== "verified" && !complete) return;
    const key = keyOf(open, signer);
    const store = this.#store(want);
    // The outcome is of the kind that the want asks for, and so is the store.
    const outcome = found as AnyOutcome;
    if (outcome.status !== "unavailable") {
      const read = complete && !state.isTroubled(type === undefined ? "signature" : "attestation");
      store.keep(key, outcome, read, type === undefined ? 0 : state.bytes(type));
      put(answers, want, outcome);
      return;
    }
    this.#metrics.unavailable("signatures", outcome.cause);
    // 401 and 403 are answers: they end what this credential was shown before.
    if (outcome.cause === "unauthorised") store.forget(key);
    const stale = store.stale(key, whole);
    if (stale !== undefined) this.#metrics.cacheRequest("signatures", "stale");
    put(answers, want, stale ?? outcome);
  }

  /** For a caller whose time is over: an older proof, or that it could not be told. */
  giveUp(open: Open, answers: Answers, age?: AnswerAge): void {
    const { want } = open;
    if (answers.has(want)) return;
    put(answers, want, this.#store(want).stale(keyOf(open, open.signer), age !== undefined) ?? TOO_LATE);
  }

  /**
   * As `giveUp`, where it was the content that took the time. Who needs all that was attested gets no older proof then: whoever pushes
   * must not be able to hold up what says worse.
   */
  giveUpOnJunk(open: Open, answers: Answers, age?: AnswerAge): void {
    const { want } = open;
    if (answers.has(want)) return;
    const stale = age === undefined ? this.#store(want).stale(keyOf(open, open.signer), false) : undefined;
    if (stale !== undefined) put(answers, want, stale);
    else if (want.predicateType === undefined) answers.signatures.set(factKey(want), JUNK_SIGNATURES);
    else answers.attestations.set(factKey(want), JUNK_ATTESTATIONS);
  }

  #store({ predicateType }: Want): Store {
    // Keys of the two never meet: a predicate type is never empty.
    return (predicateType === undefined ? this.#signatures : this.#attestations) as Store;
  }
}

type Store = Pick<KeptOutcomes<AnyOutcome>, "fresh" | "within" | "stale" | "keep" | "forget">;

const put = (answers: Answers, want: Want, outcome: AnyOutcome): void => {
  if (want.predicateType === undefined) answers.signatures.set(factKey(want), outcome);
  else answers.attestations.set(factKey(want), outcome);
};

/** There is no such key any more: nothing can be of it, and no outage is to blame. */
const putUntrusted = (answers: Answers, want: Want, message: string): void => {
  if (want.predicateType === undefined)
    answers.signatures.set(factKey(want), { status: "invalid", reason: "SignatureUntrusted", message });
  else answers.attestations.set(factKey(want), { status: "invalid", reason: "AttestationUntrusted", message });
};
