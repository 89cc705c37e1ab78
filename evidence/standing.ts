/**
 * Until when what is gathered stands: the earliest moment at which something that it was made from has to be looked at again. Whoever answers
 * from what is kept says here how long it is kept.
 */
export class Standing {
  #until = Infinity;

  /** Milliseconds since the epoch; -Infinity: it is good for this moment alone. */
  get until(): number {
    return this.#until;
  }

  /** Some of it is good until then. */
  limit(until: number): void {
    // Also where a time is none.
    if (!(until >= this.#until)) this.#until = Number.isNaN(until) ? -Infinity : until;
  }

  /** Some of it may be another at any moment, or is no answer. */
  end(): void {
    this.#until = -Infinity;
  }
}
