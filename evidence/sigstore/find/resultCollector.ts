import type { AttestationOutcome, ProvedStatement, SignatureOutcome } from "../../../policy/facts/facts.ts";
import { byTimeAndName, closest, goneMessage, onePerSigner } from "../../verdicts.ts";
import type { CandidateKind } from "./candidate.ts";
import type { VerificationResult } from "../verify/verifyCandidate.ts";
import type { Proof, Refusal } from "../proof.ts";
import { HeldStatements, type Dated } from "./heldStatements.ts";
import { provedStatement } from "../verify/provedStatement.ts";
import type { UnreadPlace } from "./loaded.ts";
import type { CandidateDescriptor } from "./search.ts";

/** Who asks for all that was attested, and how much is left out then. */
const ALL = "all of what is attested here is needed, and";

/** What was found for one digest in one repository, as it comes in; says at any time what it amounts to for a signer. */
export class ResultCollector {
  /** But for the proofs of a search for all. */
  readonly #answers: Read[] = [];
  /** Of a search for all, by predicate type and signer. */
  readonly #held = new Map<string, HeldStatements<Holding>>();
  /** What claims to be an attestation and cannot be used, the first of each type. */
  readonly #unusable = new Map<string, string>();
  readonly #malformed: { readonly kind: CandidateKind; readonly message: string }[] = [];
  readonly #statements = new Map<string, ProvedStatement>();
  readonly #troubles: { readonly kind: CandidateKind; readonly trouble: UnreadPlace }[] = [];
  readonly #gone = { signature: 0, attestation: 0 };
  #unproved = 0;

  add({ id, kind }: Pick<CandidateDescriptor, "id" | "kind">, answer: VerificationResult): void {
    if (answer.status === "malformed") this.#malformed.push(answer);
    else this.#answers.push({ id, kind, answer });
  }

  trouble(kind: CandidateKind, trouble: UnreadPlace): void {
    // The first says enough; a dead registry fails thousands of times.
    if (this.#troubleWith(kind) === undefined) this.#troubles.push({ kind, trouble });
  }

  broken(kind: CandidateKind, message: string): void {
    this.#malformed.push({ kind, message });
  }

  /** A candidate that is listed, and whose bytes nobody has any more: it can prove nothing. */
  gone(kind: CandidateKind): void {
    if (kind !== "attestation") this.#gone.signature += 1;
    if (kind !== "signature") this.#gone.attestation += 1;
  }

  unusable(predicateTypes: Iterable<string>, message: string): void {
    for (const type of predicateTypes) if (!this.#unusable.has(type)) this.#unusable.set(type, message);
  }

  /** Whether a proof of a search for all would be held, so that its statement is needed. */
  wants(answer: ProvingResult, bytes: number): boolean {
    const { finishedAt, predicateType } = answer;
    const item = { bytes, ...(finishedAt === undefined ? {} : { finishedAt }) };
    return signersIn(answer).some((signer) => this.#heldBy(predicateType, signer).wants(item));
  }

  /** Whether this content is held already, so that its statement is not needed again; takes note of what this proof says of its age. */
  isHeld(answer: ProvingResult): boolean {
    const before = signersIn(answer).map((signer) => {
      const held = this.#heldBy(answer.predicateType, signer);
      return { held, one: [...held].find(({ content }) => content === answer.content), proof: proofOf(answer, signer) };
    });
    if (before.some(({ one }) => one === undefined)) return false;
    for (const { held, one, proof } of before)
      if (one !== undefined && proof !== undefined && isWeaker(proof, one.proof)) held.replace(one, { ...one, proof });
    return true;
  }

  /**
   * A proof of a search for all. One content counts once, as the earliest that it was signed: anybody can push it again and again, and have it
   * stamped anew.
   */
  hold({ id, kind }: Pick<CandidateDescriptor, "id" | "kind">, answer: ProvingResult, bytes: number): void {
    const { predicateType, content, finishedAt } = answer;
    const date = finishedAt === undefined ? {} : { finishedAt };
    for (const signer of signersIn(answer)) {
      const proof = proofOf(answer, signer);
      if (proof === undefined) continue;
      this.#heldBy(predicateType, signer).add({ id, kind, answer, proof, content, bytes, ...date });
    }
  }

  leaveOut(answer: ProvingResult, bytes: number): void {
    const { finishedAt, predicateType } = answer;
    const item = { bytes, ...(finishedAt === undefined ? {} : { finishedAt }) };
    for (const signer of signersIn(answer)) this.#heldBy(predicateType, signer).leaveOut(item);
  }

  /** Bytes of the statements of this type that are held. */
  bytes(predicateType: string): number {
    let bytes = 0;
    for (const [key, held] of this.#held) if (key.startsWith(`${predicateType}\n`)) bytes += held.bytes;
    return bytes;
  }

  /** A candidate beyond the number that is proved. */
  passOver(): void {
    this.#unproved += 1;
  }

  signatures(signer: string): SignatureOutcome {
    const found = this.#answers.filter(({ answer }) => answer.kind === "signature");
    const { proofs, refusals } = this.#verdicts(found, signer);
    if (proofs.length > 0) return { status: "verified", value: onePerSigner(proofs.map(({ proof }) => proof)) };
    const trouble = this.#troubleWith("signature");
    if (trouble !== undefined) return this.#unavailable(trouble);
    const malformed = this.#malformedAs("signature");
    if (refusals.length + malformed.length === 0) {
      // Whoever asks for attestations as well has read others, which are none by their place.
      const attested = this.#answers.filter(
        ({ kind, answer }) => kind === "either" && answer.kind === "attestation",
      ).length;
      const beside =
        attested === 0
          ? ""
          : ` (${attested === 1 ? "one attestation is" : `${attested} attestations are`} no signature)`;
      const message = goneMessage(this.#gone.signature, "signature") ?? "no signature was found";
      return { status: "absent", message: `${message}${beside}` };
    }
    const { reason, message } = closest([...refusals, ...malformed], this.#unproved, "signature");
    const reasons = {
      Invalid: "SignatureInvalid",
      Untrusted: "SignatureUntrusted",
      Transparency: "TransparencyMissing",
    } as const;
    return { status: "invalid", reason: reasons[reason], message };
  }

  /** Whether a place could not be read where something of this kind may be. */
  isTroubled(kind: "signature" | "attestation"): boolean {
    return this.#troubleWith(kind) !== undefined;
  }

  /**
   * For who needs all that was attested: what was proved does not do where something could not be read (and stands beside that), or claims
   * to be a part of it and cannot be used.
   */
  whole(predicateType: string, signer: string): AttestationOutcome {
    const unusable = this.#unusable.get(predicateType);
    if (unusable !== undefined)
      return { status: "invalid", reason: "AttestationInvalid", message: `${ALL} one ${unusable}`, buried: true };
    const held = this.#heldBy(predicateType, signer);
    const statements = [...held].map(({ id, answer, proof }) => this.#statement(`${signer}\n${id}`, answer, proof));
    const trouble = this.#troubleWith("attestation");
    if (trouble !== undefined)
      return {
        ...this.#unavailable(trouble),
        ...(statements.length > 0 && { proved: statements.toSorted(newestFirst) }),
      };
    if (statements.length === 0) return this.attestations(predicateType, signer);
    const { leftOut } = held;
    return {
      status: "verified",
      value: statements.toSorted(newestFirst),
      ...(leftOut === undefined ? {} : { leftOut }),
    };
  }

  attestations(predicateType: string, signer: string): AttestationOutcome {
    const all = this.#answers.filter(({ answer }) => answer.kind === "attestation");
    const found = all.filter(({ answer }) => answer.predicateType === predicateType);
    const { proofs, refusals } = this.#verdicts(found, signer);
    const trouble = this.#troubleWith("attestation");
    if (proofs.length > 0) {
      const statements = earliestTimes(proofs).map(({ id, answer, proof }) =>
        this.#statement(`${signer}\n${id}\n${proof.signedAt}`, answer, proof),
      );
      return { status: "verified", value: statements.toSorted(newestFirst) };
    }
    if (trouble !== undefined) return this.#unavailable(trouble);
    const malformed = this.#malformedAs("attestation");
    if (refusals.length + malformed.length === 0) {
      const others = [...new Set(all.map(({ answer }) => answer.predicateType))].toSorted();
      const beside = others.length === 0 ? "" : `; there are others: ${others.slice(0, 3).map(printable).join(", ")}`;
      const message = goneMessage(this.#gone.attestation, "attestation") ?? "no attestation of this type was found";
      return { status: "absent", message: `${message}${beside}` };
    }
    const { reason, message } = closest([...refusals, ...malformed], this.#unproved, "attestation");
    return { status: "invalid", reason: reason === "Invalid" ? "AttestationInvalid" : "AttestationUntrusted", message };
  }

  #heldBy(predicateType: string, signer: string): HeldStatements<Holding> {
    const key = `${predicateType}\n${signer}`;
    const held = this.#held.get(key) ?? new HeldStatements<Holding>();
    this.#held.set(key, held);
    return held;
  }

  #troubleWith(kind: CandidateKind): UnreadPlace | undefined {
    return this.#troubles.find((one) => one.kind === kind || one.kind === "either")?.trouble;
  }

  #malformedAs(kind: CandidateKind): readonly Refusal[] {
    return this.#malformed
      .filter((one) => one.kind === kind || one.kind === "either")
      .map(({ message }) => ({ reason: "Invalid", closeness: -1, message }));
  }

  #verdicts(found: readonly Read[], signer: string): { proofs: Proved[]; refusals: Refusal[] } {
    const proofs: Proved[] = [];
    const refusals: Refusal[] = [];
    for (const one of found) {
      const verdict = one.answer.verdicts.get(signer);
      if (verdict?.status === "proved") proofs.push({ ...one, proof: verdict.proof });
      else if (verdict !== undefined) refusals.push(verdict.refusal);
    }
    return { proofs, refusals };
  }

  /** The same object each time: what was computed from a statement is kept with it. */
  #statement(key: string, answer: Read["answer"], proof: Proof): ProvedStatement {
    const known = this.#statements.get(key);
    if (known !== undefined) return known;
    const made: ProvedStatement = Object.freeze(provedStatement(answer, proof));
    this.#statements.set(key, made);
    return made;
  }

  #unavailable(trouble: UnreadPlace): SignatureOutcome & AttestationOutcome & { readonly status: "unavailable" } {
    return { ...trouble, message: `not every place of signatures could be read: ${trouble.message}` };
  }
}

/** An answer in which somebody proved an attestation. */
export type ProvingResult = VerificationResult & { readonly status: "read"; readonly content: string };

interface Holding extends Dated {
  readonly id: string;
  readonly kind: CandidateKind;
  readonly answer: ProvingResult;
  readonly proof: Proof;
  readonly content: string;
}

const signersIn = ({ verdicts }: ProvingResult): readonly string[] =>
  [...verdicts].flatMap(([signer, { status }]) => (status === "proved" ? [signer] : []));

const proofOf = ({ verdicts }: ProvingResult, signer: string): Proof | undefined => {
  const verdict = verdicts.get(signer);
  return verdict?.status === "proved" ? verdict.proof : undefined;
};

/** Whether a proof says less of how new its content is. Timestamps can be added, and taken away. */
const isWeaker = (a: Proof, b: Proof): boolean =>
  b.signedAt !== undefined && (a.signedAt === undefined || a.signedAt < b.signedAt);

type Read = {
  readonly id: string;
  readonly kind: CandidateKind;
  readonly answer: VerificationResult & { readonly status: "read" };
};
type Proved = Read & { readonly proof: Proof };

/**
 * The same content of the same signer has the earliest time at which any copy of it is known: whoever pushes a signature again can log
 * and stamp it anew, and nobody can make it older.
 */
const earliestTimes = (proofs: readonly Proved[]): readonly Proved[] => {
  const keyOf = ({ id, answer, proof }: Proved): string => `${answer.content ?? id}\n${proof.signer}`;
  const times = new Map<string, string>();
  for (const one of proofs) {
    const { signedAt } = one.proof;
    const known = times.get(keyOf(one));
    if (signedAt !== undefined && (known === undefined || signedAt < known)) times.set(keyOf(one), signedAt);
  }
  return proofs.map((one) => {
    const signedAt = times.get(keyOf(one));
    return signedAt === undefined || signedAt === one.proof.signedAt
      ? one
      : { ...one, proof: { ...one.proof, signedAt } };
  });
};

const newestFirst = (a: ProvedStatement, b: ProvedStatement): number => -byTimeAndName(a.proof, b.proof);

const printable = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 100);
