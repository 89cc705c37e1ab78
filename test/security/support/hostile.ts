import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface Hostile extends AsyncDisposable {
  readonly host: string;
}

/** Starts `hostileRegistry.ts`. */
export async function startHostile(): Promise<Hostile> {
  const script = fileURLToPath(new URL("hostileRegistry.ts", import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ["pipe", "pipe", "inherit"] });
  // readline gives one line as the only argument of its event.
  const [host] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return {
    host,
    [Symbol.asyncDispose]: async () => {
      const exited = once(child, "exit");
      child.stdin.end();
      await exited;
    },
  };
}

export interface Watched<T> {
  readonly result: T;
  /** The longest that this thread worked without letting anything else have a turn; milliseconds of CPU, so that a busy machine does not count. */
  readonly longestTurn: number;
  /** Growth of the process while it ran, at its highest; bytes. */
  readonly memory: number;
}

/** Watches the event loop and the memory while work is done. */
export async function watch<T>(work: () => Promise<T>): Promise<Watched<T>> {
  const busy = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  let [longestTurn, most, last, running] = [0, 0, busy(), true];
  let turns = 0;
  const turn = (): void => {
    const now = busy();
    longestTurn = Math.max(longestTurn, now - last);
    turns += 1;
    if (turns % 50 === 0) most = Math.max(most, process.memoryUsage().rss - before);
    last = busy();
    if (running) setImmediate(turn);
  };
  setImmediate(turn);
  try {
    const result = await work();
    return { result, longestTurn, memory: Math.max(most, process.memoryUsage().rss - before) };
  } finally {
    running = false;
  }
}
