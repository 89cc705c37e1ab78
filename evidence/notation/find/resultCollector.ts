import type { SignatureOutcome, SignatureProof } from "../../../policy/facts/facts.ts";
import { closest, goneMessage, onePerSigner } from "../../verdicts.ts";
import type { Refusal } from "../proof.ts";
import type { UnreadPlace } from "../../sigstore/find/loaded.ts";

/** A proof that holds, with what the level only logs. */
export interface Counted {
  readonly proof: SignatureProof;
  /** Milliseconds: when it stops to hold; absent: time alone changes nothing. */
  readonly until?: number;
}

/** What was found for one digest in one repository, as it comes in; says at any time what it amounts to for a signer. */
export class ResultCollector {
  readonly #proofs = new Map<string, Counted[]>();
  readonly #refusals = new Map<string, Refusal[]>();
  readonly #malformed: string[] = [];
  readonly #troubles = new Map<string, UnreadPlace>();
  #trouble: UnreadPlace | undefined;
  #gone = 0;
  #unproved = 0;

  prove(signer: string, counted: Counted): void {
    const known = this.#proofs.get(signer);
    if (known === undefined) this.#proofs.set(signer, [counted]);
    else known.push(counted);
  }

  refuse(signer: string, refusal: Refusal): void {
    const known = this.#refusals.get(signer);
    if (known === undefined) this.#refusals.set(signer, [refusal]);
    else known.push(refusal);
  }

  broken(message: string): void {
    this.#malformed.push(message);
  }

  /** A signature that is listed, and whose envelope nobody has any more. */
  gone(): void {
    this.#gone += 1;
  }

  /** A place that could not be read; with a signer: one of its signatures of which something could not be told. */
  trouble(trouble: UnreadPlace, signer?: string): void {
    // The first says enough; a dead registry fails thousands of times.
    if (signer === undefined) this.#trouble ??= trouble;
    else if (!this.#troubles.has(signer)) this.#troubles.set(signer, trouble);
  }

  /** A candidate beyond the number that is proved. */
  passOver(): void {
    this.#unproved += 1;
  }

  get isTroubled(): boolean {
    return this.#trouble !== undefined;
  }

  outcome(signer: string): { readonly outcome: SignatureOutcome; readonly until?: number } {
    const proofs = this.#proofs.get(signer) ?? [];
    // One without a warning says it better than one with.
    const clean = proofs.filter(({ proof }) => proof.warnings === undefined);
    const counted = clean.length > 0 ? clean : proofs;
    if (counted.length > 0) {
      const ends = counted.map(({ until = Infinity }) => until);
      const until = Math.min(...ends);
      return {
        outcome: { status: "verified", value: onePerSigner(counted.map(({ proof }) => proof)) },
        ...(until === Infinity ? {} : { until }),
      };
    }
    return { outcome: this.#without(signer) };
  }

  #without(signer: string): SignatureOutcome {
    const unread = this.#trouble;
    if (unread !== undefined)
      return { ...unread, message: `not every place of signatures could be read: ${unread.message}` };
    const untold = this.#troubles.get(signer);
    if (untold !== undefined) return { ...untold, message: `the signature that there is ${untold.message}` };
    const refusals = this.#refusals.get(signer) ?? [];
    const malformed = this.#malformed.map((message): Refusal => ({ reason: "Invalid", closeness: -1, message }));
    if (refusals.length + malformed.length === 0)
      return { status: "absent", message: goneMessage(this.#gone, "signature") ?? "no notation signature was found" };
    const { reason, message } = closest([...refusals, ...malformed], this.#unproved, "signature");
    return { status: "invalid", reason: reason === "Invalid" ? "SignatureInvalid" : "SignatureUntrusted", message };
  }
}
