import assert from "node:assert/strict";
import type { Authority, Identity } from "../../crds/types.ts";
import { MemoryRepository } from "../unit/evidence/sigstore/memoryRepository.ts";
import {
  envelopeOf,
  keyHand,
  payloadOf,
  publicPem,
  SIGN,
  sigstoreInstance,
  statementOf,
  type BundleJson,
  type CertificateOptions,
  type Hand,
  type LogOptions,
  type SigstoreInstance,
} from "../unit/evidence/sigstore/sigstoreInstance.ts";
import { compile, evidenceUnderTest, judge, reasonsOf, signedBy } from "../unit/evidence/sigstore/underTest.ts";

const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json";
const DSSE = "application/vnd.dsse.envelope.v1+json";
const digest = `sha256:${"a".repeat(64)}`;
const other = `sha256:${"b".repeat(64)}`;
const issuer = "https://issuer.example.com";
const subject = "https://example.com/workflow@refs/heads/main";

describe("keyless signatures", () => {
  let sigstore: SigstoreInstance;
  let foreign: SigstoreInstance;
  before(async function () {
    this.timeout(30_000);
    sigstore = await sigstoreInstance();
    foreign = await sigstoreInstance();
  });

  const authority = (identity: Identity = { issuer, subject }, more: Partial<Authority> = {}): Authority => ({
    name: "ci",
    keyless: { identities: [identity] },
    trustRoot: { inline: sigstore.trustedRoot },
    ...more,
  });
  const attached = (bundle: unknown): MemoryRepository => {
    const repository = new MemoryRepository();
    repository.put([{ mediaType: BUNDLE, bytes: Buffer.from(JSON.stringify(bundle)) }], {
      subject: digest,
      artifactType: BUNDLE,
    });
    return repository;
  };
  const say = async (repository: MemoryRepository, by: Authority = authority()): Promise<string> => {
    const { findings } = await judge(evidenceUnderTest(), compile(signedBy(by)), { repository, digest });
    return findings.map(({ reason, detail }) => `${reason}: ${detail}`).join("\n");
  };
  const signed = async (
    certificate: CertificateOptions = {},
    log: LogOptions = {},
    { from = sigstore, about = digest }: { from?: SigstoreInstance; about?: string } = {},
  ): Promise<BundleJson> => from.bundle(await from.issue(certificate), statementOf(about, SIGN), log);
  /** cosign's older form: payload and annotations under the `.sig` tag. */
  const legacy = async (
    hand: Hand,
    log: Parameters<SigstoreInstance["annotations"]>[2] = {},
    about = digest,
  ): Promise<MemoryRepository> => {
    const repository = new MemoryRepository();
    const bytes = payloadOf(about);
    const annotations = await sigstore.annotations(hand, bytes, log);
    repository.put([{ mediaType: SIMPLE, bytes, annotations }], { tag: `${digest.replace(":", "-")}.sig` });
    return repository;
  };

  describe("that are as they should be", () => {
    it("hold with Rekor v1, Rekor v2 and a timestamp, and both", async () => {
      for (const log of [{ log: "v1" }, { log: "v2" }, { log: "v1", timestamp: true }] as const)
        assert.equal(await say(attached(await signed({}, log))), "", JSON.stringify(log));
    });
    it("hold in cosign's older form", async () => {
      assert.equal(await say(await legacy(await sigstore.issue())), "");
      assert.equal(await say(await legacy(await sigstore.issue(), { timestamp: true })), "");
    });
    it("hold for email addresses, several identities and claims", async () => {
      const mail = { subject: "ada@example.com", subjectType: "email" } as const;
      assert.equal(await say(attached(await signed(mail)), authority({ issuer, subject: "ada@example.com" })), "");
      const claims = { runnerEnvironment: "github-hosted", githubWorkflowRef: "refs/heads/main" };
      assert.equal(await say(attached(await signed({ claims })), authority({ issuer, subject, claims })), "");
      const several = {
        ...authority(),
        keyless: {
          identities: [
            { issuer, subject: "x" },
            { issuer, subject },
          ],
        },
      };
      assert.equal(await say(attached(await signed()), several), "");
    });
    it("hold with transparencyLog: Ignored by a timestamp, whatever the log entries say", async () => {
      const ignored = authority(undefined, { transparencyLog: "Ignored" });
      assert.equal(await say(attached(await signed({}, { log: "none", timestamp: true })), ignored), "");
      const bundle = await signed({}, { log: "v1", timestamp: true });
      // An entry of a log that nobody knows, with a time of its own; the library would look at both in any case.
      Object.assign(bundle.verificationMaterial.tlogEntries[0]!, {
        logId: { keyId: Buffer.alloc(32).toString("base64") },
        integratedTime: "1",
      });
      assert.equal(await say(attached(bundle), ignored), "");
    });
  });

  describe("identities (SAN patterns are unanchored in the library)", () => {
    const refused: readonly (readonly [why: string, certificate: CertificateOptions, identity: Identity])[] = [
      ["another subject", { subject: "https://example.com/other" }, { issuer, subject }],
      ["a longer subject", { subject: `${subject}/evil` }, { issuer, subject }],
      ["a subject that only contains it", { subject: `https://evil.example.com/?${subject}` }, { issuer, subject }],
      ["a dot that is no wildcard", { subject: subject.replace("example.com", "exampleXcom") }, { issuer, subject }],
      ["another issuer", { issuer: "https://evil.example.com" }, { issuer, subject }],
      ["a longer issuer", { issuer: `${issuer}.evil.com` }, { issuer, subject }],
      [
        "a near-miss of an expression",
        { subject: `${subject}-evil` },
        { issuer, subjectRegExp: "https://example\\.com/workflow@refs/heads/main" },
      ],
      [
        "a prefix before an expression",
        { subject: `https://evil/${subject}` },
        { issuer, subjectRegExp: "https://example\\.com/.*" },
      ],
      ["a second line", { subject: `${subject}\nhttps://evil` }, { issuer, subjectRegExp: ".*main" }],
      ["an alternative that is cut off", { subject: `${subject}x` }, { issuer, subjectRegExp: "https://.*main|x" }],
      [
        "a near-miss of the issuer's expression",
        { issuer: `${issuer}x` },
        { issuerRegExp: "https://issuer\\.example\\.com", subject },
      ],
      ["a DNS name", { subject: "example.com", subjectType: "dns" }, { issuer, subject: "example.com" }],
      [
        "another claim",
        { claims: { runnerEnvironment: "self-hosted" } },
        { issuer, subject, claims: { runnerEnvironment: "github-hosted" } },
      ],
      ["no claim", {}, { issuer, subject, claims: { runnerEnvironment: "github-hosted" } }],
    ];
    for (const [why, certificate, identity] of refused) {
      it(`refuses ${why}`, async () => {
        assert.match(await say(attached(await signed(certificate)), authority(identity)), /^SignatureUntrusted: /);
        assert.match(
          await say(await legacy(await sigstore.issue(certificate)), authority(identity)),
          /^SignatureUntrusted: /,
        );
      });
    }
    it("refuses a certificate that leaves the issuer empty, whatever an expression takes", async () => {
      const anybody = authority({ issuerRegExp: ".*", subjectRegExp: ".*" });
      assert.equal(await say(attached(await signed()), anybody), "");
      assert.match(await say(attached(await signed({ issuer: "" })), anybody), /^SignatureUntrusted: .*no issuer/);
    });
    describe("that different readers would read differently", () => {
      const ISSUER = "1.3.6.1.4.1.57264.1.8";
      const OLD_ISSUER = "1.3.6.1.4.1.57264.1.1";
      const WORKFLOW_REF = "1.3.6.1.4.1.57264.1.6";
      const NAMES = "2.5.29.17";
      const der = (tag: number, value: string | Uint8Array): Buffer => {
        const bytes = Buffer.from(value);
        const { length } = bytes;
        const size = length < 0x80 ? [length] : [0x82, length >> 8, length & 0xff];
        return Buffer.concat([Buffer.from([tag, ...size]), bytes]);
      };
      const name = (tag: number, value: string | Uint8Array) => ({ [NAMES]: der(0x30, der(tag, value)) });
      /** Fulcio's user name, 1.3.6.1.4.1.57264.1.7. */
      const userName = (value: Buffer) => {
        const type = Buffer.from("060a2b0601040183bf300107", "hex");
        return name(0xa0, Buffer.concat([type, der(0xa0, value)]));
      };
      const notUtf8 = Buffer.from([0xff, 0xfe, 0x41]);
      const anybody = { issuerRegExp: "(?s).*", subjectRegExp: "(?s).*" };
      const odd: readonly (readonly [
        why: string,
        extensions: Record<string, Buffer>,
        identity: Identity,
        expected: RegExp,
      ])[] = [
        ["an empty URI", name(0x86, ""), anybody, /names no subject/],
        ["an empty email address", name(0x81, ""), anybody, /names no subject/],
        ["an empty user name", userName(der(0x0c, "")), anybody, /names no subject/],
        ["a URI of 5,000 characters", name(0x86, `https://${"a".repeat(5_000)}`), anybody, /a name of more than 4096/],
        [
          "an issuer of 5,000 characters",
          { [ISSUER]: der(0x0c, `https://${"a".repeat(5_000)}`) },
          anybody,
          /a name of more than 4096/,
        ],
        ["a user name that is no text", userName(der(0x04, "alice")), { issuer, subject: "alice" }, /does not parse/],
        [
          "a URI in Latin-1",
          name(0x86, Buffer.from("https://example.com/w\u00f6rk", "latin1")),
          { issuer, subject: "https://example.com/w\u00f6rk" },
          /does not parse/,
        ],
        ["an issuer that is no UTF-8", { [ISSUER]: der(0x0c, notUtf8) }, { issuer: "\ufffd\ufffdA", subject }, /parse/],
        [
          "a claim that is no UTF-8",
          { [WORKFLOW_REF]: notUtf8 },
          { issuer, subject, claims: { githubWorkflowRef: "\ufffd\ufffdA" } },
          /does not parse/,
        ],
        [
          "an old issuer unlike the new one",
          { [OLD_ISSUER]: Buffer.from("https://evil.example.com") },
          { issuer, subject },
          /two different issuers/,
        ],
        [
          "an old issuer unlike the new one, that an expression takes",
          { [OLD_ISSUER]: Buffer.from("https://evil.example.com") },
          anybody,
          /two different issuers/,
        ],
        [
          "an old issuer that is empty",
          { [OLD_ISSUER]: Buffer.alloc(0) },
          { issuer, subject },
          /two different issuers/,
        ],
      ];
      for (const [why, extensions, identity, expected] of odd)
        it(`refuses ${why}`, async () => {
          const message = await say(attached(await signed({ extensions })), authority(identity));
          assert.match(message, /^SignatureUntrusted: /);
          assert.match(message, expected);
        });
      it("takes user names, and both issuers where they are the same", async () => {
        const extensions = { [OLD_ISSUER]: Buffer.from(issuer), ...userName(der(0x0c, "\u00e4lice")) };
        assert.equal(
          await say(attached(await signed({ extensions })), authority({ issuer, subject: "\u00e4lice" })),
          "",
        );
      });
    });
    it("says whose signature there is", async () => {
      const message = await say(attached(await signed({ subject: "https://example.com/other" })));
      assert.match(message, /was made by https:\/\/example.com\/other \(issuer https:\/\/issuer.example.com\)/);
    });
    it("says which claim the right subject lacks, and of another subject nothing", async () => {
      const claims = { githubWorkflowRef: "refs/heads/main", runnerEnvironment: "github-hosted" };
      const certificate = { claims: { ...claims, runnerEnvironment: "self-hosted" } };
      const identity = authority({ issuer, subject, claims });
      assert.match(
        await say(attached(await signed(certificate)), identity),
        /\(issuer https:\/\/issuer.example.com\) without the claim runnerEnvironment=github-hosted;/,
      );
      const other = await signed({ ...certificate, subject: "https://example.com/other" });
      assert.match(await say(attached(other), identity), /\(issuer https:\/\/issuer.example.com\);/);
    });
    it("takes an expression for the whole value", async () => {
      assert.equal(
        await say(
          attached(await signed()),
          authority({ issuer, subjectRegExp: "https://example\\.com/(workflow|x)@refs/heads/.*" }),
        ),
        "",
      );
    });
  });

  describe("certificates", () => {
    const unfit: readonly (readonly [why: string, certificate: CertificateOptions, expected: RegExp])[] = [
      ["for servers (EKU)", { usages: ["1.3.6.1.5.5.7.3.1"] }, /SignatureUntrusted: .*not for code signing/],
      ["for any purpose (EKU)", { usages: ["2.5.29.37.0"] }, /SignatureUntrusted: .*not for code signing/],
      ["for no purpose (EKU)", { usages: [] }, /SignatureUntrusted: .*not for code signing/],
      ["of an authority", { isCA: true }, /SignatureUntrusted: .*certificate authority/],
      [
        "with a critical extension that nobody understands",
        { extensions: { "1.2.3.4.5": Buffer.from([5, 0]) }, critical: ["1.2.3.4.5"] },
        /SignatureUntrusted: .*critical extension 1\.2\.3\.4\.5/,
      ],
      [
        "with constraints of names (RFC 5280, section 4.2.1.10)",
        { extensions: { "2.5.29.30": Buffer.from([0x30, 0]) }, critical: ["2.5.29.30"] },
        /SignatureUntrusted: .*critical extension 2\.5\.29\.30/,
      ],
      ["without the log's timestamp (SCT)", { withoutSct: true }, /SignatureUntrusted: .*expected 1 SCTs/],
    ];
    for (const [why, certificate, expected] of unfit) {
      it(`refuses one ${why}`, async () => {
        assert.match(await say(attached(await signed(certificate))), expected);
        const ignored = authority(undefined, { transparencyLog: "Ignored" });
        assert.match(
          await say(attached(await signed(certificate, { log: "none", timestamp: true })), ignored),
          expected,
        );
      });
    }
    it("takes one with an extension that nobody understands and that is not critical", async () => {
      assert.equal(await say(attached(await signed({ extensions: { "1.2.3.4.5": Buffer.from([5, 0]) } }))), "");
    });
    it("refuses one of another instance", async () => {
      assert.match(
        await say(attached(await signed({}, {}, { from: foreign }))),
        /SignatureUntrusted: .*untrusted authority/,
      );
    });
    it("refuses one that had expired when the signature was made", async () => {
      assert.match(await say(attached(await signed({}, { later: 3_600_000 }))), /SignatureUntrusted: .*expired/);
      assert.match(
        await say(await legacy(await sigstore.issue(), { later: 3_600_000 })),
        /SignatureUntrusted: .*expired/,
      );
    });
    it("refuses one that was not yet valid", async () => {
      assert.match(
        await say(attached(await signed({}, { later: -3_600_000 }))),
        /TransparencyMissing: .*not in use|SignatureUntrusted/,
      );
    });
    it("refuses an SCT of an unknown log", async () => {
      const root = structuredClone(sigstore.root);
      root.ctlogs = foreign.root.ctlogs;
      const by = authority(undefined, { trustRoot: { inline: JSON.stringify(root) } });
      assert.match(await say(attached(await signed()), by), /SignatureUntrusted: .*SCT/);
    });
  });

  describe("certificates with sct: Ignored", () => {
    const unlogged = (more: Partial<Authority> = {}): Authority =>
      authority(undefined, { keyless: { identities: [{ issuer, subject }], sct: "Ignored" }, ...more });
    /** An instance such as GitHub's own: no log of any kind, and timestamps. */
    const bare = (): Partial<Authority> => ({
      transparencyLog: "Ignored",
      trustRoot: { inline: JSON.stringify({ ...sigstore.root, tlogs: [], ctlogs: [] }) },
    });
    const stamped = { log: "none", timestamp: true } as const;

    it("hold without an SCT, beside a log and without any", async () => {
      assert.equal(await say(attached(await signed({ withoutSct: true })), unlogged()), "");
      assert.equal(await say(attached(await signed({ withoutSct: true }, stamped)), unlogged(bare())), "");
    });
    it("hold in GitHub's place, the second of two roots in lines", async () => {
      const own = { ...sigstore.root, tlogs: [], ctlogs: [] };
      const inline = `${foreign.trustedRoot}\n${JSON.stringify(own)}\n`;
      const by = unlogged({ transparencyLog: "Ignored", trustRoot: { inline } });
      assert.equal(await say(attached(await signed({ withoutSct: true }, stamped)), by), "");
      assert.equal(
        await say(attached(await signed({}, {}, { from: foreign })), authority(undefined, { trustRoot: { inline } })),
        "",
      );
    });
    it("hold with an SCT, whoever knows its log", async () => {
      assert.equal(await say(attached(await signed()), unlogged()), "");
      assert.equal(await say(attached(await signed({}, stamped)), unlogged(bare())), "");
    });
    it("need all else still", async () => {
      const without = { withoutSct: true } as const;
      const rows: readonly (readonly [why: string, bundle: BundleJson, expected: RegExp])[] = [
        ["no timestamp", await signed(without, { log: "none" }), /^TransparencyMissing: .*no trusted timestamp/],
        ["a strange authority", await signed(without, stamped, { from: foreign }), /^SignatureUntrusted: .*authority/],
        ["another subject", await signed({ ...without, subject: "https://evil" }, stamped), /^SignatureUntrusted: /],
        ["another purpose", await signed({ ...without, usages: [] }, stamped), /^SignatureUntrusted: .*code signing/],
        ["another image", await signed(without, stamped, { about: other }), /^SignatureInvalid: .*another image/],
      ];
      for (const [why, bundle, expected] of rows)
        assert.match(await say(attached(bundle), unlogged(bare())), expected, why);
      const altered = await signed(without, stamped);
      altered.dsseEnvelope.payload = Buffer.from(JSON.stringify(statementOf(digest, SIGN, { a: 1 }))).toString(
        "base64",
      );
      assert.match(await say(attached(altered), unlogged(bare())), /^SignatureInvalid: .*altered/);
      const forged = await sigstore.issue(without);
      const last = forged.certificate.length - 1;
      forged.certificate[last] = (forged.certificate[last] ?? 0) ^ 1;
      const bundle = await sigstore.bundle(forged, statementOf(digest, SIGN), stamped);
      assert.match(await say(attached(bundle), unlogged(bare())), /^SignatureUntrusted: .*untrusted authority/);
      assert.match(
        await say(attached(await signed(without, { log: "none", timestamp: true })), unlogged()),
        /^TransparencyMissing: .*no transparency log entry/,
      );
    });
  });

  describe("log entries", () => {
    it("are missing where there are none", async () => {
      assert.match(
        await say(attached(await signed({}, { log: "none" }))),
        /^TransparencyMissing: .*no transparency log entry/,
      );
      assert.match(
        await say(attached(await signed({}, { log: "none", timestamp: true }))),
        /^TransparencyMissing: .*no transparency log entry/,
      );
      assert.match(
        await say(await legacy(await sigstore.issue(), { log: "none" })),
        /^TransparencyMissing: .*no transparency log entry/,
      );
    });
    it("of another signer do not count (GHSA-whqx-f9j3-ch6m, CVE-2026-22703)", async () => {
      const [hand, stranger] = [await sigstore.issue(), await sigstore.issue({ subject: "https://stranger" })];
      for (const log of ["v1", "v2"] as const) {
        const bundle = await sigstore.bundle(hand, statementOf(digest, SIGN), { log, entryBy: stranger });
        assert.match(await say(attached(bundle)), /^TransparencyMissing: .*another signer/, log);
        const bare = await sigstore.bundle(hand, statementOf(digest, SIGN), { log, entryBy: keyHand() });
        assert.match(await say(attached(bare)), /^TransparencyMissing: .*another signer/, log);
      }
      assert.match(await say(await legacy(hand, { entryBy: stranger })), /^TransparencyMissing: .*another signer/);
    });
    it("of another signer do not count beside one of the signer's own", async () => {
      const [hand, stranger] = [await sigstore.issue(), await sigstore.issue({ subject: "https://stranger" })];
      for (const log of ["v1", "v2"] as const) {
        const bundle = await sigstore.bundle(hand, statementOf(digest, SIGN), { log, alsoBy: stranger });
        assert.match(await say(attached(bundle)), /^TransparencyMissing: .*another signer/, log);
      }
    });
    it("of the certificate's key alone do not count: they do not say who signed", async () => {
      const { certificate, ...bare } = await sigstore.issue();
      const hand = { ...bare, certificate };
      for (const log of ["v1", "v2"] as const) {
        const bundle = await sigstore.bundle(hand, statementOf(digest, SIGN), { log, entryBy: bare });
        assert.match(await say(attached(bundle)), /^TransparencyMissing: .*another signer/, log);
      }
      assert.match(await say(await legacy(hand, { entryBy: bare })), /^TransparencyMissing: .*another signer/);
    });
    it("of something else do not count (CVE-2022-23649)", async () => {
      for (const log of ["v1", "v2"] as const)
        assert.match(
          await say(attached(await signed({}, { log, entryAbout: Buffer.from("{}") }))),
          /^TransparencyMissing: .*does not hold/,
        );
      assert.match(
        await say(await legacy(await sigstore.issue(), { entryAbout: Buffer.from("{}") })),
        /^TransparencyMissing: .*does not hold/,
      );
    });
    it("of another signature of the same signer do not count", async () => {
      const hand = await sigstore.issue();
      const bundle = await sigstore.bundle(hand, statementOf(digest, SIGN));
      const stray = await sigstore.bundle(hand, statementOf(other, SIGN));
      bundle.verificationMaterial.tlogEntries = stray.verificationMaterial.tlogEntries;
      assert.match(await say(attached(bundle)), /^TransparencyMissing: .*does not hold/);
    });
    it("of an unknown log do not count", async () => {
      const root = structuredClone(sigstore.root);
      root.tlogs = foreign.root.tlogs;
      const by = authority(undefined, { trustRoot: { inline: JSON.stringify(root) } });
      for (const log of ["v1", "v2"] as const)
        assert.match(await say(attached(await signed({}, { log })), by), /^TransparencyMissing: /, log);
    });
    it("of a log that was not in use do not count", async () => {
      for (const log of ["v1", "v2"] as const) {
        const root = structuredClone(sigstore.root);
        for (const one of root.tlogs)
          Object.assign(one["publicKey"] as object, {
            validFor: { start: "2020-01-01T00:00:00Z", end: "2021-01-01T00:00:00Z" },
          });
        const by = authority(undefined, { trustRoot: { inline: JSON.stringify(root) } });
        assert.match(await say(attached(await signed({}, { log })), by), /^TransparencyMissing: /, log);
      }
    });
    it("do not lend a time that the log did not sign (CVE-2026-48816)", async () => {
      const bundle = await signed({}, { log: "v2", timestamp: false });
      Object.assign(bundle.verificationMaterial.tlogEntries[0]!, {
        integratedTime: String(Math.floor(Date.now() / 1000)),
      });
      assert.match(await say(attached(bundle)), /^TransparencyMissing: .*no signed time/);
    });
    it("with a time that was changed do not count", async () => {
      const bundle = await signed({}, { later: 3_600_000 });
      const now = { integratedTime: String(Math.floor(Date.now() / 1000)) };
      Object.assign(bundle.verificationMaterial.tlogEntries[0]!, now);
      assert.match(await say(attached(bundle)), /^TransparencyMissing: /);
      // Without the promise the inclusion proof alone holds, and proves no time.
      Object.assign(bundle.verificationMaterial.tlogEntries[0]!, { inclusionPromise: undefined });
      assert.match(await say(attached(bundle)), /^TransparencyMissing: .*no signed time/);
    });
    it("do not count twice", async () => {
      const bundle = await signed();
      bundle.verificationMaterial.tlogEntries.push(bundle.verificationMaterial.tlogEntries[0]);
      assert.match(await say(attached(bundle)), /^TransparencyMissing: /);
    });
  });

  describe("timestamps", () => {
    it("are needed with transparencyLog: Ignored, and never end in a TypeError", async () => {
      const ignored = authority(undefined, { transparencyLog: "Ignored" });
      assert.match(
        await say(attached(await signed({}, { log: "none" })), ignored),
        /^TransparencyMissing: .*no trusted timestamp/,
      );
      assert.match(
        await say(attached(await signed({}, { log: "v1" })), ignored),
        /^TransparencyMissing: .*no trusted timestamp/,
      );
    });
    it("of another authority, over another signature or of garbage do not count", async () => {
      const good = await signed({}, { log: "v2" });
      const wrong = [
        (await signed({}, { log: "v2" }, { from: foreign })).verificationMaterial.timestampVerificationData,
        (await signed({}, { log: "v2" })).verificationMaterial.timestampVerificationData,
        { rfc3161Timestamps: [{ signedTimestamp: Buffer.from("garbage").toString("base64") }] },
        { rfc3161Timestamps: [] },
      ];
      for (const timestampVerificationData of wrong) {
        const bundle = { ...good, verificationMaterial: { ...good.verificationMaterial, timestampVerificationData } };
        assert.match(await say(attached(bundle)), /^TransparencyMissing: .*no signed time/);
      }
    });
    it("that do not hold take nothing from one that does", async () => {
      const bundle = await signed({}, { log: "v2" });
      bundle.verificationMaterial.timestampVerificationData.rfc3161Timestamps.push({
        signedTimestamp: Buffer.from("garbage").toString("base64"),
      });
      assert.equal(await say(attached(bundle)), "");
    });
  });

  describe("content", () => {
    it("of another image is refused", async () => {
      assert.match(
        await say(attached(await signed({}, {}, { about: other }))),
        /^SignatureInvalid: .*of another image/,
      );
      assert.match(await say(await legacy(await sigstore.issue(), {}, other)), /^SignatureInvalid: .*of another image/);
    });
    it("that was altered is refused", async () => {
      const bundle = await signed({}, {}, { about: other });
      bundle.dsseEnvelope.payload = Buffer.from(JSON.stringify(statementOf(digest, SIGN))).toString("base64");
      assert.match(await say(attached(bundle)), /^SignatureInvalid: .*altered/);
      const hand = await sigstore.issue();
      const repository = new MemoryRepository();
      const annotations = await sigstore.annotations(hand, payloadOf(other));
      repository.put([{ mediaType: SIMPLE, bytes: payloadOf(digest), annotations }], {
        tag: `${digest.replace(":", "-")}.sig`,
      });
      assert.match(await say(repository), /^SignatureInvalid: .*altered/);
    });
    it("with another signature is refused", async () => {
      const bundle = await signed();
      bundle.dsseEnvelope.signatures = (await signed()).dsseEnvelope.signatures;
      assert.match(await say(attached(bundle)), /^SignatureInvalid: .*altered/);
    });
    it("of another type is no signature, however well it is signed", async () => {
      const hand = await sigstore.issue();
      const bundle = await sigstore.bundle(hand, statementOf(digest, "https://slsa.dev/provenance/v1"));
      assert.match(await say(attached(bundle)), /^SignatureMissing: .*\(one attestation is no signature\)/);
    });
    it("by sha512 or in capitals does not name the image", async () => {
      const hand = await sigstore.issue();
      for (const named of [
        { sha512: "a".repeat(64) },
        { sha256: "A".repeat(64) },
        { sha256: digest },
        {},
        { sha256: ["a".repeat(64)] },
      ]) {
        const statement = { ...statementOf(digest, SIGN), subject: [{ name: "", digest: named }] };
        assert.match(
          await say(attached(await sigstore.bundle(hand, statement))),
          /^SignatureInvalid: /,
          JSON.stringify(named),
        );
      }
    });
    it("by a bare key is nobody's", async () => {
      assert.match(
        await say(attached(await sigstore.bundle(keyHand(), statementOf(digest, SIGN)))),
        /^SignatureUntrusted: .*bare key/,
      );
    });
  });

  describe("with a bare key and a required log", () => {
    const hand = keyHand();
    const keyed = (more: Partial<Authority> = {}): Authority => ({
      name: "release",
      key: { pem: publicPem(hand) },
      trustRoot: { inline: sigstore.trustedRoot },
      ...more,
    });
    const bundled = async (log: LogOptions = {}): Promise<BundleJson> =>
      sigstore.bundle(hand, statementOf(digest, SIGN), log);

    it("hold with Rekor v1, v2 and in cosign's older form", async () => {
      for (const log of ["v1", "v2"] as const)
        assert.equal(await say(attached(await bundled({ log })), keyed()), "", log);
      assert.equal(await say(await legacy(hand), keyed()), "");
      // Keys do not expire, and a log without a promise needs no timestamp for them.
      assert.equal(await say(attached(await bundled({ log: "v2", timestamp: false })), keyed()), "");
    });
    it("hold with a certificate beside the key, as `cosign sign --key --certificate` makes them", async () => {
      const owner = await sigstore.issue();
      const by = keyed({ key: { pem: publicPem(owner) } });
      assert.equal(await say(attached(await sigstore.bundle(owner, statementOf(digest, SIGN))), by), "");
    });
    it("do not hold without an entry, or with one of somebody or something else", async () => {
      assert.match(await say(attached(await bundled({ log: "none" })), keyed()), /^TransparencyMissing: /);
      for (const log of ["v1", "v2"] as const) {
        assert.match(
          await say(attached(await bundled({ log, entryBy: keyHand() })), keyed()),
          /^TransparencyMissing: .*another signer/,
        );
        assert.match(
          await say(attached(await bundled({ log, entryBy: await sigstore.issue() })), keyed()),
          /^TransparencyMissing: .*another signer/,
        );
        assert.match(
          await say(attached(await bundled({ log, entryAbout: Buffer.from("{}") })), keyed()),
          /^TransparencyMissing: .*does not hold/,
        );
      }
      assert.match(
        await say(await legacy(hand, { entryBy: keyHand() }), keyed()),
        /^TransparencyMissing: .*another signer/,
      );
      assert.match(
        await say(await legacy(hand, { entryAbout: Buffer.from("{}") }), keyed()),
        /^TransparencyMissing: .*does not hold/,
      );
    });
    it("do not hold with an entry of an unknown log, or one that was changed", async () => {
      const elsewhere = keyed({ trustRoot: { inline: foreign.trustedRoot } });
      for (const log of ["v1", "v2"] as const)
        assert.match(await say(attached(await bundled({ log })), elsewhere), /^TransparencyMissing: /);
      assert.match(await say(await legacy(hand), elsewhere), /^TransparencyMissing: /);
      const bundle = await bundled();
      Object.assign(bundle.verificationMaterial.tlogEntries[0]!, { integratedTime: "1700000000" });
      assert.match(await say(attached(bundle), keyed()), /^TransparencyMissing: /);
    });
    it("do not hold with a promise of a log that was not in use", async () => {
      const type = "https://slsa.dev/provenance/v1";
      const root = structuredClone(sigstore.root);
      for (const one of root.tlogs)
        Object.assign(one["publicKey"] as object, {
          validFor: { start: "2020-01-01T00:00:00Z", end: "2021-01-01T00:00:00Z" },
        });
      const retired = keyed({ trustRoot: { inline: JSON.stringify(root) } });
      assert.match(await say(attached(await bundled()), retired), /^TransparencyMissing: /);
      assert.match(await say(await legacy(hand), retired), /^TransparencyMissing: /);
      const { bytes, signature } = envelopeOf(hand, statementOf(digest, type));
      const repository = new MemoryRepository();
      const annotations = await sigstore.annotations(hand, bytes, { signature, envelope: "intoto" });
      repository.put([{ mediaType: DSSE, bytes, annotations }], { tag: `${digest.replace(":", "-")}.att` });
      for (const [by, expected] of [
        [keyed(), []],
        [retired, ["AttestationUntrusted"]],
      ] as const) {
        const policy = compile({
          authorities: [by],
          attestations: [{ predicateType: type, authorities: ["release"] }],
        });
        assert.deepEqual(
          reasonsOf((await judge(evidenceUnderTest(), policy, { repository, digest })).findings),
          expected,
        );
      }
    });
    it("take their age only from times that somebody signed", async () => {
      const type = "https://slsa.dev/provenance/v1";
      const young = async (change: (bundle: BundleJson) => void, log: LogOptions): Promise<string> => {
        const bundle = await sigstore.bundle(hand, statementOf(digest, type), log);
        change(bundle);
        const policy = compile({
          authorities: [keyed()],
          attestations: [{ predicateType: type, authorities: ["release"], maxAge: "1h" }],
        });
        const { findings } = await judge(evidenceUnderTest(), policy, { repository: attached(bundle), digest });
        return findings.map(({ reason, detail }) => `${reason}: ${detail}`).join("\n");
      };
      const claim =
        (more: object) =>
        (bundle: BundleJson): void => {
          Object.assign(bundle.verificationMaterial.tlogEntries[0]!, more);
        };
      const now = String(Math.floor(Date.now() / 1000));
      assert.equal(await young(() => undefined, { log: "v1" }), "");
      assert.equal(await young(() => undefined, { log: "v2" }), "");
      assert.match(
        await young(() => undefined, { log: "v2", timestamp: false }),
        /^AttestationRejected: .*no signed time/,
      );
      assert.match(
        await young(claim({ integratedTime: now }), { log: "v2", timestamp: false }),
        /^AttestationRejected: .*no signed time/,
      );
      assert.match(
        await young(claim({ inclusionPromise: undefined }), { log: "v1" }),
        /^AttestationRejected: .*no signed time/,
      );
      assert.match(
        await young(() => undefined, { log: "v1", later: -7_200_000 }),
        /^AttestationRejected: .*older than maxAge|^AttestationUntrusted/,
      );
    });
    it("take a timestamp's word for their age with transparencyLog: Ignored, where the trust root is written down", async () => {
      const type = "https://slsa.dev/provenance/v1";
      const { trustRoot, ...bare } = keyed({ transparencyLog: "Ignored" });
      const policy = (by: Authority) =>
        compile({
          authorities: [by],
          attestations: [{ predicateType: type, authorities: ["release"], maxAge: "1h" }],
        });
      const repository = attached(
        await sigstore.bundle(hand, statementOf(digest, type), { log: "none", timestamp: true }),
      );
      const written = policy({ ...bare, ...(trustRoot && { trustRoot }) });
      assert.deepEqual((await judge(evidenceUnderTest(), written, { repository, digest })).findings, []);
      const without = await judge(evidenceUnderTest(), policy(bare), { repository, digest });
      assert.equal(without.findings[0]?.reason, "AttestationRejected");
    });
  });

  describe("old intoto log entries of .att layers", () => {
    const attestation = (by: Authority) => ({
      authorities: [by],
      attestations: [{ predicateType: "https://slsa.dev/provenance/v1", authorities: ["ci"] }],
    });
    const under = async (hand: Hand, log: Parameters<SigstoreInstance["annotations"]>[2]): Promise<string> => {
      const { bytes, signature } = envelopeOf(hand, statementOf(digest, "https://slsa.dev/provenance/v1"));
      const repository = new MemoryRepository();
      const annotations = await sigstore.annotations(hand, bytes, { signature, ...log });
      repository.put([{ mediaType: DSSE, bytes, annotations }], { tag: `${digest.replace(":", "-")}.att` });
      const { findings } = await judge(evidenceUnderTest(), compile(attestation(authority())), { repository, digest });
      return findings.map(({ reason, detail }) => `${reason}: ${detail}`).join("\n");
    };
    it("hold, as dsse entries do", async () => {
      assert.equal(await under(await sigstore.issue(), { envelope: "dsse" }), "");
      assert.equal(await under(await sigstore.issue(), { envelope: "intoto" }), "");
    });
    it("of something else, of another signer, or none, do not", async () => {
      const hand = await sigstore.issue();
      const stray = envelopeOf(hand, statementOf(other, "https://slsa.dev/provenance/v1")).bytes;
      for (const envelope of ["dsse", "intoto"] as const) {
        assert.match(await under(hand, { envelope, entryAbout: stray }), /^AttestationUntrusted: /);
        assert.match(
          await under(hand, { envelope, entryBy: await sigstore.issue() }),
          /^AttestationUntrusted: .*another signer/,
        );
        assert.match(
          await under(hand, { envelope, log: "none" }),
          /^AttestationUntrusted: .*no transparency log entry/,
        );
        assert.match(await under(hand, { envelope, later: 3_600_000 }), /^AttestationUntrusted: .*expired/);
      }
    });
    it("of an untrusted log, with a changed time, or of another envelope of the same payload, do not", async () => {
      const hand = await sigstore.issue();
      const { bytes, signature } = envelopeOf(hand, statementOf(digest, "https://slsa.dev/provenance/v1"));
      const say = async (layer: Buffer, annotations: Record<string, string>): Promise<string> => {
        const repository = new MemoryRepository();
        repository.put([{ mediaType: DSSE, bytes: layer, annotations }], { tag: `${digest.replace(":", "-")}.att` });
        const { findings } = await judge(evidenceUnderTest(), compile(attestation(authority())), {
          repository,
          digest,
        });
        return findings.map(({ detail }) => detail).join("\n");
      };
      const own = await sigstore.annotations(hand, bytes, { signature, envelope: "intoto" });
      assert.equal(await say(bytes, own), "");
      const untrusted = await foreign.annotations(hand, bytes, { signature, envelope: "intoto" });
      assert.match(await say(bytes, untrusted), /untrusted log/);
      const later = own["dev.sigstore.cosign/bundle"]!.replace(
        /"integratedTime":(\d+)/,
        (_, time: string) => `"integratedTime":${Number(time) + 1}`,
      );
      assert.match(await say(bytes, { ...own, "dev.sigstore.cosign/bundle": later }), /untrusted log/);
      assert.match(await say(Buffer.from(`${bytes.toString()} `), own), /something else/);
    });
  });
});
