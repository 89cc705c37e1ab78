/** Milliseconds between two looks at the clock. */
const STEP = 50;
/** Milliseconds that a timer is late in any case. */
const SLACK = 10;

let total = 0;
let last: number | undefined;

/**
 * Milliseconds that the event loop has been late so far, in all: whoever waited for an answer meanwhile waited for us. Counted from the first
 * call on.
 */
export const lagSoFar = (): number => {
  if (last === undefined) {
    last = performance.now();
    setInterval(look, STEP).unref();
  }
  return total + late(performance.now());
};

const late = (now: number): number => {
  const by = now - (last ?? now) - STEP;
  return by > SLACK ? by : 0;
};

const look = (): void => {
  const now = performance.now();
  total += late(now);
  last = now;
};
