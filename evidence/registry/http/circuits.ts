import { LRUCache } from "lru-cache";

interface Circuit {
  /** As references name it. */
  readonly registry: string;
  /** As `performance.now()`: until then nobody asks. */
  readonly until: number;
  /** Somebody asks whether the host is there again; the others do not wait for him. */
  probing: boolean;
}

/** Whoever may create pods may name hosts that are nowhere: the oldest is forgotten, which costs one more attempt. */
const MOST = 1_000;

/** What somebody who asks is told of a host: to ask, to ask as the only one (`probe`), or not to. */
export type Passage = "ask" | "probe" | "open";

/**
 * Hosts that could not be reached a moment ago: nobody waits for such a host again, until one request has found it there. Only connecting
 * counts. What a host does with a single path, a tenant may bring about; that nothing can be connected to, he cannot.
 */
export class Circuits {
  readonly #time: number;
  readonly #circuits = new LRUCache<string, Circuit>({ max: MOST });

  /** `time`: milliseconds that a host is left alone. */
  constructor(time: number) {
    this.#time = time;
  }

  enter(origin: string): Passage {
    const circuit = this.#circuits.get(origin);
    if (circuit === undefined) return "ask";
    if (circuit.probing || performance.now() < circuit.until) return "open";
    circuit.probing = true;
    return "probe";
  }

  /** The host could not be reached. */
  fail(origin: string, registry: string): void {
    this.#circuits.set(origin, { registry, until: performance.now() + this.#time, probing: false });
  }

  /** Somebody has reached it. */
  reach(origin: string): void {
    this.#circuits.delete(origin);
  }

  /** Who probed went away before he knew: the next one probes. */
  giveUp(origin: string): void {
    const circuit = this.#circuits.get(origin);
    if (circuit !== undefined) circuit.probing = false;
  }

  /** The registries whose hosts are left alone now, one for each host. */
  get open(): readonly string[] {
    const now = performance.now();
    return [...this.#circuits.values()]
      .filter(({ until, probing }) => probing || now < until)
      .map(({ registry }) => registry);
  }
}
