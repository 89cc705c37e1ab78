import { currentParty, onBehalfOf, Party } from "./shares/party.ts";

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
  /** Everybody who waits for it: the one with the best share counts where it stands in a queue. */
  readonly party: Party;
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
    const known = this.#flights.get(key);
    const mine = currentParty();
    // Before the work begins: it may stand in line at once.
    const party = known?.party ?? new Party();
    const part = party.join(mine);
    const entry = known ?? this.#start(key, party, work);
    entry.waiting += 1;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        signal.removeEventListener("abort", abort);
        entry.waiting -= 1;
        part();
      };
      const abort = (): void => {
        leave();
        // An event's listener does not run on behalf of whoever added it.
        resolve(onBehalfOf(mine, () => gaveUp(entry.flight)));
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

  #start(key: string, party: Party, work: (flight: Flight<Failed>) => Promise<T>): Entry<T, Failed> {
    const controller = new AbortController();
    const flight: Flight<Failed> = { signal: controller.signal };
    const result = onBehalfOf(party, () => work(flight));
    const entry: Entry<T, Failed> = { flight, controller, party, waiting: 0, result };
    this.#flights.set(key, entry);
    const done = (): void => {
      if (this.#flights.get(key) === entry) this.#flights.delete(key);
    };
    // Each waiter hears of a rejection itself.
    entry.result.catch(() => undefined).finally(done);
    return entry;
  }
}
