/** The right to write, which ends by itself (`leaderElector.ts`). */
export interface Leadership {
  /** Whether this process may write now. Asked right before every write. */
  readonly mayWrite: () => boolean;
}

/**
 * Milliseconds for one write. Shorter than the time between the end of a lease's renewals and its expiry (5 s by default), so that a
 * write that was begun in time cannot arrive after another process has taken over.
 */
export const WRITE_TIMEOUT = 4_000;

/** A write was not made because the right to it had ended. */
export class NotLeadingError extends Error {
  override readonly name = "NotLeadingError";

  constructor() {
    super("another operator may be leading");
  }
}
