import { setTimeout as wait } from "node:timers/promises";

export interface BackoffOptions {
  /** Milliseconds before the first retry. */
  readonly base: number;
  /** Milliseconds that no wait exceeds. */
  readonly limit: number;
  /** From 0 to below 1; for tests. */
  readonly random?: () => number;
}

/** How long to wait after each failure: doubled every time, and jittered so that replicas do not come back together. */
export interface Backoff {
  /** Milliseconds; counts the failure. */
  readonly next: () => number;
  readonly reset: () => void;
  readonly failures: () => number;
}

export function createBackoff({ base, limit, random = Math.random }: BackoffOptions): Backoff {
  let failures = 0;
  return {
    next: () => {
      const ceiling = Math.min(limit, base * 2 ** Math.min(failures, 20));
      failures += 1;
      // Half is fixed, so that a retry never comes at once.
      return ceiling / 2 + random() * (ceiling / 2);
    },
    reset: () => {
      failures = 0;
    },
    failures: () => failures,
  };
}

/** Waits so many milliseconds, or less: the signal ends the wait early, which is no error. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  try {
    await wait(milliseconds, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
