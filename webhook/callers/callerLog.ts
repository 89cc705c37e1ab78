import type { Log } from "../../kube/log.ts";
import type { CallerResult } from "./callerRecord.ts";

/** Milliseconds after which a caller is named again. */
const AGAIN = 60_000;
/** Callers that are named within that time: strangers choose their own names. */
const MOST = 16;
/** Characters of a name that are shown. */
const SHOWN = 200;

export interface LoggedCaller {
  readonly names: readonly string[];
  readonly address: string | undefined;
  readonly result: CallerResult;
  /** Whether it was answered all the same. */
  readonly answered: boolean;
}

/** Names callers in the log, each once a minute. */
export class CallerLog {
  readonly #logger: Log;
  readonly #named = new Set<string>();
  #since = Number.NEGATIVE_INFINITY;

  constructor(logger: Log) {
    this.#logger = logger;
  }

  /** `now` in milliseconds of any clock. */
  tell({ names, address, result, answered }: LoggedCaller, now: number): void {
    if (now - this.#since >= AGAIN || now < this.#since) {
      this.#since = now;
      this.#named.clear();
    }
    // Quoted, because whoever has no proved name may write line ends into it.
    const name = JSON.stringify(names.join(", ")).slice(1, -1).slice(0, SHOWN);
    const key = `${result} ${name === "" ? (address ?? "") : name}`;
    if (this.#named.size >= MOST || this.#named.has(key)) return;
    this.#named.add(key);
    const fields = { caller: name, address, result };
    if (result === "accepted") this.#logger.info("reviews come from", fields);
    else if (answered)
      this.#logger.warn("reviews come from somebody whom --webhook-authentication-action=Enforce would refuse", fields);
    else this.#logger.warn("reviews are refused, because nothing proves that their sender is an API server", fields);
  }
}
