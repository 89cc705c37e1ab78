import { readDer } from "./der.ts";

/** Tags of DER that are asked for by name. */
export const TAGS = {
  boolean: 0x01,
  integer: 0x02,
  oid: 0x06,
  utf8: 0x0c,
  printable: 0x13,
  ia5: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmp: 0x1e,
  sequence: 0x30,
} as const;

const CONSTRUCTED = 0x20;
const MOST_DEPTH = 32;
/**
 * A timestamp with twenty certificates has some 3,000. Whoever pushes a signature writes certificates that nobody trusts: a tree of 10 MiB of
 * small elements would take a GiB.
 */
const MOST_ELEMENTS = 10_000;
const TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d{1,9})?Z$/;

/** Is thrown where something is not what it should be; every reader here takes it for what cannot be read. */
class NotDer extends Error {}

/**
 * One element of DER with those in it. @sigstore/core's tree tries whether octet strings hold elements as well, again and again: an answer of
 * 795 bytes took it 30 seconds (found by jazzer.js). Here every byte is read once, and what octet strings hold is parsed where it is known.
 */
export class Asn1 {
  readonly tag: number;
  /** The whole element, as it stands. */
  readonly raw: Buffer;
  readonly value: Buffer;
  /** Empty for what is not constructed. */
  readonly subs: readonly Asn1[];

  constructor(raw: Buffer, value: Buffer, subs: readonly Asn1[]) {
    this.tag = raw[0] ?? 0;
    this.raw = raw;
    this.value = value;
    this.subs = subs;
  }

  /** Whether it has this context-specific number, constructed or not. */
  isContext(number: number): boolean {
    return (this.tag & ~CONSTRUCTED) === (0x80 | number);
  }

  is(name: keyof typeof TAGS): boolean {
    return this.tag === TAGS[name];
  }

  toOid(): string {
    this.#expect("oid");
    const arcs: number[] = [];
    let arc = 0;
    for (const byte of this.value) {
      arc = arc * 128 + (byte & 0x7f);
      if (arc > Number.MAX_SAFE_INTEGER) throw new NotDer();
      if (byte >= 0x80) continue;
      arcs.push(arc);
      arc = 0;
    }
    const [first] = arcs;
    if (first === undefined || (this.value.at(-1) ?? 0x80) >= 0x80) throw new NotDer();
    const top = Math.min(2, Math.floor(first / 40));
    return [top, first - 40 * top, ...arcs.slice(1)].join(".");
  }

  /** Of a number that is none below zero. */
  toInteger(): bigint {
    this.#expect("integer");
    const [first = 0x80] = this.value;
    // A number of a certificate or list has 20 bytes at most.
    if (first >= 0x80 || this.value.length > 64) throw new NotDer();
    return BigInt(`0x${this.value.toString("hex")}`);
  }

  toBoolean(): boolean {
    this.#expect("boolean");
    if (this.value.length !== 1 || (this.value[0] !== 0 && this.value[0] !== 0xff)) throw new NotDer();
    return this.value[0] === 0xff;
  }

  /** Whether a bit of a BIT STRING is set; those that are not there are not. */
  hasBit(bit: number): boolean {
    const [unused = 8, ...bytes] = this.value.subarray(0, 16);
    if (this.tag !== 0x03 || unused > 7) throw new NotDer();
    return (((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) === 1;
  }

  /** Milliseconds, with their fraction, of a UTCTime or GeneralizedTime in the form of RFC 5280, section 4.1.2.5; RFC 3161 has fractions. */
  toTime(): number {
    const text = this.value.toString("latin1");
    const full = this.is("utcTime") ? `${text < "5" ? "20" : "19"}${text}` : this.is("generalizedTime") ? text : "";
    const match = TIME.exec(full);
    if (match === null) throw new NotDer();
    const [, year, month, day, hour, minute, second, fraction = ".0"] = match;
    const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) + Number(`0${fraction}`) * 1000;
    if (Number.isNaN(time)) throw new NotDer();
    return time;
  }

  #expect(name: keyof typeof TAGS): void {
    if (!this.is(name)) throw new NotDer();
  }
}

/** Parses one element of DER, strictly and to its end, in a copy that nobody else changes; throws otherwise. */
export const parseDer = (bytes: Uint8Array): Asn1 => {
  const copy = Buffer.from(bytes);
  const parsed = new Parser(copy).parse(0, copy.length, 0);
  if (parsed.raw.length !== copy.length) throw new NotDer();
  return parsed;
};

class Parser {
  readonly #bytes: Buffer;
  #elements = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  parse(from: number, limit: number, depth: number): Asn1 {
    this.#elements += 1;
    if (depth > MOST_DEPTH || this.#elements > MOST_ELEMENTS) throw new NotDer();
    const { tag, start, end } = readDer(this.#bytes, from, limit);
    const subs: Asn1[] = [];
    if ((tag & CONSTRUCTED) !== 0)
      for (let at = start; at < end;) {
        const child = this.parse(at, end, depth + 1);
        subs.push(child);
        at += child.raw.length;
      }
    return new Asn1(this.#bytes.subarray(from, end), this.#bytes.subarray(start, end), subs);
  }
}
