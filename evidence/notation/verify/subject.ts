import { createHash } from "node:crypto";
import type { SubjectIdentity } from "../../../policy/authority.ts";
import type { Certificate } from "./certificate.ts";
import { parseDer, TAGS, type Asn1 } from "./asn1.ts";

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

const readAttribute = ({ subs }: Asn1): Attribute => {
  const [oid, value] = subs;
  const dotted = oid?.toOid() ?? "";
  return {
    name: NAMES.get(dotted) ?? dotted,
    value: value === undefined ? "" : textOf(value),
  };
};

/** Text of a DirectoryString; what is of no kind that has one meaning is text that no policy can write. */
const textOf = ({ tag, value }: Asn1): string => {
  switch (tag) {
    case TAGS.utf8:
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
    case TAGS.printable:
    case TAGS.ia5:
      if (value.some((byte) => byte > 0x7f)) throw new Error("not ASCII");
      return value.toString("latin1");
    case TAGS.bmp:
      return new TextDecoder("utf-16be", {
        fatal: true,
        ignoreBOM: true,
      }).decode(value);
    default:
      return "\0";
  }
};

/** The subject as messages show it: cut short, since whoever made the certificate wrote it. */
export const describeSubject = ({ subject }: Certificate): string => {
  try {
    const clean = nameText(subject).replaceAll(/[^\x20-\x7e]/g, "?");
    return clean.length > 160 ? `${clean.slice(0, 157)}...` : clean;
  } catch {
    return "a subject that cannot be read";
  }
};

/** Characters of a name that is shown in full. */
const MOST_TEXT = 1024;

/** Issuer and subject, in two lines: who signed. What cannot be read is named by its hash, for it has to stay one and the same. */
export const signerName = ({ issuer, subject }: Certificate): string =>
  [issuer, subject]
    .map((name) => {
      const hash = `name:${createHash("sha256").update(name).digest("hex")}`;
      try {
        const text = nameText(name);
        return text.length > MOST_TEXT || text.includes("\0") ? hash : text;
      } catch {
        return hash;
      }
    })
    .join("\n");

/** Different names are different texts: what separates parts is escaped in values. */
const nameText = (name: Buffer): string =>
  parseDer(name)
    .subs.map(({ subs }) =>
      subs
        .map(readAttribute)
        .map(
          (one) =>
            `${one.name}=${one.value.replaceAll(/[,+=\\\n]/g, (letter) => (letter === "\n" ? "\\0A" : `\\${letter}`))}`,
        )
        .join("+"),
    )
    .join(", ");
