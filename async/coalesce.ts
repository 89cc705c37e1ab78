/**
 * A consumer that works on one value at a time and, of those that come meanwhile, only on the newest: nothing piles up, and steady churn
 * cannot starve it. Never rejects: `onError` is told, and the next value is worked on.
 */
export interface Coalescing<T> {
  readonly push: (value: T) => void;
  /** Resolves when nothing is worked on and nothing waits. */
  readonly settled: () => Promise<void>;
}

export function coalesce<T>(work: (value: T) => Promise<void>, onError: (error: unknown) => void): Coalescing<T> {
  let waiting: { readonly value: T } | undefined;
  let running: Promise<void> | undefined;

  const run = async (): Promise<void> => {
    while (waiting !== undefined) {
      const { value } = waiting;
      waiting = undefined;
      try {
        await work(value);
      } catch (error) {
        onError(error);
      }
    }
  };

  return {
    push: (value) => {
      waiting = { value };
      running ??= run().finally(() => {
        running = undefined;
      });
    },
    settled: async () => {
      for (let current = running; current !== undefined; current = running) await current;
    },
  };
}
