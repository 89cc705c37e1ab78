import { dsse } from "@sigstore/core";
import assert from "node:assert/strict";
import { sign } from "node:crypto";
import type { RuleFinding } from "../../policy/finding/finding.ts";
import { MemoryRepository, readFixture } from "../unit/evidence/sigstore/memoryRepository.ts";
import {
  keyHand,
  payloadOf,
  publicPem,
  SIGN,
  sigstoreInstance,
  statementOf,
} from "../unit/evidence/sigstore/sigstoreInstance.ts";
import { byKey, compile, evidenceUnderTest, judge, reasonsOf, signedBy } from "../unit/evidence/sigstore/underTest.ts";

const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json";
const DSSE = "application/vnd.dsse.envelope.v1+json";
const PROVENANCE = "https://slsa.dev/provenance/v1";

const fixture = readFixture("cosign3-signature");
const { digest, publicKey } = fixture;
const tag = (suffix: string): string => `${digest.replace(":", "-")}.${suffix}`;
const nested = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;
const goodBundle = (): Record<string, unknown> =>
  JSON.parse(
    Buffer.from(
      fixture.blobs.find((blob) => Buffer.from(blob, "base64").includes("mediaType"))!,
      "base64",
    ).toString(),
  ) as Record<string, unknown>;

const judged = async (repository: MemoryRepository): Promise<readonly RuleFinding[]> => {
  const policy = compile({
    authorities: [byKey(publicKey)],
    signatures: { authorities: ["release"] },
    attestations: [{ predicateType: PROVENANCE, authorities: ["release"] }],
  });
  return (await judge(evidenceUnderTest(), policy, { repository, digest })).findings;
};

/** Bytes that stand where a bundle should, and why each is none. */
const bundles: readonly (readonly [why: string, bytes: string | Buffer])[] = [
  ["nothing", ""],
  ["no JSON", "garbage"],
  ["half of a bundle", JSON.stringify(goodBundle()).slice(0, 200)],
  ["null", "null"],
  ["a list", "[]"],
  ["a string", '"bundle"'],
  ["no UTF-8", Buffer.from([0xff, 0xfe, 0x7b, 0x7d])],
  ["an empty object", "{}"],
  ["nothing but a prototype", '{"__proto__": {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}}'],
  ["a type that is not known", JSON.stringify({ ...goodBundle(), mediaType: "application/json" })],
  ["an envelope of nothing", JSON.stringify({ ...goodBundle(), dsseEnvelope: {} })],
  [
    "an envelope without a signature",
    JSON.stringify({
      ...goodBundle(),
      dsseEnvelope: { payload: "e30=", payloadType: "application/vnd.in-toto+json", signatures: [] },
    }),
  ],
  [
    "two signatures",
    JSON.stringify({
      ...goodBundle(),
      dsseEnvelope: { payload: "e30=", payloadType: "x", signatures: [{ sig: "AA==" }, { sig: "AA==" }] },
    }),
  ],
  [
    "a payload that is a list",
    JSON.stringify({
      ...goodBundle(),
      dsseEnvelope: { payload: ["e30="], payloadType: "application/vnd.in-toto+json", signatures: [{ sig: "AA==" }] },
    }),
  ],
  ["material of nothing", JSON.stringify({ ...goodBundle(), verificationMaterial: null })],
  [
    "entries of nothing",
    JSON.stringify({ ...goodBundle(), verificationMaterial: { publicKey: {}, tlogEntries: [null, 1, "x"] } }),
  ],
  [
    "1,000 entries",
    JSON.stringify({
      ...goodBundle(),
      verificationMaterial: { publicKey: {}, tlogEntries: Array.from({ length: 1000 }, () => ({})) },
    }),
  ],
  [
    "1,000 timestamps",
    JSON.stringify({
      ...goodBundle(),
      verificationMaterial: {
        publicKey: {},
        timestampVerificationData: { rfc3161Timestamps: Array.from({ length: 1000 }, () => ({})) },
      },
    }),
  ],
  [
    "1,000 certificates (CVE-2024-45395)",
    JSON.stringify({
      ...goodBundle(),
      verificationMaterial: {
        x509CertificateChain: { certificates: Array.from({ length: 1000 }, () => ({ rawBytes: "AA==" })) },
      },
    }),
  ],
  [
    "a message signature",
    JSON.stringify({
      mediaType: BUNDLE,
      verificationMaterial: goodBundle()["verificationMaterial"],
      messageSignature: { messageDigest: { algorithm: "SHA2_256", digest: "AA==" }, signature: "AA==" },
    }),
  ],
  ["3 million values", `{"a":[${"{},".repeat(3_000_000)}{}]}`],
  ["JSON that nests 100,000 deep", `{"a":${nested(100_000)}}`],
];

/** Statements that are well signed, and why each says nothing. */
const statements: readonly (readonly [why: string, statement: object])[] = [
  ["without a subject", { ...statementOf(digest, SIGN), subject: [] }],
  [
    "with a subject that is no list",
    { ...statementOf(digest, SIGN), subject: { digest: { sha256: digest.slice(7) } } },
  ],
  [
    "with 1,025 subjects (CVE-2023-46737)",
    {
      ...statementOf(digest, SIGN),
      subject: Array.from({ length: 1025 }, () => ({ digest: { sha256: digest.slice(7) } })),
    },
  ],
  [
    "with a subject of 33 digests",
    {
      ...statementOf(digest, SIGN),
      subject: [
        {
          digest: {
            ...Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`x${i}`, "y"])),
            sha256: digest.slice(7),
          },
        },
      ],
    },
  ],
  [
    "with a digest that is inherited",
    {
      ...statementOf(digest, SIGN),
      subject: [{ digest: JSON.parse(`{"__proto__": {"sha256": "${digest.slice(7)}"}}`) as object }],
    },
  ],
  ["of another kind", { ...statementOf(digest, SIGN), _type: "https://example.com/Statement" }],
  ["without a predicate type", { ...statementOf(digest, SIGN), predicateType: undefined }],
];

describe("garbage where a signature should be", () => {
  for (const [why, bytes] of bundles) {
    it(`is a finding, never a crash and never a pass: a bundle that is ${why}`, async () => {
      const repository = new MemoryRepository();
      repository.put([{ mediaType: BUNDLE, bytes: Buffer.from(bytes) }], { subject: digest, artifactType: BUNDLE });
      assert.deepEqual(reasonsOf(await judged(repository)), ["SignatureInvalid", "AttestationInvalid"]);
    });
    it(`does not stand in a good signature's way: a bundle that is ${why}`, async () => {
      const repository = new MemoryRepository();
      repository.put([{ mediaType: BUNDLE, bytes: Buffer.from(bytes) }], { subject: digest, artifactType: BUNDLE });
      repository.load(fixture);
      const policy = compile(signedBy(byKey(publicKey)));
      assert.deepEqual((await judge(evidenceUnderTest(), policy, { repository, digest })).findings, []);
    });
  }

  it("is a finding where a well signed statement says nothing of the image", async () => {
    const sigstore = await sigstoreInstance();
    const hand = keyHand();
    for (const [why, statement] of statements) {
      const repository = new MemoryRepository();
      const bundle = await sigstore.bundle(hand, statement, { log: "none" });
      repository.put([{ mediaType: BUNDLE, bytes: Buffer.from(JSON.stringify(bundle)) }], {
        subject: digest,
        artifactType: BUNDLE,
      });
      const policy = compile(signedBy(byKey(publicPem(hand))));
      const { findings } = await judge(evidenceUnderTest(), policy, { repository, digest });
      assert.deepEqual(reasonsOf(findings), ["SignatureInvalid"], why);
    }
  }).timeout(20_000);

  it("is a finding where an envelope is well signed and says that it holds something else", async () => {
    const hand = keyHand();
    const payload = Buffer.from(JSON.stringify(statementOf(digest, PROVENANCE)));
    for (const [payloadType, expected] of [
      ["application/vnd.in-toto+json", []],
      ["application/json", ["AttestationInvalid"]],
    ] as const) {
      const sig = sign("sha256", dsse.preAuthEncoding(payloadType, payload), hand.privateKey).toString("base64");
      const envelope = { payloadType, payload: payload.toString("base64"), signatures: [{ sig }] };
      const repository = new MemoryRepository();
      repository.put([{ mediaType: DSSE, bytes: Buffer.from(JSON.stringify(envelope)) }], { tag: tag("att") });
      const policy = compile({
        authorities: [byKey(publicPem(hand))],
        attestations: [{ predicateType: PROVENANCE, authorities: ["release"] }],
      });
      const { findings } = await judge(evidenceUnderTest(), policy, { repository, digest });
      assert.deepEqual(reasonsOf(findings), expected, payloadType);
    }
  });

  const signature = Buffer.from("garbage").toString("base64");
  const layers: readonly (readonly [why: string, payload: string | Buffer, annotations: Record<string, string>])[] = [
    ["no signature", payloadOf(digest), {}],
    ["an empty signature", payloadOf(digest), { "dev.cosignproject.cosign/signature": "" }],
    ["a signature that is not base64", payloadOf(digest), { "dev.cosignproject.cosign/signature": "%%%" }],
    ["a payload that is no JSON", "garbage", { "dev.cosignproject.cosign/signature": signature }],
    ["a payload of nothing", "{}", { "dev.cosignproject.cosign/signature": signature }],
    [
      "a payload of another type",
      payloadOf(digest).toString().replace("cosign container image signature", "atomic container signature"),
      { "dev.cosignproject.cosign/signature": signature },
    ],
    [
      "a payload whose digest is a list",
      payloadOf(digest).toString().replace(`"${digest}"`, `["${digest}"]`),
      { "dev.cosignproject.cosign/signature": signature },
    ],
    [
      "a certificate that is no PEM",
      payloadOf(digest),
      { "dev.cosignproject.cosign/signature": signature, "dev.sigstore.cosign/certificate": "garbage" },
    ],
    [
      "a log entry that is no JSON",
      payloadOf(digest),
      { "dev.cosignproject.cosign/signature": signature, "dev.sigstore.cosign/bundle": "garbage" },
    ],
    [
      "a log entry of nothing",
      payloadOf(digest),
      { "dev.cosignproject.cosign/signature": signature, "dev.sigstore.cosign/bundle": '{"Payload": {}}' },
    ],
    [
      "a timestamp of nothing",
      payloadOf(digest),
      { "dev.cosignproject.cosign/signature": signature, "dev.sigstore.cosign/rfc3161timestamp": "{}" },
    ],
    [
      "an annotation without end",
      payloadOf(digest),
      { "dev.cosignproject.cosign/signature": signature, "dev.sigstore.cosign/certificate": "x".repeat(300_000) },
    ],
  ];
  for (const [why, bytes, annotations] of layers) {
    it(`is a finding under cosign's tag: ${why}`, async () => {
      const repository = new MemoryRepository();
      repository.put([{ mediaType: SIMPLE, bytes: Buffer.from(bytes), annotations }], { tag: tag("sig") });
      const policy = compile(signedBy(byKey(publicKey)));
      const { findings } = await judge(evidenceUnderTest(), policy, { repository, digest });
      assert.deepEqual(reasonsOf(findings), ["SignatureInvalid"]);
    });
  }

  it("is no candidate where nothing has a signature's form", async () => {
    const repository = new MemoryRepository();
    repository.put([{ mediaType: "application/octet-stream", bytes: Buffer.from("x") }], { tag: tag("sig") });
    repository.put([{ mediaType: "application/octet-stream", bytes: Buffer.from("x") }], { tag: tag("att") });
    repository.put([{ mediaType: "text/plain", bytes: Buffer.from("x") }], { subject: digest, artifactType: BUNDLE });
    repository.put([], { subject: digest });
    assert.deepEqual(reasonsOf(await judged(repository)), ["SignatureMissing", "AttestationMissing"]);
  });

  it("is a finding where an envelope is unreadable (CVE-2026-39395) or of another type (CVE-2022-35929)", async () => {
    for (const [bytes, expected] of [
      ["{}", "AttestationInvalid"],
      ["garbage", "AttestationInvalid"],
      [
        JSON.stringify({ payloadType: "text/plain", payload: "e30=", signatures: [{ sig: "AA==" }] }),
        "AttestationInvalid",
      ],
      [
        JSON.stringify({ payloadType: "application/vnd.in-toto+json", payload: "e30=", signatures: [{ sig: "AA==" }] }),
        "AttestationInvalid",
      ],
    ] as const) {
      const repository = new MemoryRepository();
      repository.put([{ mediaType: DSSE, bytes: Buffer.from(bytes) }], { tag: tag("att") });
      assert.deepEqual(reasonsOf(await judged(repository)), ["SignatureMissing", expected], bytes);
    }
    const attested = MemoryRepository.of("cosign2-attestations");
    const policy = compile({
      authorities: [byKey(readFixture("cosign2-attestations").publicKey)],
      attestations: [{ predicateType: "https://example.com/other", authorities: ["release"] }],
    });
    const { findings } = await judge(evidenceUnderTest(), policy, { repository: attested, digest });
    assert.deepEqual(reasonsOf(findings), ["AttestationMissing"]);
  });

  it("is a finding where nothing is there at all", async () => {
    assert.deepEqual(reasonsOf(await judged(new MemoryRepository())), ["SignatureMissing", "AttestationMissing"]);
  });

  it("is not believed for its annotations: a descriptor and a manifest that say everything (policy-controller #1971)", async () => {
    const repository = new MemoryRepository();
    const annotations = {
      "dev.sigstore.bundle.predicateType": PROVENANCE,
      "dev.sigstore.bundle.content": "dsse-envelope",
      verified: "true",
    };
    repository.put([{ mediaType: BUNDLE, bytes: Buffer.from("{}"), annotations }], {
      subject: digest,
      artifactType: BUNDLE,
      annotations,
    });
    assert.deepEqual(reasonsOf(await judged(repository)), ["SignatureInvalid", "AttestationInvalid"]);
  });
});
