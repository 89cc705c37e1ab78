import type { PackedScan } from "./formats/packedScan.ts";
import { unpackScan } from "./formats/packedScan.ts";
import { broken } from "./formats/parsedScan.ts";
import { readScansHere, type ReadScans, type ScanQuestion, type ScanRead } from "./formats/readScans.ts";
import { late } from "../registry/failure.ts";
import { WorkerPool } from "../../async/workers/workerPool.ts";

export interface ScanReader extends ReadScans {
  readonly close: () => Promise<void>;
}

export interface ScanReaderOptions {
  /** 0: everything in place, as the CLI does for one image. */
  readonly workers: number;
}

/** JSON of this size is parsed and put in order in 1 ms, which is what a turn through a worker costs. */
const MOST_HERE = 64 * 1024;
/** Reports that wait; the statements that they are read from are held by whoever asks. */
const QUEUE = 64;
/** Milliseconds. 10 MiB take 0.3 s; a report that takes ten times that is made for it. */
const JOB_TIME = 5_000;
/** Megabytes. A statement has at most a million values (`sigstore/verify/parseObject.ts`), which take 60 MiB beside its text of up to 24. */
const MEMORY = 256;

/** Reads reports: small ones in place, large ones in workers, so that no report holds up another image's verdict. */
export const createScanReader = ({ workers }: ScanReaderOptions): ScanReader => {
  if (workers === 0) return { ...readScansHere, close: async () => undefined };
  // A bundler makes JavaScript of both modules, side by side.
  const name = `./scanWorker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`;
  const pool = new WorkerPool<ScanQuestion, readonly PackedScan[]>({
    entry: new URL(name, import.meta.url),
    size: workers,
    queue: QUEUE,
    jobTime: JOB_TIME,
    memory: MEMORY,
  });

  const inWorker = async (question: ScanQuestion, signal: AbortSignal): Promise<readonly ScanRead[]> => {
    const result = await pool.runTwice(question, signal);
    switch (result.status) {
      case "done":
        return Promise.all(result.value.map(unpackScan));
      case "crashed":
        return [broken("scan report that could not be read within its limits")];
      case "overloaded":
        return [{ status: "unavailable", cause: "overloaded", message: "too many scan reports wait to be read" }];
      case "aborted":
        return [late("the scan report was not read in time")];
    }
  };
  const one = async (question: ScanQuestion, signal: AbortSignal): Promise<ScanRead> => {
    const [read] = await inWorker(question, signal);
    return read ?? broken("scan report that could not be read");
  };

  return {
    text: (text, signal) =>
      text.length <= MOST_HERE ? readScansHere.text(text, signal) : one({ type: "text", text }, signal),
    list: (text, signal) =>
      text.length <= MOST_HERE ? readScansHere.list(text, signal) : inWorker({ type: "list", text }, signal),
    statement: (statement, signal) => {
      const { predicateType, text } = statement;
      return text === undefined || text.length <= MOST_HERE
        ? readScansHere.statement(statement, signal)
        : one({ type: "statement", predicateType, text }, signal);
    },
    close: () => pool.close(),
  };
};
