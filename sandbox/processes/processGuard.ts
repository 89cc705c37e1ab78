import { spawn, type ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";

/**
 * Sees to it that processes and files of this one do not outlive it, however it ends. Handlers of `exit` and of signals are
 * not enough: they do not run on SIGKILL or an out-of-memory kill.
 */
export class ProcessGuard {
  readonly #process: ChildProcess;

  constructor() {
    this.#process = spawn(process.execPath, [fileURLToPath(new URL("guardMain.ts", import.meta.url))], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
      cwd: "/",
      env: {},
    });
    // A guard that could not start or was killed protects no more; nothing else depends on it.
    this.#process.on("error", () => undefined);
    this.#process.stdin?.on("error", () => undefined);
    this.#process.unref();
    // The standard input of a child is a socket on every platform; its type says Writable.
    (this.#process.stdin as Socket | null)?.unref();
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** From now until it exits, this child (and its process group, where it leads one) dies with us. */
  watch(child: ChildProcess): void {
    const { pid } = child;
    if (pid === undefined) return;
    this.#tell(`+${pid}`);
    child.once("exit", () => this.#tell(`-${pid}`));
  }

  /** Removes this file or folder when we are gone, or when the guard is closed. */
  removeAtEnd(path: string): void {
    this.#tell(`rm ${path}`);
  }

  /** Ends the guard: it kills what still runs, removes what it was told to, and is gone when the promise resolves. */
  async close(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null || this.pid === undefined) return;
    const gone = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.ref();
    this.#process.stdin?.end();
    await gone;
  }

  #tell(line: string): void {
    if (this.#process.stdin?.writable === true) this.#process.stdin.write(`${line}\n`);
  }
}
