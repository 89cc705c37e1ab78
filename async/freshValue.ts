import { LRUCache } from "lru-cache";
import { SingleFlight } from "./singleFlight.ts";
import { younger } from "./younger.ts";

/** What a load came to. `old`: it failed now, an earlier value stands in. */
export type Loaded<T> =
  | { readonly status: "ok" | "old"; readonly value: T; readonly at: number }
  | { readonly status: "failed"; readonly error?: unknown };

export interface FreshValuesOptions<T> {
  /** Milliseconds that a value is used without loading it again, and that it may stand in for one that cannot be loaded. */
  readonly time: number;
  readonly stale: number;
  /** Bytes of all values, and of one. */
  readonly maxSize: number;
  readonly sizeOf: (value: T) => number;
  readonly clock: () => number;
}

/** Small values that change now and then, loaded when somebody asks: one load however many wait. Never rejects. */
export class FreshValues<T> {
  readonly #options: FreshValuesOptions<T>;
  readonly #values: LRUCache<string, { readonly value: T; readonly at: number }>;
  readonly #flights = new SingleFlight<Loaded<T>>();

  constructor(options: FreshValuesOptions<T>) {
    this.#options = options;
    this.#values = new LRUCache({
      maxSize: options.maxSize,
      sizeCalculation: ({ value }, key) => options.sizeOf(value) + key.length + 200,
    });
  }

  peek(key: string): (Loaded<T> & { readonly status: "ok" }) | undefined {
    const kept = this.#values.get(key);
    return kept !== undefined && younger(kept.at, this.#options.clock(), this.#options.time)
      ? { status: "ok", ...kept }
      : undefined;
  }

  async get(key: string, signal: AbortSignal, load: (signal: AbortSignal) => Promise<T>): Promise<Loaded<T>> {
    return (
      this.peek(key) ??
      this.#flights.run(
        key,
        signal,
        async (flight) => {
          try {
            const value = await load(flight.signal);
            const kept = { value, at: this.#options.clock() };
            this.#values.set(key, kept);
            return { status: "ok", ...kept };
          } catch (error) {
            return this.#old(key, error);
          }
        },
        () => this.#old(key),
      )
    );
  }

  #old(key: string, error?: unknown): Loaded<T> {
    const kept = this.#values.get(key);
    if (kept === undefined || this.#options.clock() - kept.at >= this.#options.stale)
      return error === undefined ? { status: "failed" } : { status: "failed", error };
    return { status: "old", ...kept };
  }
}
