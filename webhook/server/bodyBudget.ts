/** Why a body that is not whole is given up. */
export type Cut = "overloaded" | "slow";

/** A body of which a part is there. */
export interface UnfinishedBody {
  readonly peer: Peer;
  /** Ends it; it must leave the budget at once. */
  readonly cut: (why: Cut) => void;
  bytes: number;
  /** What there was at the last look at its speed, and when that was. */
  markBytes: number;
  markAt: number;
}

/** What comes from one address. */
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
    const peer = this.#peers.get(from) ?? this.#meet(from);
    const body: UnfinishedBody = { peer, cut, bytes: 0, markBytes: 0, markAt: now };
    peer.bodies.add(body);
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
    body.peer.bytes += bytes;
    return true;
  }

  /** The body is whole: its bytes stay taken until they are given back. */
  finish(body: UnfinishedBody): void {
    const { peer } = body;
    if (peer.bodies.delete(body)) peer.bytes -= body.bytes;
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
    for (const [from, { bodies }] of this.#peers) {
      if (bodies.size === 0) this.#peers.delete(from);
      for (const body of bodies) {
        if (now - body.markAt < WINDOW) continue;
        if (body.bytes - body.markBytes < LEAST) slow.push(body);
        body.markBytes = body.bytes;
        body.markAt = now;
      }
    }
    for (const body of slow) body.cut("slow");
  }

  /** Stays until a look at the speed of bodies finds none of his: most come again within a moment. */
  #meet(from: string): Peer {
    const peer: Peer = { bytes: 0, bodies: new Set() };
    this.#peers.set(from, peer);
    return peer;
  }

  #victim(): UnfinishedBody | undefined {
    let heaviest: Peer | undefined;
    for (const peer of this.#peers.values()) if (peer.bytes > (heaviest?.bytes ?? 0)) heaviest = peer;
    return heaviest?.bodies.values().next().value;
  }
}
