/**
 * The work's result, or a rejection with `message` when the signal fires first: libraries do not all take a signal, and what never
 * ends must not be waited for, nor kept. How the work itself ends is nobody's business then.
 */
export const orAborted = async <T>(work: Promise<T>, signal: AbortSignal, message: string): Promise<T> => {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(new Error(message));
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
};
