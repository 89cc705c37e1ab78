/**
 * Resolves when the work has ended or the signal fires, whichever is first. The work itself goes on, for the next who asks;
 * its result and its failure are its owner's business.
 */
export const untilAborted = async (work: Promise<unknown>, signal: AbortSignal): Promise<void> => {
  if (signal.aborted) return;
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const abort = (): void => resolve();
  signal.addEventListener("abort", abort, { once: true });
  await Promise.race([aborted, Promise.allSettled([work])]);
  signal.removeEventListener("abort", abort);
};
