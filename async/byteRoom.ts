import { FairQueue } from "./shares/fairQueue.ts";
import { currentParty } from "./shares/party.ts";
import { standIn } from "./shares/standIn.ts";

/** Gives a place back; may be called again. */
export type Leave = () => void;

interface Waiting {
  readonly bytes: number;
  readonly grant: (tenant: string) => void;
}

/**
 * Memory that pieces of work share, each from its beginning to its end. Whoever waits comes in by turns: the tenant that holds the least
 * before the others, so that one with a hundred large pieces holds up the next by one of them.
 */
export class ByteRoom {
  readonly #bytes: number;
  readonly #held = new Map<string, number>();
  readonly #waiting = new FairQueue<Waiting>();
  #free: number;

  constructor(bytes: number) {
    this.#bytes = bytes;
    this.#free = bytes;
  }

  /** Resolves when there is room; a piece that is larger than all of it gets all of it. undefined: the signal fired first. */
  async enter(bytes: number, signal: AbortSignal): Promise<Leave | undefined> {
    if (signal.aborted) return undefined;
    const size = Math.min(bytes, this.#bytes);
    const party = currentParty();
    return new Promise((resolve) => {
      let stop = (): void => undefined;
      const one: Waiting = {
        bytes: size,
        grant: (tenant) => {
          signal.removeEventListener("abort", leave);
          stop();
          resolve(this.#hold(tenant, size));
        },
      };
      const leave = (): void => {
        this.#waiting.remove(one);
        resolve(undefined);
        stop();
        // It may have been the one that the others stood behind.
        this.#admit();
      };
      this.#waiting.push(one, party);
      this.#admit();
      if (!this.#waiting.has(one)) return;
      signal.addEventListener("abort", leave, { once: true });
      stop = standIn(party);
    });
  }

  #hold(tenant: string, bytes: number): Leave {
    this.#free -= bytes;
    this.#held.set(tenant, this.#of(tenant) + bytes);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#free += bytes;
      const left = this.#of(tenant) - bytes;
      if (left > 0) this.#held.set(tenant, left);
      else this.#held.delete(tenant);
      this.#admit();
    };
  }

  #of(tenant: string): number {
    return this.#held.get(tenant) ?? 0;
  }

  /** The next one waits until it fits, and the others behind it: large ones must not starve. */
  #admit(): void {
    for (;;) {
      let behind = false;
      const next = this.#waiting.take(
        (tenant) => this.#of(tenant),
        (_, { bytes }) => {
          const fits = !behind && bytes <= this.#free;
          behind = !fits;
          return fits;
        },
      );
      if (next === undefined) return;
      next.value.grant(next.tenant);
    }
  }
}
