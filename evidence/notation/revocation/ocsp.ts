import { createHash } from "node:crypto";
import { isIssuedBy, isValidAt, readCertificate, type Certificate } from "../verify/certificate.ts";
import { purposesOf } from "../verify/chain.ts";
import { isSigned } from "../verify/signedData.ts";
import { parseDer, type Asn1 } from "../verify/asn1.ts";

/** What a responder says of a certificate. */
export type OcspResult =
  | {
      readonly status: "good" | "revoked" | "unknown";
      /** Milliseconds. */
      readonly nextUpdate: number;
      /** The certificate that answered in the issuer's name, where it has to be looked for on the issuer's lists itself. */
      readonly responder?: Certificate;
    }
  /** It says nothing about this certificate: a sentence about the answer. */
  | { readonly status: "malformed"; readonly message: string };

const SHA1 = Buffer.from("300906052b0e03021a0500", "hex");
const BASIC = "1.3.6.1.5.5.7.48.1.1";
const NO_CHECK = "1.3.6.1.5.5.7.48.1.5";
const OCSP_SIGNING = "1.3.6.1.5.5.7.3.9";
const SUCCESSFUL = 0;
/** A responder's clock may be a little ahead. Milliseconds. */
const SKEW = 300_000;
const MOST_RESPONSES = 64;
const MOST_CERTIFICATES = 8;

const element = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
};

const sha1 = (bytes: Buffer): Buffer => createHash("sha1").update(bytes).digest();

/**
 * An OCSPRequest (RFC 6960, section 4.1). SHA-1 names the issuer, and nothing rests on it: the responders of public authorities know no other
 * (notation-core-go says which).
 */
export const ocspRequest = (certificate: Certificate, issuer: Certificate): Buffer => {
  const id = element(
    0x30,
    SHA1,
    element(0x04, sha1(issuer.subject)),
    element(0x04, sha1(issuer.keyBits)),
    element(0x02, certificate.serial),
  );
  return element(0x30, element(0x30, element(0x30, element(0x30, id))));
};

class Unusable extends Error {}

/**
 * Reads an OCSPResponse about a certificate (RFC 6960, section 4.2): signed by its issuer, or by whom the issuer has made a responder, and
 * in force at `now`. Never throws. An invalidity date excuses nothing: notation heeds it under signing authorities only, which are not asked
 * about here.
 */
export const readOcsp = (bytes: Buffer, certificate: Certificate, issuer: Certificate, now: number): OcspResult => {
  try {
    const { data, responder } = open(bytes, issuer, now);
    const single = singleOf(data, certificate, issuer);
    const [, status, thisUpdate, ...rest] = single.subs;
    const next = rest.find((one) => one.isContext(0))?.subs[0];
    if (status === undefined || thisUpdate === undefined) throw new Unusable("cannot be read");
    if (thisUpdate.toTime() > now + SKEW) throw new Unusable("is of a time to come");
    // notation does not take one without an end either.
    const nextUpdate = next?.toTime();
    if (nextUpdate === undefined) throw new Unusable("does not say how long it holds");
    if (now > nextUpdate) throw new Unusable("has expired");
    return {
      status: statusOf(status),
      nextUpdate,
      ...(responder === undefined ? {} : { responder }),
    };
  } catch (error) {
    return {
      status: "malformed",
      message: error instanceof Unusable ? error.message : "cannot be read",
    };
  }
};

const statusOf = (one: Asn1): "good" | "revoked" | "unknown" => {
  if (one.isContext(0)) return "good";
  // What is neither is no answer that lets anything pass.
  return one.isContext(1) ? "revoked" : "unknown";
};

/** ResponseData, once its signature holds. */
const open = (
  bytes: Buffer,
  issuer: Certificate,
  now: number,
): { readonly data: Asn1; readonly responder: Certificate | undefined } => {
  const [status, wrapped] = parseDer(bytes).subs;
  const code = status?.value[0];
  if (code !== SUCCESSFUL) throw new Unusable(`is none (the responder says ${code === undefined ? "nothing" : code})`);
  const [type, content] = wrapped?.subs[0]?.subs ?? [];
  if (type?.toOid() !== BASIC || content === undefined) throw new Unusable("is of a kind that is not known");
  const [data, algorithm, signature, certificates] = parseDer(content.value).subs;
  if (data === undefined || algorithm === undefined || signature === undefined) throw new Unusable("cannot be read");
  const signed = data.raw;
  const bits = signature.value.subarray(1);
  if (isSigned(issuer.key, algorithm, signed, bits)) return { data, responder: undefined };
  const list = certificates?.subs[0]?.subs ?? [];
  const delegates = list.slice(0, MOST_CERTIFICATES).map((one) => readCertificate(one.raw));
  const delegate = delegates.find((one) => isDelegate(one, issuer, now) && isSigned(one.key, algorithm, signed, bits));
  if (delegate === undefined) throw new Unusable("is not signed in the name of the certificate's issuer");
  return {
    data,
    responder: delegate.extensions.has(NO_CHECK) ? undefined : delegate,
  };
};

/** Authorised responders (RFC 6960, section 4.2.2.2). */
const isDelegate = (certificate: Certificate, issuer: Certificate, now: number): boolean =>
  purposesOf(certificate)?.includes(OCSP_SIGNING) === true &&
  isValidAt(certificate, now) &&
  isIssuedBy(certificate, issuer);

const HASHES: ReadonlyMap<string, string> = new Map([
  ["1.3.14.3.2.26", "sha1"],
  ["2.16.840.1.101.3.4.2.1", "sha256"],
]);

/** The SingleResponse about this very certificate of this very issuer. */
const singleOf = (data: Asn1, certificate: Certificate, issuer: Certificate): Asn1 => {
  const responses = data.subs.find((one) => one.is("sequence"))?.subs ?? [];
  if (responses.length > MOST_RESPONSES) throw new Unusable("is about too many certificates");
  const found = responses.find(({ subs }) => {
    const [algorithm, name, key, serial] = subs[0]?.subs ?? [];
    const hash = HASHES.get(algorithm?.subs[0]?.toOid() ?? "");
    if (hash === undefined || serial?.value.equals(certificate.serial) !== true) return false;
    const digest = (bytes: Buffer): Buffer => createHash(hash).update(bytes).digest();
    return name?.value.equals(digest(issuer.subject)) === true && key?.value.equals(digest(issuer.keyBits)) === true;
  });
  if (found === undefined) throw new Unusable("is about another certificate");
  return found;
};
