import { createHash, type Hash } from "node:crypto";

export type DigestAlgorithm = "sha256" | "sha512";

const FULL = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** The algorithm of a digest that we can prove, or undefined for any other text. */
export const digestAlgorithm = (digest: string): DigestAlgorithm | undefined =>
  FULL.test(digest) ? (digest.startsWith("sha256:") ? "sha256" : "sha512") : undefined;

/** Digest of bytes as they come. */
export class Digester {
  readonly #algorithm: DigestAlgorithm;
  readonly #hash: Hash;

  constructor(algorithm: DigestAlgorithm) {
    this.#algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** `algorithm:hex`; once. */
  digest(): string {
    return `${this.#algorithm}:${this.#hash.digest("hex")}`;
  }
}

/** A digest as part of a tag, as the referrers' fallback scheme and cosign write it: `sha256-<hex>`. */
export const digestTag = (digest: string): string => digest.replace(":", "-");

const DERIVED = /^sha256-[0-9a-f]{64}(?:\.[a-z]{1,8})?$/;

/** The digest that a derived tag is about (`sha256-<hex>`, `.sig`, `.att`), whose evidence it would hold; undefined for any other tag. */
export const digestOfTag = (tag: string): string | undefined => {
  if (!DERIVED.test(tag)) return undefined;
  const [digest = ""] = tag.split(".");
  return digest.replace("-", ":");
};
