import { LRUCache } from "lru-cache";
import type { Failure } from "../failure.ts";
import type { Manifest } from "../repository.ts";

/** What one credential was told about one thing in one repository. Content is not in it: it is found by its digest. */
export interface Answered {
  readonly outcome:
    | { readonly status: "verified"; readonly digest: string }
    | Exclude<Failure, { status: "unavailable" }>;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** How often somebody had asked to look again by then. */
  readonly round: number;
  /** When the last refresh failed: for a moment the stale answer is used without asking again. */
  quietSince?: number;
}

const KiB = 1024;

/**
 * All that is kept of registries' answers, bounded by bytes. What proves access is kept by host, repository, credential and
 * question; content that hashes to its digest is kept once, by that digest, whoever fetched it.
 */
export class EvidenceCache {
  readonly answers: LRUCache<string, Answered>;
  readonly manifests: LRUCache<string, Manifest>;
  readonly blobs: LRUCache<string, Uint8Array>;

  constructor(bytes: number) {
    const share = (part: number): number => Math.max(64 * KiB, Math.floor(bytes * part));
    // Strings are two bytes a character at worst; the rest is what V8 takes for a map entry and its objects.
    this.answers = new LRUCache({ maxSize: share(1 / 4), sizeCalculation: (_value, key) => 2 * key.length + 400 });
    // Parsed fields take about twice the bytes that they were read from.
    this.manifests = new LRUCache({
      maxSize: share(1 / 2),
      maxEntrySize: share(1 / 8),
      sizeCalculation: ({ size }) => 3 * size + KiB,
    });
    this.blobs = new LRUCache({
      maxSize: share(1 / 4),
      maxEntrySize: share(1 / 16),
      sizeCalculation: ({ length }) => length + 200,
    });
  }
}
