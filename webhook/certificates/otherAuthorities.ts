import { FILES_OVERLAP } from "./certificateFiles.ts";
import { expiryOf, fingerprintOf } from "./material.ts";

/** Somebody who may write configurations must not make them grow. */
const MOST = 8;

/**
 * Authorities that the configurations hold and this replica has never had: another replica put them there, whose files changed first, or which has
 * its certificates in another way while a Deployment rolls. Taken out at once, the API server would no longer reach that replica.
 */
export class OtherAuthorities {
  readonly #now: () => number;
  readonly #had = new Set<string>();
  readonly #since = new Map<string, number>();

  /** `now` in milliseconds since the epoch. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /**
   * PEM of those to keep beside `own`, sorted.
   *
   * @param held PEM certificates of all bundles in the configurations.
   */
  beside(own: readonly string[], held: readonly string[]): readonly string[] {
    const now = this.#now();
    for (const pem of own) this.#had.add(fingerprintOf(pem));
    const found = new Map(held.map((pem) => [fingerprintOf(pem), pem] as const));
    for (const fingerprint of this.#since.keys()) if (!found.has(fingerprint)) this.#since.delete(fingerprint);
    const others = [...found].filter(([fingerprint, pem]) => {
      if (this.#had.has(fingerprint) || expiryOf(pem) <= now) return false;
      const since = this.#since.get(fingerprint) ?? now;
      this.#since.set(fingerprint, since);
      // As long as one that has left the files.
      return now - since < FILES_OVERLAP;
    });
    return others
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .slice(0, MOST)
      .map(([, pem]) => pem);
  }
}
