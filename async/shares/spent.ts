/** Milliseconds in which what was spent counts half: long against one job, short against a day. */
const HALF_LIFE = 10_000;

/** What each tenant has spent of something lately: who has spent the least comes first. */
export class Spent {
  readonly #of = new Map<string, number>();
  #at = 0;

  /** `now` as `performance.now()`. */
  add(tenant: string, amount: number, now: number): void {
    const faded = 2 ** (-(now - this.#at) / HALF_LIFE);
    this.#at = now;
    for (const [name, spent] of this.#of) {
      if (spent * faded < 1) this.#of.delete(name);
      else this.#of.set(name, spent * faded);
    }
    this.#of.set(tenant, (this.#of.get(tenant) ?? 0) + amount);
  }

  /** All fade alike, so that they can be compared at any time. */
  of(tenant: string): number {
    return this.#of.get(tenant) ?? 0;
  }
}
