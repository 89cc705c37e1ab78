import type { SubjectIdentity } from "../../authority.ts";

export type ParsedName =
  | { readonly status: "ok"; readonly identity: SubjectIdentity }
  | { readonly status: "fault"; readonly message: string };

/**
 * Short names that a policy may write (RFC 4514, section 3, and what else notation knows by name); S is another
 * spelling of ST.
 */
const NAMES = new Set(["C", "ST", "L", "O", "OU", "CN", "STREET", "POSTALCODE", "SERIALNUMBER", "DC", "UID"]);
/** Without these a name would be anybody's (trust policy specification, "Trusted Identities Constraints"). */
const REQUIRED = ["C", "ST", "O"];

const SPECIAL = new Set(' "#+,;<=>\\');

/** Parses `C=US, ST=WA, O=company.com`: attributes with a comma between, escaped as RFC 4514 has it. */
export function parseDistinguishedName(text: string): ParsedName {
  const identity: (readonly [string, string])[] = [];
  for (const part of split(text)) {
    const at = part.indexOf("=");
    const name = part.slice(0, Math.max(at, 0)).trim().toUpperCase();
    const canonical = name === "S" ? "ST" : name;
    if (at < 0 || !NAMES.has(canonical))
      return fault(
        `${JSON.stringify(part.trim())} is not an attribute such as O=company.com (known are ${[...NAMES].join(", ")})`,
      );
    const value = unescape(part.slice(at + 1));
    if (value === undefined || value === "")
      return fault(
        `${JSON.stringify(part.trim())} has a value that cannot be read; escape , + " \\ < > ; = and # with a backslash`,
      );
    if (identity.some(([known]) => known === canonical)) return fault(`it has the attribute ${canonical} twice`);
    identity.push([canonical, value]);
  }
  const missing = REQUIRED.filter((name) => !identity.some(([known]) => known === name));
  return missing.length === 0
    ? { status: "ok", identity }
    : fault(`it lacks ${missing.join(", ")}; C, ST and O are required`);
}

function fault(message: string): ParsedName {
  return { status: "fault", message };
}

/** At the commas that are not escaped. */
function split(text: string): readonly string[] {
  const parts: string[] = [];
  let part = "";
  for (let index = 0; index < text.length; index += 1) {
    const letter = text[index] ?? "";
    if (letter === "\\") part += letter + (text[(index += 1)] ?? "");
    else if (letter === ",") {
      parts.push(part);
      part = "";
    } else part += letter;
  }
  return [...parts, part];
}

/** undefined where a letter that has to be escaped is not, or something else is. */
function unescape(written: string): string | undefined {
  const text = written.replace(/^ +/, "");
  const bytes: number[] = [];
  /** Where the value ends that blanks after it do not belong to. */
  let end = 0;
  for (let index = 0; index < text.length; index += 1) {
    const letter = text[index] ?? "";
    if (letter === "\\") {
      const next = text[index + 1] ?? "";
      const hex = /^[0-9A-Fa-f]{2}/.exec(text.slice(index + 1))?.[0];
      if (SPECIAL.has(next)) bytes.push(next.charCodeAt(0));
      else if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
      else return undefined;
      index += SPECIAL.has(next) ? 1 : 2;
      end = bytes.length;
      continue;
    }
    if ('"+;<>'.includes(letter) || (letter === "#" && bytes.length === 0)) return undefined;
    bytes.push(
      ...new TextEncoder().encode(
        text.codePointAt(index) === undefined ? "" : String.fromCodePoint(text.codePointAt(index) ?? 0),
      ),
    );
    if ((text.codePointAt(index) ?? 0) > 0xffff) index += 1;
    if (letter !== " ") end = bytes.length;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes.slice(0, end)));
  } catch {
    return undefined;
  }
}
