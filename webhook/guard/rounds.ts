import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../kube/kubeError.ts";
import { ConfigurationConflict } from "../configurations/webhookConfigurations.ts";
import type { AdmissionLogger } from "../logger.ts";

export interface RoundsOptions {
  /** Does what there is to do; gives the milliseconds after which there is more, at the latest, and whether it wrote. */
  readonly round: (signal: AbortSignal) => Promise<{ readonly pause: number; readonly wrote: boolean }>;
  /** Milliseconds between rounds that have nothing to do. */
  readonly interval: number;
  readonly logger: AdmissionLogger;
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
  #failures = 0;
  #writes = 0;
  #told: string | undefined;

  constructor(options: RoundsOptions) {
    this.#options = options;
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
      const { pause, rest } = await this.#one();
      if (rest > 0) await sleep(rest, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => undefined);
      if (!this.#poked) await this.#pause(pause);
    }
  }

  async #one(): Promise<{ readonly pause: number; readonly rest: number }> {
    const { round, interval } = this.#options;
    try {
      const { pause, wrote } = await round(this.#stopping.signal);
      this.#failures = 0;
      this.#told = undefined;
      this.#writes = wrote ? this.#writes + 1 : 0;
      const rest = this.#writes <= AT_ONCE ? 0 : Math.min(LONGEST_REST, 500 * 2 ** (this.#writes - AT_ONCE));
      return { pause: Math.min(interval, pause), rest };
    } catch (error) {
      this.#failures += 1;
      this.#log(error);
      // Half a second, doubled each time, and never the same for two replicas.
      const pause = Math.min(interval, 500 * 2 ** Math.min(this.#failures, 10)) * (0.5 + Math.random() / 2);
      // A conflict is the echo of another replica: the watch tells of its write.
      return { pause, rest: error instanceof ConfigurationConflict ? 0 : Math.min(pause, 500) };
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
    await sleep(milliseconds, undefined, { signal: waking.signal, ref: false }).catch(() => undefined);
  }
}
