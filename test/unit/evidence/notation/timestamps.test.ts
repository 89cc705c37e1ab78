// The decorators that @peculiar/x509 is built on need it first.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import assert from "node:assert/strict";
import type { NotationSigner } from "../../../../evidence/notation/proof.ts";
import { makeEnvelope } from "./support/envelopes.ts";
import {
  authorityExtensions,
  derOf,
  makeAuthority,
  makeLeaf,
  makeRoot,
  makeTimestamper,
  NOW,
  type Identity,
  type IssueOptions,
} from "./support/pki.ts";
import { makeToken, type TokenOptions } from "./support/signing.ts";
import { inWords, signerOf, verdictOf } from "./support/verifying.ts";

const DAY = 86_400_000;
const YEAR = 365 * DAY;
/** A year later every certificate that signs has expired. */
const LATER = NOW + YEAR;

describe("timestamps of notation signatures", () => {
  let root: Identity;
  let leaf: Identity;
  let tsaRoot: Identity;
  let tsa: Identity;
  const long: IssueOptions = { notAfter: new Date(NOW + 10 * YEAR), notBefore: new Date(NOW - YEAR) };
  before(async () => {
    root = await makeRoot();
    leaf = await makeLeaf(root);
    tsaRoot = await makeRoot({ ...long, name: [{ CN: ["timestamp root"] }] });
    tsa = await makeTimestamper(tsaRoot, long);
  });
  const signer = (more: Partial<NotationSigner> = {}): NotationSigner =>
    signerOf([root], { timestampCertificates: [derOf(tsaRoot.certificate)], ...more });
  const say = (options: TokenOptions = {}, authority = tsa, more: Partial<NotationSigner> = {}): string =>
    inWords(
      verdictOf(
        makeEnvelope(leaf, { timestamp: (signature) => makeToken(authority, signature, options) }),
        signer(more),
        { now: LATER },
      ),
    );

  it("let a signature count whose certificate has expired since", () => {
    assert.equal(say(), "proved");
    for (const hash of ["sha256", "sha384", "sha512"])
      assert.equal(say({ hash, digestHash: hash === "sha384" ? "sha256" : hash }), "proved");
    assert.equal(say({ boundHash: "sha512" }), "proved");
    assert.equal(say({ signingTime: NOW }), "proved");
    assert.equal(say({ at: NOW + 1.5 }), "proved");
  });
  it("are the proved time", () => {
    const verdict = verdictOf(
      makeEnvelope(leaf, { timestamp: (signature) => makeToken(tsa, signature, { at: NOW + 120 }) }),
      signer(),
      { now: LATER },
    );
    assert.equal(verdict.status === "proved" && verdict.proof.signedAt, "2026-06-15T12:00:00.120Z");
  });
  it("are demanded where authorities are trusted for them, and not looked at where none is", () => {
    const bare = makeEnvelope(leaf);
    assert.equal(inWords(verdictOf(bare, signer())), "Untrusted: has no timestamp");
    const stamped = makeEnvelope(leaf, { timestamp: () => Buffer.from("junk") });
    assert.equal(inWords(verdictOf(stamped, signerOf([root]))), "proved");
    assert.match(
      inWords(verdictOf(stamped, signerOf([root]), { now: LATER })),
      /^Untrusted: has a certificate that has expired/,
    );
  });

  const refused: readonly (readonly [what: string, options: () => TokenOptions, words: RegExp])[] = [
    ["SHA-1 of the signature", () => ({ hash: "sha1" }), /over a hash that is not trusted any more$/],
    ["a SHA-1 signature", () => ({ digestHash: "sha1" }), /signed over a hash that is not trusted any more$/],
    ["another version", () => ({ version: 2 }), /holds no time of version 1$/],
    ["another content", () => ({ contentType: "1.2.840.113549.1.7.1" }), /holds no time$/],
    ["a signature as something else", () => ({ signedAs: "1.2.840.113549.1.7.1" }), /was signed as something else$/],
    [
      "altered content",
      () => ({ alter: (info) => Buffer.from(info.toString("latin1").replace("2026", "2025"), "latin1") }),
      /was altered$/,
    ],
    ["no certificate that is bound", () => ({ bound: undefined }), /does not say which certificate signed it/],
    ["another certificate that is bound", () => ({ bound: tsaRoot }), /does not hold the certificate that signed it$/],
    ["a certificate bound by SHA-1", () => ({ boundHash: "sha1" }), /by a hash that is not trusted$/],
    ["no certificates", () => ({ certificates: [] }), /does not hold the certificate that signed it$/],
    ["no signer", () => ({ signers: [] }), /has no signer$/],
    ["a time before the certificate", () => ({ at: NOW - 31 * DAY }), /was not valid at the time of its timestamp$/],
    ["a time after the certificate", () => ({ at: NOW + 31 * DAY }), /was not valid at the time of its timestamp$/],
    [
      "an accuracy beyond the certificate's end",
      () => ({ at: NOW + 30 * DAY - 500, accuracy: 900 }),
      /was not valid at the time of its timestamp$/,
    ],
    [
      "the baseline policy's accuracy beyond it",
      () => ({ at: NOW + 30 * DAY - 500, policy: "0.4.0.2023.1.1" }),
      /was not valid at the time of its timestamp$/,
    ],
    [
      "a time at which its authority was not valid",
      () => ({ at: NOW - 2 * YEAR }),
      /whose certificates were not valid then$/,
    ],
    [
      "a claim of another time",
      () => ({ signingTime: NOW - 2 * YEAR }),
      /signed at a time at which its authority's certificates were not valid$/,
    ],
  ];
  for (const [what, options, words] of refused)
    it(`do not count with ${what}`, () => {
      assert.match(say(options()), words);
    });
  it("count at the very end of the certificate, with their accuracy", () => {
    assert.equal(say({ at: NOW + 30 * DAY - 1000, accuracy: 900 }), "proved");
    assert.equal(say({ at: NOW + 30 * DAY - 1000, policy: "0.4.0.2023.1.1" }), "proved");
    assert.equal(say({ at: NOW + 30 * DAY }), "proved");
  });
  it("do not count where they are of another signature, broken, or too large", () => {
    const with_ = (timestamp: (signature: Buffer) => Buffer): string =>
      inWords(verdictOf(makeEnvelope(leaf, { timestamp }), signer(), { now: LATER }));
    assert.match(
      with_(() => makeToken(tsa, Buffer.from("other"))),
      /is of another signature$/,
    );
    assert.match(
      with_((signature) => makeToken(tsa, signature).subarray(0, -1)),
      /cannot be read/,
    );
    assert.match(
      with_((signature) => Buffer.concat([makeToken(tsa, signature), Buffer.from([0])])),
      /cannot be read/,
    );
    assert.match(
      with_(() => Buffer.alloc(200_000)),
      /is larger than 131072 bytes$/,
    );
  });
  it("one good signer is enough", async () => {
    const stranger = await makeTimestamper(await makeRoot({ ...long, name: [{ CN: ["stranger"] }] }), long);
    const certificates = [...tsa.chain, ...stranger.chain].map(derOf);
    assert.equal(say({ signers: [stranger, tsa], certificates }), "proved");
    assert.match(say({ signers: [stranger], certificates }), /is of an authority that is not trusted$/);
  });

  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
  const stamping = new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.timeStamping], true);
  const authorities: readonly (readonly [what: string, options: IssueOptions, words: RegExp])[] = [
    [
      "key usage that is not critical",
      { extensions: [new x509.KeyUsagesExtension(digitalSignature, false), stamping] },
      /^proved$/,
    ],
    ["no key usage", { extensions: [stamping] }, /does not say what its key is for$/],
    [
      "another use",
      { extensions: [new x509.KeyUsagesExtension(digitalSignature | keyEncipherment, true), stamping] },
      /is for more than digital signatures$/,
    ],
    [
      "no purpose",
      { extensions: [new x509.KeyUsagesExtension(digitalSignature, true)] },
      /is not for timestamps alone, critically$/,
    ],
    [
      "a purpose that is not critical",
      {
        extensions: [
          new x509.KeyUsagesExtension(digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.timeStamping]),
        ],
      },
      /is not for timestamps alone, critically$/,
    ],
    [
      "two purposes",
      {
        extensions: [
          new x509.KeyUsagesExtension(digitalSignature, true),
          new x509.ExtendedKeyUsageExtension(
            [x509.ExtendedKeyUsage.timeStamping, x509.ExtendedKeyUsage.codeSigning],
            true,
          ),
        ],
      },
      /is not for timestamps alone, critically$/,
    ],
    [
      "an unknown critical extension",
      { more: [new x509.Extension("1.2.3.4", true, Buffer.from("0500", "hex"))] },
      /critical extension that is not understood$/,
    ],
    ["RSA of 1024 bits", { kind: "RSA-1024" }, /was altered$|has a key that is none of/],
  ];
  for (const [what, options, words] of authorities)
    it(`an authority with ${what}`, async () => {
      assert.match(say({}, await makeTimestamper(tsaRoot, { ...long, ...options })), words);
    });
  it("an authority below another one, whose purposes bind", async () => {
    const between = await makeAuthority(tsaRoot, { ...long, name: [{ CN: ["between"] }] });
    assert.equal(say({}, await makeTimestamper(between, long)), "proved");
    const certificates = (one: Identity): TokenOptions => ({ certificates: [derOf(one.certificate)] });
    const orphan = await makeTimestamper(between, long);
    assert.match(say(certificates(orphan), orphan), /is of an authority that is not trusted$/);
    const other = await makeAuthority(tsaRoot, {
      ...long,
      name: [{ CN: ["for code"] }],
      extensions: [...authorityExtensions(), new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.codeSigning])],
    });
    assert.match(say({}, await makeTimestamper(other, long)), /does not issue certificates for timestamps$/);
  });
});
