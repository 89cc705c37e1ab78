import { AsyncLocalStorage } from "node:async_hooks";
import type { Asker } from "./asker.ts";

/**
 * Those on whose behalf one piece of work is done: one who asks, or all who wait for a shared flight. They come and go while the work stands
 * in a queue, and the one with the best share counts.
 */
export class Party {
  readonly #askers = new Map<Asker, number>();
  /** Parties that all of this one are in, with how many times they are. */
  readonly #above = new Map<Party, number>();
  readonly #listeners = new Set<(asker: Asker) => void>();

  constructor(...askers: readonly Asker[]) {
    for (const asker of askers) this.#add(asker, 1);
  }

  get askers(): Iterable<Asker> {
    return this.#askers.keys();
  }

  /** All of another party, whoever is in it at any time. Gives what takes them out again. */
  join(other: Party): () => void {
    other.#above.set(this, (other.#above.get(this) ?? 0) + 1);
    for (const [asker, times] of other.#askers) this.#add(asker, times);
    let joined = true;
    return () => {
      if (!joined) return;
      joined = false;
      const left = (other.#above.get(this) ?? 0) - 1;
      if (left > 0) other.#above.set(this, left);
      else other.#above.delete(this);
      for (const [asker, times] of other.#askers) this.#add(asker, -times);
    };
  }

  /** Tells of everybody who comes. Gives what ends it. */
  onJoin(listener: (asker: Asker) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** So many times more, or fewer. */
  #add(asker: Asker, times: number): void {
    const before = this.#askers.get(asker) ?? 0;
    const after = before + times;
    if (after > 0) this.#askers.set(asker, after);
    else this.#askers.delete(asker);
    if (before === 0 && after > 0) for (const listener of this.#listeners) listener(asker);
    for (const [party, joined] of this.#above) party.#add(asker, times * joined);
  }
}

const NOBODY = new Party();
const current = new AsyncLocalStorage<Party | Asking>();

/** On whose behalf this runs; nobody's for what the process does for itself. */
export const currentParty = (): Party => {
  const store = current.getStore();
  return store === undefined ? NOBODY : store instanceof Asking ? store.party : store;
};

/** One who asks, made when somebody wants to know who it is: a warm decision stands in no queue, and pays for none. */
export class Asking {
  readonly #make: () => Asker;
  #asker: Asker | undefined;
  #party: Party | undefined;

  constructor(make: () => Asker) {
    this.#make = make;
  }

  get party(): Party {
    if (this.#party !== undefined) return this.#party;
    this.#asker = this.#make();
    this.#party = new Party(this.#asker);
    return this.#party;
  }

  get heldUp(): boolean {
    return this.#asker?.heldUp === true;
  }
}

/** Whose share is used by what this runs for; of several the first one's. */
export const currentTenant = (): string => {
  for (const { tenant } of currentParty().askers) return tenant;
  return "";
};

/** Whether queues of ours took a noticeable part of somebody's time on whose behalf this runs. */
export const wasHeldUp = (): boolean => {
  for (const asker of currentParty().askers) if (asker.heldUp) return true;
  return false;
};

/** Runs work, and all that it starts, on behalf of a party. */
export const onBehalfOf = <T>(party: Party | Asking, work: () => T): T => current.run(party, work);
