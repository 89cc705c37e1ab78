import { LIMITS, type Format } from "./formats.ts";
import type { ProofResult } from "../proof.ts";

/** Verdicts about one content that are told apart: it may have been logged or timestamped several times. */
const MOST_VERDICTS = 8;

/**
 * What was proved to the end in one search. The limit counts what was signed and not how often it lies in the registry: an old attestation
 * can be pushed again and again in other bytes, with a date of today, and must not use up the places of a newer one.
 */
export class ProvedContents {
  readonly #contents = new Map<Format, Map<string, Results>>();

  isFull(format: Format): boolean {
    return (this.#contents.get(format)?.size ?? 0) >= LIMITS.proofs;
  }

  /** false: the same content was proved with the same result before, or often enough, and never at an earlier time. */
  add(format: Format, content: string, verdicts: ReadonlyMap<string, ProofResult>): boolean {
    const contents = this.#contents.get(format) ?? new Map<string, Results>();
    this.#contents.set(format, contents);
    const known = contents.get(content) ?? { seen: new Set<string>(), earliest: LATEST };
    contents.set(content, known);
    const result = JSON.stringify([...verdicts].map(resultOf));
    const time = earliestOf(verdicts);
    // Copies that are stamped anew must not use up the places of the one that says how old the content is.
    if (known.seen.has(result) || (known.seen.size >= MOST_VERDICTS && time >= known.earliest)) return false;
    known.seen.add(result);
    if (time < known.earliest) known.earliest = time;
    return true;
  }
}

interface Results {
  readonly seen: Set<string>;
  /** RFC 3339 in UTC. */
  earliest: string;
}

/** After every time that is written in digits. */
const LATEST = "9999";

const earliestOf = (verdicts: ReadonlyMap<string, ProofResult>): string =>
  [...verdicts.values()].reduce((earliest, verdict) => {
    const time = verdict.status === "proved" ? (verdict.proof.signedAt ?? LATEST) : LATEST;
    return time < earliest ? time : earliest;
  }, LATEST);

const resultOf = ([signer, verdict]: readonly [string, ProofResult]): readonly (string | undefined)[] =>
  verdict.status === "proved"
    ? [signer, verdict.proof.signer, verdict.proof.signedAt]
    : [signer, verdict.refusal.reason, verdict.refusal.message];
