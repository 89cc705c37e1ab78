/** Gives a place back; may be called again. */
export type Leave = () => void;

interface Waiting {
  readonly key: string;
  readonly bytes: number;
  readonly grant: () => void;
}

/**
 * Memory that pieces of work share, each from its beginning to its end. Whoever waits comes in by turns: the key that holds the least
 * before the others, so that one with a hundred large pieces holds up the next by one of them.
 */
export class ByteRoom {
  readonly #bytes: number;
  readonly #held = new Map<string, number>();
  #free: number;
  #waiting: Waiting[] = [];

  constructor(bytes: number) {
    this.#bytes = bytes;
    this.#free = bytes;
  }

  /** Resolves when there is room; a piece that is larger than all of it gets all of it. undefined: the signal fired first. */
  async enter(key: string, bytes: number, signal: AbortSignal): Promise<Leave | undefined> {
    if (signal.aborted) return undefined;
    const size = Math.min(bytes, this.#bytes);
    if (this.#waiting.length === 0 && size <= this.#free) return this.#hold(key, size);
    return new Promise((resolve) => {
      const grant = (): void => {
        signal.removeEventListener("abort", leave);
        resolve(this.#hold(key, size));
      };
      const one = { key, bytes: size, grant };
      const leave = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== one);
        resolve(undefined);
        // It may have been the one that the others stood behind.
        this.#admit();
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(one);
    });
  }

  #hold(key: string, bytes: number): Leave {
    this.#free -= bytes;
    this.#held.set(key, this.#of(key) + bytes);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#free += bytes;
      const left = this.#of(key) - bytes;
      if (left > 0) this.#held.set(key, left);
      else this.#held.delete(key);
      this.#admit();
    };
  }

  #of(key: string): number {
    return this.#held.get(key) ?? 0;
  }

  /** The next one waits until it fits, and the others behind it: large ones must not starve. */
  #admit(): void {
    while (this.#waiting.length > 0) {
      const next = this.#waiting.reduce((a, b) => (this.#of(b.key) < this.#of(a.key) ? b : a));
      if (next.bytes > this.#free) return;
      this.#waiting = this.#waiting.filter((one) => one !== next);
      next.grant();
    }
  }
}
