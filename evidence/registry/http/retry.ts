/** Statuses that say "not now" (RFC 9110, RFC 6585): asking again may help. */
export const isTransient = (status: number): boolean =>
  status === 408 || status === 425 || status === 429 || status >= 500;

/** Milliseconds that a Retry-After header asks for (RFC 9110 section 10.2.3): seconds or a date. */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 2_000;

/** Full jitter: many operators that failed together do not come back together. `attempt` counts from 1. */
export const pause = (attempt: number, random: number): number =>
  Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1)) * (0.5 + random / 2);

/** Sleeps, or ends early with the signal; true: slept through. */
export async function sleep(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener("abort", abort);
      resolve(true);
    };
    const timer = setTimeout(done, milliseconds);
    const abort = (): void => {
      clearTimeout(timer);
      resolve(false);
    };
    signal.addEventListener("abort", abort, { once: true });
  });
}
