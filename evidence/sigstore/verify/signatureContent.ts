import { ed25519ph } from "@noble/curves/ed25519.js";
import { dsse } from "@sigstore/core";
import type { SignedEntity } from "@sigstore/verify";
import { constants, createHash, timingSafeEqual, verify, type KeyObject } from "node:crypto";
import type { ParsedSignature } from "../find/candidate.ts";

type Hash = "sha256" | "sha384" | "sha512";

/**
 * ECDSA over the curve's own hash (cosign 3, most KMS) or SHA-256 (cosign's default before). The hash is never taken from
 * the signature's own claim.
 */
const CURVE_HASHES: ReadonlyMap<string, readonly Hash[]> = new Map([
  ["prime256v1", ["sha256"]],
  ["secp384r1", ["sha384", "sha256"]],
  ["secp521r1", ["sha512", "sha256"]],
]);
const RSA_HASHES: readonly Hash[] = ["sha256", "sha384", "sha512"];
/** SHA-2 by the length of what is compared: log entries give digests without an algorithm that could be believed. */
const HASH_OF_LENGTH: ReadonlyMap<number, Hash> = new Map([
  [32, "sha256"],
  [48, "sha384"],
  [64, "sha512"],
]);

/**
 * Whether `signature` over `data` was made with the private half of `key`, by any algorithm that cosign, KMS and other
 * Sigstore clients use with such a key. The library knows SHA-256 only, no RSA-PSS and no Ed25519.
 */
export const verifiesWith = (key: KeyObject, data: Buffer, signature: Buffer): boolean => {
  const type = key.asymmetricKeyType;
  if (type === "ec") {
    const hashes = CURVE_HASHES.get(key.asymmetricKeyDetails?.namedCurve ?? "") ?? [];
    return hashes.some((hash) => attempt(() => verify(hash, data, { key, dsaEncoding: "der" }, signature)));
  }
  if (type === "rsa")
    return RSA_HASHES.some(
      (hash) => verifiesRSA(key, hash, data, signature) || verifiesPSS(key, hash, data, signature),
    );
  if (type === "rsa-pss") return RSA_HASHES.some((hash) => verifiesPSS(key, hash, data, signature));
  if (type === "ed25519")
    return attempt(() => verify(null, data, key, signature)) || verifiesPrehashed(key, data, signature);
  return false;
};

const verifiesRSA = (key: KeyObject, hash: Hash, data: Buffer, signature: Buffer): boolean =>
  attempt(() => verify(hash, data, { key, padding: constants.RSA_PKCS1_PADDING }, signature));

const verifiesPSS = (key: KeyObject, hash: Hash, data: Buffer, signature: Buffer): boolean => {
  const options = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO };
  return attempt(() => verify(hash, data, options, signature));
};

/** Ed25519ph (RFC 8032, section 5.1), which cosign makes of Ed25519 keys; Node has no prehashed form. */
const verifiesPrehashed = (key: KeyObject, data: Buffer, signature: Buffer): boolean =>
  attempt(() => {
    const raw = key.export({ format: "der", type: "spki" }).subarray(-32);
    return signature.length === 64 && ed25519ph.verify(signature, data, raw, { zip215: false });
  });

const attempt = (check: () => boolean): boolean => {
  try {
    return check();
  } catch {
    // OpenSSL throws on signatures of a wrong form.
    return false;
  }
};

/** Takes the place of the library's content, which trusts the digest and the hash that a bundle claims for itself. */
export type SignatureContent = SignedEntity["signature"];

export const signatureContent = ({ content, signature }: ParsedSignature): SignatureContent => {
  const payload = content.type === "dsse" ? content.payload : content.bytes;
  const signedBytes =
    content.type === "dsse" ? dsse.preAuthEncoding(content.payloadType, content.payload) : content.bytes;
  return {
    signature,
    compareSignature: (other) => equal(other, signature),
    compareDigest: (digest) => hashesTo(payload, digest),
    compareSignedDigest: (digest) => hashesTo(signedBytes, digest),
    verifySignature: (key) => verifiesWith(key, signedBytes, signature),
  };
};

/** SHA-2 by the digest's length. */
export const hashesTo = (data: Buffer, digest: Buffer): boolean => {
  const hash = HASH_OF_LENGTH.get(digest.length);
  return hash !== undefined && equal(createHash(hash).update(data).digest(), digest);
};

const equal = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b);
