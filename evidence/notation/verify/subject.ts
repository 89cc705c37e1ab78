import type { ASN1Obj } from "@sigstore/core";
import type { SubjectIdentity } from "../../../policy/authority.ts";
import type { Certificate } from "./certificate.ts";
import { parseDer } from "./asn1.ts";

/** Attributes of names by object identifier, with the short names of RFC 4514 and X.520 that policies use. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ["2.5.4.3", "CN"],
  ["2.5.4.5", "SERIALNUMBER"],
  ["2.5.4.6", "C"],
  ["2.5.4.7", "L"],
  ["2.5.4.8", "ST"],
  ["2.5.4.9", "STREET"],
  ["2.5.4.10", "O"],
  ["2.5.4.11", "OU"],
  ["2.5.4.17", "POSTALCODE"],
  ["0.9.2342.19200300.100.1.25", "DC"],
  ["0.9.2342.19200300.100.1.1", "UID"],
]);

interface Attribute {
  readonly name: string;
  readonly value: string;
}

/**
 * Whether every attribute that the policy writes stands in the certificate's subject, once and with the same value. An attribute that is
 * there twice, or shares its part of the name with another one, could be read either way and matches nothing (as in notation).
 */
export const subjectMatches = (identity: SubjectIdentity, certificate: Certificate): boolean => {
  const attributes = attributesOf(certificate);
  if (attributes === undefined) return false;
  return identity.every(([name, value]) => {
    const found = attributes.filter((one) => one.name === name);
    return found.length === 1 && found[0]?.value === value;
  });
};

/** undefined where a part of the name has two attributes. */
const attributesOf = ({ subject }: Certificate): readonly Attribute[] | undefined => {
  const parts = parseDer(subject).subs;
  if (parts.some(({ subs }) => subs.length !== 1)) return undefined;
  return parts.flatMap(({ subs }) => subs.map(readAttribute));
};

const readAttribute = ({ subs }: ASN1Obj): Attribute => {
  const [oid, value] = subs;
  const dotted = oid?.toOID() ?? "";
  return { name: NAMES.get(dotted) ?? dotted, value: value === undefined ? "" : textOf(value) };
};

const UTF8_STRING = 0x0c;
const PRINTABLE_STRING = 0x13;
const IA5_STRING = 0x16;
const BMP_STRING = 0x1e;

/** Text of a DirectoryString; what is of no kind that has one meaning is text that no policy can write. */
const textOf = ({ tag, value }: ASN1Obj): string => {
  switch (tag.toDER()) {
    case UTF8_STRING:
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
    case PRINTABLE_STRING:
    case IA5_STRING:
      if (value.some((byte) => byte > 0x7f)) throw new Error("not ASCII");
      return value.toString("latin1");
    case BMP_STRING:
      return new TextDecoder("utf-16be", { fatal: true, ignoreBOM: true }).decode(value);
    default:
      return "\0";
  }
};

/** The subject as messages show it: cut short, since whoever made the certificate wrote it. */
export const describeSubject = (certificate: Certificate): string => {
  try {
    const parts = parseDer(certificate.subject).subs.flatMap(({ subs }) => subs.map(readAttribute));
    const text = parts.map(({ name, value }) => `${name}=${value}`).join(", ");
    const clean = text.replaceAll(/[^\x20-\x7e]/g, "?");
    return clean.length > 160 ? `${clean.slice(0, 157)}...` : clean;
  } catch {
    return "a subject that cannot be read";
  }
};
