import { WorkerPool, type JobResult } from "../../../async/workers/workerPool.ts";
import { readList, type ListResult, type ListRequest } from "../revocation/crl.ts";
import { verifyCandidate, type VerificationResult, type VerificationRequest } from "./verifyCandidate.ts";

/** Why a question could be put to nobody. */
interface Unexamined {
  readonly status: "unavailable";
  readonly cause: "overloaded" | "timeout";
}

/** What a worker is sent. */
export type VerificationJob =
  | { readonly type: "signature"; readonly question: VerificationRequest }
  | { readonly type: "list"; readonly question: ListRequest };

/** Examines signatures and revocation lists in workers. Never rejects. */
export interface NotationVerifier {
  readonly examine: (
    question: VerificationRequest,
    signal: AbortSignal,
  ) => VerificationResult | Promise<VerificationResult | Unexamined>;
  readonly readList: (question: ListRequest, signal: AbortSignal) => ListResult | Promise<ListResult | Unexamined>;
  readonly close: () => Promise<void>;
}

export interface NotationVerifierOptions {
  /** 0: everything in place, as the CLI does for one image. */
  readonly workers: number;
}

const QUEUE = 4096;
const JOB_TIME = 5_000;
/** More than a candidate of 10 MiB or a list of 16 MiB can need. */
const MEMORY = 512;

export const createNotationVerifier = ({ workers }: NotationVerifierOptions): NotationVerifier => {
  // A bundler makes JavaScript of both modules, side by side.
  const name = `./proofWorker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`;
  const pool = new WorkerPool<VerificationJob, VerificationResult | ListResult>({
    entry: new URL(name, import.meta.url),
    size: workers,
    queue: QUEUE,
    jobTime: JOB_TIME,
    memory: MEMORY,
  });

  /** A worker answers each job with an answer of its kind. */
  const answer = <A extends VerificationResult | ListResult>(
    result: JobResult<VerificationResult | ListResult>,
    crashed: A,
  ): A | Unexamined => {
    switch (result.status) {
      case "done":
        return result.value as A;
      case "crashed":
        return crashed;
      case "overloaded":
        return { status: "unavailable", cause: "overloaded" };
      case "aborted":
        return { status: "unavailable", cause: "timeout" };
    }
  };

  const TOO_MUCH = { status: "malformed", message: "could not be examined within its limits" } as const;
  return {
    examine: (question, signal) =>
      workers === 0
        ? verifyCandidate(question)
        : pool
            .runTwice({ type: "signature", question }, signal)
            .then((result) => answer<VerificationResult>(result, TOO_MUCH)),
    readList: (question, signal) =>
      workers === 0
        ? readList(question)
        : pool.runTwice({ type: "list", question }, signal).then((result) => answer<ListResult>(result, TOO_MUCH)),
    close: () => pool.close(),
  };
};
