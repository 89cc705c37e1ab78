import { WorkerPool, type JobResult } from "../../../async/workers/workerPool.ts";
import { readList, type ListAnswer, type ListQuestion } from "../revocation/crl.ts";
import { examine, type Answer, type Question } from "./examine.ts";

/** Why a question could be put to nobody. */
interface Unexamined {
  readonly status: "unavailable";
  readonly cause: "overloaded" | "timeout";
}

/** What a worker is sent. */
export type Job =
  | { readonly type: "signature"; readonly question: Question }
  | { readonly type: "list"; readonly question: ListQuestion };

/** Examines signatures and revocation lists in workers. Never rejects. */
export interface NotationExaminer {
  readonly examine: (question: Question, signal: AbortSignal) => Answer | Promise<Answer | Unexamined>;
  readonly readList: (question: ListQuestion, signal: AbortSignal) => ListAnswer | Promise<ListAnswer | Unexamined>;
  readonly close: () => Promise<void>;
}

export interface NotationExaminerOptions {
  /** 0: everything in place, as the CLI does for one image. */
  readonly workers: number;
}

const QUEUE = 4096;
const JOB_TIME = 5_000;
/** More than a candidate of 10 MiB or a list of 16 MiB can need. */
const MEMORY = 512;

export const createNotationExaminer = ({ workers }: NotationExaminerOptions): NotationExaminer => {
  // A bundler makes JavaScript of both modules, side by side.
  const name = `./proofWorker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`;
  const pool = new WorkerPool<Job, Answer | ListAnswer>({
    entry: new URL(name, import.meta.url),
    size: workers,
    queue: QUEUE,
    jobTime: JOB_TIME,
    memory: MEMORY,
  });

  /** A worker answers each job with an answer of its kind. */
  const answer = <A extends Answer | ListAnswer>(
    result: JobResult<Answer | ListAnswer>,
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
        ? examine(question)
        : pool.runTwice({ type: "signature", question }, signal).then((result) => answer<Answer>(result, TOO_MUCH)),
    readList: (question, signal) =>
      workers === 0
        ? readList(question)
        : pool.runTwice({ type: "list", question }, signal).then((result) => answer<ListAnswer>(result, TOO_MUCH)),
    close: () => pool.close(),
  };
};
