import { readCertificate } from "../verify/certificate.ts";
import { isSigned } from "../verify/signedData.ts";
import { readDer, type Der } from "../verify/der.ts";
import { parseDer, type Asn1 } from "../verify/asn1.ts";
import { readExtensions, type Extension } from "../verify/extensions.ts";

/** A list of revoked certificates, and what is looked for in it. Cloneable, for workers. */
export interface ListRequest {
  readonly base: Uint8Array;
  /** Changes since the base. */
  readonly delta?: Uint8Array;
  /** DER of the certificate's issuer, whose list it must be. */
  readonly issuer: Uint8Array;
  /** Content of the INTEGER. */
  readonly serial: Uint8Array;
  /** Every address at which the certificate says its lists are. */
  readonly places: readonly string[];
  /** The certificate is itself one of an authority. */
  readonly isAuthority: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export type ListResult =
  | {
      readonly status: "good" | "revoked";
      /** Milliseconds. */ readonly nextUpdate: number;
    }
  /** It says nothing about this certificate: a sentence about the list. */
  | { readonly status: "malformed"; readonly message: string };

const FRESHEST_CRL = "2.5.29.46";
const ISSUING_DISTRIBUTION_POINT = "2.5.29.28";
const DELTA_INDICATOR = "2.5.29.27";
const CRL_NUMBER = "2.5.29.20";
const REASON = "2.5.29.21";
const INVALIDITY_DATE = "2.5.29.24";

const CERTIFICATE_HOLD = 6;
const REMOVE_FROM_CRL = 8;

class Unusable extends Error {}

/**
 * Whether a certificate is on its issuer's list (RFC 5280, section 5; trust policy specification, "CRLs"). The delta is read as notation 1.3
 * does: newer than the base, and made for it or an older one. Never throws.
 */
export const readList = (question: ListRequest): ListResult => {
  try {
    const base = open(question.base, question);
    const delta = question.delta === undefined ? undefined : open(question.delta, question);
    if (base.deltaOf !== undefined) throw new Unusable("is a delta, and not a whole list");
    if (delta !== undefined) checkDelta(base, delta);
    const entries = [base, delta].flatMap((list) => (list === undefined ? [] : entriesOf(list, question.serial)));
    const nextUpdate = Math.min(base.nextUpdate, delta?.nextUpdate ?? Infinity);
    return { status: isRevoked(entries) ? "revoked" : "good", nextUpdate };
  } catch (error) {
    return {
      status: "malformed",
      message: error instanceof Unusable ? error.message : "cannot be read",
    };
  }
};

/** Where changes since this list are, as it says itself; empty where there are none. Throws where it does not parse. */
export const deltaPlaces = (list: Uint8Array): readonly string[] => {
  const { extensions } = parse(Buffer.from(list.buffer, list.byteOffset, list.byteLength));
  const extension = extensions.get(FRESHEST_CRL);
  return extension === undefined ? [] : distributionPoints(parseDer(extension.value));
};

const URI = 6;

/** The addresses of CRLDistributionPoints (RFC 5280, section 4.2.1.13), in order. */
export const distributionPoints = (points: Asn1): readonly string[] =>
  points.subs.flatMap(({ subs }) => addressesOf(subs.find((one) => one.isContext(0))));

/** Of a DistributionPointName by its full name. */
const addressesOf = (point: Asn1 | undefined): readonly string[] => {
  const name = point?.subs[0];
  const names = name?.isContext(0) === true ? name.subs : [];
  return names.filter((one) => one.isContext(URI)).map(({ value }) => value.toString("latin1"));
};

/** A list in its parts. The entries stay bytes: as a tree they would take thirty times as much. */
interface Parsed {
  readonly bytes: Buffer;
  readonly toBeSigned: Buffer;
  readonly algorithm: Asn1;
  readonly signature: Buffer;
  readonly issuer: Buffer;
  readonly nextUpdate: number | undefined;
  readonly entries: Der | undefined;
  readonly extensions: ReadonlyMap<string, Extension>;
}

interface Opened extends Parsed {
  readonly nextUpdate: number;
  readonly number: bigint | undefined;
  /** The number of the base that a delta was made for. */
  readonly deltaOf: bigint | undefined;
}

const open = (bytes: Uint8Array, question: ListRequest): Opened => {
  const { issuer, now } = question;
  const list = parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const authority = readCertificate(Buffer.from(issuer));
  if (
    !list.issuer.equals(authority.subject) ||
    !isSigned(authority.key, list.algorithm, list.toBeSigned, list.signature)
  )
    throw new Unusable("is not signed by the certificate's issuer");
  if (!maySignLists(authority.extensions)) throw new Unusable("is signed by an authority that must not sign lists");
  const { nextUpdate, extensions } = list;
  if (nextUpdate === undefined) throw new Unusable("does not say how long it holds");
  if (now > nextUpdate) throw new Unusable("has expired");
  checkScope(extensions.get(ISSUING_DISTRIBUTION_POINT)?.value, question);
  for (const [oid, { critical }] of extensions)
    if (critical && oid !== ISSUING_DISTRIBUTION_POINT && oid !== DELTA_INDICATOR)
      throw new Unusable("has a critical extension that is not understood");
  return {
    ...list,
    nextUpdate,
    number: numberIn(extensions, CRL_NUMBER),
    deltaOf: numberIn(extensions, DELTA_INDICATOR),
  };
};

/** Fields of IssuingDistributionPoint (RFC 5280, section 5.2.5). */
const POINT = 0;
const ONLY_USERS = 1;
const ONLY_AUTHORITIES = 2;
const ONLY_ATTRIBUTES = 5;

/**
 * Lists are fetched in the clear: whoever is in between could give another list of the same authority, which does not cover this
 * certificate. notation 1.3 does not look.
 */
const checkScope = (point: Buffer | undefined, { places, isAuthority }: ListRequest): void => {
  if (point === undefined) return;
  const { subs } = parseDer(point);
  const has = (field: number): boolean =>
    subs.some((one) => one.isContext(field) && one.value.some((byte) => byte !== 0));
  if (has(ONLY_ATTRIBUTES) || has(isAuthority ? ONLY_USERS : ONLY_AUTHORITIES))
    throw new Unusable("is of another kind of certificates");
  const names = addressesOf(subs.find((one) => one.isContext(POINT)));
  if (names.length > 0 && !names.some((name) => places.includes(name)))
    throw new Unusable("is of another distribution point");
};

const KEY_USAGE = "2.5.29.15";
const CRL_SIGN = 6;

const maySignLists = (extensions: ReadonlyMap<string, Extension>): boolean => {
  const usage = extensions.get(KEY_USAGE);
  return usage === undefined || parseDer(usage.value).hasBit(CRL_SIGN);
};

const numberIn = (extensions: ReadonlyMap<string, Extension>, oid: string): bigint | undefined => {
  const extension = extensions.get(oid);
  return extension === undefined ? undefined : parseDer(extension.value).toInteger();
};

const checkDelta = (base: Opened, delta: Opened): void => {
  if (delta.deltaOf === undefined) throw new Unusable("has changes that do not say of which list");
  const [whole, changes] = [base, delta].map(({ extensions }) => extensions.get(ISSUING_DISTRIBUTION_POINT)?.value);
  if (whole?.equals(changes ?? Buffer.alloc(0)) === false || (whole === undefined) !== (changes === undefined))
    throw new Unusable("has changes of another list");
  if (base.number === undefined || delta.number === undefined) throw new Unusable("has changes, and no number");
  if (delta.number <= base.number) throw new Unusable("is newer than its changes");
  if (delta.deltaOf > base.number) throw new Unusable("is older than the one that its changes are of");
};

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const EXTENSIONS = 0xa0;

/** CertificateList (RFC 5280, section 5.1). */
const parse = (bytes: Buffer): Parsed => {
  const outer = readDer(bytes, 0);
  if (outer.tag !== SEQUENCE || outer.end !== bytes.length) throw new Unusable("is no list of revoked certificates");
  const [tbs, algorithm, signature] = childrenOf(bytes, outer);
  if (tbs === undefined || algorithm === undefined || signature === undefined) throw new Unusable("is no such list");
  const fields = childrenOf(bytes, tbs);
  if (fields[0]?.tag === INTEGER) fields.shift();
  const [inner, issuer, , ...rest] = fields;
  if (inner === undefined || issuer === undefined) throw new Unusable("is no such list");
  const slice = ({ from, end }: Der): Buffer => bytes.subarray(from, end);
  if (!slice(inner).equals(slice(algorithm))) throw new Unusable("names two algorithms");
  const update = rest[0] !== undefined && [UTC_TIME, GENERALIZED_TIME].includes(rest[0].tag) ? rest.shift() : undefined;
  const entries = rest[0]?.tag === SEQUENCE ? rest.shift() : undefined;
  const wrapped = rest[0]?.tag === EXTENSIONS ? parseDer(slice(rest[0])).subs[0]?.subs : undefined;
  const extensions = readExtensions(wrapped ?? [], (reason) => new Unusable(`has ${reason}`));
  return {
    bytes,
    toBeSigned: slice(tbs),
    algorithm: parseDer(slice(algorithm)),
    // A BIT STRING begins with the number of bits that are not used.
    signature: bytes.subarray(signature.start + 1, signature.end),
    issuer: slice(issuer),
    nextUpdate: update === undefined ? undefined : parseDer(slice(update)).toTime(),
    entries,
    extensions,
  };
};

const childrenOf = (bytes: Buffer, parent: Der): Der[] => {
  const children: Der[] = [];
  for (let at = parent.start; at < parent.end;) {
    const child = readDer(bytes, at, parent.end);
    children.push(child);
    at = child.end;
  }
  return children;
};

interface Entry {
  readonly revokedAt: number;
  readonly reason: number;
}

/** Every entry of this number, without a tree of all of them. */
const entriesOf = ({ bytes, entries }: Opened, serial: Uint8Array): readonly Entry[] => {
  const found: Entry[] = [];
  if (entries === undefined) return found;
  for (let at = entries.start; at < entries.end;) {
    const entry = readDer(bytes, at, entries.end);
    const number = readDer(bytes, entry.start, entry.end);
    if (number.tag === INTEGER && bytes.subarray(number.start, number.end).equals(serial))
      found.push(readEntry(bytes.subarray(entry.from, entry.end)));
    at = entry.end;
  }
  return found;
};

const readEntry = (bytes: Buffer): Entry => {
  const [, time, list] = parseDer(bytes).subs;
  if (time === undefined) throw new Unusable("has an entry that cannot be read");
  const extensions = readExtensions(list?.subs ?? [], (reason) => new Unusable(`has an entry with ${reason}`));
  for (const [oid, { critical }] of extensions)
    // Such as the issuer of another authority's certificate in an indirect list.
    if (critical && oid !== REASON && oid !== INVALIDITY_DATE)
      throw new Unusable("has an entry with a critical extension that is not understood");
  const reason = extensions.get(REASON)?.value;
  return {
    revokedAt: time.toTime(),
    reason: reason === undefined ? 0 : Number(reason.at(-1)),
  };
};

/**
 * A hold may end: of holds and their ends the newest counts. Every other reason is for ever, whatever date its entry gives for the
 * beginning: notation heeds that date under signing authorities only, which are not asked about here.
 */
const isRevoked = (entries: readonly Entry[]): boolean => {
  const temporary = ({ reason }: Entry): boolean => reason === CERTIFICATE_HOLD || reason === REMOVE_FROM_CRL;
  if (entries.some((entry) => !temporary(entry))) return true;
  // Of two at one time the later in the list, which is that of the changes.
  const [last] = entries.toReversed().toSorted((a, b) => b.revokedAt - a.revokedAt);
  return last?.reason === CERTIFICATE_HOLD;
};
