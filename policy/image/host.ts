import { toASCII } from "tr46";

export type ParsedHost =
  /** `translated`: it was written in letters that no runtime takes, and `host` is its punycode. */
  | { readonly status: "ok"; readonly host: string; readonly translated?: true }
  | { readonly status: "fault"; readonly message: string };

/** Docker Hub's names. All serve the same content, so that all are `docker.io` to a policy (design.md section 9). */
export const HUB = "docker.io";
export const HUB_ALIASES: readonly string[] = ["index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];

const LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const PORT = /^[1-9][0-9]{0,4}$/;
const IPV4 = /^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}$/;
/** RFC 1035: 253 characters of a name, 63 of a label. */
const MAX_NAME = 253;
const MAX_LABEL = 63;

/**
 * A registry host with its port, in the one spelling that policies compare: lower-case, punycode, IPv6 as RFC 5952
 * writes it, `:443` dropped, Docker Hub's names as `docker.io`. What two resolvers could read differently (`127.1`,
 * `0x7f.0.0.1`, a port with leading zeros) is a fault.
 */
export function parseHost(written: string): ParsedHost {
  if (written.startsWith("[")) return parseIPv6(written);
  const colon = written.indexOf(":");
  const name = parseName(colon < 0 ? written : written.slice(0, colon));
  if (name.status === "fault" || colon < 0)
    return name.status === "fault" ? name : { ...name, host: unalias(name.host) };
  const port = written.slice(colon + 1);
  if (!isPort(port)) return fault(`port ${JSON.stringify(port)} is not a number from 1 to 65535`);
  if (port !== "443") return { ...name, host: `${name.host}:${port}` };
  // Without its port a host with no dot would read as a path on Docker Hub.
  return { ...name, host: isHostLike(name.host) ? unalias(name.host) : `${name.host}:443` };
}

/** true where the runtimes take the first part of a reference for a host: a dot, a port, brackets, or `localhost`. */
export function isHostLike(first: string): boolean {
  return first.includes(".") || first.includes(":") || first === "localhost";
}

/** A decimal port without leading zeros: `05000` would be one more spelling of 5000. */
export function isPort(text: string): boolean {
  return PORT.test(text) && Number(text) <= 65_535;
}

function parseName(written: string): ParsedHost {
  const ascii = isAscii(written) ? { status: "ok" as const, host: written.toLowerCase() } : parseInternational(written);
  if (ascii.status === "fault") return ascii;
  const { host } = ascii;
  if (host.length === 0 || host.length > MAX_NAME) return fault(`host ${JSON.stringify(written)} is empty or too long`);
  const labels = host.split(".");
  if (labels.some((label) => label.length > MAX_LABEL || !LABEL.test(label))) {
    return fault(`${JSON.stringify(written)} is not a host name`);
  }
  // glibc takes 127.1, 0177.0.0.1 and 0x7f000001 for addresses, Go's resolver does not (WHATWG URL, "ends in a
  // number").
  if (/^(?:[0-9]+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? "") && !IPV4.test(host)) {
    return fault(`${JSON.stringify(written)} is not an IPv4 address in its usual form`);
  }
  return ascii;
}

/**
 * The runtimes refuse hosts that are not ASCII; they are read all the same (UTS 46, strict), so that a finding can name
 * the registry that they imitate. A spelling that maps to plain ASCII (full-width letters, the Kelvin sign, an
 * ideographic full stop) serves only to disguise, and is a fault.
 */
function parseInternational(written: string): ParsedHost {
  const host = toASCII(written, {
    checkBidi: true,
    checkHyphens: true,
    checkJoiners: true,
    useSTD3ASCIIRules: true,
    verifyDNSLength: true,
  });
  if (host === null) return fault(`host ${JSON.stringify(written)} is not a valid international name`);
  if (!host.includes("xn--")) return fault(`host ${JSON.stringify(written)} disguises ${host}`);
  return { status: "ok", host, translated: true };
}

function parseIPv6(written: string): ParsedHost {
  const close = written.indexOf("]");
  const address = written.slice(1, close);
  const rest = written.slice(close + 1);
  if (close < 0 || !/^[0-9a-fA-F:]+$/.test(address) || !URL.canParse(`http://[${address}]/`)) {
    return fault(`${JSON.stringify(written)} is not an IPv6 address`);
  }
  const host = new URL(`http://[${address}]/`).hostname;
  // One more spelling of an IPv4 address that a policy may name.
  if (host.startsWith("[::ffff:")) return fault(`${JSON.stringify(written)} stands for an IPv4 address; write that`);
  if (rest === "" || rest === ":443") return { status: "ok", host };
  if (!rest.startsWith(":") || !isPort(rest.slice(1))) {
    return fault(`port ${JSON.stringify(rest.slice(1))} is not a number from 1 to 65535`);
  }
  return { status: "ok", host: host + rest };
}

function unalias(host: string): string {
  return HUB_ALIASES.includes(host) ? HUB : host;
}

function isAscii(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- the whole of ASCII is meant
  return /^[\x00-\x7f]*$/.test(text);
}

function fault(message: string): { readonly status: "fault"; readonly message: string } {
  return { status: "fault", message };
}
