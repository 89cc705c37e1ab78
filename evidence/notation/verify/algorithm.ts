import { constants, verify, type KeyObject } from "node:crypto";

/** The algorithms of the specification, by their names in JWS. */
export type Algorithm = "PS256" | "PS384" | "PS512" | "ES256" | "ES384" | "ES512";

export type Hash = "sha256" | "sha384" | "sha512";

const BY_MODULUS: ReadonlyMap<number, Algorithm> = new Map([
  [2048, "PS256"],
  [3072, "PS384"],
  [4096, "PS512"],
]);
const BY_CURVE: ReadonlyMap<string, Algorithm> = new Map([
  ["prime256v1", "ES256"],
  ["secp384r1", "ES384"],
  ["secp521r1", "ES512"],
]);
const HASHES: Readonly<Record<Algorithm, Hash>> = {
  PS256: "sha256",
  PS384: "sha384",
  PS512: "sha512",
  ES256: "sha256",
  ES384: "sha384",
  ES512: "sha512",
};

/**
 * The one algorithm that a key signs with (signature specification, "Algorithm Selection"): never what an envelope says of itself.
 * undefined for a key that must not sign.
 */
export const algorithmOf = (key: KeyObject): Algorithm | undefined => {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === "rsa") return BY_MODULUS.get(details?.modulusLength ?? 0);
  return type === "ec" ? BY_CURVE.get(details?.namedCurve ?? "") : undefined;
};

/**
 * @param salt of PSS. RFC 9053 has it as long as the hash; golang-jwt, which notation reads JWS with, takes any, and so does whoever
 * has signed with an older plugin.
 */
export const verifiesWith = (
  key: KeyObject,
  algorithm: Algorithm,
  data: Uint8Array,
  signature: Uint8Array,
  salt: "ofHash" | "any",
): boolean => {
  if (algorithmOf(key) !== algorithm) return false;
  const saltLength = salt === "any" ? constants.RSA_PSS_SALTLEN_AUTO : constants.RSA_PSS_SALTLEN_DIGEST;
  try {
    return algorithm.startsWith("PS")
      ? verify(HASHES[algorithm], data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature)
      : verify(HASHES[algorithm], data, { key, dsaEncoding: "ieee-p1363" }, signature);
  } catch {
    // OpenSSL throws on signatures of a wrong form.
    return false;
  }
};
