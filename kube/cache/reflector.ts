import { createBackoff, type Backoff } from "../../async/backoff.ts";
import { pause } from "../../async/signals.ts";
import type { KubeClient } from "../kubeClient.ts";
import { messageOf } from "../kubeError.ts";
import { metadataOf } from "../object.ts";
import type { Log } from "../log.ts";
import { listPages } from "./listPages.ts";
import { createStore, type Store, type StoreListener } from "./store.ts";
import { TIMING, type ReflectorTiming } from "./timing.ts";
import { watchOnce, type WatchEnd } from "./watchOnce.ts";

export type { ReflectorTiming };

export interface ReflectorOptions<T> {
  /** Name for logs and the metric label, such as `pods`. */
  readonly resource: string;
  readonly client: KubeClient;
  /** Collection, such as `/api/v1/pods`. */
  readonly path: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  /** Objects in a page of a list: fewer for large ones. Default 500. */
  readonly pageSize?: number;
  /** What is kept of an object. Runs on arrival, so that whole objects never pile up. `known` is what was kept of it before. */
  readonly project: (object: unknown, known: T | undefined) => T;
  /** Whether a newer projection says the same to everyone who listens; then it is stored in silence. Default: never. */
  readonly same?: (before: T, after: T) => boolean;
  readonly log: Log;
  /**
   * Says whether the resource's type is truly not there when its list answers 404; then the cache counts as synced and empty,
   * and the type is looked for again every `absentRetry`. Without it a 404 is an error like any other: a restarting API server
   * answers 404 for custom resources until it has read their definitions, which must not pass for "there are none".
   */
  readonly absent?: (signal: AbortSignal) => Promise<boolean>;
  /** Told of every sign of life, in milliseconds since the epoch. */
  readonly onAlive?: (now: number) => void;
  /** Told why it cannot be read, whenever that is another reason than before. */
  readonly onFailed?: (error: unknown) => void;
  readonly timing?: Partial<ReflectorTiming>;
  readonly random?: () => number;
}

const PAGE_SIZE = 500;
/** Watches that fail this often in a row without an event are given up for a fresh list. */
const WATCH_FAILURES = 3;

/**
 * Keeps a collection of the API server in memory, whatever happens to the connection: lists in pages, watches from there with
 * bookmarks, lists again when the server has forgotten (410), replaces a watch that fell silent, and retries everything else
 * with a jittered back-off for ever. What was deleted while it could not watch is seen by the next list.
 */
export class Reflector<T> {
  readonly resource: string;
  readonly store: Store<T>;
  readonly #options: ReflectorOptions<T>;
  readonly #timing: ReflectorTiming;
  readonly #random: () => number;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #synced = false;
  #absent = false;
  /** Ends the watch that is open, for a fresh list. */
  #relist: (() => void) | undefined;
  #refreshing: (() => void)[] = [];
  #lastError: string | undefined;
  /** Milliseconds since the epoch of the last event, bookmark, list or orderly end. */
  lastAlive = 0;
  /** Lists, and watches that were opened: for tests and logs. */
  readonly counts: { lists: number; watches: number; stalls: number } = { lists: 0, watches: 0, stalls: 0 };

  constructor(options: ReflectorOptions<T>) {
    this.resource = options.resource;
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
    this.#random = options.random ?? Math.random;
    this.store = createStore<T>({
      onError: (error, key) =>
        options.log.error(`a listener of ${options.resource} failed`, { key, error: messageOf(error) }),
      ...(options.same === undefined ? {} : { same: options.same }),
    });
  }

  /** Whether one complete list has been read since the start. Stays true: the last known state remains in force. */
  synced(): boolean {
    return this.#synced;
  }

  /** Whether the last list found that the type is not there. */
  absent(): boolean {
    return this.#absent;
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
    if (this.#running !== undefined) return;
    // Else nobody would miss what is never heard of, such as what may not be listed.
    this.#options.onAlive?.(Date.now());
    this.#running = this.#run();
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
    this.#relist?.();
    return promise;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const backoff = createBackoff({
      base: this.#timing.backoffBase,
      limit: this.#timing.backoffLimit,
      random: this.#random,
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
        const end = await this.#follow(version, () => backoff.reset(), signal);
        if (end === "expired" && this.#refreshing.length === 0) await this.#afterExpiry(backoff, signal);
      } catch (error) {
        if (signal.aborted) return;
        const delay = backoff.next();
        this.#failed(error, delay, backoff.failures());
        await pause(delay, signal);
      }
    }
  }

  /**
   * Applies every page at once: it is newer than what is known, and both at a time would cost twice the memory. What no page had is
   * deleted at the end. Gives the version to watch from; undefined where the type is absent.
   */
  async #list(signal: AbortSignal): Promise<string | undefined> {
    const { client, path, fieldSelector, labelSelector, absent, log, resource, pageSize = PAGE_SIZE } = this.#options;
    this.counts.lists += 1;
    // Whoever asks from here on waits for the next list: the first pages of this one may be read already.
    const waiting = this.#refreshing.length;
    const seen = new Set<string>();
    const result = await listPages({
      client,
      path,
      fieldSelector,
      labelSelector,
      pageSize,
      timeout: this.#timing.page,
      onItem: (item, version) => seen.add(this.#put(item, version)),
      // What is learned from here on of an older version would come after what this list says.
      onPage: (version) => {
        this.store.reached(version);
        this.#alive();
      },
      signal,
    });
    if (result.status === "absent") {
      if (absent === undefined || !(await absent(signal))) throw result.error;
      if (!this.#synced) log.info(`${resource} do not exist on this cluster yet`, { path });
      seen.clear();
    } else if (this.#absent) log.info(`${resource} exist now`, { path });
    this.#absent = result.status === "absent";
    const version = result.status === "ok" ? result.version : undefined;
    for (const key of this.store.keys()) if (!seen.has(key)) this.store.delete(key, version);
    this.#synced = true;
    this.#alive();
    // An empty cluster speaks, too: whoever waits for the first state need not know that there is nothing in it.
    this.store.ping();
    for (const resolve of this.#refreshing.splice(0, waiting)) resolve();
    return version;
  }

  /**
   * The list heals a watch whose place is forgotten, and so does the next one: an API server that forgets at once was asked for whole collections
   * without a pause (measured: 100 lists a second of each).
   */
  async #afterExpiry(backoff: Backoff, signal: AbortSignal): Promise<void> {
    const delay = backoff.next();
    const level = backoff.failures() === WATCH_FAILURES + 1 ? "warn" : "debug";
    this.#options.log[level](`the watch of ${this.resource} expires again and again; it is listed with pauses`, {
      failures: backoff.failures(),
      retryMs: Math.round(delay),
    });
    await pause(delay, signal);
  }

  /** Watch after watch from one version on, until only a new list helps. `progress` is told of a watch that did its work for a while. */
  async #follow(version: string, progress: () => void, signal: AbortSignal): Promise<"expired" | "over"> {
    const listedAt = performance.now();
    const { backoffBase, backoffLimit, relist } = this.#timing;
    const backoff = createBackoff({ base: backoffBase, limit: backoffLimit });
    const position = { version };
    while (!signal.aborted && performance.now() - listedAt < relist && this.#refreshing.length === 0) {
      const before = position.version;
      const openedAt = performance.now();
      try {
        const end = await this.#watch(position, signal);
        const long = performance.now() - openedAt >= backoffLimit / 2;
        if (long || (end !== "expired" && position.version !== before)) progress();
        if (end === "expired") return "expired";
        // An API server that ends every watch at once must not be asked in a tight loop.
        const brief = position.version === before && !long;
        if (brief && this.#refreshing.length === 0) await pause(backoff.next(), signal);
        else backoff.reset();
      } catch (error) {
        if (signal.aborted) return "over";
        if (this.#refreshing.length > 0) continue;
        if (position.version !== before) backoff.reset();
        const delay = backoff.next();
        if (backoff.failures() > WATCH_FAILURES) throw error;
        this.#failed(error, delay, backoff.failures());
        await pause(delay, signal);
      }
    }
    return "over";
  }

  async #watch(position: { version: string }, signal: AbortSignal): Promise<WatchEnd> {
    const { client, path, fieldSelector, labelSelector } = this.#options;
    this.counts.watches += 1;
    let spoke = false;
    const relist = new AbortController();
    this.#relist = () => relist.abort(new Error("a fresh list is wanted"));
    const end = await watchOnce({
      client,
      path,
      fieldSelector,
      labelSelector,
      version: position.version,
      // Jittered, so that the watches of replicas do not end together.
      seconds: Math.max(1, Math.round((this.#timing.watch * (0.8 + 0.4 * this.#random())) / 1_000)),
      stall: this.#timing.stall,
      onOpen: () => this.#healthy(),
      onEvent: (type, object) => {
        spoke = true;
        this.#alive();
        this.#apply(type, object);
        const { resourceVersion } = metadataOf(object);
        if (resourceVersion !== "") {
          position.version = resourceVersion;
          this.store.reached(resourceVersion);
        }
      },
      signal: AbortSignal.any([signal, relist.signal]),
    }).finally(() => {
      // Lets go of the signal that joins it with that of the stop, which lives as long as the process.
      relist.abort(new Error("the watch is over"));
    });
    if (end === "stalled") {
      this.counts.stalls += 1;
      // An API server that has just started sends no bookmarks to a watch on which nothing happens (measured with 1.36): that is no news.
      this.#options.log[spoke ? "warn" : "debug"](`the watch of ${this.resource} fell silent and is replaced`, {
        path,
      });
    }
    // An orderly end is a sign of life.
    if (end === "ended") this.#alive();
    return end;
  }

  #apply(type: string, object: unknown): void {
    switch (type) {
      case "ADDED":
      case "MODIFIED":
        this.#put(object, metadataOf(object).resourceVersion);
        return;
      case "DELETED":
        this.store.delete(keyOf(object), metadataOf(object).resourceVersion);
        return;
      case "BOOKMARK":
        return;
      default:
        this.#options.log.warn(`the watch of ${this.resource} sent an unknown event`, { type });
    }
  }

  /** Stores an object; gives its key. One that cannot be read must not take the others with it: what was known of it stays. */
  #put(object: unknown, asOf: string): string {
    const key = keyOf(object);
    try {
      if (key === "") throw new Error("it has no name");
      this.store.set(key, this.#options.project(object, this.store.get(key)), asOf);
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
    if (this.#lastError !== message) this.#options.onFailed?.(error);
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
