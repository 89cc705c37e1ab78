/** What one search may read before an end of time is put down to what it found there, and not to a slow registry. */
const MOST_LISTED = 10_000;
const MOST_TRIED = 1_000;
/** Where all is needed, what could not be looked through lets an image in by `onUnavailable`: a few hundred pieces are made, not met. */
const MOST_TRIED_OF_ALL = 512;
const MOST_BYTES = 64 * 1024 * 1024;
/**
 * Manifests and candidates that are to be looked at. A few dozen are made in a minute, and take a registry that answers
 * in 200 ms past a deadline; it need not come to all of them, if only to so many that it is seen to answer.
 */
const MOST_WANTED = 64;
const LEAST_TRIED = 32;

/**
 * Counts what a search reads. Junk is read through to its end where there is time, so that it hides nothing; where there was so much that
 * time ran out, that is the content's doing: whoever may push must not turn "no signature" into "could not tell".
 *
 * A search that is a part of looking at one image adds to that image's `total`: an index has many children, each with its own junk.
 */
export class ReadBudget {
  #listed = 0;
  #tried = 0;
  #bytes = 0;
  #wanted = 0;
  #crowded = 0;
  readonly #named = new Map<string, Set<string>>();
  readonly #total: ReadBudget | undefined;
  readonly #mostTried: number;

  /** `total`: there is one where all is needed. */
  constructor(total?: ReadBudget) {
    this.#total = total;
    this.#mostTried = total === undefined ? MOST_TRIED : MOST_TRIED_OF_ALL;
  }

  /** Descriptors that a list held. */
  listed(descriptors: number): void {
    this.#listed += descriptors;
    this.#total?.listed(descriptors);
  }

  /** Manifests or candidates that are known to be there, before they are looked at. */
  wants(pieces: number): void {
    this.#wanted += pieces;
    this.#total?.wants(pieces);
  }

  /** The manifests that the lists of a place name, as far as they were read: what is among them is there, whether it can be had or not. */
  namedAt(place: string): Set<string> {
    const named = this.#named.get(place) ?? new Set<string>();
    this.#named.set(place, named);
    return named;
  }

  /** What another one has read of lists, who may be gone when somebody asks again whose time is over. */
  learn(other: ReadBudget): void {
    for (const [place, names] of other.#named) {
      const named = this.namedAt(place);
      for (const name of names) named.add(name);
    }
  }

  /** A manifest or a candidate that was looked at. */
  tried(): void {
    this.#tried += 1;
    this.#total?.tried();
  }

  /** Bytes of a candidate that is fetched. */
  read(bytes: number): void {
    this.#bytes += bytes;
    this.#total?.read(bytes);
  }

  /** A candidate waits until there is memory to read it in; gives what is to be called when it has it. */
  waits(): () => void {
    this.#crowded += 1;
    return () => {
      this.#crowded -= 1;
    };
  }

  /** Whether something waits for memory that others take up: no fault of the registry's. */
  get crowded(): boolean {
    return this.#crowded > 0;
  }

  get excessive(): boolean {
    if (this.#wanted > MOST_WANTED && this.#tried > LEAST_TRIED) return true;
    if (this.#listed > MOST_LISTED || this.#tried > this.#mostTried || this.#bytes > MOST_BYTES) return true;
    return this.#total?.excessive === true;
  }
}
