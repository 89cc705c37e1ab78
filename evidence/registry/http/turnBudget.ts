/**
 * Bytes that may be hashed and scanned in one turn of the event loop, all bodies together. A fast registry fills many sockets
 * at once; without a pause one turn took 80 ms with 16 of them (measured). While a body waits, its socket is not read.
 */
export class TurnBudget {
  readonly #bytes: number;
  #spent = 0;
  #next: Promise<void> | undefined;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** undefined: go on; else wait for this first. */
  spend(bytes: number): Promise<void> | undefined {
    this.#spent += bytes;
    this.#next ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#spent = 0;
        this.#next = undefined;
        resolve();
      });
    });
    return this.#spent > this.#bytes ? this.#next : undefined;
  }
}
