import type { AttestationOutcome, SignatureOutcome } from "../../policy/facts/facts.ts";
import { ByteRoom, type Leave } from "../../async/byteRoom.ts";
import type { RepositoryReader } from "../registry/repository.ts";
import type { CandidateVerifier } from "./verify/candidateVerifier.ts";
import type { VerificationResult, VerificationRequest } from "./verify/verifyCandidate.ts";
import type { ReadBudget } from "./find/readBudget.ts";
import { KnownResults, type KnownResult } from "./knownResults.ts";
import { placeKey } from "./keptOutcomes.ts";
import type { Signer } from "./proof.ts";
import { ProvedContents } from "./find/provedContents.ts";
import type { Loaded } from "./find/loaded.ts";
import { search, type CandidateDescriptor } from "./find/search.ts";
import { ResultCollector, type ProvingResult } from "./find/resultCollector.ts";

/** What is asked of one repository about one digest. */
export interface LookupRequest {
  readonly repository: RepositoryReader;
  readonly digest: string;
  readonly signatures: readonly Signer[];
  readonly attestations: ReadonlyMap<string, readonly Signer[]>;
  /** All that was attested is needed, and not only enough of it. */
  readonly whole: boolean;
  /** Whether what these lists name is known already (`Search.isKnown`). */
  readonly isKnown: (lists: string) => boolean;
  /** `Search.named`. */
  readonly named: Set<string>;
}

/** What was found so far; good to ask at any time. */
export interface LookupState {
  readonly signatures: (signer: string) => SignatureOutcome;
  /** Of a question for all: what was proved, unless a part could not be read or used. */
  readonly attestations: (predicateType: string, signer: string) => AttestationOutcome;
  /** Whether a place could not be read where something of this kind may be. */
  readonly isTroubled: (kind: "signature" | "attestation") => boolean;
  /** Bytes of the candidates of this type, for the size of what is kept. */
  readonly bytes: (predicateType: string) => number;
}

/**
 * Bytes of large candidates that are fetched and examined at the same time, in all searches together. One takes about ten times its
 * size while a worker reads it (measured: 19 MiB, 200 MiB), one of 1 MiB nothing beside what a process needs anyway.
 */
const ROOM = 32 * 1024 * 1024;
const LARGE = 1024 * 1024;

/** Finds candidates and has them examined. Each candidate is fetched once for all signers. */
export class Lookup {
  readonly #examiner: CandidateVerifier;
  readonly #known = new KnownResults();
  readonly #room = new ByteRoom(ROOM);

  constructor(examiner: CandidateVerifier) {
    this.#examiner = examiner;
  }

  /** `onProof` is told when something was proved, with what is known by then. "known": `isKnown` said so. Never rejects. */
  async run(
    question: LookupRequest,
    signal: AbortSignal,
    effort: ReadBudget,
    onProof: (state: LookupState) => void,
  ): Promise<LookupState | "known"> {
    const { repository, digest, whole, isKnown, named } = question;
    const tally = new ResultCollector();
    const sizes = new Map<string, number>();
    const state: LookupState = {
      signatures: (signer) => tally.signatures(signer),
      attestations: (type, signer) => (whole ? tally.whole(type, signer) : tally.attestations(type, signer)),
      isTroubled: (kind) => tally.isTroubled(kind),
      bytes: (type) => (sizes.get(type) ?? 0) + tally.bytes(type),
    };
    const asking = asked(question);
    const proved = new ProvedContents();
    const reading: Reading = { digest, asking, signal, effort, tally };

    const hold = async (found: CandidateDescriptor, key: string, known: KnownResult): Promise<string | undefined> => {
      if (!isProving(known.answer)) {
        tally.add(found, known.answer);
        return undefined;
      }
      if (tally.isHeld(known.answer)) return undefined;
      if (known.complete) tally.hold(found, known.answer, known.bytes);
      else if (!tally.wants(known.answer, known.bytes)) tally.leaveOut(known.answer, known.bytes);
      else {
        const again = await this.#examine(found, reading);
        if (typeof again === "string" || again === undefined) return again;
        this.#known.set(key, again);
        if (isProving(again.answer) && !tally.isHeld(again.answer)) tally.hold(found, again.answer, again.bytes);
      }
      return undefined;
    };

    const visit = async (found: CandidateDescriptor): Promise<string | undefined> => {
      if (!whole && proved.isFull(found.format)) {
        tally.passOver();
        return undefined;
      }
      const key = `${placeKey(repository, digest)}\n${found.id}\n${asking.key}`;
      const known = this.#known.get(key) ?? (await this.#examine(found, reading));
      if (known === undefined || typeof known === "string") return known;
      this.#known.set(key, known);
      const { answer, bytes } = known;
      if (answer.status === "malformed") {
        tally.add(found, answer);
        return answer.genuine === true ? answer.message : undefined;
      }
      if (whole) return hold(found, key, known);
      if (answer.content === undefined) {
        tally.add(found, answer);
        return undefined;
      }
      if (!proved.add(found.format, answer.content, answer.verdicts)) return undefined;
      const readable = known.complete ? known : await this.#examine(found, reading);
      if (readable === undefined || typeof readable === "string") return readable;
      this.#known.set(key, readable);
      tally.add(found, readable.answer);
      sizes.set(answer.predicateType, (sizes.get(answer.predicateType) ?? 0) + bytes);
      if ([...answer.verdicts.values()].some(({ status }) => status === "proved")) onProof(state);
      return undefined;
    };

    const end = await search(
      {
        repository,
        digest,
        signatures: question.signatures.length > 0,
        predicateTypes: new Set(question.attestations.keys()),
        whole,
        isKnown,
        named,
        effort,
        signal,
      },
      {
        visit,
        trouble: (kind, trouble) => tally.trouble(kind, trouble),
        broken: (kind, message) => tally.broken(kind, message),
        unusable: (types, message) => tally.unusable(types, message),
      },
    );
    return end === "known" ? "known" : state;
  }

  /** An answer; why the candidate cannot be used although it may be genuine; undefined: it could not be told, which the tally knows. */
  async #examine(found: CandidateDescriptor, reading: Reading): Promise<KnownResult | string | undefined> {
    const { said, most } = found;
    // A descriptor that says less than there is, or more, is no reason to leave its content out: others may name it truly.
    const limits = said < most ? [said, most] : [most];
    let failure: Unusable | undefined;
    for (const limit of limits) {
      // Before it has come, and before it has room: what is still on its way when the time is over took that time, too. What a
      // descriptor said wrongly counts as the most that it may be.
      reading.effort.read(limit);
      const leave = limit < LARGE ? () => undefined : await this.#enter(limit, reading);
      if (leave === undefined) {
        reading.tally.trouble(found.kind, CROWDED);
        return undefined;
      }
      try {
        const outcome = await this.#read(found, limit, reading);
        if (outcome === undefined || "answer" in outcome) return outcome;
        failure = outcome;
      } finally {
        leave();
      }
    }
    if (failure?.status === "broken") reading.tally.broken(found.kind, failure.message);
    if (failure?.status === "gone") reading.tally.gone(found.kind);
    return failure?.status === "gone" ? "is not in the registry any more" : failure?.message;
  }

  async #enter(bytes: number, { effort, signal }: Reading): Promise<Leave | undefined> {
    const entered = effort.waits();
    const leave = await this.#room.enter(bytes, signal);
    if (leave !== undefined) entered();
    return leave;
  }

  async #read(
    found: CandidateDescriptor,
    limit: number,
    { tally, asking, digest, signal }: Reading,
  ): Promise<KnownResult | Unusable | undefined> {
    const loaded = await found.load(limit);
    if (loaded.status === "unavailable") {
      tally.trouble(found.kind, loaded);
      return undefined;
    }
    if (loaded.status !== "loaded") return loaded;
    const { candidate } = loaded;
    const answer = await this.#examiner.examine({ candidate, digest, ...asking.question }, signal);
    if (answer.status !== "unavailable") return { answer, bytes: candidate.bytes.byteLength, complete: true };
    const { cause } = answer;
    tally.trouble(found.kind, { status: "unavailable", cause, message: "a signature could not be checked in time" });
    return undefined;
  }
}

const CROWDED = {
  status: "unavailable",
  cause: "overloaded",
  message: "too many large attestations are being read at once",
} as const;

type Unusable = Extract<Loaded<unknown>, { status: "broken" | "gone" }>;

/** What one search needs to read a candidate. */
interface Reading {
  readonly digest: string;
  readonly asking: Asking;
  readonly signal: AbortSignal;
  readonly effort: ReadBudget;
  readonly tally: ResultCollector;
}

interface Asking {
  readonly question: Pick<VerificationRequest, "signers" | "signatures" | "attestations">;
  readonly key: string;
}

const isProving = (answer: VerificationResult): answer is ProvingResult =>
  answer.status === "read" &&
  answer.kind === "attestation" &&
  answer.content !== undefined &&
  [...answer.verdicts.values()].some(({ status }) => status === "proved");

const asked = ({ signatures, attestations }: LookupRequest): Asking => {
  const signers = new Map([...signatures, ...[...attestations.values()].flat()].map((one) => [one.key, one]));
  const question = {
    signers: [...signers.values()],
    signatures: signatures.map(({ key }) => key),
    attestations: new Map([...attestations].map(([type, list]) => [type, list.map(({ key }) => key)])),
  };
  return { question, key: JSON.stringify([question.signatures, [...question.attestations]]) };
};
