import { LRUCache } from "lru-cache";
import type { VerificationResult } from "./verify/verifyCandidate.ts";

/** What became of a candidate. */
export interface KnownResult {
  readonly answer: VerificationResult;
  /** Of the candidate. */
  readonly bytes: number;
  /** false: its statement is not at hand any more. */
  readonly complete: boolean;
}

/** Answers without statements: 30,000 of them, so that much junk is looked through once, also past a deadline in the middle of it. */
const ANSWER_BYTES = 24 * 1024 * 1024;
const STATEMENT_BYTES = 48 * 1024 * 1024;

/**
 * Answers by candidate: a repetition costs no second proof. Statements are kept apart, since a few large ones would push out all that is known of
 * a thousand others.
 */
export class KnownResults {
  readonly #answers = new LRUCache<string, KnownResult>({ maxSize: ANSWER_BYTES });
  readonly #statements = new LRUCache<string, KnownResult>({ maxSize: STATEMENT_BYTES });

  get(key: string): KnownResult | undefined {
    return this.#statements.get(key) ?? this.#answers.get(key);
  }

  set(key: string, known: KnownResult): void {
    if (!known.complete) return;
    const { answer, bytes } = known;
    const size = 2 * key.length + 600;
    if (!("statement" in answer) && !("statementText" in answer)) {
      this.#answers.set(key, known, { size });
      return;
    }
    this.#statements.set(key, known, { size: size + statementBytes(answer, bytes) });
    const { statement: _statement, statementText: _text, ...rest } = answer;
    this.#answers.set(key, { answer: rest, bytes, complete: false }, { size });
  }
}

/** What a statement takes in memory: as text its characters, parsed about three times what it was read from. */
const statementBytes = (answer: VerificationResult, bytes: number): number =>
  "statementText" in answer && answer.statementText !== undefined ? answer.statementText.length : 3 * bytes;
