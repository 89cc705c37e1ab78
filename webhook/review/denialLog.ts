import type { Log } from "../../kube/log.ts";
import type { OnDenied } from "./denial.ts";

/** Milliseconds in which lines are counted. */
const WINDOW = 1_000;
/** Lines in that time, all together and for one namespace: a controller that tries in vain must not hide everybody else. */
const MOST = 200;
const MOST_OF_ONE = 20;

/** A line `denied` for each denial; of more than anybody reads, how many there were. */
export const createDenialLog = (logger: Log): OnDenied => {
  const lines = new Map<string, number>();
  let told = 0;
  let untold = 0;
  let timer: NodeJS.Timeout | undefined;
  const next = (): void => {
    timer = undefined;
    if (untold > 0) logger.warn("more denials than are logged one by one", { count: untold });
    lines.clear();
    told = 0;
    untold = 0;
  };
  return (denial) => {
    if (!logger.isLevelEnabled("info")) return;
    timer ??= setTimeout(next, WINDOW).unref();
    const ofOne = lines.get(denial.namespace) ?? 0;
    if (told >= MOST || ofOne >= MOST_OF_ONE) {
      untold += 1;
      return;
    }
    told += 1;
    lines.set(denial.namespace, ofOne + 1);
    logger.info("denied", { ...denial });
  };
};
