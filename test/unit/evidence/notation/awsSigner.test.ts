import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { NotationSigner } from "../../../../evidence/notation/proof.ts";
import { AUTHENTIC_TIME, makeEnvelope, SIGNING_TIME, type EnvelopeOptions } from "./support/envelopes.ts";
import { makeAuthority, makeLeaf, makeRoot, NOW, type Identity } from "./support/pki.ts";
import { inWords, signerOf, verdictOf } from "./support/verifying.ts";

const YEAR = 365 * 86_400_000;
const SCHEME = "io.cncf.notary.signingScheme";
const PLUGIN = "io.cncf.notary.verificationPlugin";
const MIN_VERSION = "io.cncf.notary.verificationPluginMinVersion";
const PROFILE_VERSION = "com.amazonaws.signer.signingProfileVersion";
const JOB = "com.amazonaws.signer.signingJob";
const PROFILE = "arn:aws:signer:us-west-2:111122223333:/signing-profiles/release";

const HEADERS: Readonly<Record<string, unknown>> = {
  [SCHEME]: "notary.x509.signingAuthority",
  [SIGNING_TIME]: undefined,
  [AUTHENTIC_TIME]: NOW,
  [PLUGIN]: "com.amazonaws.signer.notation.plugin",
  [MIN_VERSION]: "1.0.0",
  [PROFILE_VERSION]: `${PROFILE}/OF8IVUsPJq`,
  [JOB]: "arn:aws:signer:us-west-2:111122223333:/signing-jobs/97af3947-e7b2-4533-8d9d-6741156f0b79",
};
const CRITICAL = [SCHEME, AUTHENTIC_TIME, PLUGIN, MIN_VERSION, PROFILE_VERSION, JOB];

describe("signatures of AWS Signer", () => {
  let root: Identity;
  let leaf: Identity;
  before(async () => {
    root = await makeRoot();
    leaf = await makeLeaf(await makeAuthority(root), { kind: "P-384" });
  });
  const aws = (...arns: string[]): Partial<NotationSigner> => ({ identities: { type: "signingProfiles", arns } });
  const say = (
    headers: Readonly<Record<string, unknown>> = {},
    {
      identities = aws(PROFILE),
      format = "jws",
      now = NOW + YEAR,
      ...options
    }: EnvelopeOptions & { identities?: Partial<NotationSigner>; now?: number } = {},
  ): string => {
    const all = { ...HEADERS, ...headers };
    const critical = options.critical ?? CRITICAL.filter((name) => all[name] !== undefined);
    return inWords(
      verdictOf(makeEnvelope(leaf, { format, ...options, headers: all, critical }), signerOf([root], identities), {
        format,
        now,
      }),
    );
  };

  for (const format of ["jws", "cose"] as const)
    it(`${format}: count by their profile, a year after their certificate has expired`, () => {
      assert.equal(say({}, { format }), "proved");
      assert.equal(say({}, { format, identities: aws(`${PROFILE}/OF8IVUsPJq`) }), "proved");
      assert.equal(
        say({}, { format, identities: aws("arn:aws:signer:us-west-2:111122223333:/signing-profiles/other", PROFILE) }),
        "proved",
      );
    });
  it("are nobody's without awsSigner, and nothing else is AWS Signer's", () => {
    assert.match(say({}, { identities: {} }), /^Untrusted: was made by a signing authority/);
    const own = makeEnvelope(leaf);
    assert.equal(inWords(verdictOf(own, signerOf([root], aws(PROFILE)))), "Untrusted: was not made by AWS Signer");
    const bare = makeEnvelope(leaf, {
      headers: { [SCHEME]: "notary.x509.signingAuthority", [SIGNING_TIME]: undefined, [AUTHENTIC_TIME]: NOW },
    });
    assert.equal(inWords(verdictOf(bare, signerOf([root], aws(PROFILE)))), "Untrusted: was not made by AWS Signer");
  });
  it("are of exactly this profile", () => {
    for (const other of [
      "arn:aws:signer:us-west-2:111122223333:/signing-profiles/releas",
      "arn:aws:signer:us-west-2:111122223333:/signing-profiles/Release",
      "arn:aws:signer:us-east-1:111122223333:/signing-profiles/release",
      "arn:aws:signer:us-west-2:111122223334:/signing-profiles/release",
      `${PROFILE}/OF8IVUsPJr`,
    ])
      assert.match(
        say({}, { identities: aws(other) }),
        /^Untrusted: was made with the signing profile arn:aws:signer:us-west-2/,
      );
  });
  const refused: readonly (readonly [what: string, headers: Readonly<Record<string, unknown>>, words: RegExp])[] = [
    ["another plugin", { [PLUGIN]: "com.example.plugin" }, /^Invalid: needs another plugin than AWS Signer's$/],
    [
      "a plugin of a version to come",
      { [MIN_VERSION]: "2.0.0" },
      /^Invalid: needs a version of AWS Signer's plugin that is not known$/,
    ],
    ["a version that is none", { [MIN_VERSION]: "one" }, /^Invalid: needs a version/],
    ["no profile", { [PROFILE_VERSION]: undefined }, /^Invalid: does not name its signing profile and job$/],
    [
      "a profile without a version",
      { [PROFILE_VERSION]: PROFILE },
      /^Invalid: does not name its signing profile and job$/,
    ],
    ["a profile that is no text", { [PROFILE_VERSION]: 1 }, /^Invalid: does not name its signing profile and job$/],
    ["no job", { [JOB]: undefined }, /^Invalid: does not name its signing profile and job$/],
    [
      "a time before its certificate",
      { [AUTHENTIC_TIME]: NOW - YEAR },
      /^Untrusted: has a certificate that was not valid when it was made$/,
    ],
    ["no time", { [AUTHENTIC_TIME]: undefined }, /authenticSigningTime/],
    [
      "a signing time beside it",
      { [SIGNING_TIME]: NOW },
      /signingTime, which notary\.x509\.signingAuthority does not have$/,
    ],
  ];
  for (const [what, headers, words] of refused)
    it(`do not count with ${what}`, () => {
      assert.match(say(headers), words);
    });
  it("do not count where an attribute is not critical", () => {
    for (const name of [PLUGIN, MIN_VERSION, PROFILE_VERSION, JOB, AUTHENTIC_TIME])
      assert.match(
        say({}, { critical: CRITICAL.filter((one) => one !== name) }),
        new RegExp(`does not call its header ${name} critical$`),
      );
  });
  it("have the signing authority's time, and ask AWS about every certificate with its issuer", () => {
    const envelope = makeEnvelope(leaf, { headers: HEADERS, critical: CRITICAL });
    const verdict = verdictOf(envelope, signerOf([root], aws(PROFILE)));
    assert.ok(verdict.status === "proved");
    assert.equal(verdict.proof.signedAt, "2026-06-15T12:00:00.000Z");
    assert.equal(verdict.proof.signer, `${PROFILE}/OF8IVUsPJq`);
    assert.deepEqual(verdict.revocations, []);
    // TBSCertificate: the first element within the outer sequence, whose heads here are four bytes each.
    const hashes = leaf.chain.map((one) => {
      const der = Buffer.from(one.rawData);
      const length = der.readUInt16BE(6);
      return createHash("sha384")
        .update(der.subarray(4, 8 + length))
        .digest("hex");
    });
    const [a = "", b = "", c = ""] = hashes;
    assert.deepEqual(verdict.aws, {
      profileVersion: `${PROFILE}/OF8IVUsPJq`,
      job: HEADERS[JOB],
      signedAt: NOW,
      certificateHashes: [a + b, b + c, c + c],
    });
    assert.equal(verdictOf(envelope, signerOf([root], { ...aws(PROFILE), revocation: "Skip" })).status, "proved");
  });
});
