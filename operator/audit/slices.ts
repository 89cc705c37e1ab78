import { setImmediate as turn } from "node:timers/promises";

/** Milliseconds of work between two turns of the event loop, in which admission requests are answered. */
export const SLICE_MS = 5;

/** Visits every item, with turns of the event loop in between; stops early when `goOn` says no after one of them. */
export async function inSlices<T>(items: Iterable<T>, visit: (item: T) => void, goOn: () => boolean): Promise<void> {
  let end = performance.now() + SLICE_MS;
  for (const item of items) {
    visit(item);
    if (performance.now() < end) continue;
    await turn();
    if (!goOn()) return;
    end = performance.now() + SLICE_MS;
  }
}
