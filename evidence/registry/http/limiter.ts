import { FairQueue } from "../../../async/shares/fairQueue.ts";
import { currentParty, type Party } from "../../../async/shares/party.ts";
import { standIn } from "../../../async/shares/standIn.ts";

/** A place among those that may ask at the same time. */
export interface Seat {
  /** Whose share it is taken from. */
  readonly tenant: string;
  /** The server has said something: who waits now waits for his turn, and not for a server that is silent. */
  readonly alive: () => void;
  readonly leave: () => void;
}

interface Lane {
  running: number;
  readonly of: Map<string, number>;
  readonly queue: FairQueue<Waiting>;
  /** As `performance.now()`. */
  lastSign: number;
}

interface Waiting {
  readonly seat: (tenant: string) => void;
  readonly refuse: () => void;
}

/**
 * A bounded number of requests at once, for each key, in fair shares: a tenant waits for himself. Of the places a quarter is left to others,
 * however much one tenant asks, and who has the fewest of them comes next.
 */
export class Limiter {
  readonly #concurrency: number;
  readonly #most: number;
  readonly #waiting: number;
  readonly #ours: boolean;
  readonly #lanes = new Map<string, Lane>();

  /**
   * @param waiting how many may stand in line for one key; of more, those are turned away whose tenant has the most there.
   * @param ours whoever waits waits for others who ask, also where nothing was heard of what they ask: it is no single server.
   */
  constructor(concurrency: number, waiting: number, ours: boolean = false) {
    this.#concurrency = Math.max(1, concurrency);
    this.#most = this.#concurrency - Math.floor(this.#concurrency / 4);
    this.#waiting = waiting;
    this.#ours = ours;
  }

  /** A seat, or why there is none. Whoever waits for one notes that he stood in a queue of ours, unless the server is silent. */
  async enter(key: string, signal: AbortSignal): Promise<Seat | "full" | "aborted"> {
    if (signal.aborted) return "aborted";
    const lane = this.#lanes.get(key) ?? { running: 0, of: new Map(), queue: new FairQueue(), lastSign: -Infinity };
    this.#lanes.set(key, lane);
    const party = currentParty();
    const tenant = await this.#turn(lane, party, signal);
    if (tenant === "full" || tenant === "aborted") {
      this.#tidy(key, lane);
      return tenant;
    }
    let held = true;
    return {
      tenant: tenant.name,
      alive: () => {
        lane.lastSign = performance.now();
      },
      leave: () => {
        if (!held) return;
        held = false;
        lane.running -= 1;
        const left = (lane.of.get(tenant.name) ?? 0) - 1;
        if (left > 0) lane.of.set(tenant.name, left);
        else lane.of.delete(tenant.name);
        this.#dispatch(lane);
        this.#tidy(key, lane);
      },
    };
  }

  #turn(lane: Lane, party: Party, signal: AbortSignal): Promise<{ readonly name: string } | "full" | "aborted"> {
    return new Promise((resolve) => {
      const since = performance.now();
      let stop = (): void => undefined;
      const leave = (): void => {
        lane.queue.remove(waiting);
        resolve("aborted");
        stop();
      };
      const waiting: Waiting = {
        seat: (name) => {
          signal.removeEventListener("abort", leave);
          stop();
          resolve({ name });
        },
        refuse: () => {
          signal.removeEventListener("abort", leave);
          stop();
          resolve("full");
        },
      };
      lane.queue.push(waiting, party);
      this.#dispatch(lane);
      if (!lane.queue.has(waiting)) return;
      if (lane.queue.size > this.#waiting) {
        lane.queue.shed()?.refuse();
        if (!lane.queue.has(waiting)) return;
      }
      signal.addEventListener("abort", leave, { once: true });
      stop = standIn(party, () => this.#ours || lane.lastSign >= since);
    });
  }

  #dispatch(lane: Lane): void {
    while (lane.running < this.#concurrency) {
      const next = lane.queue.take(
        (tenant) => lane.of.get(tenant) ?? 0,
        (tenant) => (lane.of.get(tenant) ?? 0) < this.#most,
      );
      if (next === undefined) return;
      lane.running += 1;
      lane.of.set(next.tenant, (lane.of.get(next.tenant) ?? 0) + 1);
      next.value.seat(next.tenant);
    }
  }

  #tidy(key: string, lane: Lane): void {
    if (lane.running === 0 && lane.queue.size === 0) this.#lanes.delete(key);
  }
}
