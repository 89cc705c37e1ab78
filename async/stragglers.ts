import { all, type Maybe } from "./maybe.ts";

export interface Patience<I, T> {
  /** Milliseconds that the last ones get when nothing more comes; longer where the others took longer. */
  readonly least: number;
  /** Stands for one that was given up. */
  readonly late: (item: I) => T;
}

/**
 * What `ask` gives of each item, all at once, in their order: one that hangs does not keep those of the others until the caller's own
 * time is over. It is given up when for as long again as the others took nothing came; it goes on, and how it ends is nobody's business.
 * Where none has answered none is given up. Rejects where one does before that. At once where none is a promise.
 */
export function withoutStragglers<I, T>(
  items: readonly I[],
  ask: (item: I) => Maybe<T>,
  { least, late }: Patience<I, T>,
): Maybe<readonly T[]> {
  const parts = items.map((item) => ask(item));
  const whole = all(parts);
  if (!(whole instanceof Promise)) return whole;
  const begun = performance.now();
  const answers = new Map<number, { readonly answer: T }>();
  const { promise: enough, resolve } = Promise.withResolvers<readonly T[]>();
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const giveUp = (): void => resolve(items.map((item, index) => (answers.get(index) ?? { answer: late(item) }).answer));
  for (const [index, part] of parts.entries()) {
    const answered = (answer: T): void => {
      if (ended) return;
      answers.set(index, { answer });
      clearTimeout(timer);
      timer = setTimeout(giveUp, Math.max(least, performance.now() - begun));
    };
    // That it failed, `whole` says.
    Promise.resolve(part).then(answered, () => undefined);
  }
  return Promise.race([whole, enough]).finally(() => {
    ended = true;
    clearTimeout(timer);
  });
}
