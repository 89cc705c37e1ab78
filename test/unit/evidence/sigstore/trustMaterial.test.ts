import assert from "node:assert/strict";
import { readLeaf } from "../../../../evidence/sigstore/verify/leafCertificate.ts";
import { trustMaterialOf } from "../../../../evidence/sigstore/verify/trustMaterial.ts";
import { sigstoreInstance, type CertificateOptions, type SigstoreInstance } from "./sigstoreInstance.ts";

const der = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const value = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, value.length]), value]);
};
/** 1.3.6.1.4.1.57264.1.7, Fulcio's user names, and 1.3.6.1.4.1.311.20.2.3, those of Windows. */
const FULCIO = Buffer.from("2b0601040183bf300107", "hex");
const WINDOWS = Buffer.from("2b060104018237140203", "hex");

let sigstore: SigstoreInstance;
before(async () => {
  sigstore = await sigstoreInstance();
});

describe("a trust root", () => {
  it("is read where each of its parts says since when it is valid, and else not at all", () => {
    assert.equal(trustMaterialOf(sigstore.trustedRoot).tlogs.length, 2);
    for (const part of ["certificateAuthorities", "timestampAuthorities", "tlogs", "ctlogs"] as const)
      for (const validFor of [undefined, {}, { end: "2999-01-01T00:00:00Z" }]) {
        const root = structuredClone(sigstore.root);
        const one = root[part].at(-1)!;
        const owner = part.endsWith("logs") ? (one["publicKey"] as Record<string, unknown>) : one;
        owner["validFor"] = validFor;
        assert.throws(() => trustMaterialOf(JSON.stringify(root)), /no validFor\.start$/, part);
      }
  });
});

describe("a leaf certificate", () => {
  const said = async (options: CertificateOptions): Promise<string> => {
    const read = readLeaf((await sigstore.issue(options)).certificate);
    return read.status === "ok" ? `ok: ${read.leaf.subject}` : read.message;
  };
  const userName = (oid: Buffer, text = "alice", tag = 0xa0): Uint8Array =>
    der(0x30, der(tag, der(0x06, oid), der(0xa0, der(0x0c, Buffer.from(text)))));

  it("is for digital signatures", async () => {
    const usage = (bits: number): CertificateOptions => ({
      extensions: { "2.5.29.15": Buffer.from([3, 2, 1, bits]) },
      subject: "https://s",
    });
    assert.equal(await said(usage(0x80)), "ok: https://s");
    assert.equal(await said(usage(0x06)), "its certificate is not for digital signatures");
  });

  it("names a user as Fulcio does, and by no other sort of name", async () => {
    const named = (value: Uint8Array): Promise<string> => said({ extensions: { "2.5.29.17": value } });
    assert.equal(await named(userName(FULCIO)), "ok: alice");
    for (const other of [userName(WINDOWS), userName(FULCIO, "alice", 0xa3), userName(FULCIO, ""), der(0x30)])
      assert.equal(await named(other), "its certificate names no subject");
  });
});
