import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Cluster } from "../harness/cluster.ts";
import { OPERATOR_NAMESPACE } from "./operatorUnderTest.ts";

const MAIN = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));

/** The operator as a process of its own, which can be killed. */
export interface OperatorProcess {
  readonly child: ChildProcess;
  /** What it has logged so far. */
  readonly output: () => string;
  readonly kill: (signal: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT") => void;
  /** Resolves with the exit code when it is gone. */
  readonly gone: () => Promise<number | null>;
}

/** Times that make tests short; a flag that is given replaces the one here. */
const DEFAULTS = [
  `--namespace=${OPERATOR_NAMESPACE}`,
  "--webhook-host=127.0.0.1",
  "--webhook-port=0",
  "--metrics-host=127.0.0.1",
  "--metrics-port=off",
  "--manage-webhooks=false",
  "--audit-interval=2s",
  "--lease-duration=3s",
  "--lease-renew-deadline=2s",
  "--lease-retry=1s",
  "--log-format=text",
] as const;

const nameOf = (flag: string): string => flag.split("=")[0] ?? flag;

export function spawnOperator(cluster: Cluster, ...flags: readonly string[]): OperatorProcess {
  const given = new Set(flags.map(nameOf));
  const child = spawn(
    process.execPath,
    [
      MAIN,
      "operator",
      `--kubeconfig=${cluster.kubeconfig}`,
      ...DEFAULTS.filter((flag) => !given.has(nameOf(flag))),
      ...flags,
    ],
    { stdio: ["ignore", "pipe", "pipe"], env: { PATH: process.env["PATH"] } },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  const closed = once(child, "close");
  return {
    child,
    output: () => output,
    kill: (signal) => void child.kill(signal),
    gone: async () => ((await closed) as [number | null])[0],
  };
}
