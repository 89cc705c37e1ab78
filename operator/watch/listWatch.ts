import { metadataOf, asList, asObject, asText } from "../kube/object.ts";
import { KubeError, messageOf } from "../kube/kubeError.ts";
import { statusError, type KubeClient } from "../kube/kubeClient.ts";
import { createBackoff, pause } from "../kube/backoff.ts";
import type { Log } from "../log.ts";
import { jsonLines } from "./jsonLines.ts";
import { createStore, type Store, type StoreListener } from "./store.ts";

export interface ListWatchOptions<T> {
  /** Name for logs and the metric label, such as `pods`. */
  readonly resource: string;
  readonly client: KubeClient;
  /** Collection, such as `/api/v1/pods`. */
  readonly path: string;
  readonly fieldSelector?: string;
  /** Objects in a page of a list: fewer for large ones. Default 500. */
  readonly pageSize?: number;
  /** What is kept of an object. Runs on arrival, so that whole objects never pile up. `known` is what was kept of it before. */
  readonly project: (object: unknown, known: T | undefined) => T;
  /** Whether a newer projection says the same to everyone who listens; then it is stored in silence. Default: never. */
  readonly same?: (before: T, after: T) => boolean;
  /** Whether an object is older than what is known, where writes put their results into the store. Default: never. */
  readonly outdated?: (known: T, late: T) => boolean;
  readonly log: Log;
  /**
   * Says whether the resource's type is truly not there when its list answers 404; then the cache counts as synced and empty,
   * and the type is looked for again every `absentRetry`. Without it a 404 is an error like any other: a restarting API server
   * answers 404 for custom resources until it has read their definitions, which must not pass for "there are none".
   */
  readonly absent?: (signal: AbortSignal) => Promise<boolean>;
  /** Told of every sign of life, in milliseconds since the epoch. */
  readonly onAlive?: (now: number) => void;
  readonly timing?: Partial<ListWatchTiming>;
  readonly random?: () => number;
}

/** Milliseconds each. */
export interface ListWatchTiming {
  readonly backoffBase: number;
  readonly backoffLimit: number;
  /** A watch without an event or bookmark for so long is replaced. The API server sends bookmarks about every minute. */
  readonly stall: number;
  /** How long the API server is asked to keep one watch. */
  readonly watch: number;
  /** For one page of a list. */
  readonly page: number;
  /** Everything is listed anew this often, so that nothing lost stays lost. */
  readonly relist: number;
  readonly absentRetry: number;
}

const TIMING: ListWatchTiming = {
  backoffBase: 250,
  backoffLimit: 20_000,
  stall: 90_000,
  watch: 300_000,
  page: 60_000,
  relist: 3_600_000,
  absentRetry: 10_000,
};

const PAGE_SIZE = 500;
/**
 * Pages of larger objects hold fewer of them: what is parsed then dies young (measured with 150,000 pods of 6 KiB: 300 MiB less memory at
 * the peak), and no page holds the event loop for long.
 */
const PAGE_BYTES = 1024 * 1024;
const SMALLEST_PAGE = 20;
/** Watches that fail this often in a row without an event are given up for a fresh list. */
const WATCH_FAILURES = 3;

/** How one watch came to its end. */
type WatchEnd = "ended" | "stalled" | "expired" | "aged";

/**
 * Keeps a collection of the API server in memory, whatever happens to the connection: lists in pages, watches from there with
 * bookmarks, lists again when the server has forgotten (410), replaces a watch that fell silent, and retries everything else
 * with a jittered back-off for ever. What was deleted while it could not watch is seen by the next list.
 */
export class ListWatch<T> {
  readonly resource: string;
  readonly store: Store<T>;
  readonly #options: ListWatchOptions<T>;
  readonly #timing: ListWatchTiming;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #synced = false;
  #wake: (() => void) | undefined;
  #refreshing: (() => void)[] = [];
  /** Milliseconds since the epoch of the last event, bookmark, list or orderly end. */
  lastAlive = 0;
  /** Lists, and watches that were opened: for tests and logs. */
  readonly counts: { lists: number; watches: number; stalls: number } = { lists: 0, watches: 0, stalls: 0 };
  #lastError: string | undefined;

  constructor(options: ListWatchOptions<T>) {
    this.resource = options.resource;
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
    this.store = createStore<T>({
      onError: (error, key) =>
        options.log.error(`a listener of ${options.resource} failed`, { key, error: messageOf(error) }),
      ...(options.same === undefined ? {} : { same: options.same }),
      ...(options.outdated === undefined ? {} : { outdated: options.outdated }),
    });
  }

  /** Whether one complete list has been read since the start. Stays true: the last known state remains in force. */
  synced(): boolean {
    return this.#synced;
  }

  /** What went wrong last, while it is still wrong. */
  lastError(): string | undefined {
    return this.#lastError;
  }

  onChange(listener: StoreListener<T>): () => void {
    return this.store.onChange(listener);
  }

  /** Called after every change, and when a list is complete. */
  onPing(listener: () => void): () => void {
    return this.store.onPing(listener);
  }

  /** Resolves when the first list is complete; never, where it is stopped before. */
  async untilSynced(): Promise<void> {
    while (!this.#synced) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const forget = this.onPing(resolve);
      await promise;
      forget();
    }
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error("stopped"));
    await this.#running;
    for (const resolve of this.#refreshing.splice(0)) resolve();
  }

  /** Has everything listed anew, because what is kept of objects has changed. Resolves when such a list is complete, or at the stop. */
  refresh(): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#refreshing.push(resolve);
    this.#wake?.();
    return promise;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const backoff = createBackoff({
      base: this.#timing.backoffBase,
      limit: this.#timing.backoffLimit,
      ...(this.#options.random === undefined ? {} : { random: this.#options.random }),
    });
    while (!signal.aborted) {
      try {
        const version = await this.#list(signal);
        if (version === undefined) {
          backoff.reset();
          await pause(this.#timing.absentRetry, signal);
          continue;
        }
        this.#healthy();
        await this.#follow(version, () => backoff.reset(), signal);
      } catch (error) {
        if (signal.aborted) return;
        const delay = backoff.next();
        this.#failed(error, delay, backoff.failures());
        await pause(delay, signal);
      }
    }
  }

  /** Watch after watch from one version on, until only a new list helps. */
  async #follow(version: string, progress: () => void, signal: AbortSignal): Promise<void> {
    const listedAt = performance.now();
    const backoff = createBackoff({ base: this.#timing.backoffBase, limit: this.#timing.backoffLimit });
    const position = { version };
    while (!signal.aborted) {
      if (performance.now() - listedAt > this.#timing.relist || this.#refreshing.length > 0) return;
      const before = position.version;
      const openedAt = performance.now();
      try {
        const end = await this.#watch(position, signal);
        if (signal.aborted || end === "expired" || end === "aged") return;
        progress();
        // An API server that ends every watch at once must not be asked in a tight loop.
        if (position.version === before && performance.now() - openedAt < this.#timing.backoffLimit / 2) {
          await pause(backoff.next(), signal);
        } else {
          backoff.reset();
        }
      } catch (error) {
        if (signal.aborted) return;
        if (position.version !== before) backoff.reset();
        const delay = backoff.next();
        if (backoff.failures() > WATCH_FAILURES) throw error;
        this.#failed(error, delay, backoff.failures());
        await pause(delay, signal);
      }
    }
  }

  /**
   * Reads every page and applies it at once: a page is newer than what is known, and both at a time would cost twice the memory.
   * What no page had is deleted at the end. Gives the version to watch from; undefined where the type is absent.
   */
  async #list(signal: AbortSignal): Promise<string | undefined> {
    const { client, path, fieldSelector, absent, log, resource } = this.#options;
    this.counts.lists += 1;
    // Whoever asks from here on waits for the next list: the first pages of this one may be read already.
    const waiting = this.#refreshing.length;
    const seen = new Set<string>();
    let next: string | undefined;
    const pageSize = this.#options.pageSize ?? PAGE_SIZE;
    let limit = pageSize;
    let version = "";
    do {
      const response = await client.request("GET", path, {
        query: { limit: String(limit), continue: next, fieldSelector },
        signal,
        timeout: this.#timing.page,
      });
      if (response.status === 404 && absent !== undefined && (await absent(signal))) {
        if (!this.#synced) log.info(`${resource} do not exist on this cluster yet`, { path });
        this.#complete(new Set(), waiting);
        return undefined;
      }
      if (response.status !== 200) throw statusError("list", path, response);
      const list = asObject(response.body);
      const metadata = asObject(list["metadata"]);
      if (!Array.isArray(list["items"])) throw new KubeError("malformed", `list ${path}: the answer has no items`);
      for (const item of asList(list["items"])) seen.add(this.#put(item));
      next = asText(metadata["continue"]) || undefined;
      version = asText(metadata["resourceVersion"]);
      const average = response.size / Math.max(1, asList(list["items"]).length);
      limit = Math.min(pageSize, Math.max(SMALLEST_PAGE, Math.floor(PAGE_BYTES / average)));
      this.#alive();
    } while (next !== undefined);
    if (version === "") throw new KubeError("malformed", `list ${path}: the answer has no resourceVersion`);
    this.#complete(seen, waiting);
    return version;
  }

  #complete(seen: ReadonlySet<string>, waiting: number): void {
    for (const key of this.store.keys()) if (!seen.has(key)) this.store.delete(key);
    this.#synced = true;
    this.#alive();
    // An empty cluster speaks, too: whoever waits for the first state need not know that there is nothing in it.
    this.store.ping();
    for (const resolve of this.#refreshing.splice(0, waiting)) resolve();
  }

  async #watch(position: { version: string }, signal: AbortSignal): Promise<WatchEnd> {
    const { client, path, fieldSelector } = this.#options;
    this.counts.watches += 1;
    const ended = new AbortController();
    let end: WatchEnd = "ended";
    const finish = (why: WatchEnd): void => {
      end = why;
      ended.abort(new Error(`watch ${why}`));
    };
    const stall = setTimeout(() => finish("stalled"), this.#timing.stall);
    const random = this.#options.random ?? Math.random;
    const seconds = Math.max(1, Math.round((this.#timing.watch * (0.8 + 0.4 * random())) / 1000));
    this.#wake = () => finish("aged");
    try {
      const stream = await client.open(
        path,
        {
          watch: "true",
          allowWatchBookmarks: "true",
          resourceVersion: position.version,
          timeoutSeconds: String(seconds),
          ...(fieldSelector === undefined ? {} : { fieldSelector }),
        },
        AbortSignal.any([signal, ended.signal]),
      );
      if (stream.status === 410) {
        await drain(stream.body);
        return "expired";
      }
      if (stream.status !== 200) {
        throw statusError("watch", path, { status: stream.status, body: await firstLine(stream.body) });
      }
      this.#healthy();
      for await (const line of jsonLines(stream.body)) {
        stall.refresh();
        const event = asObject(line);
        const type = asText(event["type"]);
        if (type === "ERROR") {
          const status = asObject(event["object"]);
          const code = typeof status["code"] === "number" ? status["code"] : 500;
          if (code === 410) return "expired";
          throw statusError("watch", path, { status: code, body: status });
        }
        this.#alive();
        this.#apply(type, event["object"]);
        const { resourceVersion } = metadataOf(event["object"]);
        if (resourceVersion !== "") position.version = resourceVersion;
      }
      // The server closed it in order: a sign of life.
      this.#alive();
      return end;
    } catch (error) {
      if (signal.aborted || !ended.signal.aborted) throw error;
      // Set by `finish`, which the compiler cannot see.
      if ((end as WatchEnd) === "stalled") {
        this.counts.stalls += 1;
        this.#options.log.warn(`the watch of ${this.resource} fell silent and is replaced`, { path });
      }
      return end;
    } finally {
      clearTimeout(stall);
      this.#wake = undefined;
      ended.abort(new Error("done"));
    }
  }

  #apply(type: string, object: unknown): void {
    switch (type) {
      case "ADDED":
      case "MODIFIED":
        this.#put(object);
        return;
      case "DELETED":
        this.store.delete(keyOf(object));
        return;
      case "BOOKMARK":
        return;
      default:
        this.#options.log.warn(`the watch of ${this.resource} sent an unknown event`, { type });
    }
  }

  /** Stores an object; gives its key. One that cannot be read must not take the others with it: what was known of it stays. */
  #put(object: unknown): string {
    const key = keyOf(object);
    try {
      if (key === "") throw new Error("it has no name");
      this.store.set(key, this.#options.project(object, this.store.get(key)));
    } catch (error) {
      this.#options.log.error(`an object of ${this.resource} could not be read`, { key, error: messageOf(error) });
    }
    return key;
  }

  #alive(): void {
    this.lastAlive = Date.now();
    this.#options.onAlive?.(this.lastAlive);
  }

  #healthy(): void {
    if (this.#lastError === undefined) return;
    this.#lastError = undefined;
    this.#options.log.info(`${this.resource} are watched again`);
  }

  #failed(error: unknown, delay: number, failures: number): void {
    const message = messageOf(error);
    const level = this.#lastError === message ? "debug" : "warn";
    this.#lastError = message;
    this.#options.log[level](`${this.resource} cannot be watched; trying again`, {
      error: message,
      failures,
      retryMs: Math.round(delay),
    });
  }
}

/** `namespace/name`, or the name of what has no namespace. */
export function keyOf(object: unknown): string {
  const { namespace, name } = metadataOf(object);
  // Joined and not concatenated: the string is kept for each of 150,000 pods, and a rope takes 50 bytes more than a flat one.
  return namespace === "" ? name : [namespace, name].join("/");
}

async function drain(body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of body) {
    // Read to the end, so that the connection can be used again.
  }
}

async function firstLine(body: AsyncIterable<Uint8Array>): Promise<unknown> {
  try {
    for await (const line of jsonLines(body)) return line;
  } catch {
    // An error page; the status says enough.
  }
  return undefined;
}
