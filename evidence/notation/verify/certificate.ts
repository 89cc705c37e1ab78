import { LRUCache } from "lru-cache";
import { createHash, X509Certificate, type KeyObject } from "node:crypto";
import { Malformed } from "../proof.ts";
import { isSignatureAlgorithm } from "./signedData.ts";
import { parseDer } from "./asn1.ts";
import { readExtensions, type Extension } from "./extensions.ts";

/** A certificate with the parts that are judged here; not believed before its chain is. */
export interface Certificate {
  readonly der: Buffer;
  readonly key: KeyObject;
  /** `sha256:<hex>` over the DER. */
  readonly fingerprint: string;
  /** Milliseconds, both inclusive. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** DER of the names; equal names are equal bytes. */
  readonly subject: Buffer;
  readonly issuer: Buffer;
  /** Content of the INTEGER. */
  readonly serial: Buffer;
  /** By object identifier. */
  readonly extensions: ReadonlyMap<string, Extension>;
  /** DER of what the issuer signed, and of the key's bits. */
  readonly toBeSigned: Buffer;
  readonly keyBits: Buffer;
  /** Whether this certificate is signed by that key, by an algorithm that is good enough. */
  readonly isSignedBy: (key: KeyObject) => boolean;
}

/** The certificates of the signers of a policy come again and again; one takes some KiB. */
const known = new LRUCache<string, Certificate>({ max: 1_000 });

/**
 * Parses DER, by OpenSSL and once more for what OpenSSL does not show. Throws Malformed: also where the bytes are not in the one form
 * that DER allows, since a certificate is known by its bytes.
 */
export const readCertificate = (der: Buffer): Certificate => {
  const fingerprint = `sha256:${createHash("sha256").update(der).digest("hex")}`;
  const before = known.get(fingerprint);
  if (before !== undefined) return before;
  try {
    const read = parse(der, fingerprint);
    known.set(fingerprint, read);
    return read;
  } catch (error) {
    throw error instanceof Malformed ? error : new Malformed("has a certificate that does not parse");
  }
};

const VERSION = 0;
const EXTENSIONS = 3;

const parse = (der: Buffer, fingerprint: string): Certificate => {
  // First, for it has bounds.
  const { subs } = parseDer(der);
  const x509 = new X509Certificate(der);
  if (!x509.raw.equals(der)) throw new Malformed("has a certificate that is not in DER");
  const [toBeSigned, algorithm] = subs;
  if (toBeSigned === undefined || algorithm === undefined || subs.length !== 3) throw new Error("not a certificate");
  const fields = toBeSigned.subs.filter((one) => !one.isContext(VERSION));
  const [serial, , issuer, , subject, publicKey] = fields;
  if (serial === undefined || issuer === undefined || subject === undefined || publicKey === undefined)
    throw new Error("not a certificate");
  const list = toBeSigned.subs.find((one) => one.isContext(EXTENSIONS))?.subs[0]?.subs ?? [];
  const extensions = readExtensions(list, (reason) => new Malformed(`has a certificate with ${reason}`));
  const sound = isSignatureAlgorithm(algorithm);
  return {
    der,
    key: x509.publicKey,
    fingerprint,
    notBefore: timeOf(x509.validFrom),
    notAfter: timeOf(x509.validTo),
    subject: subject.raw,
    issuer: issuer.raw,
    serial: serial.value,
    extensions,
    toBeSigned: toBeSigned.raw,
    // A BIT STRING begins with the number of bits that are not used.
    keyBits: (publicKey.subs[1]?.value ?? Buffer.alloc(1)).subarray(1),
    isSignedBy: (key) => sound && verifies(x509, key),
  };
};

/** OpenSSL's own words, such as `Nov 30 01:39:25 2026 GMT`; Node 20, which the published command line runs on, has no dates. */
const timeOf = (text: string): number => {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new Error("not a time");
  return time;
};

const verifies = (certificate: X509Certificate, key: KeyObject): boolean => {
  try {
    return certificate.verify(key);
  } catch {
    return false;
  }
};

/** Whether it names itself as its issuer, and signed itself. */
export const isSelfSigned = ({ subject, issuer, key, isSignedBy }: Certificate): boolean =>
  subject.equals(issuer) && isSignedBy(key);

export const isIssuedBy = (certificate: Certificate, issuer: Certificate): boolean =>
  certificate.issuer.equals(issuer.subject) && certificate.isSignedBy(issuer.key);

export const isValidAt = ({ notBefore, notAfter }: Certificate, time: number): boolean =>
  time >= notBefore && time <= notAfter;
