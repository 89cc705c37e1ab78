// The decorators that @peculiar/x509 is built on need it first.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { NotationSigner } from "../../../../evidence/notation/proof.ts";
import { readCertificate } from "../../../../evidence/notation/verify/certificate.ts";
import { faultOfChain } from "../../../../evidence/notation/verify/chain.ts";
import { makeEnvelope, type EnvelopeOptions } from "./support/envelopes.ts";
import {
  authorityExtensions,
  derOf,
  makeAuthority,
  makeLeaf,
  makeRoot,
  NOW,
  privateKeyOf,
  type Identity,
  type IssueOptions,
} from "./support/pki.ts";
import { inWords, signerOf, verdictOf } from "./support/verifying.ts";

const DAY = 86_400_000;
const usage = (flags: number, critical = true): x509.Extension => new x509.KeyUsagesExtension(flags, critical);
const purposes = (...list: string[]): x509.Extension => new x509.ExtendedKeyUsageExtension(list);
const { digitalSignature, keyCertSign, cRLSign, nonRepudiation, keyEncipherment } = x509.KeyUsageFlags;
const constraints = (ca: boolean, length?: number, critical = true): x509.Extension =>
  new x509.BasicConstraintsExtension(ca, length, critical);

/** Leaves, with what their signature comes to. */
const LEAVES: readonly (readonly [what: string, options: IssueOptions, words: RegExp])[] = [
  ["key usage alone", { extensions: [usage(digitalSignature)] }, /^proved$/],
  ["content commitment as well", { extensions: [usage(digitalSignature | nonRepudiation)] }, /^proved$/],
  ["CA:FALSE", { more: [constraints(false)] }, /^proved$/],
  [
    "an unknown critical extension",
    { more: [new x509.Extension("1.2.3.4", true, Buffer.from("0500", "hex"))] },
    /^proved$/,
  ],
  ["no key usage", { extensions: [purposes(x509.ExtendedKeyUsage.codeSigning)] }, /does not say what its key is for$/],
  [
    "key usage that is not critical",
    { extensions: [usage(digitalSignature, false)] },
    /does not say critically what its key is for$/,
  ],
  ["no digital signatures", { extensions: [usage(nonRepudiation)] }, /is not for digital signatures$/],
  [
    "encipherment as well",
    { extensions: [usage(digitalSignature | keyEncipherment)] },
    /is for more than digital signatures$/,
  ],
  [
    "certificates as well",
    { extensions: [usage(digitalSignature | keyCertSign)] },
    /is for more than digital signatures$/,
  ],
  [
    "revocation lists as well",
    { extensions: [usage(digitalSignature | cRLSign)] },
    /is for more than digital signatures$/,
  ],
  ["CA:TRUE", { more: [constraints(true)] }, /is that of a certificate authority$/],
  ...[
    "anyExtendedKeyUsage 2.5.29.37.0",
    "serverAuth 1.3.6.1.5.5.7.3.1",
    "clientAuth 1.3.6.1.5.5.7.3.2",
    "emailProtection 1.3.6.1.5.5.7.3.4",
    "timeStamping 1.3.6.1.5.5.7.3.8",
    "ocspSigning 1.3.6.1.5.5.7.3.9",
  ].map((purpose): readonly [string, IssueOptions, RegExp] => [
    purpose,
    { extensions: [usage(digitalSignature), purposes("1.3.6.1.5.5.7.3.3", purpose.split(" ")[1] ?? "")] },
    /is for another purpose than signing code$/,
  ]),
  ["an extension twice", { more: [purposes("1.3.6.1.5.5.7.3.3")] }, /a certificate with an extension twice$/],
  ["RSA of 1024 bits", { kind: "RSA-1024" }, /^Invalid: says |has a key that is none of/],
  ["Ed25519", { kind: "Ed25519" }, /^Invalid: says |has a key that is none of/],
  ["an end yesterday", { notAfter: new Date(NOW - DAY) }, /^Untrusted: has a certificate that has expired/],
  ["a beginning tomorrow", { notBefore: new Date(NOW + DAY) }, /^Untrusted: has a certificate that is not valid yet$/],
];

/** Authorities between leaf and root, with what a signature below them comes to. */
const AUTHORITIES: readonly (readonly [what: string, options: IssueOptions, words: RegExp])[] = [
  [
    "constraints that are not critical",
    { extensions: [constraints(true, undefined, false), usage(keyCertSign)] },
    /^proved$/,
  ],
  ["a path length that is enough", { extensions: authorityExtensions(0) }, /^proved$/],
  [
    "no basic constraints",
    { extensions: [usage(keyCertSign)] },
    /certificate 2 is not that of a certificate authority$/,
  ],
  [
    "CA:FALSE",
    { extensions: [constraints(false), usage(keyCertSign)] },
    /certificate 2 is not that of a certificate authority$/,
  ],
  ["no key usage", { extensions: [constraints(true)] }, /certificate 2 does not say what its key is for$/],
  [
    "key usage that is not critical",
    { extensions: [constraints(true), usage(keyCertSign, false)] },
    /certificate 2 does not say critically/,
  ],
  [
    "no certificates",
    { extensions: [constraints(true), usage(cRLSign)] },
    /certificate 2 is not for signing certificates$/,
  ],
  ["RSA of 1024 bits", { kind: "RSA-1024" }, /certificate 2 has an RSA key of 1024 bits/],
  ["an end yesterday", { notAfter: new Date(NOW - DAY) }, /^Untrusted: has a certificate that has expired/],
];

describe("certificates of notation signatures", () => {
  let root: Identity;
  let authority: Identity;
  let anyKey: KeyObject;
  before(async () => {
    root = await makeRoot();
    authority = await makeAuthority(root);
    anyKey = privateKeyOf(await makeLeaf(undefined, { kind: "RSA-2048" }));
  });
  const say = (
    leaf: Identity,
    more: Partial<NotationSigner> = {},
    options: EnvelopeOptions = {},
    trusted = [root],
  ): string => inWords(verdictOf(makeEnvelope(leaf, options), signerOf(trusted, more)));

  for (const [what, options, words] of LEAVES)
    it(`a leaf with ${what}`, async () => {
      const leaf = await makeLeaf(authority, options);
      const algorithm = options.kind === undefined ? {} : { algorithm: "PS256", key: anyKey };
      assert.match(say(leaf, {}, algorithm), words);
    });
  for (const [what, options, words] of AUTHORITIES)
    it(`an authority with ${what}`, async () => {
      assert.match(say(await makeLeaf(await makeAuthority(root, options))), words);
    });

  it("a path that is longer than its root allows", async () => {
    const short = await makeRoot({ extensions: authorityExtensions(0) });
    const leaf = await makeLeaf(await makeAuthority(short));
    assert.match(say(leaf, {}, {}, [short]), /certificate 3 allows 0 certificates between, and there are 1$/);
    assert.equal(say(await makeLeaf(short), {}, {}, [short]), "proved");
  });
  it("a certificate that signs itself stands for itself", async () => {
    const alone = await makeLeaf(undefined);
    assert.equal(say(alone, {}, {}, [alone]), "proved");
    assert.match(say(alone), /^Untrusted: has a certificate of no trusted authority$/);
    const withRoot = { chain: [...alone.chain, ...root.chain].map(derOf) };
    assert.match(say(alone, {}, withRoot), /goes on after a certificate that signs itself$/);
  });
  it("a chain in another order, with a gap, with a stranger, without its root", async () => {
    const leaf = await makeLeaf(authority);
    const [first, second, third] = leaf.chain.map(derOf);
    const stranger = derOf((await makeRoot()).certificate);
    const chains: readonly (readonly [readonly (Buffer | undefined)[], RegExp])[] = [
      [[first, third, second], /its last certificate is not a root/],
      [[first, third], /certificate 1 is not issued by the next one$/],
      [[first, second], /^Untrusted: has a certificate of no trusted authority$/],
      [[first, second, stranger], /^Untrusted: has a certificate of no trusted authority$/],
      [[first, second, third, stranger], /goes on after a certificate that signs itself|not issued by the next one/],
    ];
    for (const [chain, words] of chains)
      assert.match(say(leaf, {}, { chain: chain.filter((der) => der !== undefined) }), words);
  });
  it("an impostor of the root: its name, another key", async () => {
    const impostor = await makeRoot();
    const leaf = await makeLeaf(impostor);
    assert.match(
      say(leaf, {}, { chain: [...leaf.chain.slice(0, 1), ...root.chain].map(derOf) }),
      /certificate 1 is not issued by the next one$/,
    );
    assert.match(say(leaf), /^Untrusted: has a certificate of no trusted authority$/);
  });
  it("trust in an intermediate certificate or in the leaf pins them", async () => {
    const leaf = await makeLeaf(authority);
    assert.equal(say(leaf, {}, {}, [authority]), "proved");
    assert.equal(say(leaf, {}, {}, [leaf]), "proved");
  });
  it("a certificate signed with SHA-1", async () => {
    const rsa = await makeRoot({ kind: "RSA-2048" });
    const leaf = await makeLeaf(rsa, { hash: "SHA-1" });
    assert.match(say(leaf, {}, {}, [rsa]), /certificate 1 is not issued by the next one$/);
  });
  it("a key by which everything is signed", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const { n = "" } = privateKey.export({ format: "jwk" });
    const spki = createPublicKey({ key: { kty: "RSA", n, e: "AQ" }, format: "jwk" }).export({
      format: "der",
      type: "spki",
    });
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: "01",
      subject: "CN=release",
      issuer: root.certificate.subjectName.toJSON(),
      notBefore: new Date(NOW - DAY),
      notAfter: new Date(NOW + DAY),
      signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
      publicKey: new x509.PublicKey(spki),
      signingKey: root.keys.privateKey,
      extensions: [usage(digitalSignature)],
    });
    const chain = [certificate, root.certificate].map((one) => readCertificate(derOf(one)));
    assert.equal(faultOfChain(chain, "codeSigning"), "its first certificate has an RSA key with the exponent 1");
  });
  it("bytes after a certificate make it another one", async () => {
    const leaf = await makeLeaf(authority);
    const chain = leaf.chain.map(derOf);
    assert.match(
      say(leaf, {}, { chain: [Buffer.concat([chain[0] ?? Buffer.alloc(0), Buffer.from([0])]), ...chain.slice(1)] }),
      /^Invalid: malformed: has a certificate that/,
    );
  });

  const identity = (...parts: readonly (readonly [string, string])[]): Partial<NotationSigner> => ({
    identities: { type: "subjects", subjects: [parts] },
  });
  it("identities are a part of the subject, attribute by attribute", async () => {
    const leaf = await makeLeaf(authority);
    const base = [
      ["C", "US"],
      ["ST", "WA"],
      ["O", "company.com"],
    ] as const;
    assert.equal(say(leaf, identity(...base)), "proved");
    assert.equal(say(leaf, identity(...base, ["CN", "release"])), "proved");
    const others: readonly (readonly [string, string])[] = [
      ["CN", "releas"],
      ["CN", "Release"],
      ["OU", "x"],
      ["L", ""],
    ];
    for (const one of others)
      assert.match(
        say(leaf, identity(...base, one)),
        /^Untrusted: was made by C=US, ST=WA, O=company\.com, CN=release$/,
      );
  });
  it("a subject that could be read in two ways is nobody's", async () => {
    const twice = await makeLeaf(authority, {
      name: [{ C: ["US"] }, { ST: ["WA"] }, { O: ["company.com"] }, { O: ["evil.com"] }],
    });
    assert.match(say(twice, identity(["O", "company.com"])), /^Untrusted: was made by/);
    assert.match(say(twice, identity(["O", "evil.com"])), /^Untrusted: was made by/);
    const joined = await makeLeaf(authority, { name: [{ C: ["US"] }, { ST: ["WA"], O: ["company.com"] }] });
    assert.match(say(joined, identity(["O", "company.com"])), /^Untrusted: was made by/);
  });
  it("a subject with letters of other alphabets, and with what has to be escaped", async () => {
    const leaf = await makeLeaf(authority, { name: [{ C: ["DE"] }, { ST: ["Württemberg"] }, { O: ["a, b+c=d"] }] });
    assert.equal(say(leaf, identity(["ST", "Württemberg"], ["O", "a, b+c=d"])), "proved");
  });
});
