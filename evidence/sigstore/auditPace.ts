import { younger } from "../../async/younger.ts";

/** Looks a second at what lies beside digests of one registry; one is some three requests. */
const PER_SECOND = 5;
/** Milliseconds of looks that may come at once: audits look at everything every 45 s. */
const BURST = 60_000;
/** Milliseconds after which a place that no audit asks about any more counts no longer. */
const REMEMBERED = 600_000;

/** In milliseconds since the epoch. */
interface OfPlace {
  /** When it was asked about last. */
  readonly askedAt: number;
  /** When it was let look last, whatever came of it; -Infinity: never. */
  readonly letAt: number;
}

interface OfRegistry {
  readonly places: Map<string, OfPlace>;
  tokens: number;
  refilledAt: number;
  prunedAt: number;
}

/**
 * How often audits read again what lies beside digests that were looked at before. A thousand running digests, each every 45 s, were 67
 * requests a second for ever; so each registry is asked five times a second at most, and the more digests run, the older each answer may
 * grow, evenly, the oldest first. A place that could not be read has had its turn like any other, or those that fail would take all turns.
 * Admission is not concerned: it looks when it is asked.
 */
export class AuditPace {
  readonly #registries = new Map<string, OfRegistry>();
  readonly #clock: () => number;

  /** Milliseconds since the epoch. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /**
   * Whether an audit may look again at a place whose answer is from `at`. Where it may, it has.
   * @param place registry, repository, credential and digest; the registry is all before the first slash.
   */
  mayLook(place: string, at: number): boolean {
    const now = this.#clock();
    const known = this.#of(place.slice(0, Math.max(0, place.indexOf("/"))), now);
    const letAt = known.places.get(place)?.letAt ?? -Infinity;
    known.places.set(place, { askedAt: now, letAt });
    const rest = (known.places.size * 1_000) / PER_SECOND;
    if (younger(at, now, rest) || younger(letAt, now, rest) || known.tokens < 1) return false;
    known.places.set(place, { askedAt: now, letAt: now });
    known.tokens -= 1;
    return true;
  }

  #of(registry: string, now: number): OfRegistry {
    const full = (PER_SECOND * BURST) / 1_000;
    const known = this.#registries.get(registry) ?? { places: new Map(), tokens: full, refilledAt: now, prunedAt: now };
    this.#registries.set(registry, known);
    // A clock that was set back gives nothing.
    known.tokens = Math.min(full, known.tokens + (Math.max(0, now - known.refilledAt) * PER_SECOND) / 1_000);
    known.refilledAt = now;
    if (!younger(known.prunedAt, now, BURST)) this.#prune(now);
    return known;
  }

  #prune(now: number): void {
    for (const [registry, known] of this.#registries) {
      known.prunedAt = now;
      for (const [place, { askedAt }] of known.places)
        if (!younger(askedAt, now, REMEMBERED)) known.places.delete(place);
      if (known.places.size === 0 && !younger(known.refilledAt, now, REMEMBERED)) this.#registries.delete(registry);
    }
  }
}
