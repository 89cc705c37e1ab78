import { HUB, HUB_ALIASES } from "../image/host.ts";
import { allOf, anyOf, regex, texts, type Variable } from "./cel.ts";

/**
 * Images as CEL reads them: the same grammar as `image/reference.ts`, in regular expressions. Every entry is a map of
 * strings; "" stands for what is not there.
 */

const COMPONENT = String.raw`[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*`;
const LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?";
const TAG = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
const OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";

/** Parts of the grammar that messages are about, too (`messages.ts`). */
export const GRAMMAR: Readonly<Record<"hostName" | "component" | "tag" | "printable" | "blank", string>> = {
  hostName: regex(String.raw`^${LABEL}(?:\.${LABEL})*$`),
  component: regex(`^${COMPONENT}$`),
  tag: regex(`^${TAG}$`),
  printable: regex("^[ -~]*$"),
  blank: regex(String.raw`[\x00-\x20\x7f]`),
};

const PATH_AND_TAG = regex(`^${COMPONENT}(?:/${COMPONENT})*(?::${TAG})?$`);
const DIGEST = regex("^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$");
const IMAGE_ID = regex("^(?:sha(?:1|224|256|384|512)|md5|blake[0-9a-z]*|[0-9a-f]{64})$");
const NUMERIC = regex(String.raw`^(?:.*\.)?(?:[0-9]+|0[xX][0-9a-fA-F]*)$`);
const IPV4 = regex(String.raw`^(?:${OCTET}\.){3}${OCTET}$`);
/** Not looked into: whether it is an address, and how else it may be written, CEL does not know before 1.31. */
const ADDRESS_IN_BRACKETS = regex(String.raw`^\[[0-9a-fA-F:]+\](?::[1-9][0-9]{0,4})?$`);
/** The part before the first slash, where runtimes take it for a host. */
const HOSTED = regex(String.raw`^(?:localhost|\[[^/@]*|[^/@]*[.:][^/@]*)/`);
/** `:443` is dropped where the host would be one without it. */
const DEFAULT_PORT = regex(String.raw`^(?:[^:]*\.[^:]*|localhost|\[.*\]):443$`);

const PLACE = ["container", "place", "image"];
const CUT = [...PLACE, "host", "at", "digest"];
const PARTS = [...CUT, "hostName", "port", "path", "rest", "tag"];

/** CEL: a port is a number that a port may have. */
const IS_PORT = `i.port.matches(${regex("^[1-9][0-9]{0,4}$")}) && int(i.port) <= 65535`;

/** CEL: the image `i` names a registry by an IPv6 address. */
export const IN_BRACKETS = `i.host.startsWith("[")`;
export const IS_ADDRESS: string = `i.host.matches(${ADDRESS_IN_BRACKETS})`;

/** CEL: a last label of digits, and no IPv4 address: some resolvers take it for one. */
export const IS_ODD_ADDRESS: string = `i.hostName.matches(${NUMERIC}) && !i.hostName.matches(${IPV4})`;
/** CEL: a port that is none, or none where a colon stands. */
export const IS_BAD_PORT: string = `i.host.contains(":") && !(${IS_PORT})`;
/** CEL: a digest, or the name of an algorithm, where a repository stands: the ID of an image that a node has. */
export const IS_IMAGE_ID: string = `i.path.matches(${IMAGE_ID}) && (i.host == "" || i.host.startsWith(i.path + ":"))`;
/** CEL: the name in front of the tag is too long. An address may have a shorter spelling. */
export const IS_TOO_LONG: string = `i.name.size() > 255 && !${IS_ADDRESS}`;
/** CEL: the digest of `i` is there, and is none. */
export const HAS_BAD_DIGEST: string = `i.at != "" && !i.digest.matches(${DIGEST})`;

/** CEL: all but the digest of `i` parses. */
const IS_NAMED: string = allOf([
  anyOf([
    `i.host == ""`,
    IS_ADDRESS,
    `i.hostName.size() <= 253 && i.hostName.matches(${GRAMMAR.hostName}) && !(${IS_ODD_ADDRESS}) && !(${IS_BAD_PORT})`,
  ]),
  `i.rest.matches(${PATH_AND_TAG})`,
  `!(${IS_IMAGE_ID})`,
  `!(${IS_TOO_LONG})`,
]);
/** CEL: nothing of `i`'s text is blank, invisible or too long, wherever it stands. */
const IS_PLAIN = `!i.image.matches(${GRAMMAR.blank}) && i.image.size() <= 1024`;

/**
 * From `variables.images` to `variables.read`: each image in its one normal form. `form` is `readable`, `malformed`, or
 * `other`, of which nothing is said here.
 *
 * @param brackets what becomes of well-formed addresses in brackets, which CEL cannot bring into one spelling.
 */
export function readImages(brackets: "readable" | "other"): readonly Variable[] {
  return [
    // The host as it is written, up to its slash.
    step("images", "cut", PLACE, {
      named: `i.image.split("@", 2)[0]`,
      host: `i.image.find(${HOSTED}).replace("/", "")`,
      at: `i.image.contains("@") ? "@" : ""`,
      digest: `i.image.contains("@") ? i.image.split("@", 2)[1] : ""`,
    }),
    step("cut", "split", CUT, {
      hostName: `i.host.split(":", 2)[0]`,
      port: `i.host.contains(":") ? i.host.split(":", 2)[1] : ""`,
      rest: `i.host == "" ? i.named : i.named.substring(i.host.size() + 1)`,
      lower: "i.host.lowerAscii()",
    }),
    step("split", "parts", [...CUT, "hostName", "port", "rest"], {
      path: `i.rest.split(":", 2)[0]`,
      tag: `i.rest.contains(":") ? i.rest.split(":", 2)[1] : ""`,
      written: `i.lower.matches(${DEFAULT_PORT}) ? i.lower.substring(0, i.lower.size() - 4) : i.lower`,
    }),
    step("parts", "located", PARTS, {
      registry: `i.host == "" || i.written in ${texts([HUB, ...HUB_ALIASES])} ? "${HUB}" : i.written`,
    }),
    step("located", "named", [...PARTS, "registry"], {
      repository: `i.registry == "${HUB}" && !i.path.contains("/") ? "library/" + i.path : i.path`,
      // As it may be written, too: without library/ on Docker Hub.
      short: `i.registry == "${HUB}" && i.path.matches(r"^library/[^/]*$") ? i.path.substring(8) : i.path`,
      // The tag that patterns see: none where only a digest stands.
      tagged: `i.tag != "" ? i.tag : i.at != "" ? "" : "latest"`,
    }),
    step("named", "spelled", [...PARTS, "registry", "repository", "short", "tagged"], {
      name: `i.registry + "/" + i.repository`,
    }),
    step("spelled", "read", [...PARTS, "registry", "repository", "short", "tagged", "name"], {
      form:
        `!(${IS_NAMED}) || !(${IS_PLAIN}) ? "malformed" : ` +
        `i.image.matches(${GRAMMAR.printable})${brackets === "other" ? ` && !${IN_BRACKETS}` : ""} ? "readable" : "other"`,
    }),
  ];
}

/** A step from one list of images to the next: fields that are kept, and new ones. */
function step(from: string, name: string, kept: readonly string[], added: Readonly<Record<string, string>>): Variable {
  const fields = [
    kept.map((field) => `"${field}": i.${field}`).join(", "),
    ...Object.entries(added).map(([field, expression]) => `"${field}": ${expression}`),
  ];
  return { name, expression: `variables.${from}.map(i, {\n  ${fields.join(",\n  ")}\n})` };
}
