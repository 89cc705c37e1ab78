/** Tells the user what is going on, in one line. */
export type Report = (line: string) => void;

/** Lines with the seconds since the start before them. */
export const progress = (write: (text: string) => void, now: () => number = () => performance.now()): Report => {
  const start = now();
  return (line) => write(`[${((now() - start) / 1000).toFixed(1).padStart(6)} s] ${line}\n`);
};
