// The decorators that @peculiar/x509 is built on need it first.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import assert from "node:assert/strict";
import { eitherSigns } from "../../../../evidence/signatures.ts";
import { EXPIRY, makeEnvelope } from "./support/envelopes.ts";
import { makeAuthority, makeLeaf, makeRoot, makeTimestamper, NOW, pemOf, type Identity } from "./support/pki.ts";
import { makeAnswer, makeList, makeToken } from "./support/signing.ts";
import {
  byNotation,
  notationUnderTest,
  said,
  SIGNATURE,
  SignedImage,
  TYPES,
  type Places,
} from "./support/underTest.ts";
import { MemoryRepository, readFixture } from "../sigstore/memoryRepository.ts";
import { byKey, compile, evidenceUnderTest, signedBy } from "../sigstore/underTest.ts";

const DAY = 86_400_000;
const OCSP = "http://ocsp.company.com/";
const CRL = "http://crl.company.com/a.crl";

const asksAt = (ocsp: string | undefined, crl?: string): x509.Extension[] => [
  ...(ocsp === undefined ? [] : [new x509.AuthorityInfoAccessExtension({ ocsp: [ocsp] })]),
  ...(crl === undefined ? [] : [new x509.CRLDistributionPointsExtension([crl])]),
];

describe("evidence of notation", () => {
  let root: Identity;
  let leaf: Identity;
  let otherRoot: Identity;
  let other: Identity;
  before(async () => {
    root = await makeRoot();
    leaf = await makeLeaf(root);
    otherRoot = await makeRoot();
    other = await makeLeaf(otherRoot);
  });

  describe("finding", () => {
    it("takes JWS and COSE, beside the image or in another repository", async () => {
      for (const format of ["jws", "cose"] as const) {
        const image = new SignedImage();
        image.sign(leaf, { format });
        assert.deepEqual(await image.judge(notationUnderTest(), compile(signedBy(byNotation([root])))), []);
        const elsewhere = new SignedImage();
        const repository = new MemoryRepository("registry.example.com/signatures");
        elsewhere.sign(leaf, { format, in: repository });
        const policy = compile(signedBy({ ...byNotation([root]), repository: repository.name }));
        assert.deepEqual(await elsewhere.judge(notationUnderTest(), policy, { others: [repository] }), []);
        assert.match(
          String(await elsewhere.judge(notationUnderTest(), compile(signedBy(byNotation([root]))))),
          /^SignatureMissing: .*no notation signature was found; sign this digest \(notation sign\)/,
        );
      }
    });
    it("takes the older form, by the config's type, and lists that say nothing or something else that helps nobody", async () => {
      for (const listed of [
        SIGNATURE,
        undefined,
        "application/vnd.oci.empty.v1+json",
        "application/vnd.oci.image.config.v1+json",
      ]) {
        const image = new SignedImage();
        const envelope = makeEnvelope(leaf, { payload: { targetArtifact: image.target } });
        const digest = image.repository.putManifest(
          Buffer.from(
            JSON.stringify({
              schemaVersion: 2,
              config: { mediaType: SIGNATURE, digest: image.repository.putBlob(Buffer.from("{}")), size: 2 },
              layers: [{ mediaType: TYPES.jws, digest: image.repository.putBlob(envelope), size: envelope.length }],
            }),
          ),
        );
        image.repository.list(image.target.digest, {
          mediaType: "m",
          digest,
          size: 1,
          ...(listed === undefined ? {} : { artifactType: listed }),
        });
        assert.deepEqual(await image.judge(notationUnderTest(), compile(signedBy(byNotation([root])))), []);
      }
    });
    it("reads an envelope whatever size and place another manifest gives it", async () => {
      const image = new SignedImage();
      const envelope = makeEnvelope(leaf, { payload: { targetArtifact: image.target } });
      const digest = image.repository.putBlob(envelope);
      const manifest = (mediaType: string, size: number): Buffer =>
        Buffer.from(
          JSON.stringify({
            schemaVersion: 2,
            artifactType: SIGNATURE,
            layers: [{ mediaType, digest, size }],
            subject: { mediaType: "m", digest: image.target.digest, size: 1 },
          }),
        );
      for (const [type, size] of [
        [TYPES.cose, 1],
        [TYPES.jws, 1],
        [TYPES.jws, 999_999_999],
      ] as const)
        image.repository.putManifest(manifest(type, size));
      assert.deepEqual(await image.judge(notationUnderTest(), compile(signedBy(byNotation([root])))), []);
    });
    it("is not held up by junk: of other types it is not read, of its own type it hides nothing", async () => {
      const image = new SignedImage();
      for (let at = 0; at < 500; at += 1)
        image.attach(Buffer.from(`sbom ${at}`), "text/plain", { artifactType: "application/vnd.example.sbom" });
      for (let at = 0; at < 200; at += 1)
        image.attach(Buffer.from(`{"payload":"${at}"}`), TYPES.jws, { created: "2099-01-01T00:00:00Z" });
      image.sign(leaf);
      assert.deepEqual(await image.judge(notationUnderTest(), compile(signedBy(byNotation([root])))), []);
      assert.ok(image.repository.calls.manifest <= 202, String(image.repository.calls.manifest));
    });
    it("counts what was signed against the limit, not strangers' signatures and copies of one", async () => {
      const image = new SignedImage();
      const stale = { headers: { [EXPIRY]: NOW - 1000, "io.cncf.notary.signingTime": NOW - DAY } };
      const envelope = makeEnvelope(leaf, { payload: { targetArtifact: image.target }, ...stale });
      for (let at = 0; at < 60; at += 1) {
        image.sign(other, { unprotected: { at } });
        // The same content in other bytes: what is not signed may be anything.
        const json = JSON.parse(envelope.toString()) as { header: object };
        image.attach(Buffer.from(JSON.stringify({ ...json, header: { ...json.header, at } })));
      }
      image.sign(leaf);
      assert.deepEqual(await image.judge(notationUnderTest(), compile(signedBy(byNotation([root])))), []);
    });
    it("says what is there that does not count, the closest first", async () => {
      const image = new SignedImage();
      image.sign(other);
      image.attach(Buffer.from("junk"));
      image.sign(leaf, { headers: { [EXPIRY]: NOW - 1000, "io.cncf.notary.signingTime": NOW - DAY } });
      const [words = ""] = await image.judge(notationUnderTest(), compile(signedBy(byNotation([root]))));
      assert.match(
        words,
        /^SignatureUntrusted: no signature that counts: notary: of 3 signatures none counts: expired at .* \(1\), has a certificate of no trusted authority \(1\), cannot be read: .* \(1\)/,
      );
    });
    it("takes a manifest with several layers or another content for none", async () => {
      const image = new SignedImage();
      const envelope = makeEnvelope(leaf, { payload: { targetArtifact: image.target } });
      image.repository.put(
        [
          { mediaType: TYPES.jws, bytes: envelope },
          { mediaType: TYPES.jws, bytes: Buffer.from("x") },
        ],
        { subject: image.target.digest, artifactType: SIGNATURE },
      );
      assert.match(
        String(await image.judge(notationUnderTest(), compile(signedBy(byNotation([root]))))),
        /^SignatureInvalid: .*another form than one envelope/,
      );
    });
    it("a place that cannot be read is unknown, and not enough", async () => {
      const image = new SignedImage();
      image.sign(leaf);
      for (const call of ["referrers", "manifest", "blob"] as const) {
        image.repository.fail = (what, digest) =>
          what === call && digest !== image.target.digest
            ? { status: "unavailable", cause: "network", message: "is down" }
            : undefined;
        assert.match(
          String(await image.judge(notationUnderTest(), compile(signedBy(byNotation([root]))))),
          /^EvidenceUnavailable: .*is down/,
        );
      }
    });
    it("an image whose manifest cannot be had is not judged by half", async () => {
      const image = new SignedImage();
      image.sign(leaf);
      const policy = compile(signedBy(byNotation([root])));
      image.repository.fail = (call) =>
        call === "manifest" ? { status: "unavailable", cause: "network", message: "is down" } : undefined;
      assert.match(String(await image.judge(notationUnderTest(), policy)), /^EvidenceUnavailable: .*is down/);
      image.repository.fail = (call) =>
        call === "manifest" ? { status: "invalid", reason: "ImageMalformed", message: "is broken" } : undefined;
      assert.match(String(await image.judge(notationUnderTest(), policy)), /^SignatureInvalid: .*is broken/);
    });
  });

  describe("counting", () => {
    it("counts together with cosign's authorities, each by a signer of its own", async () => {
      const cosigned = readFixture("cosign3-signature");
      const image = new SignedImage();
      const target = { ...image.target, digest: cosigned.digest };
      image.repository.load(cosigned);
      image.repository.put(
        [{ mediaType: TYPES.jws, bytes: makeEnvelope(leaf, { payload: { targetArtifact: target } }) }],
        { subject: cosigned.digest, artifactType: SIGNATURE },
      );
      const provider = eitherSigns(evidenceUnderTest().provider, notationUnderTest().provider);
      const manifest = {
        status: "verified",
        value: { ...target, bytes: Buffer.alloc(0), layers: [], manifests: [], annotations: {} },
      } as const;
      const judge = async (count: number | undefined, ...names: string[]): Promise<readonly string[]> => {
        const policy = compile({
          authorities: [
            byKey(cosigned.publicKey),
            byNotation([root]),
            byNotation([otherRoot], {}, "nobody"),
            byNotation([root], { identities: ["x509.subject: C=US, ST=WA, O=company.com"] }, "again"),
          ],
          signatures: { authorities: names, ...(count === undefined ? {} : { count }) },
        });
        const facts = await provider.gather({
          ...image.context([policy], { digest: cosigned.digest }),
          manifest: () => manifest,
        });
        return said(policy, facts);
      };
      assert.deepEqual(await judge(undefined, "release", "notary"), []);
      assert.deepEqual(await judge(2, "release", "notary", "nobody"), []);
      assert.deepEqual(await judge(1, "nobody", "release"), []);
      assert.match(
        String(await judge(undefined, "release", "nobody")),
        /^SignatureUntrusted: signature of 1 of 2 authorities/,
      );
      assert.match(String(await judge(3, "release", "notary", "nobody")), /^SignatureUntrusted: signature of 2 of 3/);
      // One signer behind two names counts once.
      assert.match(String(await judge(2, "notary", "again")), /counts once/);
    });
    it("does not wait for notation where cosign is enough", async () => {
      const cosigned = readFixture("cosign3-signature");
      const image = new SignedImage();
      image.repository.load(cosigned);
      const never = { ...notationUnderTest().provider, gather: () => new Promise<never>(() => undefined) };
      const provider = eitherSigns(evidenceUnderTest().provider, never);
      const policy = compile({
        authorities: [byKey(cosigned.publicKey), byNotation([root])],
        signatures: { authorities: ["release", "notary"], count: 1 },
      });
      assert.deepEqual(said(policy, await provider.gather(image.context([policy], { digest: cosigned.digest }))), []);
    });
    it("warns of what a level only logs, unless there is a signature without it", async () => {
      const image = new SignedImage();
      image.sign(leaf, { headers: { [EXPIRY]: NOW - 1000, "io.cncf.notary.signingTime": NOW - DAY } });
      const policy = compile(signedBy(byNotation([root], { level: "permissive" })));
      assert.deepEqual(await image.judge(notationUnderTest(), policy), [
        "warn SignatureUntrusted: notary: a signature counts that expired at 2026-06-15T11:59:59Z; the authority's level only warns of it",
      ]);
      image.sign(leaf);
      assert.deepEqual(await image.judge(notationUnderTest(), policy), []);
      const either = compile({
        authorities: [byNotation([root], { level: "audit" }), byNotation([otherRoot], { level: "audit" }, "second")],
        signatures: { authorities: ["notary", "second"], count: 1 },
      });
      assert.deepEqual(await image.judge(notationUnderTest(), either), []);
    });
  });

  describe("keeping", () => {
    it("answers synchronously once it is known, and looks again after its time", async () => {
      const image = new SignedImage();
      image.sign(leaf);
      const policy = compile(signedBy(byNotation([root])));
      const under = notationUnderTest();
      await image.judge(under, policy);
      const { blob, referrers } = image.repository.calls;
      const warm = under.provider.gather(image.context([policy]));
      assert.ok(!(warm instanceof Promise));
      assert.deepEqual(said(policy, warm), []);
      under.clock.now += 599_000;
      assert.ok(!(under.provider.gather(image.context([policy])) instanceof Promise));
      under.clock.now += 1_001;
      assert.deepEqual(await image.judge(under, policy), []);
      assert.deepEqual([image.repository.calls.blob, image.repository.calls.referrers], [blob + 1, referrers + 1]);
    });
    it("keeps a proof while the registry is down, and not beyond 401, nor beyond what time leaves of it", async () => {
      const image = new SignedImage();
      image.sign(leaf, { headers: { [EXPIRY]: NOW + DAY / 2 } });
      const policy = compile(signedBy(byNotation([root])));
      const under = notationUnderTest();
      await image.judge(under, policy);
      image.repository.fail = () => ({ status: "unavailable", cause: "network", message: "is down" });
      under.clock.now += 3_600_000;
      assert.deepEqual(await image.judge(under, policy), []);
      under.clock.now = NOW + DAY / 2;
      assert.match(String(await image.judge(under, policy)), /^EvidenceUnavailable: .*is down/);
      under.clock.now = NOW + 3_600_000;
      image.repository.fail = () => ({ status: "unavailable", cause: "unauthorised", message: "asks who you are" });
      assert.match(
        String(await image.judge(under, policy)),
        /^EvidenceUnavailable \(configuration\): .*asks who you are/,
      );
      image.repository.fail = () => ({ status: "unavailable", cause: "network", message: "is down" });
      assert.match(String(await image.judge(under, policy)), /^EvidenceUnavailable: .*is down/);
    });
    it("keeps no proof over what our own queues left undone, nor over a question of newer evidence", async () => {
      const image = new SignedImage();
      image.sign(leaf);
      const policy = compile(signedBy(byNotation([root])));
      const under = notationUnderTest();
      await image.judge(under, policy);
      under.clock.now += 3_600_000;
      image.repository.fail = () => ({ status: "unavailable", cause: "overloaded", message: "too much is asked" });
      assert.match(
        String(await image.judge(under, policy)),
        /^EvidenceUnavailable \(configuration\): .*too much is asked/,
      );
      image.repository.fail = () => ({ status: "unavailable", cause: "network", message: "is down" });
      assert.deepEqual(await image.judge(under, policy), []);
      const { signatures } = await under.provider.gather({ ...image.context([policy]), since: NOW + 1 });
      assert.deepEqual(
        [...(signatures ?? [])].map(([, { status }]) => status),
        ["unavailable"],
      );
    });
    it("lets go of a proof the moment it expires", async () => {
      const image = new SignedImage();
      image.sign(leaf, { headers: { [EXPIRY]: NOW + 60_000 } });
      const policy = compile(signedBy(byNotation([root])));
      const under = notationUnderTest();
      assert.deepEqual(await image.judge(under, policy), []);
      under.clock.now += 59_999;
      assert.deepEqual(await image.judge(under, policy), []);
      under.clock.now += 1;
      assert.match(String(await image.judge(under, policy)), /^SignatureUntrusted: .*expired at/);
    });
    it("a caller whose time is over is told so, and not of a missing signature", async () => {
      const image = new SignedImage();
      image.sign(leaf);
      image.repository.wait = (call) => (call === "referrers" ? new Promise(() => undefined) : Promise.resolve());
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 20);
      const words = await image.judge(notationUnderTest(), compile(signedBy(byNotation([root]))), {
        signal: controller.signal,
      });
      assert.match(String(words), /^EvidenceUnavailable: .*could not be looked up in time/);
    });
    it("the same in worker threads", async () => {
      const image = new SignedImage();
      image.sign(other);
      image.sign(leaf, { format: "cose" });
      assert.deepEqual(await image.judge(notationUnderTest({ workers: 1 }), compile(signedBy(byNotation([root])))), []);
    }).timeout(20_000);
  });

  describe("revocation", () => {
    const setUp = async (
      ocsp: string | undefined,
      crl: string | undefined,
      more: Parameters<typeof byNotation>[1] = {},
    ): Promise<{
      image: SignedImage;
      signer: Identity;
      under: ReturnType<typeof notationUnderTest>;
      places: Places;
      judge: () => Promise<string>;
    }> => {
      const signer = await makeLeaf(root, { more: asksAt(ocsp, crl) });
      const image = new SignedImage();
      image.sign(signer);
      const under = notationUnderTest();
      const policy = compile(signedBy(byNotation([root], more)));
      return {
        image,
        signer,
        under,
        places: under.places,
        judge: async () => String(await image.judge(under, policy)),
      };
    };
    it("good counts, revoked does not, unknown could not be told: by OCSP", async () => {
      for (const [status, words] of [
        ["good", /^$/],
        ["revoked", /^SignatureUntrusted: .*has a certificate that was revoked \(C=US, ST=WA/],
        ["unknown", /^EvidenceUnavailable: .*its OCSP responder does not know it/],
      ] as const) {
        const { signer, places, judge } = await setUp(OCSP, undefined);
        places.serve(OCSP, () => makeAnswer(signer, root, { status }));
        assert.match(await judge(), words);
        assert.deepEqual(places.asked, [OCSP]);
      }
    });
    it("by a list of revoked certificates, where there is no responder, or none that answers", async () => {
      for (const ocsp of [undefined, OCSP]) {
        const { signer, places, judge, under } = await setUp(ocsp, CRL);
        assert.match(await judge(), /^EvidenceUnavailable: .*its list of revoked certificates could not be fetched/);
        under.clock.now += 10_000;
        places.serve(CRL, () => makeList(root));
        assert.equal(await judge(), "");
        under.clock.now += 3_700_000;
        places.serve(CRL, () => makeList(root, { entries: [{ of: signer }] }));
        assert.match(await judge(), /^SignatureUntrusted: .*was revoked/);
      }
    });
    it("a responder that does not know it is not the last word where there is a list", async () => {
      const { signer, places, judge } = await setUp(OCSP, CRL);
      places.serve(OCSP, () => makeAnswer(signer, root, { status: "unknown" }));
      places.serve(CRL, () => makeList(root));
      assert.equal(await judge(), "");
    });
    it("answers that prove nothing could not be told", async () => {
      const { signer, places, judge, under } = await setUp(OCSP, undefined);
      for (const bytes of [
        Buffer.from("<html>"),
        makeAnswer(signer, root, { nextUpdate: NOW - 1 }),
        makeAnswer(other, root, { about: other }),
        makeAnswer(signer, other),
      ]) {
        places.serve(OCSP, () => bytes);
        under.clock.now += 10_000;
        assert.match(await judge(), /^EvidenceUnavailable: .*the answer of its OCSP responder /);
      }
    });
    it("reads changes of lists from the place that the list names", async () => {
      const DELTA = "http://crl.company.com/changes.crl";
      const { signer, places, judge, under } = await setUp(undefined, CRL);
      places.serve(CRL, () => makeList(root, { freshest: DELTA }));
      assert.match(await judge(), /^EvidenceUnavailable: .*the changes of its list/);
      under.clock.now += 10_000;
      places.serve(DELTA, () => makeList(root, { number: 2, deltaOf: 1 }));
      assert.equal(await judge(), "");
      under.clock.now += 3_700_000;
      places.serve(DELTA, () => makeList(root, { number: 2, deltaOf: 1, entries: [{ of: signer }] }));
      assert.match(await judge(), /^SignatureUntrusted: .*was revoked/);
    });
    it("asks about every certificate but the root", async () => {
      const between = await makeAuthority(root, { more: asksAt("http://ocsp.company.com/root/") });
      const signer = await makeLeaf(between, { more: asksAt("http://ocsp.company.com/between/") });
      const image = new SignedImage();
      image.sign(signer);
      const policy = compile(signedBy(byNotation([root])));
      for (const [authority, words] of [
        ["good", ""],
        ["revoked", /^SignatureUntrusted: .*was revoked \(C=US, O=company\.com, CN=intermediate\)/],
      ] as const) {
        const under = notationUnderTest();
        under.places.serve("http://ocsp.company.com/between/", () => makeAnswer(signer, between));
        under.places.serve("http://ocsp.company.com/root/", () => makeAnswer(between, root, { status: authority }));
        const found = String(await image.judge(under, policy));
        if (typeof words === "string") assert.equal(found, words);
        else assert.match(found, words);
        assert.equal(under.places.asked.length, 2);
      }
    });
    it("asks about a timestamp's authority as well", async () => {
      const tsaRoot = await makeRoot({ name: [{ CN: ["timestamp root"] }] });
      const tsa = await makeTimestamper(tsaRoot, { more: asksAt(OCSP) });
      const image = new SignedImage();
      image.sign(leaf, { timestamp: (signature) => makeToken(tsa, signature) });
      for (const [level, words] of [
        ["strict", /^SignatureUntrusted: .*has a timestamp by a certificate that was revoked/],
        ["permissive", /^warn SignatureUntrusted: .*has a timestamp by a certificate that was revoked/],
      ] as const) {
        const policy = compile(signedBy(byNotation([root], { level, timestampCertificates: { pem: pemOf(tsaRoot) } })));
        const under = notationUnderTest();
        under.places.serve(OCSP, () => makeAnswer(tsa, tsaRoot, { status: "revoked" }));
        assert.match(String(await image.judge(under, policy)), words);
      }
    });
    it("Skip asks nobody, and a level that only logs warns", async () => {
      const skipping = await setUp(OCSP, CRL, { revocation: "Skip" });
      assert.equal(await skipping.judge(), "");
      assert.deepEqual(skipping.places.asked, []);
      const lenient = await setUp(OCSP, undefined, { level: "permissive" });
      assert.match(await lenient.judge(), /^warn SignatureUntrusted: .*could not be told whether it was revoked/);
      lenient.under.clock.now += 10_000;
      lenient.places.serve(OCSP, () => makeAnswer(lenient.signer, root, { status: "revoked" }));
      assert.match(await lenient.judge(), /^warn SignatureUntrusted: .*was revoked/);
    });
    it("asks nobody whom a stranger's certificate names, whatever the level", async () => {
      const stranger = await makeLeaf(await makeRoot(), { more: asksAt(OCSP, CRL) });
      const image = new SignedImage();
      image.sign(stranger);
      for (const level of ["strict", "audit"] as const) {
        const under = notationUnderTest();
        await image.judge(under, compile(signedBy(byNotation([root], { level }))));
        assert.deepEqual(under.places.asked, []);
      }
    });
    it("asks once for all images of a signer, and a proof stays proved while responder and registry are down", async () => {
      const { image, signer, under, places, judge } = await setUp(OCSP, undefined);
      places.serve(OCSP, () => makeAnswer(signer, root, { nextUpdate: NOW + DAY / 2 }));
      assert.equal(await judge(), "");
      const second = new SignedImage("registry.example.com/second");
      second.sign(signer);
      const policy = compile(signedBy(byNotation([root])));
      assert.deepEqual(await second.judge(under, policy), []);
      assert.equal(places.asked.length, 1);
      places.answers.clear();
      under.clock.now += 3_600_000;
      // Its own end says how long a good answer stands in for a newer one.
      const third = new SignedImage("registry.example.com/third");
      third.sign(signer);
      assert.deepEqual(await third.judge(under, policy), []);
      under.clock.now = NOW + DAY / 2 + 1;
      const fourth = new SignedImage("registry.example.com/fourth");
      fourth.sign(signer);
      assert.match(String(await fourth.judge(under, policy)), /^EvidenceUnavailable/);
      image.repository.fail = () => ({ status: "unavailable", cause: "network", message: "is down" });
      assert.equal(await judge(), "");
    });
    it("a newer word that it was revoked ends what was proved", async () => {
      const { signer, under, places, judge } = await setUp(OCSP, undefined);
      places.serve(OCSP, () => makeAnswer(signer, root));
      assert.equal(await judge(), "");
      places.serve(OCSP, () => makeAnswer(signer, root, { status: "revoked" }));
      under.clock.now += 600_001;
      assert.match(await judge(), /^SignatureUntrusted: .*was revoked/);
      places.answers.clear();
      under.clock.now += 600_001;
      assert.match(await judge(), /^SignatureUntrusted: .*was revoked|^EvidenceUnavailable/);
    });
    it("a revoked signature beside a good one does no harm", async () => {
      const { image, signer, places, judge } = await setUp(OCSP, undefined);
      places.serve(OCSP, () => makeAnswer(signer, root, { status: "revoked" }));
      image.sign(leaf);
      assert.equal(await judge(), "");
    });
    it("an answer by a responder that has to be looked for itself", async () => {
      const responder = await makeLeaf(root, {
        name: [{ CN: ["responder"] }],
        extensions: [
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.ocspSigning]),
          ...asksAt(undefined, CRL),
        ],
      });
      const { signer, places, judge, under } = await setUp(OCSP, undefined);
      places.serve(OCSP, () => makeAnswer(signer, root, { responder }));
      places.serve(CRL, () => makeList(root, { entries: [{ of: responder }] }));
      assert.match(await judge(), /^EvidenceUnavailable: .*responder's own certificate/);
      under.clock.now += 3_700_000;
      places.serve(OCSP, () => makeAnswer(signer, root, { responder, nextUpdate: NOW + DAY }));
      places.serve(CRL, () => makeList(root));
      assert.equal(await judge(), "");
    });
  });
});
