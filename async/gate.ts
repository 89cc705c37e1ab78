/** Lets so many pieces of work run at a time; `run` returns once one was let in, so that a producer cannot run ahead. */
export class Gate {
  readonly #places: number;
  readonly #running = new Set<Promise<void>>();

  constructor(places: number) {
    this.#places = places;
  }

  /** `work` never rejects. */
  async run(work: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#places) await Promise.race(this.#running);
    const running = work().finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Resolves when nothing runs any more. */
  async empty(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}
