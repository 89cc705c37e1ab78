import type { TransparencyLogEntry } from "@sigstore/bundle";
import { json as canonicalJson } from "@sigstore/core";
import type { TrustMaterial } from "@sigstore/verify";
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import type { ParsedSignature } from "../../../../evidence/sigstore/find/candidate.ts";
import { logFault, logInUse, promisedEntries } from "../../../../evidence/sigstore/verify/logEntry.ts";
import { envelopeOf, keyHand, publicPem, SIGN, sigstoreInstance, statementOf, type Hand } from "./sigstoreInstance.ts";

const TIME = 1_700_000_000;
const hand = keyHand();
const statement = statementOf(`sha256:${"a".repeat(64)}`, SIGN);
const { bytes: envelope, signature } = envelopeOf(hand, statement);
const payload = Buffer.from(JSON.stringify(statement));
const sha256 = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const pem = ({ certificate }: { readonly certificate: Buffer }): string =>
  `-----BEGIN CERTIFICATE-----\n${certificate.toString("base64")}\n-----END CERTIFICATE-----\n`;

type Body = { readonly kind: string; readonly apiVersion: string; readonly spec: object };
const entry = (body: unknown, more: Partial<TransparencyLogEntry> = {}): TransparencyLogEntry => {
  const { kind, apiVersion } = body as Body;
  return {
    logIndex: "7",
    logId: { keyId: Buffer.alloc(32, 1) },
    kindVersion: { kind, version: apiVersion },
    integratedTime: String(TIME),
    inclusionPromise: undefined,
    inclusionProof: undefined,
    canonicalizedBody: Buffer.from(JSON.stringify(body)),
    ...more,
  };
};
const signed = (entries: readonly TransparencyLogEntry[], more: Partial<ParsedSignature> = {}): ParsedSignature => ({
  content: { type: "dsse", payloadType: "application/vnd.in-toto+json", payload },
  signature,
  entries,
  timestamps: [],
  envelope,
  ...more,
});
// Nothing else of a trust root is looked at.
const material = (...tlogs: readonly object[]): TrustMaterial => ({ tlogs }) as unknown as TrustMaterial;
const say = (parsed: ParsedSignature, by: Hand, root = material()): string => {
  const { certificate, publicKey: key } = by;
  const check = logFault(parsed, { key, ...(certificate && { certificate }) }, root);
  return check.status === "faulty" ? check.message : `${check.remaining.length} to prove`;
};
const OTHER = "has a log entry of another signer";

/** How each kind of entry writes whom it is about: PEM in base64, or (Rekor v2) DER. */
const OLD: readonly (readonly [kind: string, apiVersion: string, spec: (signer: string) => object])[] = [
  ["hashedrekord", "0.0.1", (content) => ({ signature: { publicKey: { content } } })],
  ["dsse", "0.0.1", (verifier) => ({ signatures: [{ verifier }] })],
  ["intoto", "0.0.2", (publicKey) => ({ content: { envelope: { signatures: [{ publicKey }] } } })],
];
const NEW: readonly (readonly [kind: string, spec: (verifier: object) => object])[] = [
  ["hashedrekord", (verifier) => ({ hashedRekordV002: { signature: { verifier } } })],
  ["dsse", (verifier) => ({ dsseV002: { signatures: [{ verifier }] } })],
];

describe("a log entry", () => {
  let alice: Hand & { readonly certificate: Buffer };
  let bob: Hand & { readonly certificate: Buffer };
  before(async () => {
    const sigstore = await sigstoreInstance();
    [alice, bob] = await Promise.all([sigstore.issue(), sigstore.issue()]);
  });
  const bare = ({ publicKey, privateKey }: Hand): Hand => ({ publicKey, privateKey });

  /** Its issuer's signature is another one. */
  const altered = (certificate: Buffer): Buffer => {
    const copy = Buffer.from(certificate);
    copy.writeUInt8((copy.at(-1) ?? 0) ^ 1, copy.length - 1);
    return copy;
  };

  /** Whom the entry names, who signed, and whether it is the same. */
  const table = (): readonly (readonly [named: Hand, by: Hand, same: boolean, why: string])[] => [
    [hand, hand, true, "a key"],
    [keyHand(), hand, false, "another key"],
    [alice, alice, true, "a certificate"],
    [bob, alice, false, "another certificate"],
    [{ ...alice, certificate: altered(alice.certificate) }, alice, false, "another certificate of the same key"],
    [alice, bare(alice), true, "a certificate of the bare key that signed"],
    [bob, hand, false, "a certificate of another key"],
    [bare(alice), alice, false, "a key where a certificate signed"],
  ];

  for (const [kind, apiVersion, spec] of OLD)
    it(`of the kind ${kind} ${apiVersion} is the signer's or of another`, () => {
      for (const [{ certificate, ...key }, by, same, why] of table()) {
        const text = certificate === undefined ? publicPem(key) : pem({ certificate });
        const body = { kind, apiVersion, spec: spec(base64(text)) };
        assert.equal(say(signed([entry(body)]), by), same ? "1 to prove" : OTHER, why);
      }
      const chain = base64(pem(alice) + pem(bob));
      assert.equal(
        say(signed([entry({ kind, apiVersion, spec: spec(chain) })]), alice),
        "1 to prove",
        "first of a chain",
      );
      assert.equal(say(signed([entry({ kind, apiVersion, spec: spec(chain) })]), bob), OTHER, "second of a chain");
      const spaced = entry({ kind, apiVersion, spec: spec(base64(`\n ${publicPem(hand)}`)) });
      assert.equal(say(signed([spaced]), hand), "1 to prove", "behind a line");
      for (const garbage of ["", "?", base64("text"), base64(`x ${publicPem(hand)}`)])
        assert.equal(say(signed([entry({ kind, apiVersion, spec: spec(garbage) })]), hand), OTHER, garbage);
    });

  for (const [kind, spec] of NEW)
    it(`of the kind ${kind} 0.0.2 is the signer's or of another`, () => {
      for (const [{ certificate, publicKey }, by, same, why] of table()) {
        const der = publicKey.export({ format: "der", type: "spki" }).toString("base64");
        const verifier =
          certificate === undefined
            ? { publicKey: { rawBytes: der } }
            : { x509Certificate: { rawBytes: certificate.toString("base64") } };
        const body = { kind, apiVersion: "0.0.2", spec: spec(verifier) };
        assert.equal(say(signed([entry(body)]), by), same ? "1 to prove" : OTHER, why);
      }
      for (const garbage of [{}, { publicKey: { rawBytes: "?" } }, { x509Certificate: { rawBytes: "?" } }])
        assert.equal(say(signed([entry({ kind, apiVersion: "0.0.2", spec: spec(garbage) })]), hand), OTHER);
    });

  it("of no kind that is known, or that cannot be read, is of another", () => {
    const [, , spec] = OLD[0]!;
    const good = { kind: "hashedrekord", apiVersion: "0.0.1", spec: spec(base64(publicPem(hand))) };
    assert.equal(say(signed([entry(good)]), hand), "1 to prove");
    for (const body of [{ ...good, kind: "rekord" }, { ...good, apiVersion: "0.0.3" }, { ...good, spec: null }, [good]])
      assert.equal(say(signed([entry(body)]), hand), OTHER, JSON.stringify(body));
    assert.equal(say(signed([{ ...entry(good), canonicalizedBody: Buffer.from("x") }]), hand), OTHER);
  });

  it("is there, and one of another spoils the rest", () => {
    const by = (one: Hand): TransparencyLogEntry =>
      entry({ kind: "dsse", apiVersion: "0.0.1", spec: { signatures: [{ verifier: base64(publicPem(one)) }] } });
    assert.equal(say(signed([]), hand), "has no transparency log entry");
    assert.equal(say(signed([by(hand), by(hand)]), hand), "2 to prove");
    assert.equal(say(signed([by(hand), by(keyHand())]), hand), OTHER);
  });

  it("says a time where the log promised it alone", () => {
    const promise = { inclusionPromise: { signedEntryTimestamp: Buffer.from([1]) } };
    const body = { kind: "dsse", apiVersion: "0.0.1", spec: {} };
    const promised = entry(body, promise);
    const entries = [entry(body), entry(body, { ...promise, integratedTime: "0" }), promised];
    assert.deepEqual(promisedEntries(entries), [promised]);
  });

  it("is of a log that was in use at the time, from its first moment to its last", () => {
    const [start, end] = [new Date(1_000), new Date(2_000)];
    const log = (id: number) => ({ logID: Buffer.alloc(32, id), validFor: { start, end } });
    const inUse = (time: number, ...ids: readonly number[]): boolean =>
      logInUse(entry({ kind: "dsse", apiVersion: "0.0.1" }), new Date(time), material(...ids.map(log)).tlogs);
    assert.deepEqual(
      [999, 1_000, 2_000, 2_001].map((time) => inUse(time, 1)),
      [false, true, true, false],
    );
    assert.deepEqual([inUse(1_500), inUse(1_500, 2), inUse(1_500, 2, 1)], [false, false, true]);
  });
});

describe("an old intoto log entry", () => {
  const FAULT = "has a log entry of something else or of an untrusted log";
  const log = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const good = {
    kind: "intoto",
    apiVersion: "0.0.1",
    spec: {
      content: {
        hash: { algorithm: "sha256", value: sha256(envelope) },
        payloadHash: { algorithm: "sha256", value: sha256(payload) },
      },
      publicKey: base64(publicPem(hand)),
    },
  };
  const content = (change: object): object => ({
    ...good,
    spec: { ...good.spec, content: { ...good.spec.content, ...change } },
  });
  const promiseOf = (one: TransparencyLogEntry, key: KeyObject = log.privateKey): Buffer => {
    const text = canonicalJson.canonicalize({
      body: one.canonicalizedBody.toString("base64"),
      integratedTime: Number(one.integratedTime),
      logIndex: Number(one.logIndex),
      logID: one.logId.keyId.toString("hex"),
    });
    return sign(key.asymmetricKeyType === "ed25519" ? null : "sha256", Buffer.from(text), key);
  };
  const promised = (body: object, key?: KeyObject): TransparencyLogEntry => {
    const one = entry(body);
    return { ...one, inclusionPromise: { signedEntryTimestamp: promiseOf(one, key) } };
  };
  const root = (change: object = {}): TrustMaterial =>
    material({
      logID: Buffer.alloc(32, 1),
      publicKey: log.publicKey,
      validFor: { start: new Date(0), end: new Date(TIME * 2_000) },
      ...change,
    });

  it("is promised by a log in use, over this envelope and its payload, and is then proved", () => {
    assert.equal(say(signed([promised(good)]), hand, root()), "0 to prove");
    const ed25519 = generateKeyPairSync("ed25519");
    const own = root({ publicKey: ed25519.publicKey });
    assert.equal(say(signed([promised(good, ed25519.privateKey)]), hand, own), "0 to prove");
  });

  it("does not hold where any of it is of something else", () => {
    const hash = (value: string, algorithm = "sha256"): object => ({ algorithm, value });
    for (const change of [
      { hash: hash(sha256(payload)) },
      { payloadHash: hash(sha256(envelope)) },
      { hash: hash(sha256(envelope), "sha512") },
      { payloadHash: hash(sha256(payload), "md5") },
      { hash: undefined },
      { payloadHash: undefined },
    ])
      assert.equal(say(signed([promised(content(change))]), hand, root()), FAULT, JSON.stringify(change));
    const late = { ...promised(good), integratedTime: String(TIME + 1) };
    const moved = { ...promised(good), logIndex: "8" };
    const other = { ...promised(good), canonicalizedBody: promised(content({ more: 1 })).canonicalizedBody };
    for (const one of [late, moved, other, entry(good)]) assert.equal(say(signed([one]), hand, root()), FAULT);
    assert.equal(say(signed([promised(good), late]), hand, root()), FAULT, "one of two");
  });

  it("does not hold of a log that is not trusted, or was not in use", () => {
    const foreign = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
    const ended = { start: new Date(0), end: new Date(TIME * 1_000 - 1) };
    for (const change of [{ publicKey: foreign }, { logID: Buffer.alloc(32, 2) }, { validFor: ended }])
      assert.equal(say(signed([promised(good)]), hand, root(change)), FAULT);
    assert.equal(say(signed([promised(good)]), hand), FAULT);
    const useless = generateKeyPairSync("x25519").publicKey;
    assert.equal(say(signed([promised(good)]), hand, root({ publicKey: useless })), FAULT, "a key that signs nothing");
  });

  it("is about an envelope, and about no bare payload", () => {
    const { envelope: none, ...bare } = signed([promised(good)]);
    assert.ok(none);
    assert.equal(say(bare, hand, root()), FAULT);
    const message = { content: { type: "message", bytes: payload } } as const;
    assert.equal(say(signed([promised(good)], message), hand, root()), FAULT);
  });
});
