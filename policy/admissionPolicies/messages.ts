import type { Variable } from "./cel.ts";
import {
  GRAMMAR,
  IN_BRACKETS,
  IS_ADDRESS,
  IS_BAD_PORT,
  IS_IMAGE_ID,
  IS_ODD_ADDRESS,
  IS_TOO_LONG,
} from "./references.ts";

const BAD_COMPONENT = [
  `i.path.split("/").filter(c, !c.matches(${GRAMMAR.component})).map(c, c == "" ? "has an empty part between slashes"`,
  `c.matches("[A-Z]") ? "has capital letters in its repository (" + ${json("c")} + ")"`,
  `${json("c")} + " is not a repository name")[0]`,
].join(" : ");

/**
 * CEL: what the parser says of `i`, in its own words and order (`image/reference.ts`). Of letters that are not ASCII,
 * and of addresses in brackets, it says less.
 */
export const MALFORMED: string = [
  `i.image == "" ? "is empty"`,
  `i.image.size() > 1024 ? "is " + string(i.image.size()) + " characters long"`,
  `i.image.matches(${GRAMMAR.blank}) ? "has blanks or invisible characters"`,
  `!i.image.matches(${GRAMMAR.printable}) ? "has letters that are not ASCII"`,
  ...ofHosts([
    `${IN_BRACKETS} && !${IS_ADDRESS} ? ${json("i.host")} + " is not an IPv6 address with a port"`,
    `i.hostName == "" || i.hostName.size() > 253 ? "host " + ${json("i.hostName")} + " is empty or too long"`,
    `!i.hostName.matches(${GRAMMAR.hostName}) ? ${json("i.hostName")} + " is not a host name"`,
    `${IS_ODD_ADDRESS} ? ${json("i.hostName")} + " is not an IPv4 address in its usual form"`,
    `${IS_BAD_PORT} ? "port " + ${json("i.port")} + " is not a number from 1 to 65535"`,
  ]),
  `i.path == "" ? "has no repository"`,
  `i.path.split("/").exists(c, !c.matches(${GRAMMAR.component})) ? ${BAD_COMPONENT}`,
  `${IS_IMAGE_ID} ? "is the ID of an image on a node, not a reference"`,
  `i.rest.contains(":") && !i.tag.matches(${GRAMMAR.tag}) ? ${json("i.tag")} + " is not a tag"`,
  `${IS_TOO_LONG} ? "has a name of " + string(i.name.size()) + " characters; at most 255 are allowed"`,
  `"cannot be read"`,
].join("\n: ");

/** CEL: what is wrong with the digest of `i` (`image/digestForm.ts`). */
export const BAD_DIGEST: string = [
  `i.digest == "" ? "has an empty digest; write sha256: and 64 hex digits"`,
  `!i.digest.matches(r"^sha(?:256|512):") ? "has a digest that is neither sha256:<64 hex> nor sha512:<128 hex>"`,
  `i.digest.matches(r"^sha(?:256|512):[0-9a-f]*$") ? "has a digest of " + string(i.digest.size() - 7) + " hex digits; " + i.digest.substring(0, 6) + " has " + (i.digest.startsWith("sha256") ? "64" : "128")`,
  `i.digest.matches(r"^sha(?:256|512):[0-9a-fA-F]*$") ? "has capital letters in its digest; write it in lower case"`,
  `"has characters in its digest that are not hex digits"`,
].join("\n: ");

/** CEL: how `i` is written by its digest (`image/digestAdvice.ts`). */
export const DIGEST_REQUIRED = `(i.tag == "" ? "has neither tag nor digest" : "uses a tag") + "; write " + i.name + "@sha256:... (crane digest " + i.image + ")"`;
export const TAG_FORBIDDEN = `"has a tag beside its digest; write " + i.name + "@" + i.digest`;

/** What rules quote is cut here, and an image before that (`finding/message.ts`). */
const MAX_DETAIL = 2_000;
const MAX_IMAGE = 300;

/**
 * The line that users read of the first finding, from `variables.first` (a list of one image), `variables.reason` and
 * `variables.detail`.
 *
 * @param suffix what every message of the policy ends with.
 */
export function line(policy: string, suffix: string): readonly Variable[] {
  return [
    {
      name: "shown",
      expression:
        `variables.first.map(i, i.image.matches(${GRAMMAR.printable}) ` +
        `? (i.image.size() > ${MAX_IMAGE} ? ${unquoted(`i.image.substring(0, ${MAX_IMAGE})`)} + "..." : ${unquoted("i.image")}) : "(not ASCII)")[0]`,
    },
    {
      name: "message",
      expression:
        `"[${policy}] " + variables.first[0].place + " \\"" + variables.first[0].container + "\\", image \\"" + variables.shown + "\\": " + variables.reason + ": " + ` +
        `(variables.detail.size() > ${MAX_DETAIL} ? variables.detail.substring(0, ${MAX_DETAIL}) + "..." : variables.detail)` +
        (suffix === "" ? "" : ` + ${JSON.stringify(suffix)}`),
    },
  ];
}

/** CEL: the text as JSON writes it. */
function json(value: string): string {
  return `"\\"" + ${unquoted(value)} + "\\""`;
}

function unquoted(value: string): string {
  return `${value}.replace("\\\\", "\\\\\\\\").replace("\\"", "\\\\\\"")`;
}

/** Only of what is taken for a host; the address in brackets is one that was read. */
function ofHosts(faults: readonly string[]): readonly string[] {
  const [brackets = "", ...others] = faults.map((fault) => fault.split(" ? "));
  return [
    brackets,
    ...others.map(([condition = "", ...said]) => [`i.host != "" && !${IS_ADDRESS} && (${condition})`, ...said]),
  ].map((parts) => [parts].flat().join(" ? "));
}
