/** A bounded number of requests at once, for each key, first come first served. */
export class Limiter {
  readonly #concurrency: number;
  readonly #waiting: number;
  readonly #lanes = new Map<string, { running: number; queue: (() => void)[] }>();

  /** `waiting`: how many may stand in line for one key; more are turned away. */
  constructor(concurrency: number, waiting: number) {
    this.#concurrency = Math.max(1, concurrency);
    this.#waiting = waiting;
  }

  /** Resolves to a function that gives the place back, or to why there is none. */
  async enter(key: string, signal: AbortSignal): Promise<(() => void) | "full" | "aborted"> {
    if (signal.aborted) return "aborted";
    const lane = this.#lanes.get(key) ?? { running: 0, queue: [] };
    this.#lanes.set(key, lane);
    if (lane.running < this.#concurrency) {
      lane.running += 1;
    } else {
      if (lane.queue.length >= this.#waiting) return "full";
      const place = await new Promise<"place" | "aborted">((resolve) => {
        const take = (): void => {
          signal.removeEventListener("abort", leave);
          resolve("place");
        };
        const leave = (): void => {
          lane.queue.splice(lane.queue.indexOf(take), 1);
          resolve("aborted");
        };
        signal.addEventListener("abort", leave, { once: true });
        lane.queue.push(take);
      });
      if (place === "aborted") return "aborted";
    }
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const next = lane.queue.shift();
      if (next !== undefined) {
        next();
        return;
      }
      lane.running -= 1;
      if (lane.running === 0) this.#lanes.delete(key);
    };
  }
}

/** Bytes of bodies that are being read, for each key and in total: many slow answers at once do not add up to all memory. */
export class BufferBudget {
  readonly #perKey: number;
  readonly #total: number;
  readonly #used = new Map<string, number>();
  #sum = 0;

  constructor(perKey: number, total: number) {
    this.#perKey = perKey;
    this.#total = total;
  }

  /** false: they do not fit now. What was taken is given back by `release`. */
  take(key: string, bytes: number): boolean {
    const used = (this.#used.get(key) ?? 0) + bytes;
    if (used > this.#perKey || this.#sum + bytes > this.#total) return false;
    this.#used.set(key, used);
    this.#sum += bytes;
    return true;
  }

  release(key: string, bytes: number): void {
    const used = (this.#used.get(key) ?? 0) - bytes;
    if (used > 0) this.#used.set(key, used);
    else this.#used.delete(key);
    this.#sum -= bytes;
  }
}

/**
 * Bytes that may be hashed and scanned in one turn of the event loop, all bodies together. A fast registry fills many sockets
 * at once; without a pause one turn took 80 ms with 16 of them (measured). While a body waits, its socket is not read.
 */
export class TurnBudget {
  readonly #bytes: number;
  #spent = 0;
  #next: Promise<void> | undefined;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** undefined: go on; else wait for this first. */
  spend(bytes: number): Promise<void> | undefined {
    this.#spent += bytes;
    this.#next ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#spent = 0;
        this.#next = undefined;
        resolve();
      });
    });
    return this.#spent > this.#bytes ? this.#next : undefined;
  }
}
