import { setTimeout as sleep } from "node:timers/promises";
import type { Reach } from "./guardState.ts";

/** Milliseconds after which "reached" is old news. */
const FRESH_MS = 60_000;
/** Milliseconds between two questions while all is well. */
const EVERY_MS = 25_000;
/** One lost packet, or a replica that has just gone, is no outage. */
const PATIENCE = 3;
/** Milliseconds that an API server gets to read a configuration that was just written. */
const LEARNING_MS = 3_000;
const LEARNING_PAUSE_MS = 50;

/** Remembers whether the API server reaches the webhook, and asks again when that is old. */
export class Reachability {
  readonly #ask: () => Promise<Reach>;
  #last: Reach = { status: "unknown", cause: "it was not tried yet" };
  #askedAt = -Infinity;
  #reachedAt = -Infinity;
  #failures = 0;

  constructor(ask: () => Promise<Reach>) {
    this.#ask = ask;
  }

  /** Whether it was reached a moment ago. */
  lately(): boolean {
    return performance.now() - this.#reachedAt < FRESH_MS;
  }

  /** Asks, if the last answer is old or was no good. */
  async look(): Promise<void> {
    if (this.#last.status === "reached" && performance.now() - this.#askedAt < EVERY_MS) return;
    this.#note(await this.#ask());
  }

  /** Asks about a configuration that was just written, until the API server has had time to read it. */
  async learn(signal: AbortSignal): Promise<Reach> {
    const until = performance.now() + LEARNING_MS;
    for (;;) {
      const answer = await this.#ask();
      if (answer.status !== "notAsked" || performance.now() > until || signal.aborted) {
        this.#note(answer);
        return answer;
      }
      await sleep(LEARNING_PAUSE_MS);
    }
  }

  /** What is wrong, once it is certain: several times in a row. Where it could not be tried, nothing is. */
  trouble(): Extract<Reach, { status: "notAsked" | "unreachable" }> | undefined {
    const last = this.#last;
    if (last.status === "reached" || last.status === "unknown") return undefined;
    return this.#failures < PATIENCE ? undefined : last;
  }

  /** Whether another look is due soon. */
  unsettled(): boolean {
    return this.#last.status === "unreachable" || this.#last.status === "notAsked";
  }

  #note(answer: Reach): void {
    this.#askedAt = performance.now();
    // What could not be tried neither proves nor disproves what was seen before.
    if (answer.status === "unknown" && this.#last.status !== "unknown") return;
    this.#last = answer;
    if (answer.status === "reached") this.#reachedAt = this.#askedAt;
    this.#failures = answer.status === "reached" || answer.status === "unknown" ? 0 : this.#failures + 1;
  }
}
