import { FairQueue } from "../../../async/shares/fairQueue.ts";
import { currentParty, type Party } from "../../../async/shares/party.ts";
import { standIn } from "../../../async/shares/standIn.ts";

/** Room for one body while it is read. */
export interface Room {
  /** Bytes that have come. false: they do not fit now. */
  readonly take: (bytes: number) => boolean;
  readonly release: () => void;
}

interface Waiting {
  readonly bytes: number;
  readonly grant: (tenant: string) => void;
}

interface Shelf {
  held: number;
  rooms: number;
  readonly of: Map<string, number>;
  readonly queue: FairQueue<Waiting>;
}

/**
 * Bytes of bodies that are being read, for each key and in total: many slow answers at once do not add up to all memory. A body whose size
 * is known waits for its room among those of its key, in fair shares: of each key a quarter is left to others, whatever one tenant reads.
 * The total counts only what has come, so that nobody can hold it by promises. Nor by content that drips: a tenant may have as much as is
 * left, so whoever has few registries of his own leaves room for everybody's.
 */
export class BufferBudget {
  readonly #perKey: number;
  readonly #total: number;
  readonly #shelves = new Map<string, Shelf>();
  readonly #come = new Map<string, number>();
  #sum = 0;

  constructor(perKey: number, total: number) {
    this.#perKey = perKey;
    this.#total = total;
  }

  /**
   * Room for a body whose size is known, when there is some: whoever may push ten large signatures must not make everything else in that
   * registry unavailable. undefined: there will never be room, or the signal fired.
   */
  async reserve(key: string, bytes: number, signal: AbortSignal): Promise<Room | undefined> {
    if (bytes > this.#perKey || signal.aborted) return undefined;
    const shelf = this.#shelf(key);
    const tenant = await this.#turn(shelf, bytes, currentParty(), signal);
    return tenant === undefined ? this.#tidy(key, shelf) : this.#room(key, shelf, tenant.name, bytes);
  }

  /** Room for a body of unknown size, on behalf of a tenant: it has to fit as it comes. */
  open(key: string, tenant: string): Room {
    return this.#room(key, this.#shelf(key), tenant, undefined);
  }

  #shelf(key: string): Shelf {
    const shelf = this.#shelves.get(key) ?? { held: 0, rooms: 0, of: new Map(), queue: new FairQueue() };
    this.#shelves.set(key, shelf);
    return shelf;
  }

  #room(key: string, shelf: Shelf, tenant: string, reserved: number | undefined): Room {
    let taken = 0;
    shelf.rooms += 1;
    return {
      take: (bytes) => {
        if ((this.#come.get(tenant) ?? 0) + bytes > this.#total - this.#sum) return false;
        if (reserved === undefined) {
          if (!this.#fits(shelf, tenant, bytes)) return false;
          this.#hold(shelf, tenant, bytes);
        }
        add(this.#come, tenant, bytes);
        this.#sum += bytes;
        taken += bytes;
        return true;
      },
      release: () => {
        shelf.rooms -= 1;
        this.#hold(shelf, tenant, -(reserved ?? taken));
        add(this.#come, tenant, -taken);
        this.#sum -= taken;
        this.#admit(shelf);
        this.#tidy(key, shelf);
      },
    };
  }

  #turn(
    shelf: Shelf,
    bytes: number,
    party: Party,
    signal: AbortSignal,
  ): Promise<{ readonly name: string } | undefined> {
    return new Promise((resolve) => {
      let stop = (): void => undefined;
      const waiting: Waiting = {
        bytes,
        grant: (name) => {
          signal.removeEventListener("abort", leave);
          stop();
          resolve({ name });
        },
      };
      const leave = (): void => {
        shelf.queue.remove(waiting);
        resolve(undefined);
        stop();
        // It may have been the one that the others of its tenant stood behind.
        this.#admit(shelf);
      };
      shelf.queue.push(waiting, party);
      this.#admit(shelf);
      if (!shelf.queue.has(waiting)) return;
      signal.addEventListener("abort", leave, { once: true });
      stop = standIn(party);
    });
  }

  #admit(shelf: Shelf): void {
    for (;;) {
      const next = shelf.queue.take(
        (tenant) => shelf.of.get(tenant) ?? 0,
        (tenant, { bytes }) => this.#fits(shelf, tenant, bytes),
      );
      if (next === undefined) return;
      this.#hold(shelf, next.tenant, next.value.bytes);
      next.value.grant(next.tenant);
    }
  }

  /** One body of a tenant may be as large as anything; beside another it is bounded by his part. */
  #fits(shelf: Shelf, tenant: string, bytes: number): boolean {
    const has = shelf.of.get(tenant) ?? 0;
    const most = has === 0 ? this.#perKey : this.#perKey - Math.floor(this.#perKey / 4);
    return shelf.held + bytes <= this.#perKey && has + bytes <= most;
  }

  #hold(shelf: Shelf, tenant: string, bytes: number): void {
    shelf.held += bytes;
    add(shelf.of, tenant, bytes);
  }

  #tidy(key: string, shelf: Shelf): undefined {
    if (shelf.rooms === 0 && shelf.queue.size === 0) this.#shelves.delete(key);
    return undefined;
  }
}

function add(counts: Map<string, number>, key: string, bytes: number): void {
  const now = (counts.get(key) ?? 0) + bytes;
  if (now > 0) counts.set(key, now);
  else counts.delete(key);
}
