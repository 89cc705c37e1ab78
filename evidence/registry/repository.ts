import type { Outcome } from "../../policy/facts/outcome.ts";

/** An OCI descriptor as a registry or a manifest gives it: a hint until its bytes are hashed. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: { readonly os?: string; readonly architecture?: string; readonly variant?: string };
}

/** A manifest whose bytes hash to `digest` and whose form is sound (never image and index in one). */
export interface Manifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
  readonly bytes: Uint8Array;
  readonly artifactType?: string;
  readonly config?: Descriptor;
  readonly layers: readonly Descriptor[];
  /** Children of an index; empty for an image manifest. */
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations: Readonly<Record<string, string>>;
}

export type ContentReason = "DigestMismatch" | "ImageMalformed";

/**
 * One repository as one set of credentials sees it. Everything is bounded, hashed, cached by digest, single-flight,
 * and ends with `signal`; nothing rejects. 404 is `absent`; 401, 403, 429, 5xx, resets and time are `unavailable`.
 */
export interface RepositoryReader {
  /** `registry/repository`, canonical. */
  readonly name: string;
  /**
   * Names the credentials behind this reader: readers of equal name and scope see the same. Part of the key of whatever
   * is kept of this registry's answers; never shown.
   */
  readonly scope: string;
  /** What a tag names now: the digest of bytes that we hashed. */
  readonly resolveTag: (tag: string, signal: AbortSignal) => Promise<Outcome<Descriptor, ContentReason>>;
  /** At most 4 MiB. */
  readonly manifest: (digest: string, signal: AbortSignal) => Promise<Outcome<Manifest, ContentReason>>;
  /** A tag's manifest in one read (cosign's `.sig` and `.att` tags). */
  readonly manifestByTag: (tag: string, signal: AbortSignal) => Promise<Outcome<Manifest, ContentReason>>;
  /** At most `limit` bytes (32 MiB for attestations, 10 for signatures). */
  readonly blob: (digest: string, limit: number, signal: AbortSignal) => Promise<Outcome<Uint8Array, ContentReason>>;
  /**
   * Referrers of a digest, page by page, from the API and from the fallback tag (both are asked, each descriptor once).
   * The caller filters and stops reading when it has enough. A source that fails yields one `unavailable` outcome and
   * the other is still read.
   */
  readonly referrers: (
    digest: string,
    signal: AbortSignal,
  ) => AsyncIterable<Outcome<readonly Descriptor[], ContentReason>>;
}
