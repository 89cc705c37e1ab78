import { decode, encode, Tagged } from "cborg";
import assert from "node:assert/strict";
import {
  AUTHENTIC_TIME,
  EXPIRY,
  IMAGE,
  makeEnvelope,
  SIGNING_TIME,
  type EnvelopeOptions,
  type Format,
} from "./support/envelopes.ts";
import { derOf, makeAuthority, makeLeaf, makeRoot, NOW, privateKeyOf, type Identity } from "./support/pki.ts";
import { inWords, signerOf, verdictOf } from "./support/verifying.ts";

const SCHEME = "io.cncf.notary.signingScheme";
const HOUR = 3_600_000;

/** Each with what its verdict says, in both formats. */
const REFUSED: readonly (readonly [what: string, options: EnvelopeOptions, words: RegExp])[] = [
  [
    "an unknown critical header",
    { headers: { "com.example.x": "1" }, critical: [SCHEME, "com.example.x"] },
    /critical header com\.example\.x, which is not understood$/,
  ],
  [
    "a critical header that is not there",
    { critical: [SCHEME, EXPIRY] },
    /calls the header .*expiry critical and does not have it$/,
  ],
  ["a critical header twice", { critical: [SCHEME, SCHEME] }, /lists a critical header twice$/],
  ["no critical header", { critical: [] }, /has no critical headers$/],
  [
    "a scheme that is not critical",
    { headers: { [EXPIRY]: NOW + HOUR }, critical: [EXPIRY] },
    /does not call its header .*signingScheme critical$/,
  ],
  [
    "an expiry that is not critical",
    { headers: { [EXPIRY]: NOW + HOUR }, critical: [SCHEME] },
    /does not call its header .*expiry critical$/,
  ],
  ["no scheme", { headers: { [SCHEME]: undefined }, critical: [EXPIRY] }, /does not have it|signingScheme/],
  [
    "an unknown scheme",
    { headers: { [SCHEME]: "notary.x510" } },
    /is of the signing scheme notary\.x510, which is not known$/,
  ],
  ["no signing time", { headers: { [SIGNING_TIME]: undefined } }, /header .*signingTime that is no time$/],
  ["a time that is none", { headers: { [SIGNING_TIME]: "yesterday" } }, /header .*signingTime that is no time$/],
  ["both times", { headers: { [AUTHENTIC_TIME]: NOW } }, /authenticSigningTime, which notary\.x509 does not have$/],
  ["an expiry before its signing", { headers: { [EXPIRY]: NOW - HOUR } }, /expires before it was made$/],
  [
    "a header in another spelling",
    { headers: { "IO.cncf.notary.EXPIRY": NOW - HOUR } },
    /spells the header io\.cncf\.notary\.expiry in another way$/,
  ],
  ["another content type", { contentType: "application/json" }, /has content of the type application\/json$/],
  ["no certificates", { chain: [] }, /has no certificates$/],
  [
    "eleven certificates",
    { chain: Array.from({ length: 11 }, () => Buffer.from("0500", "hex")) },
    /has 11 certificates; at most 10/,
  ],
  [
    "certificates that do not parse",
    { chain: [Buffer.from("30030101ff", "hex")] },
    /has a certificate that does not parse$/,
  ],
  ["a payload that is no JSON", { payload: "{" }, /has a payload that is no JSON$/],
  [
    "a payload without an artifact",
    { payload: { target: IMAGE } },
    /names no artifact by media type, digest and size$/,
  ],
  ["a payload without a size", { payload: { targetArtifact: { ...IMAGE, size: "1234" } } }, /names no artifact/],
  [
    "a payload with an artifact twice",
    { payload: `{"targetArtifact":${JSON.stringify(IMAGE)},"targetArtifact":${JSON.stringify(IMAGE)}}` },
    /has the key "targetArtifact" twice$/,
  ],
  [
    "another digest",
    { payload: { targetArtifact: { ...IMAGE, digest: `sha256:${"cd".repeat(32)}` } } },
    /^Invalid: is of another image$/,
  ],
  [
    "another media type",
    { payload: { targetArtifact: { ...IMAGE, mediaType: "application/vnd.oci.image.index.v1+json" } } },
    /^Invalid: is of this digest as .*index.* and the image is .*manifest/,
  ],
  [
    "another size",
    { payload: { targetArtifact: { ...IMAGE, size: 1235 } } },
    /^Invalid: is of this digest with 1235 bytes, and the image has 1234$/,
  ],
  [
    "a signing authority",
    { headers: { [SCHEME]: "notary.x509.signingAuthority", [SIGNING_TIME]: undefined, [AUTHENTIC_TIME]: NOW } },
    /^Untrusted: was made by a signing authority/,
  ],
  [
    "a plugin",
    { headers: { "io.cncf.notary.verificationPlugin": "p" }, critical: [SCHEME, "io.cncf.notary.verificationPlugin"] },
    /^Untrusted: was made by a signing authority/,
  ],
  [
    "a plugin that is not critical",
    { headers: { "io.cncf.notary.verificationPlugin": "p" } },
    /does not call its header .*verificationPlugin critical$/,
  ],
  [
    "an expiry that is over",
    { headers: { [SIGNING_TIME]: NOW - 2 * HOUR, [EXPIRY]: NOW } },
    /^Untrusted: expired at 2026-06-15T12:00:00Z$/,
  ],
];

describe("signature envelopes", () => {
  let root: Identity;
  let leaf: Identity;
  before(async () => {
    root = await makeRoot();
    leaf = await makeLeaf(await makeAuthority(root));
  });
  const say = (bytes: Buffer, format: Format): string => inWords(verdictOf(bytes, signerOf([root]), { format }));

  for (const format of ["jws", "cose"] as const) {
    it(`${format}: count as they are`, () => {
      assert.equal(say(makeEnvelope(leaf, { format }), format), "proved");
      assert.equal(say(makeEnvelope(leaf, { format, headers: { [EXPIRY]: NOW + HOUR } }), format), "proved");
      assert.equal(
        say(makeEnvelope(leaf, { format, headers: { "com.example.note": "not critical" } }), format),
        "proved",
      );
    });
    for (const [what, options, words] of REFUSED)
      it(`${format}: do not count with ${what}`, () => {
        assert.match(say(makeEnvelope(leaf, { format, ...options }), format), words);
      });
    it(`${format}: do not count by another key than the certificate's`, async () => {
      const other = await makeLeaf(root);
      const envelope = makeEnvelope(leaf, { format, key: privateKeyOf(other) });
      assert.equal(say(envelope, format), "Invalid: was altered: its certificate's key did not make it");
    });
    it(`${format}: do not count by an algorithm that the key does not sign with`, async () => {
      const rsa = await makeLeaf(root, { kind: "RSA-2048" });
      const envelope = makeEnvelope(rsa, { format, algorithm: "PS512" });
      assert.match(say(envelope, format), /^Invalid: says PS512, which its certificate's key does not sign with$/);
    });
    it(`${format}: every bit that is signed counts`, () => {
      const good = makeEnvelope(leaf, { format });
      for (let at = 0; at < good.length; at += 7) {
        const bad = Buffer.from(good);
        bad[at] = (bad[at] ?? 0) ^ 1;
        const words = say(bad, format);
        // What is not signed is only the signing agent's name.
        const agent = good.indexOf("io.cncf.notary.signingAgent");
        if (words === "proved") assert.ok(at >= agent && at < agent + 40, `byte ${at} does not count`);
      }
    });
  }

  const jws = (change: (json: Record<string, unknown>) => unknown): string =>
    say(
      Buffer.from(JSON.stringify(change(JSON.parse(makeEnvelope(leaf).toString()) as Record<string, unknown>))),
      "jws",
    );
  it("jws: is flattened JSON in strict base64", () => {
    assert.equal(
      jws((json) => json),
      "proved",
    );
    assert.match(
      jws((json) => ({ ...json, signatures: [] })),
      /has the field signatures, which a signature does not have$/,
    );
    assert.match(
      jws((json) => ({ ...json, payload: `${String(json["payload"])}=` })),
      /the payload is no base64url$/,
    );
    assert.match(
      jws((json) => ({ ...json, payload: `${String(json["payload"])}\n` })),
      /the payload is no base64url$/,
    );
    assert.match(
      jws((json) => ({ ...json, signature: undefined })),
      /the signature is no base64url$/,
    );
    assert.match(
      jws((json) => ({ ...json, protected: "e30" })),
      /has the algorithm undefined/,
    );
    assert.match(
      jws((json) => ({ ...json, header: { x5c: leaf.chain.map((one) => derOf(one).toString("base64url")) } })),
      /a certificate is no base64$/,
    );
    assert.match(
      jws(() => []),
      /it is no JSON object$/,
    );
    assert.match(say(Buffer.from("eyJ"), "jws"), /is no JSON$/);
    assert.match(say(makeEnvelope(leaf, { headers: { alg: "none" } }), "jws"), /has the algorithm none/);
  });

  const cose = (change: (parts: unknown[]) => unknown): string => {
    const message = decode(makeEnvelope(leaf, { format: "cose" }), {
      useMaps: true,
      tags: Tagged.preserve(18, 1),
    }) as Tagged;
    return say(Buffer.from(encode(change(message.value as unknown[]) as never)), "cose");
  };
  const withUnprotected =
    (more: readonly (readonly [unknown, unknown])[]) =>
    (parts: unknown[]): unknown =>
      new Tagged(18, parts.with(1, new Map([...(parts[1] as Map<unknown, unknown>), ...more])));
  it("cose: is one tagged COSE_Sign1", () => {
    assert.equal(
      cose((parts) => new Tagged(18, parts)),
      "proved",
    );
    assert.match(
      cose((parts) => parts),
      /it is no COSE_Sign1$/,
    );
    assert.match(
      cose((parts) => new Tagged(98, parts)),
      /it is no CBOR|no COSE_Sign1$/,
    );
    assert.match(
      cose((parts) => new Tagged(18, [...parts, 1])),
      /it is no COSE_Sign1$/,
    );
    assert.match(
      cose((parts) => new Tagged(18, parts.with(2, null))),
      /it is no COSE_Sign1$/,
    );
    assert.match(
      cose((parts) => new Tagged(18, parts.with(3, new Uint8Array()))),
      /has no signature$/,
    );
    assert.match(
      cose((parts) => new Tagged(18, parts.with(0, new Uint8Array()))),
      /has no protected header$/,
    );
    assert.match(cose(withUnprotected([[1, -7]])), /has the header 1 twice$/);
    assert.match(cose(withUnprotected([["io.cncf.notary.timestampSignature", "text"]])), /the timestamp is no bytes$/);
    assert.match(
      say(Buffer.concat([makeEnvelope(leaf, { format: "cose" }), Buffer.from([0])]), "cose"),
      /it is no CBOR/,
    );
    assert.match(say(Buffer.alloc(100_000, 0x81), "cose"), /it is no CBOR/);
    assert.match(say(Buffer.from("d2845f41a041a0ffa04041", "hex"), "cose"), /it is no CBOR/);
  });
  it("cose: has times under their tag only", () => {
    const untagged = makeEnvelope(leaf, { format: "cose", headers: { [SIGNING_TIME]: "2026-06-15T12:00:00Z" } });
    assert.match(say(untagged, "cose"), /signingTime that is no time$/);
    const bare = makeEnvelope(leaf, { format: "cose", headers: { [EXPIRY]: BigInt(NOW / 1000 + 60) } });
    assert.match(say(bare, "cose"), /expiry that is no time$/);
  });
});
