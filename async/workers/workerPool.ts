import { Worker } from "node:worker_threads";

export interface WorkerPoolOptions {
  /** The module that a worker runs; it calls `serveJobs`. */
  readonly entry: URL;
  /** Workers at most; they are started when there is work. */
  readonly size: number;
  /** Jobs that may wait; what comes on top is turned away. */
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
  readonly finish: (result: JobResult<A>) => void;
}

interface Seat<Q, A> {
  readonly worker: Worker;
  /** Whether the module has loaded: before that a failure is ours and not the job's. */
  ready: boolean;
  job: Job<Q, A> | undefined;
  timer: NodeJS.Timeout | undefined;
}

/** Milliseconds for a worker's module to load. */
const START_TIME = 30_000;

/**
 * Computation off the event loop: one job at a time for each worker, a bounded queue before them. A worker that dies takes its
 * own job with it and nothing else; the next job starts a new one. Never rejects.
 */
export class WorkerPool<Q, A> {
  readonly #options: WorkerPoolOptions;
  readonly #seats = new Set<Seat<Q, A>>();
  #waiting: Job<Q, A>[] = [];
  #closed = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  run(question: Q, signal: AbortSignal): Promise<JobResult<A>> {
    if (signal.aborted) return Promise.resolve({ status: "aborted" });
    if (this.#closed || this.#waiting.length >= this.#options.queue) return Promise.resolve({ status: "overloaded" });
    return new Promise((resolve) => {
      const abort = (): void => finish({ status: "aborted" });
      const finish = (result: JobResult<A>): void => {
        signal.removeEventListener("abort", abort);
        resolve(result);
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.push({ question, signal, finish });
      this.#dispatch();
    });
  }

  /** Ends the workers; jobs that wait or run are turned away. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { finish } of this.#waiting) finish({ status: "overloaded" });
    this.#waiting = [];
    const seats = [...this.#seats];
    this.#seats.clear();
    for (const seat of seats) settle(seat, { status: "overloaded" });
    await Promise.all(seats.map(({ worker }) => worker.terminate()));
  }

  #dispatch(): void {
    this.#waiting = this.#waiting.filter(({ signal }) => !signal.aborted);
    while (this.#waiting.length > 0) {
      const seat = [...this.#seats].find(({ job }) => job === undefined) ?? this.#start();
      if (seat === undefined) return;
      const job = this.#waiting.shift();
      if (job === undefined) return;
      seat.job = job;
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
    const seat: Seat<Q, A> = { worker, ready: false, job: undefined, timer: undefined };
    this.#seats.add(seat);
    worker.on("message", (message: WorkerMessage<A>) => {
      if (message.type === "ready") {
        seat.ready = true;
        this.#time(seat);
        return;
      }
      worker.unref();
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
    void seat.worker.terminate();
    if (seat.ready) settle(seat, { status: "crashed", ...(overtime ? { overtime: true } : {}) });
    else {
      // A module that does not load would be started again for every job that waits.
      settle(seat, { status: "overloaded" });
      for (const { finish } of this.#waiting) finish({ status: "overloaded" });
      this.#waiting = [];
    }
    this.#dispatch();
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
