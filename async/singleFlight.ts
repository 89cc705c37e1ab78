/** One piece of work that several callers wait for. */
export interface Flight<Failed = unknown> {
  /** Fires when nobody waits any more. */
  readonly signal: AbortSignal;
  /** The newest failed attempt: what a caller is told whose time is over while the work is still retrying. */
  last?: Failed;
}

interface Entry<T, Failed> {
  readonly flight: Flight<Failed>;
  readonly controller: AbortController;
  readonly result: Promise<T>;
  waiting: number;
}

/**
 * Work under the same key is done once, however many ask. Each caller leaves when its own signal fires, without disturbing
 * the others; the work is aborted when the last one has left.
 */
export class SingleFlight<T, Failed = unknown> {
  readonly #flights = new Map<string, Entry<T, Failed>>();

  /** `gaveUp` is the answer for a caller that leaves early. Rejects only where `work` does. */
  run(
    key: string,
    signal: AbortSignal,
    work: (flight: Flight<Failed>) => Promise<T>,
    gaveUp: (flight: Flight<Failed>) => T,
  ): Promise<T> {
    if (signal.aborted) return Promise.resolve(gaveUp({ signal }));
    const entry = this.#flights.get(key) ?? this.#start(key, work);
    entry.waiting += 1;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        signal.removeEventListener("abort", abort);
        entry.waiting -= 1;
      };
      const abort = (): void => {
        leave();
        resolve(gaveUp(entry.flight));
        if (entry.waiting > 0) return;
        // Whoever comes next starts afresh: this one is dying.
        if (this.#flights.get(key) === entry) this.#flights.delete(key);
        entry.controller.abort();
      };
      signal.addEventListener("abort", abort, { once: true });
      entry.result.then(
        (value) => {
          leave();
          resolve(value);
        },
        (error: unknown) => {
          leave();
          reject(error instanceof Error ? error : new Error("work failed", { cause: error }));
        },
      );
    });
  }

  #start(key: string, work: (flight: Flight<Failed>) => Promise<T>): Entry<T, Failed> {
    const controller = new AbortController();
    const flight: Flight<Failed> = { signal: controller.signal };
    const entry: Entry<T, Failed> = { flight, controller, waiting: 0, result: work(flight) };
    this.#flights.set(key, entry);
    const done = (): void => {
      if (this.#flights.get(key) === entry) this.#flights.delete(key);
    };
    // Each waiter hears of a rejection itself.
    entry.result.catch(() => undefined).finally(done);
    return entry;
  }
}
