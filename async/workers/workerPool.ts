import { Worker } from "node:worker_threads";
import { FairQueue } from "../shares/fairQueue.ts";
import { currentParty } from "../shares/party.ts";
import { Spent } from "../shares/spent.ts";
import { standIn } from "../shares/standIn.ts";

export interface WorkerPoolOptions {
  /** The module that a worker runs; it calls `serveJobs`. */
  readonly entry: URL;
  /** Workers at most; they are started when there is work. */
  readonly size: number;
  /** Jobs that may wait; of more, those are turned away whose tenant has the most there. */
  readonly queue: number;
  /** Milliseconds for one job, after which its worker is ended. */
  readonly jobTime: number;
  /** Megabytes of heap for one worker. No fence: Node ends the process where a worker outruns it, so jobs have to be bounded. */
  readonly memory: number;
}

export type JobResult<A> =
  | { readonly status: "done"; readonly value: A }
  /** The queue is full, the pool is closed, or workers cannot be started. */
  | { readonly status: "overloaded" }
  /** The job ended its worker: by a crash or by memory, or (`overtime`) by taking too long. */
  | { readonly status: "crashed"; readonly overtime?: true }
  /** The caller's signal fired first. */
  | { readonly status: "aborted" };

interface Job<Q, A> {
  readonly question: Q;
  readonly signal: AbortSignal;
  /** A worker takes it: from now on it does not wait. */
  readonly begin: () => void;
  readonly finish: (result: JobResult<A>) => void;
}

interface Seat<Q, A> {
  readonly worker: Worker;
  /** Whether the module has loaded: before that a failure is ours and not the job's. */
  ready: boolean;
  job: Job<Q, A> | undefined;
  /** Who has the job's time on his account, and since when; as `performance.now()`. */
  tenant: string;
  since: number;
  timer: NodeJS.Timeout | undefined;
}

/** Milliseconds for a worker's module to load. */
const START_TIME = 30_000;

/**
 * Computation off the event loop: one job at a time for each worker, a bounded queue before them, in which the tenant comes first whose jobs
 * took the least time lately. A worker that dies takes its own job with it and nothing else; the next job starts a new one. Never rejects.
 */
export class WorkerPool<Q, A> {
  readonly #options: WorkerPoolOptions;
  readonly #seats = new Set<Seat<Q, A>>();
  readonly #waiting = new FairQueue<Job<Q, A>>();
  readonly #spent = new Spent();
  #closed = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  run(question: Q, signal: AbortSignal): Promise<JobResult<A>> {
    if (signal.aborted) return Promise.resolve({ status: "aborted" });
    if (this.#closed) return Promise.resolve({ status: "overloaded" });
    const party = currentParty();
    return new Promise((resolve) => {
      let stop = (): void => undefined;
      const abort = (): void => {
        this.#waiting.remove(job);
        job.finish({ status: "aborted" });
      };
      const job: Job<Q, A> = {
        question,
        signal,
        begin: () => stop(),
        finish: (result) => {
          stop();
          signal.removeEventListener("abort", abort);
          resolve(result);
        },
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.push(job, party);
      this.#dispatch();
      if (this.#waiting.size > this.#options.queue) this.#waiting.shed()?.finish({ status: "overloaded" });
      if (this.#waiting.has(job)) stop = standIn(party);
    });
  }

  /**
   * As `run`, and once more where the worker crashed: it may have died of something else; what ends two of them is the question itself. One
   * that took too long would take as long again, past the deadline, and then it would be nobody's fault.
   */
  async runTwice(question: Q, signal: AbortSignal): Promise<JobResult<A>> {
    const result = await this.run(question, signal);
    return result.status === "crashed" && result.overtime !== true ? this.run(question, signal) : result;
  }

  /** Ends the workers; jobs that wait or run are turned away. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#turnAway();
    const seats = [...this.#seats];
    this.#seats.clear();
    for (const seat of seats) settle(seat, { status: "overloaded" });
    await Promise.all(seats.map(({ worker }) => worker.terminate()));
  }

  #dispatch(): void {
    while (this.#waiting.size > 0) {
      const seat = [...this.#seats].find(({ job }) => job === undefined) ?? this.#start();
      if (seat === undefined) return;
      const next = this.#waiting.take(
        (tenant) => this.#spent.of(tenant),
        () => true,
      );
      if (next === undefined) return;
      const { value: job, tenant } = next;
      job.begin();
      seat.job = job;
      seat.tenant = tenant;
      seat.since = performance.now();
      // A busy worker keeps the process alive, an idle one does not.
      seat.worker.ref();
      this.#time(seat);
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      seat.worker.postMessage(job.question);
    }
  }

  #start(): Seat<Q, A> | undefined {
    if (this.#closed || this.#seats.size >= this.#options.size) return undefined;
    const worker = new Worker(this.#options.entry, {
      resourceLimits: { maxOldGenerationSizeMb: this.#options.memory },
    });
    const seat: Seat<Q, A> = { worker, ready: false, job: undefined, tenant: "", since: 0, timer: undefined };
    this.#seats.add(seat);
    worker.on("message", (message: WorkerMessage<A>) => {
      if (message.type === "ready") {
        seat.ready = true;
        this.#time(seat);
        return;
      }
      worker.unref();
      this.#account(seat);
      settle(seat, message.type === "done" ? { status: "done", value: message.value } : { status: "crashed" });
      this.#dispatch();
    });
    worker.on("error", () => this.#lose(seat));
    worker.on("exit", () => this.#lose(seat));
    worker.on("messageerror", () => this.#lose(seat));
    return seat;
  }

  /** A job's time begins when its worker has loaded. */
  #time(seat: Seat<Q, A>): void {
    clearTimeout(seat.timer);
    if (seat.job === undefined) return;
    seat.timer = setTimeout(() => this.#lose(seat, true), seat.ready ? this.#options.jobTime : START_TIME);
    seat.timer.unref();
  }

  #lose(seat: Seat<Q, A>, overtime = false): void {
    if (!this.#seats.delete(seat)) return;
    this.#account(seat);
    void seat.worker.terminate();
    if (seat.ready) settle(seat, { status: "crashed", ...(overtime ? { overtime: true } : {}) });
    else {
      // A module that does not load would be started again for every job that waits.
      settle(seat, { status: "overloaded" });
      this.#turnAway();
    }
    this.#dispatch();
  }

  #turnAway(): void {
    for (const job of this.#waiting.values()) {
      this.#waiting.remove(job);
      job.finish({ status: "overloaded" });
    }
  }

  #account({ tenant, since, job }: Seat<Q, A>): void {
    const now = performance.now();
    if (job !== undefined) this.#spent.add(tenant, now - since, now);
  }
}

const settle = <Q, A>(seat: Seat<Q, A>, result: JobResult<A>): void => {
  clearTimeout(seat.timer);
  const { job } = seat;
  seat.job = undefined;
  job?.finish(result);
};

/** What a worker says. */
export type WorkerMessage<A> =
  | { readonly type: "ready" }
  | { readonly type: "done"; readonly value: A }
  /** The job threw; the worker lives on. */
  | { readonly type: "failed" };
