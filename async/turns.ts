import type { Maybe } from "./maybe.ts";

/** Work in steps, between which others may have their turn; its value comes last. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Runs work at once where it is short, and in slices where it is long. */
export interface Turns {
  readonly run: <T>(steps: Steps<T>) => Maybe<T>;
  /** The same in slices only, behind all that waits: for work of which several may come in one turn of the event loop. */
  readonly queue: <T>(steps: Steps<T>) => Promise<T>;
}

/** Milliseconds of one piece of work between two turns of the event loop, in which requests arrive and are answered. */
const SLICE_MS = 5;

/**
 * However much long work there is, one slice of it is done in a turn of the event loop, each piece of work in its order: a hundred
 * objects that take a second each must not hold everybody else for as long as a hundred slices.
 *
 * @param now milliseconds that only grow.
 */
export function createTurns(now: () => number = () => performance.now(), slice: number = SLICE_MS): Turns {
  const waiting: (() => void)[] = [];
  let scheduled = false;
  const schedule = (): void => {
    if (scheduled || waiting.length === 0) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      waiting.shift()?.();
      schedule();
    });
  };
  const wait = (work: () => void): void => {
    waiting.push(work);
    schedule();
  };
  const queue = <T>(steps: Steps<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const work = (): void => {
        try {
          const result = goOn(steps, now, slice);
          if (result.done) resolve(result.value);
          else wait(work);
        } catch (error) {
          reject(error instanceof Error ? error : new Error("thrown without an Error", { cause: error }));
        }
      };
      wait(work);
    });
  return {
    run: (steps) => {
      const first = goOn(steps, now, slice);
      return first.done ? first.value : queue(steps);
    },
    queue,
  };
}

function goOn<T>(steps: Steps<T>, now: () => number, slice: number): { done: true; value: T } | { done: false } {
  const end = now() + slice;
  for (;;) {
    const step = steps.next();
    if (step.done === true) return { done: true, value: step.value };
    if (now() >= end) return { done: false };
  }
}
