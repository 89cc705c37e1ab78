import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createVerifier } from "sigstore";
import type { Authority } from "../../../../crds/types.ts";
import { MemoryRepository } from "./memoryRepository.ts";
import {
  SIGN,
  sigstoreInstance,
  statementOf,
  type BundleJson,
  type CertificateOptions,
  type LogOptions,
  type SigstoreInstance,
} from "./sigstoreInstance.ts";
import { tufServer, type TufServer } from "./tufServer.ts";
import { compile, evidenceUnderTest, judge, signedBy } from "./underTest.ts";

const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const digest = `sha256:${"a".repeat(64)}`;
const issuer = "https://issuer.example.com";
const subject = "https://example.com/workflow@refs/heads/main";

/** How a bundle is made: each part as it should be first, then wrong in some way. */
const certificates: readonly (readonly [name: string, certificate: CertificateOptions])[] = [
  ["a fit certificate", {}],
  ["another subject", { subject: "https://example.com/other" }],
  ["another issuer", { issuer: "https://evil.example.com" }],
  ["a certificate without an SCT", { withoutSct: true }],
  ["a certificate for servers", { usages: ["1.3.6.1.5.5.7.3.1"] }],
  ["a certificate for no purpose", { usages: [] }],
  ["the certificate of an authority", { isCA: true }],
  ["a critical extension", { extensions: { "1.2.3.4.5": Buffer.from([5, 0]) }, critical: ["1.2.3.4.5"] }],
];
const logs: readonly (readonly [name: string, log: LogOptions])[] = [
  ["Rekor v1", { log: "v1" }],
  ["Rekor v1 and a timestamp", { log: "v1", timestamp: true }],
  ["Rekor v2", { log: "v2" }],
  ["Rekor v2 without a timestamp", { log: "v2", timestamp: false }],
  ["no log", { log: "none" }],
  ["no log, but a timestamp", { log: "none", timestamp: true }],
  ["an entry an hour late", { log: "v1", later: 3_600_000 }],
  ["an entry about other bytes", { log: "v1", entryAbout: Buffer.from("{}") }],
];
const changes: readonly (readonly [name: string, change: (bundle: BundleJson) => void])[] = [
  ["unchanged", () => undefined],
  [
    "with another payload",
    ({ dsseEnvelope }) => {
      dsseEnvelope.payload = Buffer.from(JSON.stringify(statementOf(digest, SIGN, { changed: true }))).toString(
        "base64",
      );
    },
  ],
  [
    "with another signature",
    ({ dsseEnvelope: { signatures } }) => {
      const [first] = signatures;
      const bytes = Buffer.from(first!.sig, "base64");
      bytes[bytes.length - 1]! ^= 1;
      first!.sig = bytes.toString("base64");
    },
  ],
  [
    "with another payload type",
    ({ dsseEnvelope }) => {
      dsseEnvelope.payloadType = "application/vnd.in-toto.other+json";
    },
  ],
];

/** Where we refuse what the package takes, in our words: it leaves these to its caller. */
const STRICTER = /not for code signing|certificate authority|critical extension/;
/** Where the package refuses what we take: it cannot read one timestamp in ten of its own mock (`proveTimestamps`). */
const UNREAD = "invalid time";

describe("keyless bundles before the package `sigstore`", () => {
  let ours: SigstoreInstance;
  let foreign: SigstoreInstance;
  let server: TufServer;
  let directory: string;
  let oracle: Awaited<ReturnType<typeof createVerifier>>;

  before(async function () {
    this.timeout(30_000);
    [ours, foreign] = await Promise.all([sigstoreInstance(), sigstoreInstance()]);
    server = await tufServer(ours.trustedRoot);
    directory = await mkdtemp(join(tmpdir(), "sigstore-oracle-"));
    await writeFile(join(directory, "root.json"), server.root);
    oracle = await createVerifier({
      tufMirrorURL: server.mirror,
      tufRootPath: join(directory, "root.json"),
      tufCachePath: join(directory, "cache"),
      // The package takes an identity for an expression that need not match whole: an anchored one means what ours means.
      certificateIdentityURI: `^${subject.replaceAll(/[.\\]/g, "\\$&")}$`,
      certificateIssuer: issuer,
    });
  });
  after(async () => {
    await server.close();
    await rm(directory, { recursive: true });
  });

  const authority = (): Authority => ({
    name: "ci",
    keyless: { identities: [{ issuer, subject }] },
    trustRoot: { inline: ours.trustedRoot },
  });
  const say = async (bundle: BundleJson): Promise<string> => {
    const repository = new MemoryRepository();
    const bytes = Buffer.from(JSON.stringify(bundle));
    repository.put([{ mediaType: BUNDLE, bytes }], { subject: digest, artifactType: BUNDLE });
    const { findings } = await judge(evidenceUnderTest(), compile(signedBy(authority())), { repository, digest });
    return findings.map(({ reason, detail }) => `${reason}: ${detail}`).join("\n");
  };
  const ask = (bundle: BundleJson): string => {
    try {
      oracle.verify(structuredClone(bundle) as unknown as Parameters<typeof oracle.verify>[0]);
      return "";
    } catch (error) {
      return error instanceof Error ? error.message : "threw";
    }
  };

  for (const [how, certificate] of certificates)
    it(`get the same verdict, for ${how}`, async function () {
      this.timeout(30_000);
      for (const [logged, log] of logs)
        for (const [changed, change] of changes)
          for (const from of [ours, foreign]) {
            const bundle = await from.bundle(await from.issue(certificate), statementOf(digest, SIGN), log);
            change(bundle);
            const [said, theirs] = [await say(bundle), ask(bundle)];
            const where = `${how}, ${logged}, ${changed}, ${from === ours ? "ours" : "foreign"}: ${said} / ${theirs}`;
            if (theirs === "" && said !== "") assert.match(said, STRICTER, where);
            else if (theirs !== UNREAD) assert.equal(said === "", theirs === "", where);
          }
    });
});
