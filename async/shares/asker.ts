import { lagSoFar } from "./lag.ts";

/** A time in which somebody stands in a queue of ours. */
export interface Standing {
  /** As `performance.now()`. */
  readonly since: number;
  /** Whether it is our queue that he waits for: what stands behind a server that says nothing waits for that server. */
  readonly counts: () => boolean;
}

/** Of the time that he has had, the part above which a deadline is over because of our queues. */
const NOTICEABLE = 0.1;

/** Milliseconds: a busy machine is late now and then. */
const LEAST_LAG = 500;

/** Somebody who asks: whose share he waits in, and how long he has stood in queues of ours. */
export class Asker {
  /** Equal tenants share: a namespace, or all audits. */
  readonly tenant: string;
  /** What shares within the tenant: the parts of one request are one. */
  readonly request: unknown;
  readonly #since: number = performance.now();
  readonly #lag: number = lagSoFar();
  readonly #standing = new Set<Standing>();
  #waited = 0;
  #counted = 0;

  constructor(tenant: string, request: unknown) {
    this.tenant = tenant;
    this.request = request;
  }

  stand(standing: Standing): void {
    this.#standing.add(standing);
  }

  /** Stands there no longer. Standing in two queues at once counts once. */
  leave(standing: Standing): void {
    this.#standing.delete(standing);
    if (!standing.counts()) return;
    const now = performance.now();
    this.#waited += Math.max(0, now - Math.max(standing.since, this.#since, this.#counted));
    this.#counted = now;
  }

  /** Whether our queues, or all that we compute, took a noticeable part of his time: what comes too late now came too late because of us. */
  get heldUp(): boolean {
    const now = performance.now();
    const current = [...this.#standing].filter((one) => one.counts()).map((one) => Math.max(one.since, this.#counted));
    const queued = this.#waited + (current.length === 0 ? 0 : now - Math.min(...current));
    // What comes in while something else is computed has come in time, and is seen too late.
    const lag = lagSoFar() - this.#lag;
    const waited = Math.max(queued, lag < LEAST_LAG ? 0 : lag);
    return waited > 0 && waited >= NOTICEABLE * (now - this.#since);
  }
}
