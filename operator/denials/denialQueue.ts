/** An event that waits to be sent. */
export interface Waiting {
  /** Whose it is: one namespace may not take all the room. */
  readonly namespace: string;
  readonly text: string;
}

export interface DenialQueueBounds {
  /** Events, and their characters. */
  readonly events: number;
  readonly characters: number;
}

/** Events and characters of one request: what collectors take by default. */
const BATCH_EVENTS = 100;
const BATCH_CHARACTERS = 512 * 1024;

/** What waits for a collector, oldest first. Of more than there is room for the newest is turned away: a collector that is away misses the end. */
export class DenialQueue {
  readonly #bounds: DenialQueueBounds;
  readonly #ofOne = new Map<string, number>();
  #waiting: Waiting[] = [];
  #characters = 0;

  constructor(bounds: DenialQueueBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** false: there is no room, or the namespace has a quarter of it already. */
  add(event: Waiting): boolean {
    const ofOne = this.#ofOne.get(event.namespace) ?? 0;
    const { events, characters } = this.#bounds;
    if (this.size >= events || this.#characters + event.text.length > characters || ofOne >= events / 4) return false;
    this.#ofOne.set(event.namespace, ofOne + 1);
    this.#characters += event.text.length;
    this.#waiting.push(event);
    return true;
  }

  /** Takes what goes into the next request. */
  take(): readonly Waiting[] {
    let characters = 0;
    const end = this.#waiting.findIndex(
      ({ text }, index) => index === BATCH_EVENTS || (characters += text.length) > BATCH_CHARACTERS,
    );
    // An event is far below the bound, so that there is always a first one.
    const taken = this.#waiting.splice(0, end < 0 ? this.size : end);
    for (const { namespace, text } of taken) {
      this.#characters -= text.length;
      const left = (this.#ofOne.get(namespace) ?? 0) - 1;
      if (left > 0) this.#ofOne.set(namespace, left);
      else this.#ofOne.delete(namespace);
    }
    return taken;
  }
}
