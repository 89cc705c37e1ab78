/**
 * The work's result, or a rejection with `message` when the signal fires first: libraries do not all take a signal, and what never
 * ends must not be waited for, nor kept. How the work itself ends is nobody's business then.
 */
export const orAborted = async <T>(work: Promise<T>, signal: AbortSignal, message: string): Promise<T> =>
  new Promise((resolve, reject) => {
    const abort = (): void => reject(new Error(message));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", abort))
      .catch(() => undefined);
  });
