import { createBackoff, type Backoff } from "../../async/backoff.ts";
import { pause } from "../../async/signals.ts";
import { messageOf } from "../../kube/kubeError.ts";
import { ConfigurationConflict } from "../configurations/webhookConfigurations.ts";
import type { Log } from "../../kube/log.ts";

export interface RoundsOptions {
  /** Does what there is to do; gives the milliseconds after which there is more, at the latest, and whether it wrote. */
  readonly round: (signal: AbortSignal) => Promise<{ readonly pause: number; readonly wrote: boolean }>;
  /** Milliseconds between rounds that have nothing to do. */
  readonly interval: number;
  readonly logger: Log;
}

/** Writes in a row that are made at once: somebody's change, and the echo of our own. */
const AT_ONCE = 3;
/** Milliseconds. Two that put each other right, such as replicas of two versions, write this seldom in the end: within the 10 s of design.md. */
const LONGEST_REST = 8_000;

/** Rounds that follow each other: at once where something pokes, slower where they fail or where somebody undoes every write. */
export class Rounds {
  readonly #options: RoundsOptions;
  readonly #stopping = new AbortController();
  #wake: () => void = () => undefined;
  #poked = false;
  #running: Promise<void> | undefined;
  readonly #backoff: Backoff;
  #writes = 0;
  #told: string | undefined;

  constructor(options: RoundsOptions) {
    this.#options = options;
    this.#backoff = createBackoff({ base: 1_000, limit: options.interval });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  poke(): void {
    this.#poked = true;
    this.#wake();
  }

  /** Ends after the round in hand. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#poked = false;
      const { next, rest } = await this.#one();
      if (rest > 0) await pause(rest, this.#stopping.signal, { ref: false });
      if (!this.#poked) await this.#pause(next);
    }
  }

  async #one(): Promise<{ readonly next: number; readonly rest: number }> {
    const { round, interval } = this.#options;
    try {
      const { pause: next, wrote } = await round(this.#stopping.signal);
      this.#backoff.reset();
      this.#told = undefined;
      this.#writes = wrote ? this.#writes + 1 : 0;
      const rest = this.#writes <= AT_ONCE ? 0 : Math.min(LONGEST_REST, 500 * 2 ** (this.#writes - AT_ONCE));
      return { next: Math.min(interval, next), rest };
    } catch (error) {
      this.#log(error);
      const next = this.#backoff.next();
      // A conflict is the echo of another replica: the watch tells of its write.
      return { next, rest: error instanceof ConfigurationConflict ? 0 : Math.min(next, 500) };
    }
  }

  /** The same failure is told of once. */
  #log(error: unknown): void {
    const message = messageOf(error);
    const level = error instanceof ConfigurationConflict || message === this.#told ? "debug" : "warn";
    if (!(error instanceof ConfigurationConflict)) this.#told = message;
    this.#options.logger[level]("the webhook could not be installed; it is tried again", { error: message });
  }

  async #pause(milliseconds: number): Promise<void> {
    const waking = new AbortController();
    this.#wake = () => waking.abort();
    if (this.#stopping.signal.aborted) return;
    await pause(milliseconds, waking.signal, { ref: false });
  }
}
