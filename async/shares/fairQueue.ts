import type { Asker } from "./asker.ts";
import type { Party } from "./party.ts";

interface Entry<T> {
  readonly value: T;
  readonly party: Party;
  /** Where it stands: tenants, and of each the requests. */
  readonly places: Map<string, Set<unknown>>;
  readonly end: () => void;
}

interface Tenant<T> {
  /** In the order of their turns. */
  readonly requests: Map<unknown, Set<Entry<T>>>;
  waiting: number;
}

/** What nobody in particular asked for shares as if it were a tenant of its own. */
const NOBODY = { tenant: "", request: "" };

/**
 * A queue in which everybody waits for himself: tenants come in turn, of a tenant its requests come in turn, and of a request first come,
 * first served. Work that several wait for has all their places, and the best of them counts.
 */
export class FairQueue<T> {
  readonly #tenants = new Map<string, Tenant<T>>();
  readonly #entries = new Map<T, Entry<T>>();

  get size(): number {
    return this.#entries.size;
  }

  has(value: T): boolean {
    return this.#entries.has(value);
  }

  /** Puts a value in line on behalf of a party. A value stands in one line once. */
  push(value: T, party: Party): void {
    const end = party.onJoin((asker) => this.#place(entry, asker));
    const entry: Entry<T> = { value, party, places: new Map(), end };
    this.#entries.set(value, entry);
    let empty = true;
    for (const asker of party.askers) {
      empty = false;
      this.#place(entry, asker);
    }
    if (empty) this.#place(entry, NOBODY);
  }

  remove(value: T): void {
    const entry = this.#entries.get(value);
    if (entry === undefined) return;
    this.#entries.delete(value);
    entry.end();
    for (const [name, requests] of entry.places) {
      const tenant = this.#tenants.get(name);
      if (tenant === undefined) continue;
      tenant.waiting -= 1;
      for (const request of requests) {
        const line = tenant.requests.get(request);
        line?.delete(entry);
        if (line?.size === 0) tenant.requests.delete(request);
      }
      if (tenant.waiting === 0) this.#tenants.delete(name);
    }
  }

  /**
   * Takes the next value out, and says for which tenant. Tenants with the least load come first, of equal ones the one whose turn it is.
   *
   * @param load what a tenant has of it already.
   * @param fits whether the tenant may have this now; where not, the next tenant is looked at.
   */
  take(
    load: (tenant: string) => number,
    fits: (tenant: string, value: T) => boolean,
  ): { readonly value: T; readonly tenant: string } | undefined {
    const names = [...this.#tenants.keys()];
    const ordered =
      names.length < 2 ? names : names.map((name) => ({ name, has: load(name) })).toSorted((a, b) => a.has - b.has);
    for (const one of ordered) {
      const name = typeof one === "string" ? one : one.name;
      const tenant = this.#tenants.get(name);
      const next = tenant?.requests.entries().next().value;
      const entry = next?.[1].values().next().value;
      if (tenant === undefined || next === undefined || entry === undefined || !fits(name, entry.value)) continue;
      const [request, line] = next;
      // Whoever was served stands behind the others from now on.
      tenant.requests.delete(request);
      tenant.requests.set(request, line);
      this.#tenants.delete(name);
      this.#tenants.set(name, tenant);
      this.remove(entry.value);
      return { value: entry.value, tenant: name };
    }
    return undefined;
  }

  /** Takes out whom a full queue turns away: of the tenant with the most, of its longest request, the last that is that tenant's alone. */
  shed(): T | undefined {
    let longest: Tenant<T> | undefined;
    for (const tenant of this.#tenants.values())
      if (longest === undefined || tenant.waiting > longest.waiting) longest = tenant;
    let line: ReadonlySet<Entry<T>> = new Set();
    for (const candidates of longest?.requests.values() ?? []) if (candidates.size > line.size) line = candidates;
    const last = [...line].findLast(({ places }) => places.size === 1) ?? [...line].at(-1);
    if (last === undefined) return undefined;
    this.remove(last.value);
    return last.value;
  }

  /** All that stand in line, in no order. */
  values(): readonly T[] {
    return [...this.#entries.keys()];
  }

  #place(entry: Entry<T>, { tenant: name, request }: Pick<Asker, "tenant" | "request">): void {
    const tenant = this.#tenants.get(name) ?? { requests: new Map<unknown, Set<Entry<T>>>(), waiting: 0 };
    this.#tenants.set(name, tenant);
    const places = entry.places.get(name) ?? new Set();
    if (places.size === 0) tenant.waiting += 1;
    entry.places.set(name, places.add(request));
    const line = tenant.requests.get(request) ?? new Set<Entry<T>>();
    tenant.requests.set(request, line.add(entry));
  }
}
