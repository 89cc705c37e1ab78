// The decorators that @peculiar/x509 is built on need it first.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { ASN1Obj } from "@sigstore/core";
import fc from "fast-check";
import assert from "node:assert/strict";
import { readList } from "../../evidence/notation/revocation/crl.ts";
import { readOcsp } from "../../evidence/notation/revocation/ocsp.ts";
import { parseDer } from "../../evidence/notation/verify/asn1.ts";
import { readCertificate, type Certificate } from "../../evidence/notation/verify/certificate.ts";
import { readTimestamp } from "../../evidence/notation/verify/timestamp.ts";
import { boundedDer } from "../../evidence/sigstore/verify/boundedDer.ts";
import { readLeaf } from "../../evidence/sigstore/verify/leafCertificate.ts";
import { sequence } from "../unit/evidence/notation/support/der.ts";
import { derOf, makeLeaf, makeRoot, NOW } from "../unit/evidence/notation/support/pki.ts";

/** Octet strings of four bytes in octet strings of four bytes: who tries whether they hold elements does so 2^100 times. */
const ENTANGLED = Buffer.alloc(800, 4);

const millisecondsOf = (run: () => unknown): number => {
  const begin = performance.now();
  run();
  return performance.now() - begin;
};

describe("DER of more elements than anything has", () => {
  it("is refused before a tree of them takes memory: a certificate that whoever pushes writes", () => {
    const extensions = sequence(Buffer.alloc(500_000 * 7, sequence(Buffer.from([6, 1, 42, 4, 0]))));
    const before = process.memoryUsage().heapUsed;
    assert.throws(() => parseDer(extensions));
    const taken = process.memoryUsage().heapUsed - before;
    assert.ok(taken < 20 * 1024 * 1024, `${taken} bytes`);
    assert.throws(() => readCertificate(extensions), /does not parse/);
  });
  it("is read where there are as many as a timestamp with all its certificates has", () => {
    const elements = sequence(...Array.from({ length: 3_000 }, () => sequence(Buffer.from([5, 0]))));
    assert.equal(parseDer(elements).subs.length, 3_000);
  });
});

describe("octet strings that could hold octet strings", () => {
  let issuer: Certificate;
  let leaf: Certificate;
  let hostile: Buffer;
  before(async () => {
    const root = await makeRoot();
    issuer = readCertificate(derOf(root.certificate));
    leaf = readCertificate(derOf((await makeLeaf(root)).certificate));
    const more = [new x509.Extension("1.2.3.4", false, ENTANGLED)];
    hostile = derOf((await makeLeaf(root, { more })).certificate);
  });

  const readers: readonly (readonly [string, () => unknown])[] = [
    ["an OCSP answer", () => readOcsp(ENTANGLED, leaf, issuer, NOW)],
    [
      "a revocation list",
      () =>
        readList({
          base: ENTANGLED,
          issuer: issuer.der,
          serial: leaf.serial,
          places: [],
          isAuthority: false,
          now: NOW,
        }),
    ],
    ["a timestamp", () => readTimestamp(ENTANGLED, Buffer.from("signature"), [issuer])],
    ["a certificate of Notary Project", () => readCertificate(hostile)],
  ];
  for (const [what, read] of readers)
    it(`${what}: takes no time`, () => {
      const time = millisecondsOf(read);
      assert.ok(time < 5_000, `${time} ms`);
    });
  it("a certificate of cosign: is refused in no time", () => {
    const time = millisecondsOf(() => {
      assert.equal(readLeaf(hostile).status, "refused");
    });
    assert.ok(time < 5_000, `${time} ms`);
  });
  it("what may be read takes @sigstore/core no time", () => {
    const byte = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.constantFrom(4, 4, 4, 2, 0x30, 0, 1, 6, 0x81, 0x80),
      },
      fc.nat(255),
    );
    const unit = fc.oneof(fc.constant([4]), fc.array(byte, { minLength: 1, maxLength: 6 }));
    let refused = 0;
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 20 }), fc.nat(800), unit, (head, length, repeated) => {
        const bytes = sequence(Buffer.from(head), Buffer.alloc(length, Buffer.from(repeated)));
        const time = millisecondsOf(() => {
          try {
            parseDer(bytes);
          } catch {}
        });
        assert.ok(time < 5_000, `${time} ms`);
        let bounded: Buffer<ArrayBuffer>;
        try {
          bounded = boundedDer(bytes);
        } catch {
          refused += 1;
          return;
        }
        const theirs = millisecondsOf(() => {
          try {
            ASN1Obj.parseBuffer(bounded);
          } catch {}
        });
        assert.ok(theirs < 5_000, `${theirs} ms`);
      }),
      { numRuns: Number(process.env["FUZZ_RUNS"] ?? 500) },
    );
    assert.ok(refused > 0);
  });
}).timeout(120_000);
