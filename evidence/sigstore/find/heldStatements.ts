import { parseRfc3339 } from "../../../policy/rfc3339.ts";
import { LIMITS } from "./formats.ts";

/** Bytes of statements of one signer and type that are held: of many images that are looked at together each holds so much. */
const MOST_BYTES = 16 * 1024 * 1024;
/** Statements that do not say when they were finished, so that none can be left out for a newer one; and their bytes. */
const MOST_UNDATED = 1_024;
const MOST_UNDATED_BYTES = 64 * 1024 * 1024;

/** Something that is held, by when it was finished. */
export interface Dated {
  /** RFC 3339. */
  readonly finishedAt?: string;
  readonly bytes: number;
}

/**
 * What one signer attested of one type, as much of it as is held: the newest, by the time that the statements themselves give, which only
 * their signer can write. What is left out is remembered by its newest time, so that whoever looks for the newest knows whether he has it.
 */
export class HeldStatements<T extends Dated> {
  readonly #items = new Set<T>();
  #bytes = 0;
  #leftOut: number | undefined;

  /** Milliseconds since the epoch: nothing that was left out was finished later. Infinity where that is not known; undefined: all is held. */
  get leftOut(): number | undefined {
    return this.#leftOut;
  }

  get bytes(): number {
    return this.#bytes;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#items.values();
  }

  /** Whether one like this would be held, so that its statement is needed. */
  wants(item: Dated): boolean {
    const oldest = this.#oldest();
    const time = timeOf(item);
    return time === Infinity || !this.#isFull(item.bytes) || oldest === undefined || time > timeOf(oldest);
  }

  add(item: T): void {
    this.#items.add(item);
    this.#bytes += item.bytes;
    while (this.#items.size > 1 && this.#isOver()) {
      const oldest = this.#oldest();
      if (oldest === undefined) return;
      this.#items.delete(oldest);
      this.#bytes -= oldest.bytes;
      this.leaveOut(oldest);
    }
  }

  /** Puts one in the place of another that is as large and as old. */
  replace(before: T, after: T): void {
    if (this.#items.delete(before)) this.#items.add(after);
  }

  leaveOut(item: Dated): void {
    this.#leftOut = Math.max(this.#leftOut ?? -Infinity, timeOf(item));
  }

  #isFull(more: number): boolean {
    return this.#items.size >= LIMITS.held || this.#bytes + more > MOST_BYTES;
  }

  #isOver(): boolean {
    const dated = [...this.#items].some((item) => timeOf(item) !== Infinity);
    return dated
      ? this.#items.size > LIMITS.held || this.#bytes > MOST_BYTES
      : this.#items.size > MOST_UNDATED || this.#bytes > MOST_UNDATED_BYTES;
  }

  #oldest(): T | undefined {
    let oldest: T | undefined;
    for (const item of this.#items) if (oldest === undefined || timeOf(item) < timeOf(oldest)) oldest = item;
    return oldest;
  }
}

/** One that gives no time may be the newest. */
const timeOf = ({ finishedAt }: Dated): number => parseRfc3339(finishedAt ?? "") ?? Infinity;
