import { BlockList, isIP, isIPv4 } from "node:net";
import ipaddr from "ipaddr.js";

/** Why an address is not dialled. */
export type AddressRefusal =
  | "unspecified"
  | "loopback"
  | "linkLocal"
  | "multicast"
  | "metadata"
  | "reserved"
  | "serviceRange";

/** Decides which addresses may be dialled; undefined: it may. The address is an IP literal, without brackets or zone. */
export type AddressFilter = (address: string) => AddressRefusal | undefined;

// RFC 6890 and the cloud providers' documentation. Private ranges are not here: registries on a company's own network are the rule.
const RANGES: readonly (readonly [AddressRefusal, string])[] = [
  ["metadata", "169.254.169.254/32"], // AWS, Google, Azure and others
  ["metadata", "169.254.170.0/24"], // AWS ECS and EKS Pod Identity credentials
  ["metadata", "fd00:ec2::/32"], // AWS, IPv6
  ["metadata", "fd20:ce::254/128"], // Google, IPv6
  ["metadata", "100.100.100.200/32"], // Alibaba
  ["metadata", "192.0.0.192/32"], // Oracle
  ["metadata", "168.63.129.16/32"], // Azure's wire server
  ["unspecified", "0.0.0.0/8"],
  ["unspecified", "::/128"],
  ["loopback", "127.0.0.0/8"],
  ["loopback", "::1/128"],
  ["linkLocal", "169.254.0.0/16"],
  ["linkLocal", "fe80::/10"],
  ["multicast", "224.0.0.0/4"],
  ["multicast", "ff00::/8"],
  ["reserved", "240.0.0.0/4"],
];

/** Adds `address` or `address/prefix`; throws on anything else. */
function add(list: BlockList, range: string): void {
  const [address = "", prefix] = range.split("/");
  const family = isIPv4(address) ? "ipv4" : "ipv6";
  const bits = prefix === undefined ? (family === "ipv4" ? 32 : 128) : /^\d{1,3}$/.test(prefix) ? Number(prefix) : NaN;
  if (isIP(address) === 0 || !(bits <= (family === "ipv4" ? 32 : 128))) {
    throw new Error(`"${range}" is neither an IP address nor a CIDR range such as 10.96.0.0/12`);
  }
  list.addSubnet(address, bits, family);
}

function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) add(list, range);
  return list;
}

const ipv4From = (high: number, low: number): string => [high >> 8, high & 255, low >> 8, low & 255].join(".");

/**
 * The IPv4 address that an IPv6 address reaches through a mapping or a translator: IPv4-mapped and -compatible (RFC 4291),
 * NAT64 (RFC 6052, and its local-use prefix), 6to4 (RFC 3056).
 */
function embeddedIPv4(address: string): string | undefined {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = ipaddr.IPv6.parse(address).parts;
  if (a === 0x2002) return ipv4From(b, c);
  const nat64 = a === 0x64 && b === 0xff9b;
  const mapped =
    a === 0 && b === 0 && c === 0 && d === 0 && ((e === 0 && (f === 0xffff || f === 0)) || (e === 0xffff && f === 0));
  return nat64 || mapped ? ipv4From(g, h) : undefined;
}

/**
 * The filter of design.md section 4. `allowed` wins over everything; `serviceRanges` are the cluster's own, `learned` those
 * that the cluster tells of itself and may change. Throws where one that was set is no range.
 */
export function createAddressFilter(options: {
  readonly allowed: readonly string[];
  readonly serviceRanges: readonly string[];
  readonly learned?: () => readonly string[];
}): AddressFilter {
  const allowed = blockList(options.allowed);
  const services = blockList(options.serviceRanges);
  const learned = { ranges: [] as readonly string[], list: blockList([]) };
  const isLearned = (address: string, family: "ipv4" | "ipv6"): boolean => {
    const ranges = options.learned?.() ?? learned.ranges;
    if (ranges !== learned.ranges) Object.assign(learned, { ranges, list: blockList(ranges) });
    return learned.list.check(address, family);
  };
  const ranges = RANGES.map(([refusal, range]) => [refusal, blockList([range])] as const);
  const judge = (address: string): AddressRefusal | undefined => {
    const family = isIPv4(address) ? "ipv4" : "ipv6";
    if (allowed.check(address, family)) return undefined;
    if (services.check(address, family) || isLearned(address, family)) return "serviceRange";
    return ranges.find(([, range]) => range.check(address, family))?.[0];
  };
  return (address) => {
    if (isIP(address) === 0) return "reserved";
    if (isIPv4(address)) return judge(address);
    // A scope id only says which interface; what needs one is link-local.
    const bare = address.split("%", 1)[0] ?? address;
    const embedded = embeddedIPv4(bare);
    return judge(bare) ?? (embedded === undefined || allowed.check(bare, "ipv6") ? undefined : judge(embedded));
  };
}
