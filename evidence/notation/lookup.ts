import { LRUCache } from "lru-cache";
import type { SignatureProof } from "../../policy/facts/facts.ts";
import { younger } from "../../async/younger.ts";
import type { RepositoryReader } from "../registry/repository.ts";
import type { ReadBudget } from "../sigstore/find/readBudget.ts";
import { placeKey } from "../sigstore/keptOutcomes.ts";
import { search, type CandidateDescriptor } from "./find/search.ts";
import { ResultCollector, type Counted } from "./find/resultCollector.ts";
import { refuse, type NotationSigner, type Proved } from "./proof.ts";
import type { Revocations } from "./revocation/revocations.ts";
import { LIMITS } from "./verify/envelope.ts";
import type { VerificationResult } from "./verify/verifyCandidate.ts";
import type { NotationVerifier } from "./verify/notationVerifier.ts";
import { enforces } from "./verify/level.ts";
import type { Target } from "./verify/payload.ts";

/** What is asked of one repository about one image. */
export interface LookupRequest {
  readonly repository: RepositoryReader;
  readonly image: Target;
  readonly signers: readonly NotationSigner[];
}

export interface LookupTools {
  readonly examiner: NotationVerifier;
  readonly revocations: Revocations;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** Answers by candidate: a repetition, also after a deadline in the middle of much junk, costs no second proof. */
const MEMO_BYTES = 16 * 1024 * 1024;
/** What time changes in them shows after that, as everywhere (design.md section 9). */
const MEMO_TIME = 60_000;

/** Finds candidates, has them examined, and asks whether what they rest on was revoked. Each candidate is fetched once for all signers. */
export class Lookup {
  readonly #tools: LookupTools;
  readonly #memo = new LRUCache<string, { readonly answer: VerificationResult; readonly at: number }>({
    maxSize: MEMO_BYTES,
  });

  constructor(tools: LookupTools) {
    this.#tools = tools;
  }

  /** `onProof` is told when something was proved, with what is known by then. Never rejects. */
  async run(
    { repository, image, signers }: LookupRequest,
    signal: AbortSignal,
    effort: ReadBudget,
    onProof: (tally: ResultCollector) => void,
  ): Promise<ResultCollector> {
    const tally = new ResultCollector();
    const contents = new Set<string>();
    const asking = `${placeKey(repository, image.digest)}\n${signers.map(({ key }) => key).join("\n")}`;

    const visit = async (found: CandidateDescriptor): Promise<void> => {
      if (contents.size >= LIMITS.proofs) return tally.passOver();
      const answer = await this.#examine(found, `${found.id}\n${asking}`, { image, signers }, signal, tally);
      if (answer === undefined) return;
      if (answer.status === "malformed") return tally.broken(answer.message);
      // The limit counts what was signed, and not how often it lies in the registry: only its owner can sign anything else.
      if (answer.content !== undefined) contents.add(answer.content);
      await Promise.all(
        signers.map(async (signer) => {
          const verdict = answer.verdicts.get(signer.key);
          if (verdict === undefined) return;
          if (verdict.status === "refused") return tally.refuse(signer.key, verdict.refusal);
          await this.#settle(verdict, signer, tally, signal);
        }),
      );
      if ([...answer.verdicts.values()].some(({ status }) => status === "proved")) onProof(tally);
    };

    await search(
      { repository, digest: image.digest, effort, signal },
      { visit, trouble: (trouble) => tally.trouble(trouble), broken: (message) => tally.broken(message) },
    );
    return tally;
  }

  async #examine(
    found: CandidateDescriptor,
    key: string,
    { image, signers }: Pick<LookupRequest, "image" | "signers">,
    signal: AbortSignal,
    tally: ResultCollector,
  ): Promise<VerificationResult | undefined> {
    const { examiner, clock } = this.#tools;
    const now = clock();
    const known = this.#memo.get(key);
    if (known !== undefined && younger(known.at, now, MEMO_TIME) && isInForce(known.answer, now)) return known.answer;
    const loaded = await found.load();
    if (loaded.status === "unavailable") tally.trouble(loaded);
    if (loaded.status === "gone") tally.gone();
    if (loaded.status === "broken") tally.broken(loaded.message);
    if (loaded.status !== "loaded") return undefined;
    const answer = await examiner.examine({ candidate: loaded.candidate, image, signers, now }, signal);
    if (answer.status === "unavailable") {
      const { cause } = answer;
      tally.trouble({ status: "unavailable", cause, message: "a signature could not be checked in time" });
      return undefined;
    }
    this.#memo.set(key, { answer, at: now }, { size: 2 * key.length + sizeOf(answer) });
    return answer;
  }

  /** What bytes and trust have proved counts where nothing of it was revoked, or where the level only logs that. */
  async #settle(proved: Proved, signer: NotationSigner, tally: ResultCollector, signal: AbortSignal): Promise<void> {
    const revocation = await this.#tools.revocations.check(proved, signal);
    if (revocation.status === "good") return tally.prove(signer.key, counted(proved, []));
    // A timestamp whose authority was revoked proves no time; that is always a part of looking at it.
    const check = revocation.of === "timestampAuthority" ? "timestamp" : "revocation";
    if (!enforces(signer.level, check)) return tally.prove(signer.key, counted(proved, [revocation.message]));
    if (revocation.status === "revoked")
      tally.refuse(signer.key, refuse("Untrusted", "revoked", revocation.message).refusal);
    else tally.trouble(revocation, signer.key);
  }
}

const counted = ({ proof, warnings, until }: Proved, more: readonly string[]): Counted => {
  const all = [...warnings, ...more];
  const value: SignatureProof = { ...proof, ...(all.length === 0 ? {} : { warnings: all }) };
  return { proof: value, ...(until === undefined ? {} : { until }) };
};

/** Bytes in memory: most of them are the certificates that a proof rests on. */
const sizeOf = (answer: VerificationResult): number => {
  if (answer.status === "malformed") return 600;
  const chains = [...answer.verdicts.values()].flatMap((verdict) =>
    verdict.status === "proved" ? verdict.revocations.flatMap(({ chain }) => chain) : [],
  );
  return chains.reduce((sum, der) => sum + der.byteLength + 200, 600 + 1_000 * answer.verdicts.size);
};

const isInForce = (answer: VerificationResult, now: number): boolean =>
  answer.status === "malformed" ||
  [...answer.verdicts.values()].every((verdict) => verdict.status === "refused" || now < (verdict.until ?? Infinity));
