import { createBackoff, type Backoff } from "../../async/backoff.ts";
import { isOfServer, messageOf } from "../kubeError.ts";
import { within } from "../../async/signals.ts";
import { KeyQueue } from "./keyQueue.ts";
import type { Log } from "../log.ts";

export interface WorkQueueOptions {
  /** For logs. */
  readonly name: string;
  /** Keys in hand at one time. */
  readonly concurrency: number;
  /** Does what the key needs now. Rejects where it has to be tried again. */
  readonly process: (key: string, signal: AbortSignal) => Promise<void>;
  readonly log: Log;
  /** Milliseconds; default 200. */
  readonly backoffBase?: number;
  /** Milliseconds; default 30,000. */
  readonly backoffLimit?: number;
  /** Milliseconds that a key rests after it was done, so that what changes all the time is not written all the time; default 0. */
  readonly rest?: number;
}

const BACKOFF_BASE = 200;

/** How a queue ends. */
export interface Ending {
  /** Milliseconds; default 0. */
  readonly patience?: number;
  /** What becomes of the keys that nobody has in hand; default "forgotten". */
  readonly waiting?: "forgotten" | "done";
}

/**
 * Milliseconds that an API server in trouble is left alone at most. Measured with 10,000 keys that wait and 429 for every write: 2,000 requests a
 * second where each key has a pause of its own only, and up to 8,000.
 */
const LONGEST_HOLD = 5_000;

/**
 * Keys that need work, each once however often it is added. A key that is added while it is in hand is done once more afterwards.
 * A failure is tried again with a growing pause, for ever, without holding up other keys; one that is the API server's (`isOfServer`) holds up all
 * of them for a moment, which grows until something succeeds.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #waiting = new KeyQueue();
  /** Keys that failed and wait again: they take turns with the others, or many that fail for ever would keep these waiting. */
  readonly #retrying = new KeyQueue();
  readonly #inHand = new Set<string>();
  readonly #again = new Set<string>();
  readonly #failures = new Map<string, Backoff>();
  readonly #resting = new Map<string, NodeJS.Timeout>();
  readonly #trouble: Backoff;
  #hold: NodeJS.Timeout | undefined;
  #retryNext = false;
  #stop = new AbortController();
  /** How often everything was forgotten: what was taken in hand before is not tried again. */
  #term = 0;
  #idle: (() => void)[] = [];
  #closed = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#trouble = createBackoff({ base: options.backoffBase ?? BACKOFF_BASE, limit: LONGEST_HOLD });
  }

  add(key: string): void {
    if (this.#closed) return;
    if (this.#inHand.has(key)) this.#again.add(key);
    else if (!this.#resting.has(key)) this.#wait(key);
    else this.#again.add(key);
    this.#pump();
  }

  /** Keys that wait, rest or are in hand. */
  size(): number {
    return this.#waiting.size + this.#retrying.size + this.#inHand.size + this.#resting.size;
  }

  /** Resolves when nothing waits and nothing is in hand. */
  async settled(): Promise<void> {
    while (this.size() > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Forgets everything and ends what is in hand; new keys are taken again. */
  clear(): void {
    this.#stop.abort(new Error("the queue was cleared"));
    this.#stop = new AbortController();
    this.forget();
  }

  /**
   * Takes no new keys, and ends for good: what waits is forgotten, or done as well (`waiting: "done"`); for `patience` milliseconds what is in
   * hand may end by itself, then it is aborted.
   */
  async close({ patience = 0, waiting = "forgotten" }: Ending = {}): Promise<void> {
    this.#closed = true;
    if (waiting === "forgotten") this.forget();
    // Nobody comes later.
    this.#release();
    if (patience > 0) await within(this.settled(), { milliseconds: patience }, () => undefined);
    this.clear();
    await this.settled();
  }

  /** Forgets what waits; what is in hand ends by itself, and is not tried again. New keys are taken again. */
  forget(): void {
    this.#term += 1;
    this.#waiting.clear();
    this.#retrying.clear();
    this.#again.clear();
    this.#failures.clear();
    for (const timer of this.#resting.values()) clearTimeout(timer);
    this.#resting.clear();
    this.#tellIdle();
  }

  #wait(key: string): void {
    (this.#failures.has(key) ? this.#retrying : this.#waiting).add(key);
  }

  #take(): string | undefined {
    const [one, other] = this.#retryNext ? [this.#retrying, this.#waiting] : [this.#waiting, this.#retrying];
    this.#retryNext = !this.#retryNext;
    return one.take(() => true) ?? other.take(() => true);
  }

  #pump(): void {
    while (this.#hold === undefined && this.#inHand.size < this.#options.concurrency) {
      const key = this.#take();
      if (key === undefined) return;
      this.#inHand.add(key);
      void this.#work(key, this.#stop.signal);
    }
  }

  /** Never rejects. */
  async #work(key: string, signal: AbortSignal): Promise<void> {
    const term = this.#term;
    let rest = this.#options.rest ?? 0;
    try {
      await this.#options.process(key, signal);
      this.#failures.delete(key);
      this.#trouble.reset();
    } catch (error) {
      if (isOfServer(error)) this.#holdUp();
      if (term === this.#term) {
        rest = this.#failed(key, error);
        this.#again.add(key);
      }
    }
    this.#inHand.delete(key);
    if (term === this.#term && rest > 0) this.#rest(key, rest);
    else if (this.#again.delete(key)) this.#wait(key);
    this.#pump();
    this.#tellIdle();
  }

  /** Nothing is taken in hand for a while; what fails in it was in hand before, and makes it no longer. */
  #holdUp(): void {
    if (this.#closed || this.#hold !== undefined) return;
    this.#hold = setTimeout(() => this.#release(), this.#trouble.next());
  }

  #release(): void {
    clearTimeout(this.#hold);
    this.#hold = undefined;
    this.#pump();
  }

  #failed(key: string, error: unknown): number {
    const { backoffBase = BACKOFF_BASE, backoffLimit = 30_000, name, log } = this.#options;
    let backoff = this.#failures.get(key);
    if (backoff === undefined) {
      backoff = createBackoff({ base: backoffBase, limit: backoffLimit });
      this.#failures.set(key, backoff);
    }
    const delay = backoff.next();
    // The first failures are everyday life: a conflict, a restart.
    const level = backoff.failures() === 4 ? "warn" : "debug";
    log[level](`${name} failed; trying again`, { key, error: messageOf(error), failures: backoff.failures() });
    return delay;
  }

  #rest(key: string, milliseconds: number): void {
    const timer = setTimeout(() => {
      this.#resting.delete(key);
      if (this.#again.delete(key)) this.#wait(key);
      this.#pump();
      this.#tellIdle();
    }, milliseconds);
    this.#resting.set(key, timer);
  }

  #tellIdle(): void {
    if (this.size() > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
}
