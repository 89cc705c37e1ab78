import assert from "node:assert/strict";
import * as fc from "fast-check";
import { createAddressFilter, type AddressRefusal } from "../../../../evidence/registry/http/addresses.ts";

const filter = createAddressFilter({
  allowed: ["10.96.3.3", "fd00:1::99", "127.9.0.0/16"],
  serviceRanges: ["10.96.0.0/12", "fd00:1::/108"],
});

describe("addresses", () => {
  const table: readonly (readonly [address: string, refusal: AddressRefusal | undefined, why: string])[] = [
    ["8.8.8.8", undefined, "public"],
    ["10.0.0.1", undefined, "private: a company's own registry"],
    ["192.168.1.1", undefined, "private"],
    ["fd12::1", undefined, "private"],
    ["2001:4860:4860::8888", undefined, "public"],
    ["127.0.0.1", "loopback", ""],
    ["127.255.0.9", "loopback", "the whole range"],
    ["127.9.1.1", undefined, "a flag allows it"],
    ["::1", "loopback", ""],
    ["0.0.0.0", "unspecified", "Linux connects to itself"],
    ["0.1.2.3", "unspecified", ""],
    ["::", "unspecified", ""],
    ["169.254.1.1", "linkLocal", ""],
    ["169.254.169.254", "metadata", "AWS, Google, Azure"],
    ["169.254.170.2", "metadata", "ECS credentials"],
    ["fd00:ec2::254", "metadata", "AWS over IPv6"],
    ["100.100.100.200", "metadata", "Alibaba"],
    ["168.63.129.16", "metadata", "Azure"],
    ["fe80::1", "linkLocal", ""],
    ["fe80::1%eth0", "linkLocal", "with a zone"],
    ["224.0.0.1", "multicast", ""],
    ["ff02::1", "multicast", ""],
    ["255.255.255.255", "reserved", ""],
    ["10.97.0.1", "serviceRange", ""],
    ["10.96.3.3", undefined, "a flag allows it"],
    ["fd00:1::5", "serviceRange", ""],
    ["fd00:1::99", undefined, "a flag allows it"],
    ["::ffff:127.0.0.1", "loopback", "IPv4-mapped"],
    ["::ffff:7f00:1", "loopback", "IPv4-mapped in hex"],
    ["::ffff:a9fe:a9fe", "metadata", "IPv4-mapped in hex"],
    ["::ffff:10.96.3.4", "serviceRange", "IPv4-mapped"],
    ["::ffff:10.96.3.3", undefined, "IPv4-mapped, allowed"],
    ["::ffff:8.8.8.8", undefined, "IPv4-mapped, public"],
    ["::127.0.0.1", "loopback", "IPv4-compatible"],
    ["::ffff:0:127.0.0.1", "loopback", "IPv4-translated"],
    ["64:ff9b::7f00:1", "loopback", "NAT64"],
    ["64:ff9b::169.254.169.254", "metadata", "NAT64"],
    ["64:ff9b:1::a9fe:a9fe", "metadata", "local NAT64"],
    ["2002:7f00:1::", "loopback", "6to4"],
    ["registry.example", "reserved", "no address"],
    ["", "reserved", "no address"],
  ];
  for (const [address, refusal, why] of table) {
    it(`${address || '""'}: ${refusal ?? "dialled"}${why && ` (${why})`}`, () =>
      assert.equal(filter(address), refusal));
  }

  it("no way of writing loopback as IPv6 gets past", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffff }), fc.boolean(), (low, dotted) => {
        const [b, c, d] = [(low >> 16) & 255, (low >> 8) & 255, low & 255];
        fc.pre(b !== 9);
        const tail = dotted ? `127.${b}.${c}.${d}` : `${((127 << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        for (const prefix of ["::ffff:", "0:0:0:0:0:ffff:", "::FFFF:", "64:ff9b::"]) {
          assert.equal(filter(`${prefix}${tail}`), "loopback");
        }
      }),
    );
  });

  for (const range of ["10.0.0.0/33", "nonsense", "10.0.0", "::/129", "10.0.0.0/x", ""]) {
    it(`a flag with "${range}" is refused`, () =>
      assert.throws(() => createAddressFilter({ allowed: [range], serviceRanges: [] }), /CIDR/));
  }
});
