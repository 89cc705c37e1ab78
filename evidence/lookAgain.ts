import { LRUCache } from "lru-cache";
import type { CompiledPolicy } from "../policy/compiledPolicy.ts";

/** Of more policies and values than anybody has; one that is forgotten is looked at again once more. */
const MOST = 10_000;

/**
 * Since when answers must be because a policy's author asked to look again (annotation `imagesecurity.dev/look-again`): since the first question
 * under the new value.
 */
export class LookAgain {
  readonly #seen = new LRUCache<string, number>({ max: MOST });
  readonly #clock: () => number;
  readonly #onNew: () => void;

  /** `onNew` is told before the first answer under a new value. */
  constructor(clock: () => number, onNew: () => void) {
    this.#clock = clock;
    this.#onNew = onNew;
  }

  /** Milliseconds since the epoch; undefined where none of these policies asks. */
  since(policies: readonly CompiledPolicy[]): number | undefined {
    let newest: number | undefined;
    for (const { name, uid, lookAgain } of policies) {
      if (lookAgain === undefined) continue;
      const at = this.#at(`${name}\n${uid}\n${lookAgain}`);
      if (newest === undefined || at > newest) newest = at;
    }
    return newest;
  }

  #at(key: string): number {
    const now = this.#clock();
    const known = this.#seen.get(key);
    // Where the clock was set back nothing would be new enough until it has caught up.
    if (known !== undefined && known <= now) return known;
    this.#seen.set(key, now);
    this.#onNew();
    return now;
  }
}
