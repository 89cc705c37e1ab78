import { decode, encode, Tagged } from "cborg";
import { Malformed } from "../proof.ts";
import type { Algorithm } from "./algorithm.ts";
import { readAttributes, shown } from "./attributes.ts";
import { LIMITS, PAYLOAD_TYPE, TIMESTAMP, type Envelope } from "./envelope.ts";

/** Labels of COSE headers (RFC 9052, section 3.1; RFC 9360, section 2). */
const ALG = 1;
const CRIT = 2;
const CONTENT_TYPE = 3;
const X5CHAIN = 33;

const ALGORITHMS: ReadonlyMap<unknown, Algorithm> = new Map([
  [-37, "PS256"],
  [-38, "PS384"],
  [-39, "PS512"],
  [-7, "ES256"],
  [-35, "ES384"],
  [-36, "ES512"],
]);

const SIGN1 = 18;
const EPOCH_TIME = 1;

/** Nothing that two readers could read differently: no key twice, no length longer than it need be, none left open. */
const STRICT = {
  strict: true,
  useMaps: true,
  rejectDuplicateMapKeys: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
  tags: Tagged.preserve(SIGN1, EPOCH_TIME),
};

/** Tagged COSE_Sign1 (signature-envelope-cose.md, RFC 9052). Throws Malformed. */
export const readCose = (bytes: Uint8Array): Envelope => {
  const message = read(bytes, "it");
  const parts: unknown = message instanceof Tagged && message.tag === SIGN1 ? message.value : undefined;
  if (!Array.isArray(parts) || parts.length !== 4) throw new Malformed("cannot be read: it is no COSE_Sign1");
  const [encoded, unprotected, payload, signature] = parts as readonly unknown[];
  if (!isBytes(encoded) || !(unprotected instanceof Map) || !isBytes(payload) || !isBytes(signature))
    throw new Malformed("cannot be read: it is no COSE_Sign1");
  if (encoded.length === 0) throw new Malformed("has no protected header");
  const header = read(encoded, "the protected header");
  if (!(header instanceof Map)) throw new Malformed("cannot be read: the protected header is no map");
  // RFC 9052, section 3: one header in both would be read differently by different readers.
  for (const name of header.keys())
    if (unprotected.has(name)) throw new Malformed(`has the header ${shown(name)} twice`);

  const algorithm = ALGORITHMS.get(header.get(ALG));
  if (algorithm === undefined)
    throw new Malformed(`has the algorithm ${shown(header.get(ALG))}, which is not one of these signatures`);
  if (header.get(CONTENT_TYPE) !== PAYLOAD_TYPE)
    throw new Malformed(`has content of the type ${shown(header.get(CONTENT_TYPE))}`);
  const critical: unknown = header.get(CRIT);
  if (!Array.isArray(critical) || critical.length === 0) throw new Malformed("has no critical headers");
  if (signature.length === 0) throw new Malformed("has no signature");

  const timestamp: unknown = unprotected.get(TIMESTAMP);
  if (timestamp !== undefined && !isBytes(timestamp)) throw new Malformed("cannot be read: the timestamp is no bytes");
  return {
    attributes: readAttributes(header, critical, timeOf),
    algorithm,
    payload: Buffer.from(payload),
    signed: Buffer.from(encode(["Signature1", encoded, new Uint8Array(), payload])),
    signature: Buffer.from(signature),
    salt: "ofHash",
    chain: chainOf(unprotected.get(X5CHAIN)),
    ...(timestamp === undefined || timestamp.length === 0 ? {} : { timestamp: Buffer.from(timestamp) }),
  };
};

const read = (bytes: Uint8Array, what: string): unknown => {
  try {
    return decode(bytes, STRICT);
  } catch {
    // Nesting without end is a RangeError, and one of these.
    throw new Malformed(`cannot be read: ${what} is no CBOR, or not in its shortest form`);
  }
};

const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array;

/** Only under its tag (RFC 8949, section 3.4.2): a bare number is no time. */
const timeOf = (value: unknown): number | undefined => {
  if (!(value instanceof Tagged) || value.tag !== EPOCH_TIME) return undefined;
  const seconds: unknown = value.value;
  const time = typeof seconds === "number" ? Math.floor(seconds * 1000) : NaN;
  return Number.isSafeInteger(time) && Math.abs(time) <= 8.64e15 ? time : undefined;
};

const chainOf = (value: unknown): readonly Buffer[] => {
  // One certificate may stand alone (RFC 9360, section 2); notation writes a list in any case.
  const list: unknown = isBytes(value) ? [value] : value;
  if (!Array.isArray(list) || list.length === 0) throw new Malformed("has no certificates");
  if (list.length > LIMITS.certificates)
    throw new Malformed(`has ${list.length} certificates; at most ${LIMITS.certificates} are read`);
  return list.map((one: unknown) => {
    if (!isBytes(one)) throw new Malformed("cannot be read: a certificate is no bytes");
    return Buffer.from(one);
  });
};
