export interface BackoffOptions {
  /** Milliseconds before the first retry. */
  readonly base: number;
  /** Milliseconds that no wait exceeds. */
  readonly limit: number;
  /** From 0 to below 1; for tests. */
  readonly random?: () => number;
}

/** Counts failures and says how long to wait after each. */
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
      failures += 1;
      return backoffAfter(failures, { base, limit, random });
    },
    reset: () => {
      failures = 0;
    },
    failures: () => failures,
  };
}

/**
 * Milliseconds to wait after so many failures in a row: doubled every time, and jittered so that replicas do not come back together. Half is
 * fixed, so that a retry never comes at once.
 */
export function backoffAfter(failures: number, { base, limit, random = Math.random }: BackoffOptions): number {
  const ceiling = Math.min(limit, base * 2 ** Math.min(failures - 1, 20));
  return ceiling / 2 + random() * (ceiling / 2);
}
