import { setTimeout as sleep } from "node:timers/promises";

/**
 * When waiting ends: with the signal; so many milliseconds from now; or, where both are given, so many milliseconds after the signal, for
 * work that has the signal too and is to answer by itself.
 */
export interface Limit {
  readonly signal?: AbortSignal;
  readonly milliseconds?: number;
  /** false: the timer alone does not keep the process alive. */
  readonly ref?: false;
}

/**
 * The work's result, or what `otherwise` gives or throws when the limit comes first. The work itself goes on, and how it ends is nobody's
 * business then: libraries do not all take a signal, and what never ends must not be waited for, nor kept.
 */
export function within<T, O>(work: Promise<T>, limit: Limit, otherwise: () => O): Promise<T | O> {
  const { signal, milliseconds, ref } = limit;
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const end = (): void => resolve(new Promise((answer) => answer(otherwise())));
    const begin = (): void => {
      if (milliseconds === undefined) end();
      else timer = setTimeout(end, milliseconds);
      if (ref === false) timer?.unref();
    };
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", begin);
      resolve(work);
    };
    work.then(settle, settle);
    if (signal === undefined) begin();
    else if (!signal.aborted) signal.addEventListener("abort", begin, { once: true });
    // What has its result already keeps it.
    else if (milliseconds === undefined) queueMicrotask(end);
    else begin();
  });
}

/** The work's result, or a rejection with `message` when the signal fires first. */
export const orAborted = <T>(work: Promise<T>, signal: AbortSignal, message: string): Promise<T> =>
  within(work, { signal }, () => {
    throw new Error(message);
  });

/** Resolves when the work has ended, well or badly, or when the signal fires. */
export const untilAborted = (work: Promise<unknown>, signal: AbortSignal): Promise<void> => {
  const nothing = (): void => undefined;
  return within(work.then(nothing, nothing), { signal }, nothing);
};

/** Waits so many milliseconds, or less: the signal ends the wait early, which is no error. true: waited to the end. */
export async function pause(
  milliseconds: number,
  signal: AbortSignal,
  { ref = true }: { readonly ref?: boolean } = {},
): Promise<boolean> {
  if (signal.aborted) return false;
  try {
    await sleep(milliseconds, undefined, { signal, ref });
    return true;
  } catch (error) {
    if (!signal.aborted) throw error;
    return false;
  }
}
