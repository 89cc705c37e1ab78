import { fork, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ChildAnswer, ChildSetup } from "./child.ts";

/** A server in a process of its own. */
export interface ServerUnderTest {
  readonly port: number;
  /** Microseconds of CPU so far. */
  readonly cpu: () => Promise<number>;
  readonly stop: () => void;
}

/** Starts a server's file in a child process, on one CPU where the machine has `taskset`. `environment` of Node in it. */
export const startUnderTest = async (
  file: string,
  setup: ChildSetup,
  environment: Readonly<Record<string, string>> = {},
): Promise<ServerUnderTest> => {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...process.env, ...environment },
  });
  pin(child);
  const port = await ask(child, setup, (answer) => (answer.type === "listening" ? answer.port : undefined));
  return {
    port,
    cpu: () => ask(child, "cpu", (answer) => (answer.type === "cpu" ? answer.microseconds : undefined)),
    stop: () => child.disconnect(),
  };
};

/** All servers on the same CPU: two of one machine need not be alike. Where that cannot be had they are still treated alike. */
const pin = ({ pid }: ChildProcess): void => {
  spawnSync("taskset", ["--all-tasks", "--cpu-list", "--pid", "1", String(pid)], { stdio: "ignore" });
};

const ask = async <T>(
  child: ChildProcess,
  message: ChildSetup | "cpu",
  pick: (answer: ChildAnswer) => T | undefined,
): Promise<T> => {
  child.send(message);
  for (;;) {
    // Whatever the child sends is a ChildAnswer.
    const [answer] = (await once(child, "message")) as [ChildAnswer];
    const picked = pick(answer);
    if (picked !== undefined) return picked;
  }
};
