import assert from "node:assert/strict";
import type { NotationSigner } from "../../../../evidence/notation/proof.ts";
import { enforces, type Check, type Level } from "../../../../evidence/notation/verify/level.ts";
import {
  AUTHENTIC_TIME,
  EXPIRY,
  IMAGE,
  makeEnvelope,
  SIGNING_TIME,
  type EnvelopeOptions,
} from "./support/envelopes.ts";
import { derOf, makeLeaf, makeRoot, NOW, privateKeyOf, type Identity } from "./support/pki.ts";
import { inWords, signerOf, verdictOf } from "./support/verifying.ts";

const DAY = 86_400_000;
const LEVELS = ["strict", "permissive", "audit"] as const;

/** Trust policy specification 1.1, "Signature Verification details": yes is enforced. */
const TABLE: Readonly<Record<Check, readonly [strict: boolean, permissive: boolean, audit: boolean]>> = {
  authenticity: [true, true, false],
  timestamp: [true, false, false],
  expiry: [true, false, false],
  revocation: [true, false, false],
};

describe("levels of notation", () => {
  let root: Identity;
  let leaf: Identity;
  let other: Identity;
  before(async () => {
    root = await makeRoot();
    leaf = await makeLeaf(root);
    other = await makeLeaf(await makeRoot());
  });
  const say = (level: Level, bytes: Buffer, more: Partial<NotationSigner> = {}, now = NOW): string =>
    inWords(verdictOf(bytes, signerOf([root], { level, ...more }), { now }));

  for (const [check, row] of Object.entries(TABLE))
    it(`${check}: enforced as the specification's table says`, () => {
      // The keys of the table are checks.
      assert.deepEqual(
        LEVELS.map((level) => enforces(level, check as Check)),
        row,
      );
    });

  const rows: readonly (readonly [what: string, check: Check, run: (level: Level) => string, words: RegExp])[] = [
    [
      "an authority that is not trusted",
      "authenticity",
      (level) => say(level, makeEnvelope(other)),
      /has a certificate of no trusted authority$/,
    ],
    [
      "another identity",
      "authenticity",
      (level) => say(level, makeEnvelope(leaf), { identities: { type: "subjects", subjects: [[["CN", "x"]]] } }),
      /was made by C=US, ST=WA, O=company\.com, CN=release$/,
    ],
    [
      "an expiry that is over",
      "expiry",
      (level) => say(level, makeEnvelope(leaf, { headers: { [EXPIRY]: NOW + 1000 } }), {}, NOW + 1000),
      /expired at 2026-06-15T12:00:01Z$/,
    ],
    [
      "a certificate that has expired",
      "timestamp",
      (level) => say(level, makeEnvelope(leaf), {}, NOW + 31 * DAY),
      /has a certificate that has expired/,
    ],
    [
      "no timestamp",
      "timestamp",
      (level) => say(level, makeEnvelope(leaf), { timestampCertificates: [derOf(root.certificate)] }),
      /has no timestamp$/,
    ],
  ];
  for (const [what, check, run, words] of rows)
    for (const level of LEVELS)
      it(`${level}: ${what} is ${enforces(level, check) ? "refused" : "a warning"}`, () => {
        const said = run(level);
        assert.match(said, words);
        assert.match(said, enforces(level, check) ? /^Untrusted: / : /^proved; /);
      });

  const always: readonly (readonly [what: string, options: () => EnvelopeOptions, words: RegExp])[] = [
    [
      "another image",
      () => ({ payload: { targetArtifact: { ...IMAGE, digest: `sha256:${"0".repeat(64)}` } } }),
      /^Invalid: is of another image$/,
    ],
    ["an altered signature", () => ({ key: privateKeyOf(other) }), /^Invalid: was altered/],
    [
      "a chain that does not hold",
      () => ({ chain: [derOf(leaf.certificate), derOf(leaf.certificate), derOf(root.certificate)] }),
      /^Untrusted: has a chain of certificates that does not hold/,
    ],
    [
      "an unknown critical header",
      () => ({ headers: { x: 1 }, critical: ["io.cncf.notary.signingScheme", "x"] }),
      /not understood$/,
    ],
    [
      "a signing authority",
      () => ({
        headers: {
          "io.cncf.notary.signingScheme": "notary.x509.signingAuthority",
          [SIGNING_TIME]: undefined,
          [AUTHENTIC_TIME]: NOW,
        },
      }),
      /^Untrusted: was made by a signing authority/,
    ],
  ];
  for (const [what, options, words] of always)
    for (const level of LEVELS)
      it(`${level}: ${what} is refused`, () => {
        assert.match(say(level, makeEnvelope(leaf, options())), words);
      });
  it("say until when a proof holds, and who is to be asked for revocations", () => {
    const until = (bytes: Buffer, more: Partial<NotationSigner> = {}): unknown => {
      const verdict = verdictOf(bytes, signerOf([root], more));
      return verdict.status === "proved"
        ? [verdict.until, verdict.revocations.map(({ of, chain }) => [of, chain.length])]
        : verdict;
    };
    assert.deepEqual(until(makeEnvelope(leaf)), [NOW + 30 * DAY + 1, [["signer", 2]]]);
    assert.deepEqual(until(makeEnvelope(leaf, { headers: { [EXPIRY]: NOW + DAY } })), [NOW + DAY, [["signer", 2]]]);
    assert.deepEqual(until(makeEnvelope(leaf), { revocation: "Skip" }), [NOW + 30 * DAY + 1, []]);
    // Nobody asks at an address that a stranger's certificate names.
    assert.deepEqual(until(makeEnvelope(other), { level: "audit" }), [NOW + 30 * DAY + 1, []]);
  });
});
