import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { killGroup } from "./killGroup.ts";
import type { ProcessGuard } from "./processGuard.ts";
import { within } from "../../async/signals.ts";

export interface ServerOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Its environment; ours by default. */
  readonly env?: NodeJS.ProcessEnv;
  /** Its output is appended here. */
  readonly logFile: string;
  readonly guard: ProcessGuard;
  /** Asked again and again; a rejection is a no. */
  readonly isReady: () => Promise<boolean>;
  /** Milliseconds; default 60 s. */
  readonly startTimeout?: number;
  /** Ends the wait for readiness, and the server with it. */
  readonly signal?: AbortSignal | undefined;
}

/** A server that runs as a child of this process, in a group of its own, so that Ctrl-C in the terminal reaches only us. */
export class ServerProcess {
  /** Resolves when the process is gone, for whatever reason. */
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  readonly #options: ServerOptions;
  #running = true;

  private constructor(options: ServerOptions) {
    this.#options = options;
    const log = openSync(options.logFile, "a");
    this.#child = spawn(options.command, options.args, {
      stdio: ["ignore", log, log],
      detached: true,
      ...(options.env === undefined ? {} : { env: options.env }),
    });
    closeSync(log);
    options.guard.watch(this.#child);
    this.exited = new Promise((resolve) => {
      const end = (): void => {
        this.#running = false;
        resolve();
      };
      this.#child.once("exit", end);
      this.#child.once("error", end);
    });
  }

  /** Starts the server and waits until it is ready. Rejects, with the end of its output, where it is not. */
  static async start(options: ServerOptions): Promise<ServerProcess> {
    const server = new ServerProcess(options);
    try {
      await server.#untilReady();
      return server;
    } catch (cause) {
      await server.stop("SIGKILL");
      throw cause;
    }
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#running;
  }

  /** SIGTERM, and SIGKILL after 5 s; or SIGKILL at once. Resolves when the process is gone. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    if (!this.#running || this.pid === undefined) return;
    killGroup(this.pid, signal);
    const { pid, exited } = this;
    await within(exited, { milliseconds: 5_000, ref: false }, () => killGroup(pid, "SIGKILL"));
    await exited;
  }

  async #untilReady(): Promise<void> {
    const { name, isReady, signal, startTimeout = 60_000 } = this.#options;
    const deadline = Date.now() + startTimeout;
    while (!(await isReady().catch(() => false))) {
      if (!this.#running) throw new Error(`${name} ended before it was ready:\n${this.#lastLines()}`);
      if (Date.now() > deadline) throw new Error(`${name} was not ready in ${startTimeout} ms:\n${this.#lastLines()}`);
      await sleep(100, undefined, { signal });
    }
  }

  #lastLines(): string {
    if (this.pid === undefined) return `${this.#options.command} could not be run`;
    return readFileSync(this.#options.logFile, "utf8").trimEnd().split("\n").slice(-15).join("\n");
  }
}
