import { constants, verify, type KeyObject } from "node:crypto";
import { checkKey } from "../../../policy/compile/authorities/publicKeys.ts";
import type { Asn1 } from "./asn1.ts";
import { algorithmOf, type Hash } from "./algorithm.ts";

/** How certificates, revocation lists and answers are signed; SHA-1 and MD5 are not among them. */
interface Scheme {
  readonly type: "rsa" | "pss" | "ec" | "ed25519";
  readonly hash?: Hash;
}

const RSA_PSS = "1.2.840.113549.1.1.10";
const RSA = "1.2.840.113549.1.1.1";

const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ["1.2.840.113549.1.1.11", { type: "rsa", hash: "sha256" }],
  ["1.2.840.113549.1.1.12", { type: "rsa", hash: "sha384" }],
  ["1.2.840.113549.1.1.13", { type: "rsa", hash: "sha512" }],
  ["1.2.840.10045.4.3.2", { type: "ec", hash: "sha256" }],
  ["1.2.840.10045.4.3.3", { type: "ec", hash: "sha384" }],
  ["1.2.840.10045.4.3.4", { type: "ec", hash: "sha512" }],
  ["1.3.101.112", { type: "ed25519" }],
]);

const HASHES: ReadonlyMap<string, Hash> = new Map([
  ["2.16.840.1.101.3.4.2.1", "sha256"],
  ["2.16.840.1.101.3.4.2.2", "sha384"],
  ["2.16.840.1.101.3.4.2.3", "sha512"],
]);

/** The hash of an AlgorithmIdentifier; undefined for what is too weak or unknown. */
export const hashOf = (identifier: Asn1 | undefined): Hash | undefined =>
  HASHES.get(identifier?.subs[0]?.toOid() ?? "");

/** Whether an AlgorithmIdentifier is of a signature that is good enough. */
export const isSignatureAlgorithm = (identifier: Asn1): boolean => schemeOf(identifier) !== undefined;

const schemeOf = (identifier: Asn1): Scheme | undefined => {
  const oid = identifier.subs[0]?.toOid() ?? "";
  if (oid !== RSA_PSS) return SCHEMES.get(oid);
  // RFC 4055: without parameters the hash is SHA-1.
  const hash = hashOf(identifier.subs[1]?.subs.find((one) => one.isContext(0))?.subs[0]);
  return hash === undefined ? undefined : { type: "pss", hash };
};

/**
 * Whether a signature over `data` by the algorithm that its AlgorithmIdentifier names was made with this key.
 *
 * @param digest where the identifier only names RSA: CMS has the hash beside it.
 */
export const isSigned = (key: KeyObject, identifier: Asn1, data: Buffer, signature: Buffer, digest?: Hash): boolean => {
  const bare = identifier.subs[0]?.toOid() === RSA && digest !== undefined;
  const scheme: Scheme | undefined = bare ? { type: "rsa", hash: digest } : schemeOf(identifier);
  if (scheme === undefined) return false;
  try {
    return check(scheme, key, data, signature);
  } catch {
    return false;
  }
};

const check = ({ type, hash }: Scheme, key: KeyObject, data: Buffer, signature: Buffer): boolean => {
  const kind = key.asymmetricKeyType;
  switch (type) {
    case "ed25519":
      return kind === "ed25519" && verify(null, data, key, signature);
    case "ec":
      return (
        kind === "ec" && algorithmOf(key) !== undefined && verify(hash, data, { key, dsaEncoding: "der" }, signature)
      );
    case "rsa":
      return isRsa(key) && verify(hash, data, { key, padding: constants.RSA_PKCS1_PADDING }, signature);
    case "pss": {
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      return (
        isRsa(key) && verify(hash, data, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, signature)
      );
    }
  }
};

/** With the exponent 1, which `checkKey` refuses, everything is signed. */
const isRsa = (key: KeyObject): boolean =>
  (key.asymmetricKeyType === "rsa" || key.asymmetricKeyType === "rsa-pss") && checkKey(key).status === "ok";
