import { createHash } from "node:crypto";

/** The algorithms of the OCI image specification (descriptor.md, "Registered Algorithms"). */
export type DigestAlgorithm = "sha256" | "sha512";

const digestForm = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** Whether `text` is a whole digest of an algorithm that this registry has. */
export function isDigest(text: string): boolean {
  return digestForm.test(text);
}

/** The algorithm of a digest for which `isDigest` holds. */
function algorithmOf(digest: string): DigestAlgorithm {
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}

/** `sha256:<hex>` or `sha512:<hex>` of the bytes. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}

/** Whether the bytes hash to a digest for which `isDigest` holds. */
export function hashesTo(bytes: Uint8Array, digest: string): boolean {
  return digestOf(bytes, algorithmOf(digest)) === digest;
}

/** The tag under which clients keep the referrers of a digest where there is no referrers API (OCI distribution-spec 1.1, "Referrers Tag Schema"). */
export function fallbackTag(digest: string): string {
  const [algorithm = "", encoded = ""] = digest.split(":", 2);
  return `${algorithm.slice(0, 32)}-${encoded.slice(0, 64)}`.replaceAll(/[^A-Za-z0-9._-]/g, "-");
}
