/** Why a body that is not whole is given up. */
export type Cut = "overloaded" | "slow";

/** A body of which a part is there. */
export interface UnfinishedBody {
  /** The peer's address. */
  readonly from: string;
  /** Ends it; it must leave the budget at once. */
  readonly cut: (why: Cut) => void;
  bytes: number;
  /** What there was at the last look at its speed, and when that was. */
  markBytes: number;
  markAt: number;
}

interface Peer {
  bytes: number;
  /** The oldest first. */
  readonly bodies: Set<UnfinishedBody>;
}

/** Milliseconds between two looks at a body's speed, and the bytes that it must have gained: 64 KiB a second; an API server sends all at once. */
const WINDOW = 3_000;
const LEAST = 192 * 1024;

/**
 * Bounds the memory of all bodies together. Bodies that are whole keep their room until they are judged. One that is not has to make room
 * when there is none: the oldest one of the peer that holds most, which is who sends without ever ending, never an API server's, which
 * comes at once and ends.
 */
export class BodyBudget {
  readonly #limit: number;
  readonly #peers = new Map<string, Peer>();
  #held = 0;

  /** `limit` in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** A body that is not whole yet, from `from`; `now` in milliseconds of the monotonic clock. */
  begin(from: string, cut: (why: Cut) => void, now: number): UnfinishedBody {
    const body: UnfinishedBody = { from, cut, bytes: 0, markBytes: 0, markAt: now };
    const peer = this.#peers.get(from) ?? { bytes: 0, bodies: new Set() };
    peer.bodies.add(body);
    this.#peers.set(from, peer);
    return body;
  }

  /** Takes more bytes, for a body that is not whole or for one that came whole; or says that there is no room. */
  take(bytes: number, body?: UnfinishedBody): boolean {
    while (this.#held + bytes > this.#limit) {
      const victim = this.#victim();
      if (victim === undefined || victim === body) return false;
      victim.cut("overloaded");
    }
    this.#held += bytes;
    if (body === undefined) return true;
    body.bytes += bytes;
    const peer = this.#peers.get(body.from);
    if (peer !== undefined) peer.bytes += bytes;
    return true;
  }

  /** The body is whole: its bytes stay taken until they are given back. */
  finish(body: UnfinishedBody): void {
    const peer = this.#peers.get(body.from);
    if (peer === undefined || !peer.bodies.delete(body)) return;
    peer.bytes -= body.bytes;
    if (peer.bodies.size === 0) this.#peers.delete(body.from);
  }

  /** The body never gets whole. */
  leave(body: UnfinishedBody): void {
    this.finish(body);
    this.give(body.bytes);
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }

  /** Cuts what comes too slowly; to be called every second. */
  sweep(now: number): void {
    const slow: UnfinishedBody[] = [];
    for (const { bodies } of this.#peers.values()) {
      for (const body of bodies) {
        if (now - body.markAt < WINDOW) continue;
        if (body.bytes - body.markBytes < LEAST) slow.push(body);
        body.markBytes = body.bytes;
        body.markAt = now;
      }
    }
    for (const body of slow) body.cut("slow");
  }

  #victim(): UnfinishedBody | undefined {
    let heaviest: Peer | undefined;
    for (const peer of this.#peers.values()) if (heaviest === undefined || peer.bytes > heaviest.bytes) heaviest = peer;
    return heaviest?.bodies.values().next().value;
  }
}
