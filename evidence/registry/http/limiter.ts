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

/**
 * Bytes of bodies that are being read, for each key and in total: many slow answers at once do not add up to all memory. A body whose size
 * is known waits for its room among those of its key; the total counts only what has come, so that no key can hold it by promises. Nor
 * by content that drips: a key may have as much as is left, so whoever has few registries of his own leaves room for everybody's.
 */
export class BufferBudget {
  readonly #perKey: number;
  readonly #total: number;
  readonly #used = new Map<string, number>();
  readonly #come = new Map<string, number>();
  #sum = 0;
  #waiting: { readonly key: string; readonly bytes: number; readonly grant: () => void }[] = [];

  constructor(perKey: number, total: number) {
    this.#perKey = perKey;
    this.#total = total;
  }

  /**
   * Room for a body whose size is known, when there is some: whoever may push ten large signatures must not make everything else in that
   * registry unavailable. First come, first served for each key. false: there will never be room, or the signal fired.
   */
  async reserve(key: string, bytes: number, signal: AbortSignal): Promise<boolean> {
    if (bytes > this.#perKey || signal.aborted) return false;
    if (!this.#waiting.some((one) => one.key === key) && this.#hold(key, bytes)) return true;
    return new Promise((resolve) => {
      const grant = (): void => {
        signal.removeEventListener("abort", leave);
        resolve(true);
      };
      const one = { key, bytes, grant };
      const leave = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== one);
        resolve(false);
        // It may have been the one that the others of its key stood behind.
        this.#admit();
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(one);
    });
  }

  /** Bytes that have come; for a key that reserved them (`reserved`) only the total is asked. false: they do not fit now. */
  take(key: string, bytes: number, reserved: boolean = false): boolean {
    const come = (this.#come.get(key) ?? 0) + bytes;
    if (come > this.#total - this.#sum || (!reserved && !this.#hold(key, bytes))) return false;
    this.#come.set(key, come);
    this.#sum += bytes;
    return true;
  }

  /** Gives back what was taken, and what was reserved for it. */
  release(key: string, taken: number, reserved: number = taken): void {
    lower(this.#used, key, reserved);
    lower(this.#come, key, taken);
    this.#sum -= taken;
    if (this.#waiting.length > 0) this.#admit();
  }

  #hold(key: string, bytes: number): boolean {
    const used = (this.#used.get(key) ?? 0) + bytes;
    if (used > this.#perKey) return false;
    this.#used.set(key, used);
    return true;
  }

  #admit(): void {
    const behind = new Set<string>();
    this.#waiting = this.#waiting.filter(({ key, bytes, grant }) => {
      if (behind.has(key) || !this.#hold(key, bytes)) {
        behind.add(key);
        return true;
      }
      grant();
      return false;
    });
  }
}

function lower(counts: Map<string, number>, key: string, by: number): void {
  const left = (counts.get(key) ?? 0) - by;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
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
