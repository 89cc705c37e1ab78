import { within } from "../../async/signals.ts";

/** Milliseconds. Requests that start within one step share a signal: a timer and an AbortController for each cost more than a warm decision may. */
const STEP = 50;

/** Hands out AbortSignals that fire after a time, one for all who ask within 50 ms for the same time. */
export class Deadlines {
  readonly #signals = new Map<number, { readonly signal: AbortSignal; readonly timer: NodeJS.Timeout }>();

  /** A signal that fires `milliseconds` from now, or up to 50 ms sooner, with a TimeoutError as its reason. */
  after(milliseconds: number): AbortSignal {
    const due = Math.floor((performance.now() + milliseconds) / STEP);
    return (this.#signals.get(due) ?? this.#start(due)).signal;
  }

  /** Lets the process end; signals that are still out never fire. */
  close(): void {
    for (const { timer } of this.#signals.values()) clearTimeout(timer);
    this.#signals.clear();
  }

  #start(due: number): { readonly signal: AbortSignal; readonly timer: NodeJS.Timeout } {
    const controller = new AbortController();
    const timer = setTimeout(
      () => {
        this.#signals.delete(due);
        controller.abort(new DOMException("the deadline of the admission request has passed", "TimeoutError"));
      },
      Math.max(0, due * STEP - performance.now()),
    );
    timer.unref();
    const entry = { signal: controller.signal, timer };
    this.#signals.set(due, entry);
    return entry;
  }
}

/** What was asked for did not come in time, although it promised to. */
export class OverdueError extends Error {
  override readonly name = "OverdueError";
}

/**
 * `promise`, but no later than `grace` milliseconds after `signal` fires: then an OverdueError. Whoever is asked has the
 * signal too and answers by itself; the grace is for that answer, the error for a bug.
 */
export const untilOverdue = <T>(promise: Promise<T>, signal: AbortSignal, grace: number): Promise<T> =>
  within(promise, { signal, milliseconds: grace }, () => {
    throw new OverdueError("no answer by the deadline");
  });

/** The API server sends the same URL with every request of one configuration. */
const known = new Map<string, number | undefined>();
const MOST_KNOWN = 64;

/**
 * The time that a request has, in milliseconds: ours, or less where the API server says in the query (`?timeout=5s`,
 * from the configuration's `timeoutSeconds`) that it will not wait so long. A fifth of it is left for the way back.
 */
export const timeFor = (url: string, own: number): number => {
  if (!known.has(url)) {
    if (known.size >= MOST_KNOWN) known.clear();
    const seconds = /[?&]timeout=(\d{1,4})s(?:&|$)/.exec(url)?.[1];
    known.set(url, seconds === undefined ? undefined : Number(seconds) * 800);
  }
  return Math.min(own, known.get(url) ?? own);
};
