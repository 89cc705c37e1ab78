import { LRUCache } from "lru-cache";
import type { AttestationOutcome, SignatureOutcome } from "../../policy/facts/facts.ts";
import type { RepositoryReader } from "../registry/repository.ts";
import type { Examiner } from "./verify/examiner.ts";
import type { Answer, Question } from "./verify/examine.ts";
import type { Effort } from "./find/effort.ts";
import { placeKey } from "./keptOutcomes.ts";
import type { Signer } from "./proof.ts";
import { Proved } from "./find/proved.ts";
import { search, type Found } from "./find/search.ts";
import { Tally } from "./find/tally.ts";

/** What is asked of one repository about one digest. */
export interface LookupQuestion {
  readonly repository: RepositoryReader;
  readonly digest: string;
  readonly signatures: readonly Signer[];
  readonly attestations: ReadonlyMap<string, readonly Signer[]>;
  /** All that was attested is needed, and not only enough of it. */
  readonly whole: boolean;
}

/** What was found so far; good to ask at any time. */
export interface LookupState {
  readonly signatures: (signer: string) => SignatureOutcome;
  /** `whole`: unavailable where a part could not be read, whatever the rest says. */
  readonly attestations: (predicateType: string, signer: string, whole: boolean) => AttestationOutcome;
  /** Whether a place could not be read where something of this kind may be. */
  readonly isTroubled: (kind: "signature" | "attestation") => boolean;
  /** Bytes of the candidates of this type, for the size of what is kept. */
  readonly bytes: (predicateType: string) => number;
}

/** Answers by candidate: a repetition, also after a deadline in the middle of much junk, costs no second proof. */
const MEMO_BYTES = 32 * 1024 * 1024;

/** Finds candidates and has them examined. Each candidate is fetched once for all signers. */
export class Lookup {
  readonly #examiner: Examiner;
  readonly #memo = new LRUCache<string, { readonly answer: Answer; readonly bytes: number }>({ maxSize: MEMO_BYTES });

  constructor(examiner: Examiner) {
    this.#examiner = examiner;
  }

  /** `onProof` is told when something was proved, with what is known by then. Never rejects. */
  async run(
    question: LookupQuestion,
    signal: AbortSignal,
    effort: Effort,
    onProof: (state: LookupState) => void,
  ): Promise<LookupState> {
    const { repository, digest } = question;
    const tally = new Tally();
    const sizes = new Map<string, number>();
    const state: LookupState = {
      signatures: (signer) => tally.signatures(signer),
      attestations: (type, signer, whole) => tally.attestations(type, signer, whole),
      isTroubled: (kind) => tally.isTroubled(kind),
      bytes: (type) => sizes.get(type) ?? 0,
    };
    const asking = asked(question);
    const proved = new Proved();

    const visit = async (found: Found): Promise<void> => {
      if (proved.isFull(found.format)) return tally.passOver();
      const key = `${placeKey(repository, digest)}\n${found.id}\n${asking.key}`;
      const known = this.#memo.get(key) ?? (await this.#examine(found, asking, digest, signal, tally));
      if (known === undefined) return;
      const { answer, bytes } = known;
      const holdsStatement = "statement" in answer || "statementText" in answer;
      this.#memo.set(key, known, { size: 2 * key.length + 600 + (holdsStatement ? 3 * bytes : 0) });
      if (answer.status === "malformed" || answer.content === undefined) return tally.add(found, answer);
      if (!proved.add(found.format, answer.content, answer.verdicts)) return;
      tally.add(found, answer);
      sizes.set(answer.predicateType, (sizes.get(answer.predicateType) ?? 0) + bytes);
      if ([...answer.verdicts.values()].some(({ status }) => status === "proved")) onProof(state);
    };

    await search(
      {
        repository,
        digest,
        signatures: question.signatures.length > 0,
        predicateTypes: new Set(question.attestations.keys()),
        whole: question.whole,
        effort,
        signal,
      },
      {
        visit,
        trouble: (kind, trouble) => tally.trouble(kind, trouble),
        broken: (kind, message) => tally.broken(kind, message),
      },
    );
    return state;
  }

  async #examine(
    found: Found,
    asking: Asking,
    digest: string,
    signal: AbortSignal,
    tally: Tally,
  ): Promise<{ readonly answer: Answer; readonly bytes: number } | undefined> {
    const loaded = await found.load();
    if (loaded.status === "unavailable") tally.trouble(found.kind, loaded);
    if (loaded.status === "broken") tally.broken(found.kind, loaded.message);
    if (loaded.status !== "loaded") return undefined;
    const { candidate } = loaded;
    const answer = await this.#examiner.examine({ candidate, digest, ...asking.question }, signal);
    if (answer.status !== "unavailable") return { answer, bytes: candidate.bytes.byteLength };
    const { cause } = answer;
    tally.trouble(found.kind, { status: "unavailable", cause, message: "a signature could not be checked in time" });
    return undefined;
  }
}

interface Asking {
  readonly question: Pick<Question, "signers" | "signatures" | "attestations">;
  readonly key: string;
}

const asked = ({ signatures, attestations }: LookupQuestion): Asking => {
  const signers = new Map([...signatures, ...[...attestations.values()].flat()].map((one) => [one.key, one]));
  const question = {
    signers: [...signers.values()],
    signatures: signatures.map(({ key }) => key),
    attestations: new Map([...attestations].map(([type, list]) => [type, list.map(({ key }) => key)])),
  };
  return { question, key: JSON.stringify([question.signatures, [...question.attestations]]) };
};
