import "reflect-metadata";
import assert from "node:assert/strict";
import { ed25519ph } from "@noble/curves/ed25519.js";
import * as x509 from "@peculiar/x509";
import { constants, generateKeyPairSync, sign, webcrypto, type KeyObject } from "node:crypto";
import { readLeaf } from "../../evidence/sigstore/verify/leafCertificate.ts";
import { signatureContent, verifiesWith } from "../../evidence/sigstore/verify/signatureContent.ts";

const data = Buffer.from("what was signed");
const other = Buffer.from("something else");
const ec = (namedCurve: string) => generateKeyPairSync("ec", { namedCurve });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pss = generateKeyPairSync("rsa-pss", { modulusLength: 2048 });
const ed25519 = generateKeyPairSync("ed25519");
const prehashed = (privateKey: KeyObject): Buffer => {
  const { d } = privateKey.export({ format: "jwk" });
  return Buffer.from(ed25519ph.sign(data, Buffer.from(d ?? "", "base64url")));
};
const rsaSign = (key: KeyObject, hash: string, padding: number, saltLength?: number): Buffer =>
  sign(hash, data, { key, padding, ...(saltLength !== undefined && { saltLength }) });

/** GHSA-wfqv-66vq-46rm and trap 6 of the library: SHA-256 only, no PSS, no Ed25519. */
describe("signature algorithms", () => {
  const { RSA_PKCS1_PADDING: PKCS1, RSA_PKCS1_PSS_PADDING: PSS } = constants;
  const [p256, p384, p521] = [ec("P-256"), ec("P-384"), ec("P-521")];
  const accepted: readonly (readonly [what: string, key: KeyObject, signature: Buffer])[] = [
    ["P-256 with SHA-256", p256.publicKey, sign("sha256", data, p256.privateKey)],
    ["P-384 with SHA-384", p384.publicKey, sign("sha384", data, p384.privateKey)],
    ["P-384 with SHA-256", p384.publicKey, sign("sha256", data, p384.privateKey)],
    ["P-521 with SHA-512", p521.publicKey, sign("sha512", data, p521.privateKey)],
    ["P-521 with SHA-256", p521.publicKey, sign("sha256", data, p521.privateKey)],
    ...["sha256", "sha384", "sha512"].flatMap((hash) => [
      [`RSA PKCS1 with ${hash}`, rsa.publicKey, rsaSign(rsa.privateKey, hash, PKCS1)] as const,
      [
        `RSA PSS with ${hash}`,
        rsa.publicKey,
        rsaSign(rsa.privateKey, hash, PSS, constants.RSA_PSS_SALTLEN_DIGEST),
      ] as const,
      [
        `RSA PSS with ${hash} and the longest salt`,
        rsa.publicKey,
        rsaSign(rsa.privateKey, hash, PSS, constants.RSA_PSS_SALTLEN_MAX_SIGN),
      ] as const,
      [
        `an RSA-PSS key with ${hash}`,
        pss.publicKey,
        rsaSign(pss.privateKey, hash, PSS, constants.RSA_PSS_SALTLEN_DIGEST),
      ] as const,
    ]),
    ["Ed25519", ed25519.publicKey, sign(null, data, ed25519.privateKey)],
    ["Ed25519ph, which cosign makes", ed25519.publicKey, prehashed(ed25519.privateKey)],
  ];
  for (const [what, key, signature] of accepted) {
    it(`hold: ${what}`, () => assert.equal(verifiesWith(key, data, signature), true));
    it(`hold for nothing else: ${what}`, () => {
      assert.equal(verifiesWith(key, other, signature), false);
      const broken = Buffer.from(signature);
      broken[broken.length >> 1]! ^= 1;
      assert.equal(verifiesWith(key, data, broken), false);
      assert.equal(verifiesWith(key, data, Buffer.alloc(0)), false);
      assert.equal(verifiesWith(key, data, Buffer.alloc(signature.length)), false);
    });
  }

  const refused: readonly (readonly [what: string, key: KeyObject, signature: Buffer])[] = [
    ["P-256 with SHA-1", p256.publicKey, sign("sha1", data, p256.privateKey)],
    ["P-256 with SHA-512", p256.publicKey, sign("sha512", data, p256.privateKey)],
    ["RSA with SHA-1", rsa.publicKey, rsaSign(rsa.privateKey, "sha1", PKCS1)],
    ["RSA with MD5", rsa.publicKey, rsaSign(rsa.privateKey, "md5", PKCS1)],
    ["another key", ec("P-256").publicKey, sign("sha256", data, p256.privateKey)],
    ["secp256k1", ec("secp256k1").publicKey, Buffer.alloc(70)],
    [
      "ECDSA as two plain numbers",
      p256.publicKey,
      sign("sha256", data, { key: p256.privateKey, dsaEncoding: "ieee-p1363" }),
    ],
  ];
  for (const [what, key, signature] of refused)
    it(`do not hold: ${what}`, () => assert.equal(verifiesWith(key, data, signature), false));

  it("take no digest's word for what it is a digest of", () => {
    const content = signatureContent({
      content: { type: "message", bytes: data },
      signature: Buffer.from("s"),
      entries: [],
      timestamps: [],
    });
    for (const length of [0, 16, 20, 31, 33]) assert.equal(content.compareDigest(Buffer.alloc(length)), false);
    assert.equal(content.compareDigest(Buffer.alloc(32)), false);
    assert.equal(content.compareSignature(Buffer.from("t")), false);
    assert.equal(content.compareSignature(Buffer.from("ss")), false);
  });
});

describe("leaf certificates", () => {
  const leaf = async (
    algorithm: webcrypto.RsaHashedKeyGenParams | webcrypto.EcKeyGenParams,
    extensions: x509.Extension[] = [],
    withIssuer = true,
  ): Promise<Buffer> => {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned(
      {
        serialNumber: "01",
        name: "CN=leaf",
        notBefore: new Date(),
        notAfter: new Date(Date.now() + 60_000),
        signingAlgorithm: { ...algorithm, hash: "SHA-256" },
        keys,
        extensions: [
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.codeSigning]),
          new x509.SubjectAlternativeNameExtension([{ type: "url", value: "https://example.com" }]),
          ...(withIssuer ? [new x509.Extension("1.3.6.1.4.1.57264.1.1", false, Buffer.from("https://issuer"))] : []),
          ...extensions,
        ],
      },
      webcrypto,
    );
    return Buffer.from(certificate.rawData);
  };
  const P256 = { name: "ECDSA", namedCurve: "P-256" };
  const weakRSA = {
    name: "RSASSA-PKCS1-v1_5",
    modulusLength: 1024,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: "SHA-256",
  };
  const say = (der: Buffer): string => {
    const read = readLeaf(der);
    return read.status === "ok" ? `ok ${read.leaf.subject}` : read.message;
  };

  it("are read", async () => assert.equal(say(await leaf(P256)), "ok https://example.com"));
  it("without an issuer of the identity are refused, for an expression may match what is not there", async () =>
    assert.match(say(await leaf(P256, [], false)), /names no issuer/));
  it("with a weak key are refused", async () => assert.match(say(await leaf(weakRSA)), /RSA key of 1024 bits/));
  it("with an extension twice are refused, for two readers could read two things", async () => {
    const second = new x509.SubjectAlternativeNameExtension([{ type: "url", value: "https://evil.example.com" }]);
    assert.match(say(await leaf(P256, [second])), /extension twice/);
  });
  it("that are not for signing are refused", async () => {
    assert.match(
      say(await leaf(P256, [new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyAgreement, true)])),
      /not for digital signatures/,
    );
  });
  it("of a certificate authority are refused, whatever their key usage says", async () => {
    assert.match(say(await leaf(P256, [new x509.BasicConstraintsExtension(true)])), /certificate authority/);
  });
  it("that do not parse are refused", () => {
    for (const der of [
      Buffer.alloc(0),
      Buffer.from("garbage"),
      Buffer.from([0x30, 0x80]),
      Buffer.from("30820000", "hex"),
    ])
      assert.match(say(der), /does not parse/);
  });
});
