import { setTimeout as sleep } from "node:timers/promises";

export interface Patience {
  /** Milliseconds until it gives up; default 10 s. */
  readonly within?: number;
  /** Milliseconds between attempts; default 100. */
  readonly every?: number;
}

/**
 * Asks again and again until `probe` neither throws nor gives `false`, and gives what it gave; so the probe can be a question
 * or an assertion. Rejects with the last failure.
 */
export const eventually = async <T>(
  probe: () => T | Promise<T>,
  { within = 10_000, every = 100 }: Patience = {},
): Promise<T> => {
  const deadline = Date.now() + within;
  for (;;) {
    try {
      const value = await probe();
      if (value !== false) return value;
      if (Date.now() > deadline) throw new Error(`still false after ${within} ms`);
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await sleep(every);
  }
};
