import { ASN1Obj, X509Certificate } from "@sigstore/core";
import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { FULCIO_ARC, FULCIO_CLAIMS } from "../../../policy/compile/authorities/fulcioClaims.ts";
import { checkKey } from "../../../policy/compile/authorities/publicKeys.ts";
import { boundedDer } from "./boundedDer.ts";

/** What a leaf certificate says of its owner; not believed before its chain is proved. */
export interface LeafCertificate {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
  /** `sha256:<hex>` over the DER. */
  readonly fingerprint: string;
  readonly issuer: string;
  readonly subject: string;
  /** Fulcio's extensions by the names that policies use. */
  readonly claims: ReadonlyMap<string, string>;
}

export type ReadLeaf =
  | { readonly status: "ok"; readonly leaf: LeafCertificate }
  | { readonly status: "refused"; readonly message: string };

const SUBJECT_ALT_NAME = "2.5.29.17";
const EXTENDED_KEY_USAGE = "2.5.29.37";
/** Key usage, subject alternative name, basic constraints, extended key usage: what is looked at here. */
const UNDERSTOOD = new Set(["2.5.29.15", SUBJECT_ALT_NAME, "2.5.29.19", EXTENDED_KEY_USAGE]);
const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";
/** GeneralName (RFC 5280, section 4.2.1.6). DNS names are no identities of Fulcio. */
const OTHER_NAME = 0x00;
const EMAIL = 0x01;
const URI = 0x06;
/**
 * Characters of a subject or an issuer: SPIFFE's names have 2,048 at most, workflows' some hundred. A stranger's certificate may have a name of
 * mebibytes, and a policy's expression is matched with it before anything is proved: `(?:.{0,100}){9}` takes 0.2 ms for each of its letters.
 */
const LONGEST_NAME = 4_096;
/** Fulcio's user names that are no email address (`docs/oid-info.md`). */
const FULCIO_USER = `${FULCIO_ARC}.7`;

/**
 * Parses a leaf and refuses what must not sign images: a CA, a key that is too weak, a purpose other than code signing
 * (the library does not look at the purpose). Never throws.
 */
export const readLeaf = (der: Buffer): ReadLeaf => {
  try {
    const certificate = X509Certificate.parse(boundedDer(der));
    const key = createPublicKey({
      key: certificate.publicKey,
      format: "der",
      type: "spki",
    });
    const wrong = unfit(certificate, key);
    if (wrong !== undefined) return { status: "refused", message: wrong };
    // An expression such as `.*` would match what is not there.
    const subject = subjectOf(certificate);
    if (subject === undefined || subject === "")
      return { status: "refused", message: "its certificate names no subject" };
    const issuers = issuersOf(certificate);
    if (issuers.size > 1)
      return {
        status: "refused",
        message: "its certificate names two different issuers of the identity",
      };
    const [issuer] = issuers;
    if (issuer === undefined || issuer === "")
      return {
        status: "refused",
        message: "its certificate names no issuer of the identity",
      };
    if (subject.length > LONGEST_NAME || issuer.length > LONGEST_NAME)
      return { status: "refused", message: `its certificate has a name of more than ${LONGEST_NAME} characters` };
    return {
      status: "ok",
      leaf: {
        certificate,
        key,
        fingerprint: `sha256:${createHash("sha256").update(der).digest("hex")}`,
        issuer,
        subject,
        claims: claimsOf(certificate),
      },
    };
  } catch {
    return { status: "refused", message: "its certificate does not parse" };
  }
};

const unfit = (certificate: X509Certificate, key: KeyObject): string | undefined => {
  const oids = certificate.extensions.map(oidOf);
  // RFC 5280, section 4.2: two extensions of one kind would be read differently by different readers.
  if (new Set(oids).size !== oids.length) return "its certificate has an extension twice";
  // RFC 5280, section 4.2: what somebody made critical restricts the certificate in a way that has to be understood.
  const unknown = oids.find((oid) => !UNDERSTOOD.has(oid) && certificate.extension(oid)?.critical === true);
  if (unknown !== undefined) return `its certificate has the critical extension ${unknown}, which is not understood`;
  // The library calls one a CA only where its key usage says so as well.
  if (certificate.extBasicConstraints?.isCA === true) return "its certificate is that of a certificate authority";
  const checked = checkKey(key);
  if (checked.status === "refused") return `its certificate holds ${checked.message}`;
  if (certificate.extKeyUsage?.digitalSignature === false) return "its certificate is not for digital signatures";
  const purposes = certificate.extension(EXTENDED_KEY_USAGE)?.valueObj.subs[0]?.subs ?? [];
  return purposes.some((purpose) => purpose.toOID() === CODE_SIGNING)
    ? undefined
    : "its certificate is not for code signing";
};

const oidOf = (extension: ASN1Obj): string => extension.subs[0]?.toOID() ?? "";

/** The first URI, else the first email address, else Fulcio's user name. */
const subjectOf = (certificate: X509Certificate): string | undefined => {
  const names = certificate.extension(SUBJECT_ALT_NAME)?.valueObj.subs[0]?.subs ?? [];
  const first = (tag: number): ASN1Obj | undefined => names.find((name) => name.tag.isContextSpecific(tag));
  const name = first(URI) ?? first(EMAIL);
  if (name !== undefined) return ia5Text(name.value);
  const user = names.find((one) => one.tag.isContextSpecific(OTHER_NAME) && one.subs[0]?.toOID() === FULCIO_USER);
  const value = user?.subs[1]?.subs[0];
  return value === undefined ? undefined : utf8String(value);
};

/** Fulcio writes the issuer twice, as raw text and as DER, for old readers and new ones; they must not read different ones. */
const issuersOf = (certificate: X509Certificate): ReadonlySet<string> => {
  const both = [derText(certificate, 8), rawText(certificate, 1)];
  return new Set(both.filter((one) => one !== undefined));
};

const claimsOf = (certificate: X509Certificate): ReadonlyMap<string, string> => {
  const claims = new Map<string, string>();
  for (const [name, number] of FULCIO_CLAIMS) {
    const value = number < 8 ? rawText(certificate, number) : derText(certificate, number);
    if (value !== undefined) claims.set(name, value);
  }
  return claims;
};

const rawText = (certificate: X509Certificate, number: number): string | undefined => {
  const extension = certificate.extension(`${FULCIO_ARC}.${number}`);
  return extension === undefined ? undefined : utf8Text(extension.value);
};

const derText = (certificate: X509Certificate, number: number): string | undefined => {
  const extension = certificate.extension(`${FULCIO_ARC}.${number}`);
  return extension === undefined ? undefined : utf8String(ASN1Obj.parseBuffer(boundedDer(extension.value)));
};

const UTF8_STRING = 0x0c;

const utf8String = ({ tag, value }: ASN1Obj): string => {
  if (tag.toDER() !== UTF8_STRING) throw new Error("not a UTF8String");
  return utf8Text(value);
};

/** Throws where it is no UTF-8: a lenient reader makes one text of many different ones. */
const utf8Text = (bytes: Uint8Array): string =>
  new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);

/** IA5String, as names are in certificates (RFC 5280, section 4.2.1.6). Throws where a byte is none of ASCII. */
const ia5Text = (bytes: Uint8Array): string => {
  if (bytes.some((byte) => byte > 0x7f)) throw new Error("not an IA5String");
  return Buffer.from(bytes).toString("latin1");
};
