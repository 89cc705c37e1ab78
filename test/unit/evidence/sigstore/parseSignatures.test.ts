import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { Malformed, type Candidate, type ParsedSignature } from "../../../../evidence/sigstore/find/candidate.ts";
import { parseObject } from "../../../../evidence/sigstore/verify/parseObject.ts";
import { parseSignatures, readBundle } from "../../../../evidence/sigstore/verify/parseSignatures.ts";
import { provedStatement } from "../../../../evidence/sigstore/verify/provedStatement.ts";
import { readSignedPayload } from "../../../../evidence/sigstore/verify/signedPayload.ts";
import { envelopeOf, keyHand, payloadOf, SIGN, sigstoreInstance, statementOf } from "./sigstoreInstance.ts";

const MIB = 1024 * 1024;
const HEX = "a".repeat(64);
const digest = `sha256:${HEX}`;
const IN_TOTO = "application/vnd.in-toto+json";
const base64 = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64");

type Annotations = Candidate["annotations"];
const candidate = (type: Candidate["type"], content: unknown, annotations: Annotations = {}): Candidate => ({
  id: "",
  format: type === "bundle" ? "bundle" : "legacy",
  type,
  bytes: Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content)),
  annotations,
});

/** What cannot be what it says: why, and whether it is a bound of ours that keeps us from knowing. */
const refused = (read: () => unknown): readonly [message: string, overBound: boolean] => {
  try {
    read();
  } catch (error) {
    if (error instanceof Malformed) return [error.message, error.overBound];
    throw error;
  }
  return ["", false];
};
const times = (count: number, what: unknown = {}): unknown[] => Array.from({ length: count }, () => what);

type Row = readonly [why: string, content: unknown, message: RegExp, overBound?: true];
const refuses = (type: Candidate["type"], rows: readonly Row[]): void => {
  for (const [why, content, expected, bound = false] of rows)
    it(`is refused with ${why}`, () => {
      const [message, overBound] = refused(() => parseSignatures(candidate(type, content)));
      assert.match(message, expected);
      assert.equal(overBound, bound, "may be genuine");
    });
};

describe("a payload with its annotations", () => {
  const payload = payloadOf(digest);
  const body = { apiVersion: "0.0.1", kind: "hashedrekord", spec: {} };
  const promised = { body: base64(body), integratedTime: 1_700_000_000, logIndex: 7, logID: "0f".repeat(32) };
  const entry = (change: object = {}, promise: unknown = "AAEC"): string =>
    JSON.stringify({ SignedEntryTimestamp: promise, Payload: { ...promised, ...change } });
  const read = (annotations: Annotations, bytes: Buffer = payload): ParsedSignature =>
    parseSignatures(candidate("simpleSigning", bytes, annotations))[0]!;

  it("is read up to 10 MiB, and may be genuine beyond", () => {
    assert.equal(read({ signature: "AAEC" }, Buffer.alloc(10 * MIB)).content.type, "message");
    assert.deepEqual(
      refused(() => read({ signature: "AAEC" }, Buffer.alloc(10 * MIB + 1))),
      ["is larger than 10 MiB", true],
    );
  });

  it("has a signature and, where there are annotations of them, certificate, log entry and timestamp", () => {
    const bare = read({ signature: "AAEC" });
    assert.deepEqual(bare, {
      content: { type: "message", bytes: payload },
      signature: Buffer.from([0, 1, 2]),
      entries: [],
      timestamps: [],
    });
    const timestamp = JSON.stringify({ SignedRFC3161Timestamp: "AwQF" });
    const { entries, timestamps } = read({ signature: "AAEC", bundle: entry(), timestamp });
    assert.deepEqual(timestamps, [Buffer.from([3, 4, 5])]);
    assert.equal(entries.length, 1);
    const { logIndex, logId, kindVersion, integratedTime, inclusionPromise, inclusionProof, canonicalizedBody } =
      entries[0]!;
    assert.deepEqual([logIndex, integratedTime, inclusionProof], ["7", "1700000000", undefined]);
    assert.deepEqual(logId.keyId, Buffer.alloc(32, 0x0f));
    assert.deepEqual(kindVersion, { kind: "hashedrekord", version: "0.0.1" });
    assert.deepEqual(inclusionPromise?.signedEntryTimestamp, Buffer.from([0, 1, 2]));
    assert.equal(canonicalizedBody.toString(), JSON.stringify(body));
  });

  it("takes the first certificate of a chain for the signer's, and none of a blank annotation", () => {
    const pem = (text: string): string => `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`;
    const certificate = pem("AAEC\nAwQF") + pem("BgcI");
    assert.deepEqual(read({ signature: "AAEC", certificate }).certificate, Buffer.from([0, 1, 2, 3, 4, 5]));
    assert.ok(!("certificate" in read({ signature: "AAEC", certificate: " \n" })));
  });

  const rows: readonly (readonly [why: string, annotations: Annotations, message: RegExp])[] = [
    ["no signature", {}, /^has no signature annotation$/],
    ["a signature that is not base64", { signature: "?" }, /^the signature is not base64$/],
    ["a certificate that is not PEM", { signature: "AAEC", certificate: "AAEC" }, /certificate annotation .* not PEM/],
    ["an entry that is not JSON", { signature: "AAEC", bundle: "x" }, /^the log entry is not JSON$/],
    ["an entry that is a list", { signature: "AAEC", bundle: "[]" }, /^the log entry is not a JSON object$/],
    ["an entry of nothing", { signature: "AAEC", bundle: "{}" }, /^has a log entry without body, time or promise$/],
    ["a timestamp that is not JSON", { signature: "AAEC", timestamp: "x" }, /^the timestamp is not JSON$/],
    ["a timestamp of nothing", { signature: "AAEC", timestamp: "{}" }, /^has a timestamp annotation without/],
    [
      "a timestamp that is not base64",
      { signature: "AAEC", timestamp: '{"SignedRFC3161Timestamp":"?"}' },
      /^the timestamp is not base64$/,
    ],
    ...[
      entry({}, null),
      entry({}, 1),
      ...["body", "logID", "logIndex", "integratedTime"].map((name) => entry({ [name]: undefined })),
      ...["7", -1, 1.5, null, 2 ** 53].flatMap((no) => [entry({ logIndex: no }), entry({ integratedTime: no })]),
    ].map(
      (bundle) =>
        [
          `the entry ${bundle.replaceAll(/\w{32,}=*/g, "...")}`,
          { signature: "AAEC", bundle },
          /without body, time or promise/,
        ] as const,
    ),
    ...[HEX.slice(1), `${HEX}a`, HEX.toUpperCase(), ` ${HEX}`].map(
      (logID) =>
        [`the log id ${logID}`, { signature: "AAEC", bundle: entry({ logID }) }, /of a malformed log id$/] as const,
    ),
    ["a body of other bits", { signature: "AAEC", bundle: entry({ body: "e31=" }) }, /body is not canonical base64$/],
    ["a body that is no object", { signature: "AAEC", bundle: entry({ body: "W10=" }) }, /body is not a JSON object$/],
    [
      "a promise that is not base64",
      { signature: "AAEC", bundle: entry({}, "?") },
      /^the log's promise is not base64$/,
    ],
  ];
  for (const [why, annotations, expected] of rows)
    it(`is refused with ${why}`, () => {
      const [message, overBound] = refused(() => read(annotations));
      assert.match(message, expected);
      assert.equal(overBound, false);
    });

  it("may have an entry at the log's very first place", () => {
    assert.equal(read({ signature: "AAEC", bundle: entry({ logIndex: 0 }) }).entries[0]?.logIndex, "0");
  });
});

describe("an envelope", () => {
  const good = { payloadType: IN_TOTO, payload: base64({}), signatures: [{ sig: "AAEC" }] };
  refuses("envelope", [
    ["more than 32 MiB", Buffer.alloc(32 * MIB + 1), /^is larger than 32 MiB$/, true],
    ["no JSON", Buffer.from("x"), /^the envelope is not JSON$/],
    ["no type of its payload", { ...good, payloadType: undefined }, /^is no DSSE envelope with a signature$/],
    ["no payload", { ...good, payload: undefined }, /^is no DSSE envelope with a signature$/],
    ["no list of signatures", { ...good, signatures: { length: 1 } }, /^is no DSSE envelope with a signature$/],
    ["no signature", { ...good, signatures: [] }, /^is no DSSE envelope with a signature$/],
    ["an empty signature", { ...good, signatures: [{}] }, /^the signature is not base64$/],
    ["one of two signatures empty", { ...good, signatures: [...good.signatures, {}] }, /^the signature is not base64$/],
    ["a payload that is not base64", { ...good, payload: "?" }, /^the payload is not base64$/],
    ["9 signatures", { ...good, signatures: times(9, { sig: "AAEC" }) }, /^has 9 signatures$/, true],
  ]);

  it("is as many signatures as it has, of one content", () => {
    const content = { type: "dsse", payloadType: IN_TOTO, payload: Buffer.from("{}") };
    const bytes = Buffer.from(JSON.stringify({ ...good, signatures: times(8, { sig: "AAEC" }) }));
    const all = parseSignatures(candidate("envelope", bytes));
    const one = { content, signature: Buffer.from([0, 1, 2]), envelope: bytes, entries: [], timestamps: [] };
    assert.deepEqual(all, times(8, one));
  });

  it("may be larger than a payload", () => {
    const large = Buffer.from(JSON.stringify({ ...good, more: " ".repeat(10 * MIB) }));
    assert.equal(parseSignatures(candidate("envelope", large)).length, 1);
  });
});

describe("a bundle", () => {
  const hand = keyHand();
  const { signatures } = JSON.parse(envelopeOf(hand, statementOf(digest, SIGN)).bytes.toString()) as {
    signatures: [{ sig: string }];
  };
  const good = {
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: { publicKey: { hint: "" } },
    dsseEnvelope: { payload: base64({}), payloadType: IN_TOTO, signatures: [{ sig: signatures[0].sig }] },
  };
  const material = (more: object): object => ({
    ...good,
    verificationMaterial: { ...good.verificationMaterial, ...more },
  });
  const stamps = (count: number): object =>
    material({ timestampVerificationData: { rfc3161Timestamps: times(count, { signedTimestamp: "AAEC" }) } });
  const chained = (count: number): object => ({
    ...good,
    mediaType: "application/vnd.dev.sigstore.bundle+json;version=0.1",
    verificationMaterial: {
      x509CertificateChain: { certificates: times(count, { rawBytes: "AAEC" }) },
      tlogEntries: [],
    },
  });
  const { dsseEnvelope, ...unsigned } = good;

  refuses("bundle", [
    ["no JSON", Buffer.from("x"), /^the bundle is not JSON$/],
    ["nothing", {}, /^is no Sigstore bundle \(/],
    [
      "a signature of nothing",
      { ...good, dsseEnvelope: { ...dsseEnvelope, signatures: [] } },
      /^is no Sigstore bundle/,
    ],
    ["33 entries", material({ tlogEntries: times(33) }), /^has 33 log entries; at most 32 are read$/, true],
    ["33 timestamps", stamps(33), /^has 33 timestamps; at most 32 are read$/, true],
    ["11 certificates", chained(11), /^has 11 certificates; at most 10 are read$/, true],
    ["32 entries of nothing", material({ tlogEntries: times(32) }), /^is no Sigstore bundle/],
  ]);

  it("says at no length what is wrong with it", () => {
    const [message] = refused(() => parseSignatures(candidate("bundle", material({ tlogEntries: times(32) }))));
    assert.ok(message.length < 200, message);
  });

  it("is one signature, with its timestamps", () => {
    const content = { type: "dsse", payloadType: IN_TOTO, payload: Buffer.from("{}") };
    const signature = Buffer.from(signatures[0].sig, "base64");
    assert.deepEqual(parseSignatures(candidate("bundle", good)), [{ content, signature, entries: [], timestamps: [] }]);
    assert.deepEqual(
      parseSignatures(candidate("bundle", stamps(32)))[0]?.timestamps,
      times(32, Buffer.from([0, 1, 2])),
    );
  });

  it("has its signer's certificate alone, or first in a chain", async () => {
    const sigstore = await sigstoreInstance();
    const { certificate } = await sigstore.issue();
    assert.ok(new X509Certificate(certificate));
    const rawBytes = certificate.toString("base64");
    const alone = { ...good, verificationMaterial: { certificate: { rawBytes } } };
    assert.deepEqual(parseSignatures(candidate("bundle", alone))[0]?.certificate, certificate);
    const certificates = [{ rawBytes }, { rawBytes: "AAEC" }];
    const chain = { ...chained(0), verificationMaterial: { x509CertificateChain: { certificates }, tlogEntries: [] } };
    assert.deepEqual(parseSignatures(candidate("bundle", chain))[0]?.certificate, certificate);
  });

  it("over the bytes of a file is about that file, and about no image", () => {
    const file = Buffer.from("a file");
    const messageDigest = { algorithm: "SHA2_256", digest: createHash("sha256").update(file).digest("base64") };
    const bundle = Buffer.from(
      JSON.stringify({ ...unsigned, messageSignature: { messageDigest, signature: signatures[0].sig } }),
    );
    assert.deepEqual(readBundle(bundle, file).content, { type: "message", bytes: file });
    assert.deepEqual(
      refused(() => readBundle(bundle, Buffer.from("another"))),
      ["is a bundle about another file", false],
    );
    assert.deepEqual(
      refused(() => parseSignatures(candidate("bundle", bundle))),
      ["is a bundle without a statement", false],
    );
  });
});

describe("what was signed", () => {
  const message = (json: unknown): ParsedSignature["content"] => ({
    type: "message",
    bytes: Buffer.from(JSON.stringify(json)),
  });
  const statement = (json: unknown, payloadType = IN_TOTO): ParsedSignature["content"] => ({
    type: "dsse",
    payloadType,
    payload: Buffer.from(JSON.stringify(json)),
  });
  const read = (content: ParsedSignature["content"], of = digest): ReturnType<typeof readSignedPayload> =>
    readSignedPayload({ content, signature: Buffer.alloc(0), entries: [], timestamps: [] }, of);
  const simple = JSON.parse(payloadOf(digest).toString()) as { critical: Record<string, unknown> };
  const critical = (change: object): object => ({ ...simple, critical: { ...simple.critical, ...change } });
  const good = statementOf(digest, SIGN);
  const about = (...subject: unknown[]): object => ({ ...good, subject });
  const digests = (count: number, first: object = {}): object => ({
    digest: { ...first, ...Object.fromEntries(times(count).map((_, at) => [`x${at}`, "0"])) },
  });

  const rows: readonly (readonly [why: string, content: ParsedSignature["content"], message: RegExp])[] = [
    ["a payload that is a list", message([]), /^the payload is not a JSON object$/],
    ["a payload of no image", message(critical({ image: {} })), /^has a payload that names no digest$/],
    ["a payload of another type", message(critical({ type: "atomic container signature" })), /no image signature$/],
    ["a payload of no type", message(critical({ type: undefined })), /no image signature$/],
    ["an envelope of something else", statement(good, "application/json"), /something else than an in-toto statement$/],
    ["a statement that is a list", statement([]), /^the statement is not a JSON object$/],
    [
      "a statement of another version",
      statement({ ...good, _type: "https://in-toto.io/Statement/v2" }),
      /^is no in-toto/,
    ],
    ["a statement of no version", statement({ ...good, _type: undefined }), /^is no in-toto statement$/],
    ["no type", statement({ ...good, predicateType: undefined }), /^is a statement without type or subject$/],
    ["an empty type", statement({ ...good, predicateType: "" }), /^is a statement without type or subject$/],
    ["no list of subjects", statement({ ...good, subject: { length: 1 } }), /^is a statement without type or subject$/],
    ["no subject", statement(about()), /^is a statement without type or subject$/],
    [
      "1,025 subjects",
      statement(about(...times(1_025, { digest: {} }))),
      /^names 1025 subjects; at most 1024 are read$/,
    ],
    [
      "a subject without a digest",
      statement(about({ digest: { sha256: HEX } }, {})),
      /^names a subject without a digest$/,
    ],
    ["a subject of 33 digests", statement(about(digests(33))), /^names a subject with too many digests$/],
  ];
  for (const [why, content, expected] of rows)
    it(`is refused with ${why}`, () => assert.match(refused(() => read(content))[0], expected));

  it("names an image by its whole digest, of the same algorithm", () => {
    const named: readonly (readonly [content: ParsedSignature["content"], of: string, names: boolean])[] = [
      [message(simple), digest, true],
      [message(simple), `sha256:${"a".repeat(63)}b`, false],
      [message(simple), `sha512:${HEX}`, false],
      [statement(good), digest, true],
      [statement({ ...good, _type: "https://in-toto.io/Statement/v0.1" }), digest, true],
      [statement(good), `sha512:${HEX}`, false],
      [statement(about({ digest: { sha512: HEX } })), digest, false],
      [statement(about(digests(31, { sha256: HEX }))), digest, true],
      [statement(about(...times(1_023, { digest: {} }), { digest: { sha256: HEX } })), digest, true],
      [statement(about({ digest: {} })), "sha256:", false],
    ];
    for (const [content, of, names] of named)
      assert.equal(read(content, of).names, names, `${of} ${JSON.stringify(content).slice(0, 200)}`);
  });

  it("is a signature by its predicate type alone, and else an attestation", () => {
    assert.deepEqual(
      [message(simple), statement(good), statement(statementOf(digest, `${SIGN}x`))].map((content) => {
        const { kind, predicateType } = read(content);
        return [kind, predicateType];
      }),
      [
        ["signature", ""],
        ["signature", SIGN],
        ["attestation", `${SIGN}x`],
      ],
    );
  });

  it("has the annotations that are texts: of a payload, and of the subjects that are the image", () => {
    assert.deepEqual(read(message({ ...simple, optional: { env: "prod", build: 7, list: ["x"] } })).annotations, {
      env: "prod",
    });
    assert.deepEqual(read(message(simple)).annotations, {});
    const mine = { sha256: HEX };
    const several = about(
      { digest: mine, annotations: { env: "prod", build: 7 } },
      { digest: { sha256: "b".repeat(64) }, annotations: { team: "other" } },
      { digest: mine, annotations: { team: "ours" } },
      { digest: mine },
    );
    assert.deepEqual(read(statement(several)).annotations, { env: "prod", team: "ours" });
  });
});

describe("an object of strangers", () => {
  const nested = (depth: number): string => `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;

  it("is read from text and from bytes", () => {
    assert.deepEqual(parseObject('{"a":"é"}', "it"), { a: "é" });
    assert.deepEqual(parseObject(Buffer.from('{"a":"é"}'), "it"), { a: "é" });
  });
  it("nests 64 levels deep at most", () => {
    for (const read of [(text: string) => text, (text: string) => Buffer.from(text)]) {
      assert.ok(parseObject(read(nested(64)), "it"));
      assert.deepEqual(
        refused(() => parseObject(read(nested(65)), "it")),
        ["it is nested deeper than 64 levels", false],
      );
    }
  });
  it("is UTF-8, JSON and an object", () => {
    const bytes = (...values: number[]): Buffer => Buffer.from([0x7b, 0x22, ...values, 0x22, 0x3a, 0x31, 0x7d]);
    assert.deepEqual(Object.keys(parseObject(bytes(0x61), "it")), ["a"]);
    assert.equal(refused(() => parseObject(bytes(0xff), "it"))[0], "it is not JSON");
    assert.equal(refused(() => parseObject("{", "it"))[0], "it is not JSON");
    for (const text of ["null", "[]", '"a"', "1"])
      assert.equal(refused(() => parseObject(text, "it"))[0], "it is not a JSON object", text);
  });
});

describe("a proved statement", () => {
  const proof = { fingerprint: "f", signer: "s" };
  const statement = { predicateType: "t", predicate: { said: 1 } };

  it("says the same as an object and as text", () => {
    const object = provedStatement({ predicateType: "t", statement }, proof);
    assert.deepEqual(object, { predicateType: "t", statement, predicate: { said: 1 }, proof });
    const statementText = JSON.stringify(statement);
    const text = provedStatement({ predicateType: "t", statementText }, proof);
    assert.deepEqual([text.text, text.predicate, text.statement], [statementText, { said: 1 }, statement]);
    assert.equal(text.statement, text.statement, "parsed once");
    assert.deepEqual([text.predicateType, text.proof, "digest" in text], ["t", proof, false]);
  });
  it("has the digest of what was signed", () => {
    const content = Buffer.from(HEX, "hex").toString("base64url");
    for (const how of [{ statement }, { statementText: JSON.stringify(statement) }])
      assert.equal(provedStatement({ predicateType: "t", content, ...how }, proof).digest, digest);
  });
});
