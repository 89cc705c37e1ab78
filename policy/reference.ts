/** A parsed OCI image reference. `parseReference` is the only maker. */
export interface Reference {
  /** As the object writes it. */
  readonly original: string;
  /** Canonical host with port: lower-case, `:443` dropped, Docker Hub's names are `docker.io`. */
  readonly registry: string;
  /** Canonical path, with `library/` where Docker Hub implies it. */
  readonly repository: string;
  /** The tag as written; absent where none was. */
  readonly tag?: string;
  /** `sha256:<64 hex>` or `sha512:<128 hex>`. */
  readonly digest?: string;
  /** `registry/repository`. */
  readonly name: string;
  /** `registry/repository[:tag][@digest]`. */
  readonly canonical: string;
}

/**
 * `DigestMalformed` says that all but the digest parses: `name` is then the reference without it,
 * so that policies can still tell whether they match.
 */
export type ParsedReference =
  | { readonly status: "ok"; readonly reference: Reference }
  | { readonly status: "malformed"; readonly reason: "ImageMalformed"; readonly message: string }
  | {
      readonly status: "malformed";
      readonly reason: "DigestMalformed";
      readonly message: string;
      readonly reference: Reference;
    };
