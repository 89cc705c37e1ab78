import assert from "node:assert/strict";
import { createPublicKey, type KeyObject } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseDer, type Asn1 } from "../../evidence/notation/verify/asn1.ts";
import { algorithmOf, verifiesWith as verifiesNotation } from "../../evidence/notation/verify/algorithm.ts";
import { isSigned } from "../../evidence/notation/verify/signedData.ts";
import { verifiesWith as verifiesCosign } from "../../evidence/sigstore/verify/signatureContent.ts";
import { der, nothing, oid, sequence } from "../unit/evidence/notation/support/der.ts";

/** One vector, with the key and the algorithm of its group. */
interface Vector {
  readonly name: string;
  readonly key: KeyObject;
  readonly message: Buffer;
  readonly signature: Buffer;
  readonly result: "valid" | "acceptable" | "invalid";
  readonly flags: readonly string[];
  readonly comment: string;
}

interface Group {
  readonly publicKeyPem: string;
  readonly tests: readonly {
    readonly tcId: number;
    readonly msg: string;
    readonly sig: string;
    readonly result: Vector["result"];
    readonly flags: readonly string[];
    readonly comment: string;
  }[];
}

/** Checkouts of C2SP/wycheproof and C2SP/CCTV, which are not copied here. */
const WYCHEPROOF = process.env["WYCHEPROOF"];
const CCTV = process.env["CCTV"];

const vectorsIn = (file: string): readonly Vector[] => {
  const path = join(WYCHEPROOF ?? "", "testvectors_v1", `${file}_test.json`);
  const { testGroups } = JSON.parse(readFileSync(path, "utf8")) as {
    readonly testGroups: readonly Group[];
  };
  return testGroups.flatMap(({ publicKeyPem, tests }) => {
    const key = createPublicKey(publicKeyPem);
    return tests.map(({ tcId, msg, sig, result, flags, comment }) => ({
      name: `${file} ${tcId}`,
      key,
      message: Buffer.from(msg, "hex"),
      signature: Buffer.from(sig, "hex"),
      result,
      flags,
      comment,
    }));
  });
};

const algorithm = (id: string, ...parameters: readonly Buffer[]): Asn1 => parseDer(sequence(oid(id), ...parameters));
const HASHES: Readonly<Record<string, string>> = {
  sha256: "2.16.840.1.101.3.4.2.1",
  sha384: "2.16.840.1.101.3.4.2.2",
  sha512: "2.16.840.1.101.3.4.2.3",
};
const pss = (hash: string): Asn1 =>
  algorithm("1.2.840.113549.1.1.10", sequence(der(0xa0, sequence(oid(HASHES[hash] ?? ""), nothing))));

type Verify = (vector: Vector) => boolean;
const cosign: Verify = ({ key, message, signature }) => verifiesCosign(key, message, signature);
const notation: Verify = ({ key, message, signature }) => {
  const name = algorithmOf(key);
  return name !== undefined && verifiesNotation(key, name, message, signature, "ofHash");
};
const by =
  (identifier: Asn1): Verify =>
  ({ key, message, signature }) =>
    isSigned(key, identifier, message, signature);

/** Which vectors go through which of the functions that are really used, and how many there are. */
const FILES: readonly (readonly [file: string, verify: Verify, what: string])[] = [
  ...(["256", "384", "521"] as const).flatMap((size, index) => {
    const hash = ["sha256", "sha384", "sha512"][index] ?? "";
    const file = `ecdsa_secp${size}r1_${hash}`;
    return [
      [file, cosign, "cosign"],
      [file, by(algorithm(`1.2.840.10045.4.3.${index + 2}`)), "certificates' issuers"],
      [`${file}_p1363`, notation, "notation"],
    ] as const;
  }),
  ["ecdsa_secp384r1_sha256", cosign, "cosign"],
  ...["2048", "3072", "4096", "8192"].flatMap((size) =>
    ["sha256", "sha384", "sha512"].flatMap((hash, index) => [
      [`rsa_signature_${size}_${hash}`, cosign, "cosign"] as const,
      [
        `rsa_signature_${size}_${hash}`,
        by(algorithm(`1.2.840.113549.1.1.${11 + index}`, nothing)),
        "certificates' issuers",
      ] as const,
    ]),
  ),
  ["rsa_pss_2048_sha256_mgf1_32", cosign, "cosign"],
  ["rsa_pss_2048_sha256_mgf1_32", notation, "notation"],
  ["rsa_pss_2048_sha256_mgf1_32", by(pss("sha256")), "certificates' issuers"],
  ["rsa_pss_2048_sha384_mgf1_48", cosign, "cosign"],
  ["rsa_pss_3072_sha256_mgf1_32", cosign, "cosign"],
  ["rsa_pss_4096_sha256_mgf1_32", cosign, "cosign"],
  ["rsa_pss_4096_sha384_mgf1_48", cosign, "cosign"],
  ["rsa_pss_4096_sha512_mgf1_64", cosign, "cosign"],
  ["rsa_pss_4096_sha512_mgf1_64", notation, "notation"],
  ["rsa_pss_4096_sha512_mgf1_64", by(pss("sha512")), "certificates' issuers"],
  ["ed25519", cosign, "cosign"],
  ["ed25519", by(algorithm("1.3.101.112")), "certificates' issuers"],
];

/**
 * Where we say something else, and why. cosign's signatures do not say by which algorithm they were made, so that any hash, padding and length
 * of the salt that such a key signs with will do (docs/adr/0005).
 */
const isSettled = (what: string, { name, flags, comment }: Vector): boolean =>
  what === "cosign" &&
  name.startsWith("rsa") &&
  (flags.every((flag) => flag === "WrongHash" || flag === "WrongPrimitive") || /^s_len changed to \d+$/.test(comment));

describe("the vectors of C2SP/wycheproof (WYCHEPROOF)", () => {
  before(function () {
    if (WYCHEPROOF === undefined) this.skip();
  });
  let total = 0;
  for (const [file, verify, what] of FILES)
    it(`${file}: as ${what} are checked`, function () {
      if (!existsSync(join(WYCHEPROOF ?? "", "testvectors_v1", `${file}_test.json`))) this.skip();
      const vectors = vectorsIn(file);
      total += vectors.length;
      const wrong = vectors.filter((vector) => {
        const verified = verify(vector);
        if (vector.result === "acceptable" || isSettled(what, vector)) return false;
        return verified !== (vector.result === "valid");
      });
      assert.deepEqual(
        wrong.map(({ name, result, flags }) => `${name}: ${result} ${flags.join(",")}`),
        [],
      );
    }).timeout(60_000);
  it("are thousands", () => {
    assert.ok(total > 8_000, String(total));
  });
});

describe("the Ed25519 vectors of C2SP/CCTV (CCTV)", () => {
  const REFUSED = new Set(["low_order_residue", "non_canonical_R", "low_order_A", "low_order_R"]);
  it("are taken as the strictest take them: none that Go's crypto/ed25519, which cosign verifies by, does not take", function () {
    if (CCTV === undefined) {
      this.skip();
      return;
    }
    const vectors = JSON.parse(readFileSync(join(CCTV, "ed25519", "ed25519vectors.json"), "utf8")) as readonly {
      readonly number: number;
      readonly key: string;
      readonly sig: string;
      readonly msg: string;
      readonly flags: readonly string[] | null;
    }[];
    const wrong = vectors.filter(({ key: raw, sig, msg, flags }) => {
      const key = createPublicKey({
        key: Buffer.from(`302a300506032b6570032100${raw}`, "hex"),
        format: "der",
        type: "spki",
      });
      // Without the cofactor, by comparing the encoding of R, and (OpenSSL 3.5, unlike Go) not with points of a small order.
      const taken = !(flags ?? []).some((flag) => REFUSED.has(flag));
      return verifiesCosign(key, Buffer.from(msg), Buffer.from(sig, "hex")) !== taken;
    });
    assert.deepEqual(
      wrong.map(({ number, flags }) => `${number}: ${(flags ?? []).join(",")}`),
      [],
    );
    assert.equal(vectors.length, 914);
  }).timeout(60_000);
});
