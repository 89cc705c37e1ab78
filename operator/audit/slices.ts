import { setImmediate as turn } from "node:timers/promises";

/** Milliseconds of work between two turns of the event loop, in which admission requests are answered. */
export const SLICE_MS = 5;

/**
 * To be asked after every step: nothing while the slice lasts; when it is over, a turn of the event loop to be waited for, with which the next
 * one begins.
 */
export function createSlices(): () => Promise<void> | undefined {
  let end = performance.now() + SLICE_MS;
  return () =>
    performance.now() < end
      ? undefined
      : turn().then(() => {
          end = performance.now() + SLICE_MS;
        });
}

/** Visits every item, with turns of the event loop in between; stops early when `goOn` says no after one of them. */
export async function inSlices<T>(items: Iterable<T>, visit: (item: T) => void, goOn: () => boolean): Promise<void> {
  const rest = createSlices();
  for (const item of items) {
    visit(item);
    const resting = rest();
    if (resting === undefined) continue;
    await resting;
    if (!goOn()) return;
  }
}
