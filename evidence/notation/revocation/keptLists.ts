import { LRUCache } from "lru-cache";
import { SingleFlight } from "../../../async/singleFlight.ts";
import { younger } from "../../../async/younger.ts";
import type { UnavailableCause } from "../../../policy/facts/outcome.ts";
import type { RevocationFetcher } from "./fetcher.ts";

export type List =
  /** `kept`: not fetched for this question. */
  | { readonly status: "fetched"; readonly bytes: Buffer; readonly kept: boolean }
  | { readonly status: "failed"; readonly cause: UnavailableCause; readonly lasting: boolean };

/** Public lists are below 16 MiB (notation-core-go measured the same). */
const LIST_BYTES = 16 * 1024 * 1024;
const KEPT_BYTES = 48 * 1024 * 1024;
const FETCH_TIME = 5_000;
/** A list that was fetched is used so long; whether it still holds is decided where it is read. */
const FRESH = 3_600_000;
/** Lists that do not arrive are not asked for by everybody again and again. */
const RETRY = 5_000;

/** Lists of revoked certificates by their address, as bytes: nothing of them is believed yet. */
export class KeptLists {
  readonly #fetcher: RevocationFetcher;
  readonly #clock: () => number;
  readonly #kept = new LRUCache<string, { readonly list: List; readonly at: number }>({ maxSize: KEPT_BYTES });
  readonly #flights = new SingleFlight<List>();

  constructor(fetcher: RevocationFetcher, clock: () => number) {
    this.#fetcher = fetcher;
    this.#clock = clock;
  }

  /** `fresh`: what is kept would not do. Never rejects. */
  async get(url: string, fresh: boolean, signal: AbortSignal): Promise<List> {
    const kept = this.#kept.get(url);
    if (kept !== undefined && !fresh) {
      const time = kept.list.status === "fetched" ? FRESH : RETRY;
      if (younger(kept.at, this.#clock(), time)) return kept.list;
    }
    return this.#flights.run(
      url,
      signal,
      async (flight) => {
        const list = await this.#fetcher.fetch({ url, limit: LIST_BYTES, time: FETCH_TIME }, flight.signal);
        if (flight.signal.aborted) return LATE;
        const at = this.#clock();
        const size = 2 * url.length + 200 + (list.status === "fetched" ? list.bytes.length : 0);
        const found: List = list.status === "fetched" ? { ...list, kept: false } : list;
        this.#kept.set(url, { list: list.status === "fetched" ? { ...list, kept: true } : list, at }, { size });
        return found;
      },
      () => LATE,
    );
  }
}

const LATE: List = { status: "failed", cause: "timeout", lasting: false };
