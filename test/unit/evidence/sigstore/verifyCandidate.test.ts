import assert from "node:assert/strict";
import { dsse } from "@sigstore/core";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import type { Identity } from "../../../../crds/types.ts";
import { createCandidateVerifier } from "../../../../evidence/sigstore/verify/candidateVerifier.ts";
import {
  verifyCandidate,
  type VerificationRequest,
  type VerificationResult,
} from "../../../../evidence/sigstore/verify/verifyCandidate.ts";
import type { Candidate } from "../../../../evidence/sigstore/find/candidate.ts";
import type { Signer } from "../../../../evidence/sigstore/proof.ts";
import { envelopeOf, keyHand, SIGN, sigstoreInstance, statementOf, type Hand } from "./sigstoreInstance.ts";

const SCAN = "https://cosign.sigstore.dev/attestation/vuln/v1";
const digest = `sha256:${"a".repeat(64)}`;
const other = `sha256:${"b".repeat(64)}`;
const [alice, bob, mallory] = [keyHand(), keyHand(), keyHand()];

type KeySigner = Signer & { readonly type: "key" };
const signer = (key: string, hand: Hand, more: Partial<KeySigner> = {}): KeySigner => ({
  type: "key",
  key,
  keys: [hand.publicKey.export({ format: "der", type: "spki" })],
  transparencyLog: "Ignored",
  annotations: {},
  ...more,
});

/** An envelope with these people's signatures over one statement. */
const envelope = (statement: object, ...hands: readonly Hand[]): Candidate => {
  const made = hands.map(
    (hand) => JSON.parse(envelopeOf(hand, statement).bytes.toString()) as { signatures: [{ sig: string }] },
  );
  const whole = { ...made[0], signatures: made.map(({ signatures }) => signatures[0]) };
  return { id: "", format: "legacy", type: "envelope", bytes: Buffer.from(JSON.stringify(whole)), annotations: {} };
};

const signers = [signer("alice", alice), signer("bob", bob)];
const ask = (candidate: Candidate, more: Partial<VerificationRequest> = {}): VerificationResult =>
  verifyCandidate({
    candidate,
    digest,
    signers,
    signatures: ["alice", "bob"],
    attestations: new Map([[SCAN, ["alice", "bob"]]]),
    ...more,
  });
const read = (...asked: Parameters<typeof ask>): VerificationResult & { readonly status: "read" } => {
  const result = ask(...asked);
  assert.ok(result.status === "read", JSON.stringify(result));
  return result;
};
/** By signer: that it is proved, or why it is not. */
const said = (result: VerificationResult): Readonly<Record<string, string>> =>
  result.status === "malformed"
    ? { malformed: result.message }
    : Object.fromEntries(
        [...result.verdicts].map(([name, verdict]) => [
          name,
          verdict.status === "proved" ? "proved" : verdict.refusal.message,
        ]),
      );
const notMade = "was not made with this key";

describe("what is examined", () => {
  it("is proved for whoever made it, and for no other", () => {
    assert.deepEqual(said(ask(envelope(statementOf(digest, SCAN), alice))), { alice: "proved", bob: notMade });
    assert.deepEqual(said(ask(envelope(statementOf(digest, SCAN), mallory))), { alice: notMade, bob: notMade });
    for (const hands of [
      [alice, bob],
      [mallory, bob, alice],
    ])
      assert.deepEqual(said(ask(envelope(statementOf(digest, SCAN), ...hands))), { alice: "proved", bob: "proved" });
  });

  it("is not proved by a key of an algorithm that signs no images", () => {
    const keys = generateKeyPairSync("ed448");
    const payload = Buffer.from(JSON.stringify(statementOf(digest, SIGN)));
    const payloadType = "application/vnd.in-toto+json";
    const sig = sign(null, dsse.preAuthEncoding(payloadType, payload), keys.privateKey).toString("base64");
    const bytes = Buffer.from(
      JSON.stringify({ payloadType, payload: payload.toString("base64"), signatures: [{ sig }] }),
    );
    const made: Candidate = { id: "", format: "legacy", type: "envelope", bytes, annotations: {} };
    assert.deepEqual(said(ask(made, { signers: [signer("alice", keys)] })), { alice: notMade });
  });

  it("is asked about by those who want a signature, or an attestation of its very type", () => {
    const wants = { signatures: ["alice"], attestations: new Map([[SCAN, ["bob"]]]) };
    const names = (type: string): readonly string[] =>
      Object.keys(said(ask(envelope(statementOf(digest, type), alice), wants)));
    assert.deepEqual(names(SIGN), ["alice"]);
    assert.deepEqual(names(SCAN), ["bob"]);
    assert.deepEqual(names("https://slsa.dev/provenance/v1"), []);
  });

  it("is of the image whose digest it names, with the annotations that are asked for", () => {
    assert.deepEqual(said(ask(envelope(statementOf(other, SIGN), alice))), {
      alice: "is of another image",
      bob: notMade,
    });
    const annotations = { env: "prod", team: "a" };
    const wanting = { signers: [signer("alice", alice, { annotations })] };
    const signed = (given?: object): Readonly<Record<string, string>> =>
      said(ask(envelope(statementOf(digest, SIGN, {}, given), alice), wanting));
    assert.deepEqual(signed({ ...annotations, more: "x" }), { alice: "proved" });
    assert.deepEqual(signed({ env: "prod" }), { alice: "was signed without the annotation team=a" });
    assert.deepEqual(signed({ env: "test", team: "a" }), { alice: "was signed without the annotation env=prod" });
    assert.deepEqual(signed(), { alice: "was signed without the annotation env=prod, team=a" });
    const inherited = { signers: [signer("alice", alice, { annotations: { constructor: "x" } })] };
    assert.deepEqual(said(ask(envelope(statementOf(digest, SIGN), alice), inherited)), {
      alice: "was signed without the annotation constructor=x",
    });
  });

  it("needs a trust root where a log or a certificate is to be proved, and is refused where that cannot be read", () => {
    const made = envelope(statementOf(digest, SIGN), alice);
    const by = (more: Partial<KeySigner>) => said(ask(made, { signers: [signer("alice", alice, more)] }));
    assert.deepEqual(by({ transparencyLog: "Required" }), {
      alice: "cannot be looked up: the authority has no trust root",
    });
    assert.deepEqual(by({ trustRoot: "{}", transparencyLog: "Required" }), {
      alice: "has no transparency log entry",
    });
    assert.deepEqual(by({ trustRoot: "none" }), { alice: "cannot be read as a signature" });
    const keyless = (trustRoot: string): Signer => ({
      ...signer("alice", alice),
      type: "keyless",
      identities: [{ issuer: "https://i.example.com", subject: "s" }],
      sct: "Required",
      trustRoot,
    });
    assert.deepEqual(said(ask(made, { signers: [keyless("{}")] })), {
      alice: "was made with a bare key, not with a certificate",
    });
  });

  it("has the content that somebody trusted signed, and the statement that somebody proved", () => {
    const statement = statementOf(digest, SCAN, { metadata: { scanFinishedOn: "2026-01-01T00:00:00Z" } });
    const made = envelope(statement, alice);
    const content = createHash("sha256").update(JSON.stringify(statement)).digest("base64url");
    const proved = read(made);
    assert.deepEqual(proved.statement, statement);
    assert.deepEqual([proved.content, proved.finishedAt], [content, "2026-01-01T00:00:00Z"]);
    assert.ok(!("statementText" in proved));
    // It was signed by somebody trusted, and lacks its entry alone: it costs as much, and says nothing.
    const unlogged = read(made, { signers: [signer("alice", alice, { transparencyLog: "Required" })] });
    assert.deepEqual(Object.keys(unlogged).toSorted(), ["content", "kind", "predicateType", "status", "verdicts"]);
    assert.equal(unlogged.content, content);
    for (const refused of [read(envelope(statement, mallory)), read(made, { digest: other })])
      assert.deepEqual(Object.keys(refused).toSorted(), ["kind", "predicateType", "status", "verdicts"]);
    const signature = read(envelope(statementOf(digest, SIGN), alice));
    assert.ok(!("statement" in signature) && !("finishedAt" in signature) && signature.content !== undefined);
  });

  it("comes as text beyond 64 KiB", () => {
    const sized = (size: number): VerificationResult & { readonly status: "read" } => {
      const bare = JSON.stringify(statementOf(digest, SCAN, { text: "" })).length;
      return read(envelope(statementOf(digest, SCAN, { text: "x".repeat(size - bare) }), alice));
    };
    const [small, large] = [sized(64 * 1024), sized(64 * 1024 + 1)];
    assert.ok("statement" in small && !("statementText" in small));
    assert.ok(!("statement" in large));
    assert.equal(large.statementText?.length, 64 * 1024 + 1);
  });

  it("may be genuine where it cannot be read, if it is over a bound of ours or somebody trusted made it", () => {
    const genuine = (candidate: Candidate): unknown => {
      const result = ask(candidate);
      assert.ok(result.status === "malformed", JSON.stringify(result));
      assert.equal(result.kind, "attestation");
      return [result.message, result.genuine];
    };
    const nobody = statementOf(digest, "");
    const message = "is a statement without type or subject";
    assert.deepEqual(genuine(envelope(nobody, alice)), [message, true]);
    assert.deepEqual(genuine(envelope(nobody, mallory, bob)), [message, true]);
    assert.deepEqual(genuine(envelope(nobody, mallory)), [message, undefined]);
    const nine = Array.from({ length: 9 }, () => mallory);
    assert.deepEqual(genuine(envelope(statementOf(digest, SCAN), ...nine)), ["has 9 signatures", true]);
    const garbage: Candidate = { ...envelope(nobody, alice), bytes: Buffer.from("garbage") };
    assert.deepEqual(genuine(garbage), ["the envelope is not JSON", undefined]);
    // Nobody's statement, whoever made it: an envelope of another type, and a payload of nothing.
    const payload = Buffer.from("text");
    const sig = sign("sha256", dsse.preAuthEncoding("text/plain", payload), alice.privateKey).toString("base64");
    const foreign = { payloadType: "text/plain", payload: payload.toString("base64"), signatures: [{ sig }] };
    assert.deepEqual(genuine({ ...garbage, bytes: Buffer.from(JSON.stringify(foreign)) }), [
      "is an envelope of something else than an in-toto statement",
      undefined,
    ]);
    const bytes = Buffer.from("{}");
    const signature = sign("sha256", bytes, alice.privateKey).toString("base64");
    assert.deepEqual(ask({ ...garbage, type: "simpleSigning", bytes, annotations: { signature } }), {
      status: "malformed",
      kind: "signature",
      message: "has a payload that names no digest",
    });
  });

  it("is proved for the identity of its certificate, and for no other", async () => {
    const sigstore = await sigstoreInstance();
    const [issuer, subject] = ["https://issuer.example.com", "https://example.com/workflow"];
    const hand = await sigstore.issue({ issuer, subject });
    const bundle = await sigstore.bundle(hand, statementOf(digest, SIGN));
    const by = (key: string, identity: Identity): Signer => ({
      ...signer(key, alice),
      type: "keyless",
      identities: [identity],
      sct: "Required",
      transparencyLog: "Required",
      trustRoot: sigstore.trustedRoot,
    });
    const made: Candidate = {
      id: "",
      format: "bundle",
      type: "bundle",
      bytes: Buffer.from(JSON.stringify(bundle)),
      annotations: {},
    };
    const asked = [by("it", { issuer, subject }), by("other", { issuer, subject: `${subject}x` })];
    const broken = by("broken", { issuer, subjectRegExp: "(" });
    assert.deepEqual(said(ask(made, { signers: [...asked, broken], signatures: ["it", "other", "broken"] })), {
      it: "proved",
      other: `was made by ${subject} (issuer ${issuer})`,
      broken: "cannot be read as a signature",
    });
  });
});

describe("whoever examines", () => {
  const request = (count: number, size = 0): VerificationRequest => {
    const made = envelope(statementOf(digest, SCAN, { text: "x".repeat(size) }), alice);
    const keys = Array.from({ length: count }, (_, at) => signer(`k${at}`, alice));
    const names = keys.map(({ key }) => key);
    return { candidate: made, digest, signers: keys, signatures: names, attestations: new Map([[SCAN, names]]) };
  };
  const { signal } = new AbortController();

  it("does little with bare keys in place, and all where there is no worker", async () => {
    const [without, beside] = [createCandidateVerifier({ workers: 0 }), createCandidateVerifier({ workers: 1 })];
    try {
      const here = (verifier: typeof beside, asked: VerificationRequest): boolean => {
        const result = verifier.examine(asked, signal);
        if (result instanceof Promise) void result.catch(() => undefined);
        return !(result instanceof Promise);
      };
      assert.ok(here(without, request(9, 100_000)));
      assert.ok(here(beside, request(8)));
      assert.ok(!here(beside, request(9)));
      assert.ok(!here(beside, request(1, 100_000)));
      const keyless = { ...request(1), signers: [{ ...signer("k0", alice), type: "keyless" } as unknown as Signer] };
      assert.ok(!here(beside, keyless));
    } finally {
      await Promise.all([without.close(), beside.close()]);
    }
  });
});
