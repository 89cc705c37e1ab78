import { LIMITS, type Format } from "./formats.ts";
import type { Verdict } from "../proof.ts";

/** Verdicts about one content that are told apart: it may have been logged or timestamped several times. */
const MOST_VERDICTS = 8;

/**
 * What was proved to the end in one search. The limit counts what was signed and not how often it lies in the registry: an old attestation
 * can be pushed again and again in other bytes, with a date of today, and must not use up the places of a newer one.
 */
export class Proved {
  readonly #contents = new Map<Format, Map<string, Set<string>>>();

  isFull(format: Format): boolean {
    return (this.#contents.get(format)?.size ?? 0) >= LIMITS.proofs;
  }

  /** false: the same content was proved with the same result before, or often enough. */
  add(format: Format, content: string, verdicts: ReadonlyMap<string, Verdict>): boolean {
    const contents = this.#contents.get(format) ?? new Map<string, Set<string>>();
    this.#contents.set(format, contents);
    const known = contents.get(content) ?? new Set<string>();
    contents.set(content, known);
    const result = JSON.stringify([...verdicts].map(resultOf));
    if (known.has(result) || known.size >= MOST_VERDICTS) return false;
    known.add(result);
    return true;
  }
}

const resultOf = ([signer, verdict]: readonly [string, Verdict]): readonly (string | undefined)[] =>
  verdict.status === "proved"
    ? [signer, verdict.proof.signer, verdict.proof.signedAt]
    : [signer, verdict.refusal.reason, verdict.refusal.message];
