import { BlockList, isIP, isIPv4 } from "node:net";

/**
 * Whether a peer's address is in one of these addresses and CIDR ranges. A socket that listens on `::` spells 10.0.0.1 as
 * `::ffff:10.0.0.1`, which is the same peer (BlockList knows). No address, because the connection is gone, is in none. Throws where a
 * range is none.
 */
export const addressRanges = (ranges: readonly string[]): ((address: string | undefined) => boolean) => {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", prefix] = range.split("/");
    const family = familyOf(address);
    list.addSubnet(address, prefix === undefined ? (family === "ipv4" ? 32 : 128) : Number(prefix), family);
  }
  return (address) => {
    if (address === undefined) return false;
    // A zone only says which interface.
    const bare = address.split("%", 1)[0] ?? "";
    return isIP(bare) !== 0 && list.check(bare, familyOf(bare));
  };
};

const familyOf = (address: string): "ipv4" | "ipv6" => (isIPv4(address) ? "ipv4" : "ipv6");
