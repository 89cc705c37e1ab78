import { LRUCache } from "lru-cache";
import type { Outcome } from "../../policy/facts/outcome.ts";
import { isOurs } from "../../policy/facts/unavailable.ts";
import { currentTenant } from "../../async/shares/party.ts";
import { SingleFlight } from "../../async/singleFlight.ts";
import { younger } from "../../async/younger.ts";
import type { EvidenceMetrics } from "../metrics.ts";
import {
  type Failure,
  isUnauthorised,
  isUnread,
  late,
  malformed,
  unavailable,
  type RegistryFlight,
  type Unavailable,
} from "./failure.ts";
import type { ReferrersPage } from "./registryClient.ts";
import type { ContentReason, Descriptor } from "./repository.ts";
import type { CacheTimes, RegistryLimits } from "./settings.ts";

type PageOutcome = Outcome<ReferrersPage, ContentReason>;

const fails = (end: Failure): boolean => end.status === "unavailable" && !isOurs(end);

/** One credential's view of one list. */
export interface ListSource {
  readonly key: string;
  /** This credential has proved access: that it finds no list is no refusal in disguise. */
  readonly letIn: boolean;
  /** See `CredentialSource`: others are asked when the registry fails. */
  readonly ofPod?: boolean;
  readonly fetch: (flight: RegistryFlight, page: URL | undefined) => Promise<PageOutcome>;
}

/** A list as far as it was read. Shared by everybody who reads it with the same credential. */
interface List {
  readonly id: number;
  readonly started: number;
  /** The last whole list, while this one has shown nothing yet. */
  previous: List | undefined;
  readonly pages: (readonly Descriptor[])[];
  readonly visited: Set<string>;
  next: URL | undefined;
  /** Of its own pages. */
  bytes: number;
  /** Who reads it now, and whose share it is taken from. */
  readers: number;
  tenant: string;
  /** How it ended: whole, without the API, or broken off. */
  end?: "complete" | Failure | undefined;
}

export interface ReferrerListsOptions {
  /** Of all lists that are kept. */
  readonly bytes: number;
  readonly limits: Pick<RegistryLimits, "pages" | "listBytes" | "allListsBytes">;
  readonly times: CacheTimes;
  readonly metrics: EvidenceMetrics;
  readonly clock: () => number;
}

/**
 * Lists of the referrers API, page by page and only as far as somebody reads. Kept for a short time; a whole list survives
 * it while its refresh is unavailable.
 */
export class ReferrerLists {
  readonly #options: ReferrerListsOptions;
  readonly #lists: LRUCache<string, List>;
  readonly #flights = new SingleFlight<PageOutcome, Unavailable>();
  #count = 0;
  /** Bytes of the lists that somebody reads: the cache's bound does not hold for these. */
  #inHand = 0;
  /** The same by tenant: nobody's lists leave others without room for theirs. */
  readonly #inHandOf = new Map<string, number>();
  /** The last list from before somebody asked to look again. A number and not a time: clocks are set back. */
  #lastOld = 0;

  constructor(options: ReferrerListsOptions) {
    this.#options = options;
    this.#lists = new LRUCache({
      maxSize: options.bytes,
      // Parsed descriptors take about twice their JSON.
      sizeCalculation: (list, key) => 2 * Math.max(list.bytes, list.previous?.bytes ?? 0) + key.length + 500,
    });
  }

  /** From now on lists from before are old. */
  renew(): void {
    this.#lastOld = this.#count;
  }

  /** Pages with the first of these sources that is let in. A missing API has no pages. */
  async *read(
    sources: readonly ListSource[],
    message: string,
    signal: AbortSignal,
  ): AsyncGenerator<Outcome<readonly Descriptor[], ContentReason>> {
    const { metrics } = this.#options;
    let refusal: Failure | undefined;
    let unread: Failure | undefined;
    let outage: Failure | undefined;
    for (const source of sources) {
      const before = this.#lists.get(source.key);
      const list = this.#usable(before) ?? this.#start(source.key, before);
      metrics.cacheRequest("referrers", list === before ? "hit" : "miss");
      let index = 0;
      this.#enter(list);
      try {
        for (; ; index += 1) {
          if (list.pages[index] === undefined && list.end === undefined)
            await this.#advance(source, list, index, message, signal);
          const page = list.pages[index];
          if (page === undefined) break;
          yield { status: "verified", value: page };
        }
      } finally {
        this.#leave(list);
      }
      const end = list.end ?? late(message);
      if (end === "complete") return;
      if (index === 0 && isUnauthorised(end)) {
        refusal ??= end;
        continue;
      }
      if (index === 0 && isUnread(end) && list.previous === undefined) {
        unread ??= end;
        continue;
      }
      if (index === 0 && end.status === "absent" && !source.letIn) continue;
      if (index === 0 && source.ofPod === true && !signal.aborted && fails(end) && list.previous === undefined) {
        outage ??= end;
        continue;
      }
      if (end.status === "absent") return;
      if (end.status === "unavailable") metrics.unavailable("referrers", end.cause);
      if (end.status !== "unavailable" || isOurs(end) || index > 0 || list.previous === undefined) {
        yield end;
        return;
      }
      metrics.cacheRequest("referrers", "stale");
      for (const page of list.previous.pages) yield { status: "verified", value: page };
      return;
    }
    const failed = unread ?? outage ?? refusal;
    if (failed === undefined) return;
    if (failed.status === "unavailable") metrics.unavailable("referrers", failed.cause);
    yield failed;
  }

  #enter(list: List): void {
    list.readers += 1;
    if (list.readers > 1) return;
    list.tenant = currentTenant();
    this.#hold(list.tenant, list.bytes);
  }

  #leave(list: List): void {
    list.readers -= 1;
    if (list.readers === 0) this.#hold(list.tenant, -list.bytes);
  }

  #hold(tenant: string, bytes: number): void {
    this.#inHand += bytes;
    const now = (this.#inHandOf.get(tenant) ?? 0) + bytes;
    if (now > 0) this.#inHandOf.set(tenant, now);
    else this.#inHandOf.delete(tenant);
  }

  /**
   * Why a list does not go on. A tenant's lists may take as much as is left: those of many tenants at once share the room, and what they leave
   * is enough for the short lists that images have.
   */
  #refusal(list: List, size: number): Failure | undefined {
    const { listBytes, allListsBytes } = this.#options.limits;
    const bytes = list.bytes + size;
    if (bytes > listBytes) return malformed(`the list of referrers is larger than ${listBytes} bytes`);
    const ofTenant = (this.#inHandOf.get(list.tenant) ?? 0) + size;
    return Math.max(bytes, ofTenant) > allListsBytes - this.#inHand
      ? unavailable("overloaded", "too many referrers are being read at once")
      : undefined;
  }

  #usable(list: List | undefined): List | undefined {
    if (list === undefined || list.id <= this.#lastOld) return undefined;
    const { end, pages } = list;
    if (end !== undefined && end !== "complete" && end.status !== "absent") return undefined;
    const empty = end !== undefined && pages.every((page) => page.length === 0);
    const { times, clock } = this.#options;
    return younger(list.started, clock(), empty ? times.negative : times.list) ? list : undefined;
  }

  #start(key: string, before: List | undefined): List {
    const { clock, times } = this.#options;
    const whole = before?.end === "complete" ? before : before?.previous;
    const started = clock();
    const survives = whole !== undefined && started - whole.started < times.list + times.stale;
    // Who asked to look again must not be shown what was listed before.
    const previous = survives && whole.id > this.#lastOld ? whole : undefined;
    this.#count += 1;
    const list: List = {
      id: this.#count,
      started,
      previous,
      pages: [],
      visited: new Set(),
      next: undefined,
      bytes: 0,
      readers: 0,
      tenant: "",
    };
    this.#lists.set(key, list);
    return list;
  }

  async #advance(source: ListSource, list: List, index: number, message: string, signal: AbortSignal): Promise<void> {
    const key = `${list.id} ${index}`;
    const outcome = await this.#flights.run(
      key,
      signal,
      async (flight) => this.#fetch(source, list, flight),
      (flight) => flight.last ?? late(message),
    );
    // Whoever left early sees its own end; the list is still being read by the others.
    if (outcome.status === "unavailable" && signal.aborted) return;
    if (list.pages.length > index || list.end !== undefined) return;
    if (outcome.status !== "verified") {
      list.end = outcome;
      return;
    }
    const { descriptors, next, size } = outcome.value;
    list.end = this.#refusal(list, size);
    if (list.end !== undefined) return;
    if (index === 0) list.previous = undefined;
    list.pages.push(descriptors);
    list.bytes += size;
    if (list.readers > 0) this.#hold(list.tenant, size);
    list.next = next;
    if (next === undefined) list.end = "complete";
    else if (list.visited.has(next.href) || list.pages.length >= this.#options.limits.pages) {
      list.end = malformed("the list of referrers has no end");
    } else list.visited.add(next.href);
    this.#lists.set(source.key, list);
  }

  async #fetch(source: ListSource, list: List, flight: RegistryFlight): Promise<PageOutcome> {
    try {
      return await source.fetch(flight, list.next);
    } catch {
      return malformed("the list of referrers could not be read");
    }
  }
}
