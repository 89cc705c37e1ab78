import { encode, Tagged } from "cborg";
import fc from "fast-check";
import assert from "node:assert/strict";
import { readList } from "../../evidence/notation/revocation/crl.ts";
import { readOcsp } from "../../evidence/notation/revocation/ocsp.ts";
import { readCertificate } from "../../evidence/notation/verify/certificate.ts";
import { readCose } from "../../evidence/notation/verify/cose.ts";
import type { Envelope } from "../../evidence/notation/verify/envelope.ts";
import { readJws } from "../../evidence/notation/verify/jws.ts";
import { readTimestamp } from "../../evidence/notation/verify/timestamp.ts";
import { parseDistinguishedName } from "../../policy/compile/authorities/distinguishedName.ts";
import { Malformed } from "../../evidence/notation/proof.ts";
import { makeEnvelope, type Format } from "../unit/evidence/notation/support/envelopes.ts";
import {
  derOf,
  makeLeaf,
  makeRoot,
  makeTimestamper,
  NOW,
  type Identity,
} from "../unit/evidence/notation/support/pki.ts";
import { makeAnswer, makeList, makeToken } from "../unit/evidence/notation/support/signing.ts";
import { inWords, signerOf, verdictOf } from "../unit/evidence/notation/support/verifying.ts";

/** `FUZZ_RUNS` for a long run. */
const RUNS = { numRuns: Number(process.env["FUZZ_RUNS"] ?? 2_000) };
const LIMIT = process.env["FUZZ_RUNS"] === undefined ? 60_000 : 7_200_000;

/** Changes that somebody without a key can make to bytes. */
type Change = (bytes: Buffer) => Buffer;
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })).map(([at, mask]): Change => (bytes) => {
    const changed = Buffer.from(bytes);
    const index = at % Math.max(1, bytes.length);
    changed[index] = (changed[index] ?? 0) ^ mask;
    return changed;
  }),
  fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 16 })).map(([at, more]): Change => (bytes) => {
    const index = at % (bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, index), more, bytes.subarray(index)]);
  }),
  fc.tuple(fc.nat(), fc.nat(64)).map(([at, length]): Change => (bytes) => {
    const index = at % (bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, index), bytes.subarray(index + length)]);
  }),
  fc.tuple(fc.nat(), fc.nat(), fc.nat(200)).map(([from, to, length]): Change => (bytes) => {
    const changed = Buffer.from(bytes);
    bytes.copy(changed, to % (bytes.length + 1), from % (bytes.length + 1), (from % (bytes.length + 1)) + length);
    return changed;
  }),
);
const changes = fc.array(change, { minLength: 1, maxLength: 4 });
const changed = (bytes: Buffer, all: readonly Change[]): Buffer => all.reduce((before, one) => one(before), bytes);

describe("notation, whatever bytes there are", () => {
  let root: Identity;
  let leaf: Identity;
  let tsa: Identity;
  before(async () => {
    root = await makeRoot();
    leaf = await makeLeaf(root);
    tsa = await makeTimestamper(root);
  });
  const read = (format: Format, bytes: Buffer): Envelope => (format === "jws" ? readJws(bytes) : readCose(bytes));

  for (const format of ["jws", "cose"] as const) {
    it(`${format}: an altered envelope counts only where nothing that is signed was altered`, () => {
      const signer = signerOf([root], { timestampCertificates: [derOf(root.certificate)] });
      const good = makeEnvelope(leaf, { format, timestamp: (signature) => makeToken(tsa, signature) });
      const original = read(format, good);
      assert.equal(inWords(verdictOf(good, signer, { format })), "proved");
      fc.assert(
        fc.property(changes, (all) => {
          const bytes = changed(good, all);
          const words = inWords(verdictOf(bytes, signer, { format }));
          if (!words.startsWith("proved")) return;
          const envelope = read(format, bytes);
          assert.ok(envelope.signed.equals(original.signed));
          assert.deepEqual(envelope.chain, original.chain);
        }),
        RUNS,
      );
    });
    it(`${format}: any bytes are read or malformed, and nothing else`, () => {
      fc.assert(
        fc.property(
          fc.oneof(
            fc.uint8Array({ maxLength: 300 }),
            fc.json().map((text) => Buffer.from(text)),
          ),
          (bytes) => {
            assert.throws(() => read(format, Buffer.from(bytes)), Malformed);
          },
        ),
        RUNS,
      );
    });
  }
  it("cose: any CBOR in the form of a COSE_Sign1 is read or malformed", () => {
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.integer(),
        fc.string(),
        fc.uint8Array({ maxLength: 20 }),
        fc.constant(null),
        fc.array(tie("value"), { maxLength: 4 }),
        fc
          .array(
            fc.tuple(
              fc.oneof(
                fc.integer({ min: -40, max: 40 }),
                fc.constantFrom("io.cncf.notary.signingScheme", "io.cncf.notary.expiry"),
              ),
              tie("value"),
            ),
            { maxLength: 5 },
          )
          .map((entries) => new Map(entries)),
        tie("value").map((inner) => new Tagged(1, inner)),
      ),
    })).value;
    const header = fc
      .array(fc.tuple(fc.oneof(fc.constantFrom(1, 2, 3, 33), fc.string()), value), { maxLength: 6 })
      .map((entries) => new Map<unknown, unknown>(entries));
    fc.assert(
      fc.property(header, header, value, value, (encoded, unprotected, payload, signature) => {
        const bytes = Buffer.from(encode(new Tagged(18, [encode(encoded), unprotected, payload, signature])));
        try {
          readCose(bytes);
        } catch (error) {
          assert.ok(error instanceof Malformed, String(error));
        }
      }),
      RUNS,
    );
  });
  it("certificates, timestamps, answers and lists that were altered prove nothing, and throw nothing else", () => {
    const signature = Buffer.from("signature");
    const certificate = readCertificate(derOf(leaf.certificate));
    const issuer = readCertificate(derOf(root.certificate));
    const token = makeToken(tsa, signature);
    const revoked = makeAnswer(leaf, root, { status: "revoked" });
    const list = makeList(root, { entries: [{ of: leaf }] });
    fc.assert(
      fc.property(changes, fc.uint8Array({ maxLength: 200 }), (all, random) => {
        const der = changed(derOf(leaf.certificate), all);
        try {
          assert.equal(readCertificate(der).isSignedBy(issuer.key), der.equals(derOf(leaf.certificate)));
        } catch (error) {
          assert.ok(error instanceof Malformed, String(error));
        }
        const bad = changed(token, all);
        const read_ = readTimestamp(bad, signature, [issuer]);
        // What stands outside the signature is its envelope's version, certificates that nobody needs, and the like.
        if (read_.status === "proved") assert.equal(read_.time, NOW);
        assert.equal(readTimestamp(Buffer.from(random), signature, [issuer]).status, "faulty");
        assert.notEqual(readOcsp(changed(revoked, all), certificate, issuer, NOW).status, "good");
        assert.equal(readOcsp(Buffer.from(random), certificate, issuer, NOW).status, "malformed");
        const question = { issuer: issuer.der, serial: certificate.serial, places: [], isAuthority: false, now: NOW };
        assert.notEqual(readList({ base: changed(list, all), ...question }).status, "good");
        assert.equal(readList({ base: random, ...question }).status, "malformed");
      }),
      { numRuns: Math.ceil(RUNS.numRuns / 2) },
    );
  }).timeout(LIMIT);
  it("a subject that was written is read as it was meant", () => {
    const text = fc
      .string({ unit: "binary", minLength: 1, maxLength: 20 })
      .filter((one) => !one.includes("\0") && one.isWellFormed());
    const escaped = (value: string): string => value.replaceAll(/["+,;<>\\#=]|^ | $/g, (letter) => `\\${letter}`);
    fc.assert(
      fc.property(text, text, (organisation, name) => {
        const parsed = parseDistinguishedName(`C=US, ST=WA, O=${escaped(organisation)}, CN=${escaped(name)}`);
        assert.deepEqual(parsed.status === "ok" ? Object.fromEntries(parsed.identity) : parsed, {
          C: "US",
          ST: "WA",
          O: organisation,
          CN: name,
        });
      }),
      RUNS,
    );
  });
  it("any text is a subject or refused", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (any) => {
        assert.ok(["ok", "fault"].includes(parseDistinguishedName(any).status));
      }),
      RUNS,
    );
  });
}).timeout(LIMIT);
