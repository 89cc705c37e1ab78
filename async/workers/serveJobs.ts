import { parentPort } from "node:worker_threads";
import type { WorkerMessage } from "./workerPool.ts";

/** The worker's side of a pool: answers jobs one by one until the process ends it. What the pool sends is what `work` takes. */
export const serveJobs = (work: (question: never) => unknown): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
  const say = (message: WorkerMessage<unknown>): void => parentPort?.postMessage(message);
  parentPort?.on("message", (question: unknown) => {
    try {
      // The pool that started this worker sends nothing else.
      say({ type: "done", value: work(question as never) });
    } catch {
      // Also what cannot be sent back: a statement that nests too deeply for the structured clone.
      say({ type: "failed" });
    }
  });
  say({ type: "ready" });
};
