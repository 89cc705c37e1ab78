import type { VerificationResult, VerificationRequest } from "./verifyCandidate.ts";
import { kindOf } from "../find/candidate.ts";
import { verifyCandidate } from "./verifyCandidate.ts";
import { wasHeldUp } from "../../../async/shares/party.ts";
import { WorkerPool } from "../../../async/workers/workerPool.ts";

/** An answer, or why the question could not be put to anybody. */
export type Verification =
  | VerificationResult
  | { readonly status: "unavailable"; readonly cause: "overloaded" | "timeout" };

/** Examines candidates: small ones with bare keys in place, certificate chains and large ones in workers. Never rejects. */
export interface CandidateVerifier {
  readonly examine: (question: VerificationRequest, signal: AbortSignal) => VerificationResult | Promise<Verification>;
  readonly close: () => Promise<void>;
}

export interface CandidateVerifierOptions {
  /** 0: everything in place, as the CLI does for one image. */
  readonly workers: number;
}

/** A P-256 check takes 0.1 ms and a P-521 one 2 ms; sending a question to a worker about 0.1 ms. */
const MOST_KEYS_HERE = 8;
const MOST_BYTES_HERE = 64 * 1024;
const QUEUE = 4096;
const JOB_TIME = 5_000;
/** More than any candidate can need; see the bounds in `parseObject.ts`. */
const MEMORY = 512;

export const createCandidateVerifier = ({ workers }: CandidateVerifierOptions): CandidateVerifier => {
  // A bundler makes JavaScript of both modules, side by side.
  const name = `./proofWorker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`;
  const pool = new WorkerPool<VerificationRequest, VerificationResult>({
    entry: new URL(name, import.meta.url),
    size: workers,
    queue: QUEUE,
    jobTime: JOB_TIME,
    memory: MEMORY,
  });

  const inWorker = async (question: VerificationRequest, signal: AbortSignal): Promise<Verification> => {
    const result = await pool.runTwice(question, signal);
    switch (result.status) {
      case "done":
        return result.value;
      case "crashed":
        return {
          status: "malformed",
          kind: kindOf(question.candidate.type),
          message: "could not be examined within its limits",
          genuine: true,
        };
      case "overloaded":
        return { status: "unavailable", cause: "overloaded" };
      case "aborted":
        return { status: "unavailable", cause: wasHeldUp() ? "overloaded" : "timeout" };
    }
  };

  return {
    examine: (question, signal) =>
      workers === 0 || isLight(question) ? verifyCandidate(question) : inWorker(question, signal),
    close: () => pool.close(),
  };
};

const isLight = ({ candidate, signers }: VerificationRequest): boolean =>
  candidate.bytes.byteLength <= MOST_BYTES_HERE &&
  signers.every(({ type }) => type === "key") &&
  signers.reduce((sum, signer) => sum + (signer.type === "key" ? signer.keys.length : 0), 0) <= MOST_KEYS_HERE;
