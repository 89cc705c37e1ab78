import { createHash } from "node:crypto";
import { isIssuedBy, isSelfSigned, isValidAt, readCertificate, type Certificate } from "./certificate.ts";
import { faultOfChain } from "./chain.ts";
import { LIMITS } from "./envelope.ts";
import { hashOf, isSigned } from "./signedData.ts";
import { parseDer, type Asn1 } from "./asn1.ts";

/** When a signature was there at the latest, as a trusted authority says. */
export type ReadTimestamp =
  | {
      readonly status: "proved";
      /** Milliseconds: the time, and the range that its accuracy leaves. */
      readonly time: number;
      readonly earliest: number;
      readonly latest: number;
      /** Of the authority, leaf first, the trusted root last. */
      readonly chain: readonly Certificate[];
    }
  /** A sentence about the timestamp. */
  | { readonly status: "faulty"; readonly message: string };

const SIGNED_DATA = "1.2.840.113549.1.7.2";
const TST_INFO = "1.2.840.113549.1.9.16.1.4";
const CONTENT_TYPE = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST = "1.2.840.113549.1.9.4";
const SIGNING_TIME = "1.2.840.113549.1.9.5";
const SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47";
/** The baseline policy (RFC 3628, section 5.2): accurate to a second where it says nothing. */
const BASELINE_POLICY = "0.4.0.2023.1.1";

const MOST_CERTIFICATES = 20;
const MOST_SIGNERS = 8;

class Faulty extends Error {}

/**
 * Proves an RFC 3161 token over `signature` against trusted authorities (trust policy specification, "Validate Authentic Timestamp"): imprint,
 * CMS signature, the certificate that RFC 5816 binds, its chain at the time of the timestamp. Never throws.
 */
export const readTimestamp = (token: Buffer, signature: Buffer, roots: readonly Certificate[]): ReadTimestamp => {
  try {
    if (token.length > LIMITS.timestamp) throw new Faulty(`is larger than ${LIMITS.timestamp} bytes`);
    return prove(token, signature, roots);
  } catch (error) {
    return {
      status: "faulty",
      message: error instanceof Faulty ? error.message : "cannot be read (expected is DER)",
    };
  }
};

const prove = (token: Buffer, signature: Buffer, roots: readonly Certificate[]): ReadTimestamp => {
  const content = parseContent(token);
  const info = readInfo(content.bytes);
  const hash = hashOf(info.imprintAlgorithm);
  if (hash === undefined) throw new Faulty("is over a hash that is not trusted any more");
  if (!createHash(hash).update(signature).digest().equals(info.imprint)) throw new Faulty("is of another signature");
  let fault = new Faulty("has no signer");
  for (const signer of content.signers) {
    try {
      return {
        status: "proved",
        ...info.times,
        chain: proveSigner(signer, content, info.times.time, roots),
      };
    } catch (error) {
      // One good signer is enough (tspclient-go, SignedToken.Verify).
      fault = error instanceof Faulty ? error : new Faulty("cannot be read (expected is DER)");
    }
  }
  throw fault;
};

interface Content {
  /** DER of the TSTInfo. */
  readonly bytes: Buffer;
  readonly certificates: readonly Certificate[];
  readonly signers: readonly Asn1[];
}

/** ContentInfo and SignedData (RFC 5652, sections 3 and 5.1). */
const parseContent = (token: Buffer): Content => {
  const outer = parseDer(token).subs;
  if (outer[0]?.toOid() !== SIGNED_DATA) throw new Faulty("is no signed data");
  const fields = outer[1]?.subs[0]?.subs ?? [];
  const [version, , encapsulated] = fields;
  if (version?.toInteger() !== 3n || encapsulated === undefined) throw new Faulty("is no signed data of version 3");
  if (encapsulated.subs[0]?.toOid() !== TST_INFO) throw new Faulty("holds no time");
  const bytes = encapsulated.subs[1]?.subs[0]?.value;
  const list = fields.slice(3).find((one) => one.isContext(0))?.subs ?? [];
  const signers = fields.at(-1)?.subs ?? [];
  if (bytes === undefined) throw new Faulty("holds no time");
  if (list.length > MOST_CERTIFICATES || signers.length > MOST_SIGNERS)
    throw new Faulty("has too many certificates or signers");
  return {
    bytes,
    certificates: list.map((one) => readCertificate(one.raw)),
    signers,
  };
};

interface Info {
  readonly imprintAlgorithm: Asn1;
  readonly imprint: Buffer;
  readonly times: {
    readonly time: number;
    readonly earliest: number;
    readonly latest: number;
  };
}

/** TSTInfo (RFC 3161, section 2.4.2). */
const readInfo = (bytes: Buffer): Info => {
  const [version, policy, imprint, , time, ...rest] = parseDer(bytes).subs;
  const [imprintAlgorithm, hashed] = imprint?.subs ?? [];
  if (version?.toInteger() !== 1n || policy === undefined || imprintAlgorithm === undefined || hashed === undefined)
    throw new Faulty("holds no time of version 1");
  if (time?.is("generalizedTime") !== true) throw new Faulty("holds no time");
  const at = time.toTime();
  const written = rest[0]?.is("sequence") === true ? accuracyOf(rest[0]) : 0;
  const accuracy = written === 0 && policy.toOid() === BASELINE_POLICY ? 1000 : written;
  const times = {
    time: at,
    earliest: Math.floor(at - accuracy),
    latest: Math.ceil(at + accuracy),
  };
  return { imprintAlgorithm, imprint: hashed.value, times };
};

/** Milliseconds. */
const accuracyOf = ({ subs }: Asn1): number => {
  let accuracy = 0;
  for (const part of subs) {
    const amount = Number(part.is("integer") ? part.toInteger() : BigInt(`0x${part.value.toString("hex") || "0"}`));
    accuracy += amount * (part.is("integer") ? 1000 : part.isContext(0) ? 1 : 0.001);
  }
  if (!(accuracy >= 0 && accuracy <= MOST_ACCURACY)) throw new Faulty("does not say how accurate it is");
  return accuracy;
};

const MOST_ACCURACY = 86_400_000;

/** SignerInfo (RFC 5652, section 5.3), by the certificate that the signed attributes name. */
const proveSigner = (
  signer: Asn1,
  { bytes, certificates }: Content,
  time: number,
  roots: readonly Certificate[],
): readonly Certificate[] => {
  const [version, sid, digestAlgorithm, attributes, algorithm, signature] = signer.subs;
  if (version?.toInteger() !== 1n || attributes?.isContext(0) !== true) throw new Faulty("has no signed attributes");
  const hash = hashOf(digestAlgorithm);
  if (hash === undefined || algorithm === undefined || signature === undefined)
    throw new Faulty("is signed over a hash that is not trusted any more");
  const attribute = attributesOf(attributes);
  if (attribute(CONTENT_TYPE)?.toOid() !== TST_INFO) throw new Faulty("was signed as something else");
  const digest = attribute(MESSAGE_DIGEST)?.value;
  if (digest === undefined || !createHash(hash).update(bytes).digest().equals(digest)) throw new Faulty("was altered");

  const certificate = boundCertificate(attribute(SIGNING_CERTIFICATE_V2), sid, certificates);
  // RFC 5652, section 5.4: what is signed is the set, not the field.
  const signed = Buffer.from(attributes.raw);
  signed[0] = 0x31;
  if (!isSigned(certificate.key, algorithm, signed, signature.value, hash)) throw new Faulty("was altered");
  const chain = chainOf(certificate, certificates, roots, time);
  const claimed = attribute(SIGNING_TIME)?.toTime();
  if (claimed !== undefined && !chain.every((one) => isValidAt(one, claimed)))
    throw new Faulty("was signed at a time at which its authority's certificates were not valid");
  return chain;
};

/** An attribute's one value; RFC 5652, section 5.3, allows each of these once. */
const attributesOf = (attributes: Asn1): ((oid: string) => Asn1 | undefined) => {
  const list = attributes.subs.map(({ subs }) => ({
    oid: subs[0]?.toOid(),
    values: subs[1]?.subs ?? [],
  }));
  return (wanted) => {
    const found = list.filter(({ oid }) => oid === wanted);
    if (found.length > 1 || (found[0]?.values.length ?? 1) !== 1) throw new Faulty("has an attribute twice");
    return found[0]?.values[0];
  };
};

/** SigningCertificateV2 (RFC 5816, RFC 5035): the only signed word on whose signature this is. */
const boundCertificate = (
  attribute: Asn1 | undefined,
  sid: Asn1 | undefined,
  certificates: readonly Certificate[],
): Certificate => {
  const fields = attribute?.subs[0]?.subs[0]?.subs;
  if (fields === undefined) throw new Faulty("does not say which certificate signed it (signing-certificate-v2)");
  const named = fields[0]?.is("sequence") === true ? fields[0] : undefined;
  const hash = named === undefined ? "sha256" : hashOf(named);
  const wanted = (named === undefined ? fields[0] : fields[1])?.value;
  if (hash === undefined || wanted === undefined)
    throw new Faulty("names its certificate by a hash that is not trusted");
  const found = certificates.find(({ der }) => createHash(hash).update(der).digest().equals(wanted));
  const [issuer, serial] = sid?.subs ?? [];
  if (found === undefined || issuer?.raw.equals(found.issuer) !== true || serial?.value.equals(found.serial) !== true)
    throw new Faulty("does not hold the certificate that signed it");
  return found;
};

/** From the authority's certificate to a trusted root, each valid at the time, by whatever certificates the token brings. */
const chainOf = (
  leaf: Certificate,
  certificates: readonly Certificate[],
  roots: readonly Certificate[],
  time: number,
): readonly Certificate[] => {
  const trusted = new Set(roots.map(({ fingerprint }) => fingerprint));
  let fault = "is of an authority that is not trusted";
  const extend = (chain: readonly Certificate[]): readonly Certificate[] | undefined => {
    const last = chain.at(-1) ?? leaf;
    if (trusted.has(last.fingerprint) && isSelfSigned(last)) {
      const wrong = wrongOf(chain, time);
      if (wrong === undefined) return chain;
      fault = wrong;
      return undefined;
    }
    if (chain.length >= LIMITS.certificates) return undefined;
    for (const issuer of [...roots, ...certificates])
      if (!chain.includes(issuer) && issuer.subject.equals(last.issuer) && isIssuedBy(last, issuer)) {
        const found = extend([...chain, issuer]);
        if (found !== undefined) return found;
      }
    return undefined;
  };
  const chain = extend([leaf]);
  if (chain === undefined) throw new Faulty(fault);
  return chain;
};

/** Extensions that are understood here; what else is critical restricts the certificate in a way that is not. */
const UNDERSTOOD = new Set(["2.5.29.15", "2.5.29.19", "2.5.29.37"]);

const wrongOf = (chain: readonly Certificate[], time: number): string | undefined => {
  if (!chain.every((one) => isValidAt(one, time))) return "is of an authority whose certificates were not valid then";
  const restricted = chain.some(({ extensions }) =>
    [...extensions].some(([oid, { critical }]) => critical && !UNDERSTOOD.has(oid)),
  );
  if (restricted) return "is of an authority with a critical extension that is not understood";
  const fault = faultOfChain(chain, "timestamping");
  return fault === undefined ? undefined : `is of an authority whose certificates do not hold: ${fault}`;
};
