import assert from "node:assert/strict";
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
const MANY = 10_000;
const bundled = readFixture("cosign3-signature");
const legacy = readFixture("cosign2-signature");
const { digest } = bundled;
const policy = compile(signedBy(byKey(bundled.publicKey)));
const tag = `${digest.replace(":", "-")}.sig`;
const hint = { "dev.sigstore.bundle.predicateType": SIGN };

/** Attaches `count` pieces of junk, each with bytes of its own. */
const junk = (
  repository: MemoryRepository,
  count: number,
  {
    artifactType,
    mediaType = BUNDLE,
    annotations,
  }: { artifactType?: string; mediaType?: string; annotations?: Record<string, string> },
): void => {
  for (let at = 0; at < count; at++) {
    const bytes = Buffer.from(JSON.stringify({ at }));
    repository.put([{ mediaType, bytes }], {
      subject: digest,
      ...(artifactType && { artifactType }),
      ...(annotations && { annotations }),
    });
  }
};

describe("floods of junk around a good signature", () => {
  it("of other types cost nothing but their descriptors", async () => {
    const repository = new MemoryRepository();
    junk(repository, MANY, { artifactType: "application/vnd.example.sbom", mediaType: "text/plain" });
    repository.load(bundled);
    assert.deepEqual((await judge(evidenceUnderTest(), policy, { repository, digest })).findings, []);
    assert.equal(repository.calls.manifest, 1);
    assert.equal(repository.calls.blob, 1);
  }).timeout(20_000);

  it("of bundles that say nothing of themselves come after those that do", async () => {
    const repository = new MemoryRepository();
    junk(repository, MANY, { artifactType: BUNDLE });
    repository.load(bundled);
    assert.deepEqual((await judge(evidenceUnderTest(), policy, { repository, digest })).findings, []);
    assert.ok(repository.calls.manifest < 20, `${repository.calls.manifest} manifests were read`);
  }).timeout(20_000);

  for (const [why, form] of [
    ["that look just like it", { artifactType: BUNDLE, annotations: hint }],
    ["without a type", {}],
  ] as const) {
    it(`${why} do not hide it`, async () => {
      const repository = new MemoryRepository();
      junk(repository, MANY, form);
      repository.load(bundled);
      assert.deepEqual((await judge(evidenceUnderTest(), policy, { repository, digest })).findings, []);
    }).timeout(60_000);
  }

  it("of layers under cosign's tag do not hide it", async () => {
    const repository = new MemoryRepository();
    const manifest = JSON.parse(Buffer.from(legacy.manifests[0]!.bytes, "base64").toString()) as { layers: object[] };
    repository.load(legacy);
    const junkLayers = Array.from({ length: 500 }, (_, at) => {
      const bytes = payloadOf(digest, { at });
      return {
        mediaType: SIMPLE,
        digest: repository.putBlob(bytes),
        size: bytes.length,
        annotations: { "dev.cosignproject.cosign/signature": "AAAA" },
      };
    });
    repository.tags.set(
      tag,
      repository.putManifest(Buffer.from(JSON.stringify({ ...manifest, layers: [...manifest.layers, ...junkLayers] }))),
    );
    const by = compile(signedBy(byKey(legacy.publicKey)));
    assert.deepEqual((await judge(evidenceUnderTest(), by, { repository, digest })).findings, []);
  });

  it("of well-formed signatures by strangers do not use up what is proved", async () => {
    const sigstore = await sigstoreInstance();
    const repository = new MemoryRepository();
    for (let at = 0; at < 100; at++) {
      const bundle = await sigstore.bundle(keyHand(), statementOf(digest, SIGN, { at }), { log: "none" });
      repository.put([{ mediaType: BUNDLE, bytes: Buffer.from(JSON.stringify(bundle)) }], {
        subject: digest,
        artifactType: BUNDLE,
        annotations: hint,
      });
    }
    repository.load(bundled);
    assert.deepEqual((await judge(evidenceUnderTest(), policy, { repository, digest })).findings, []);
    const nobody = compile(signedBy(byKey(publicPem(keyHand()))));
    const { findings } = await judge(evidenceUnderTest(), nobody, { repository, digest });
    assert.match(findings[0]!.detail, /of 101 signatures none counts: was not made with this key \(101\)/);
  }).timeout(20_000);

  it("of what the signer made without a log entry ends at 32 proofs, and says so", async () => {
    const sigstore = await sigstoreInstance();
    const repository = new MemoryRepository();
    const hand = keyHand();
    for (let at = 0; at < 60; at++) {
      const bundle = await sigstore.bundle(hand, statementOf(digest, SIGN, { at }), { log: "none" });
      repository.put([{ mediaType: BUNDLE, bytes: Buffer.from(JSON.stringify(bundle)) }], {
        subject: digest,
        artifactType: BUNDLE,
      });
    }
    const required = compile(
      signedBy(byKey(publicPem(hand), { transparencyLog: "Required", trustRoot: { inline: sigstore.trustedRoot } })),
    );
    const { findings } = await judge(evidenceUnderTest(), required, { repository, digest });
    assert.deepEqual(reasonsOf(findings), ["TransparencyMissing"]);
    assert.match(findings[0]!.detail, /were not looked at, being too many/);
    assert.ok(repository.calls.blob < 60);
  }).timeout(20_000);

  it("hold nobody past the deadline, and the next one gets further", async () => {
    const repository = new MemoryRepository();
    junk(repository, 1_000, { artifactType: BUNDLE, annotations: hint });
    repository.load(bundled);
    repository.wait = () => new Promise((resolve) => setTimeout(resolve, 5));
    const evidence = evidenceUnderTest();
    const read = new Set<string>();
    repository.fail = (call, what) => {
      // A registry client keeps what it has read; here the test does.
      if (call === "blob" && !read.has(what)) read.add(what);
      return undefined;
    };
    const first = await judge(evidence, policy, { repository, digest, signal: AbortSignal.timeout(250) });
    // So much is made, not met: nothing for `onUnavailable` to soften.
    assert.deepEqual(reasonsOf(first.findings), ["SignatureInvalid"]);
    const blobs = repository.calls.blob;
    assert.ok(blobs > 0 && blobs < 1_000);
    const { findings } = await judge(evidence, policy, { repository, digest });
    assert.deepEqual(findings, []);
    // What was examined before its deadline was not fetched again.
    assert.ok(repository.calls.blob <= 1_001 + 16, `${repository.calls.blob} blobs were read`);
  }).timeout(20_000);

  it("leave open what was not seen when the time is over, beside what was, where they are few", async () => {
    const repository = new MemoryRepository();
    repository.load(legacy);
    junk(repository, 60, { artifactType: BUNDLE });
    const other = keyHand();
    const sigstore = await sigstoreInstance();
    const late = await sigstore.bundle(other, statementOf(digest, SIGN), { log: "none" });
    repository.put([{ mediaType: BUNDLE, bytes: Buffer.from(JSON.stringify(late)) }], {
      subject: digest,
      artifactType: BUNDLE,
    });
    const two = compile(signedBy(byKey(legacy.publicKey), byKey(publicPem(other), { name: "ci" })));
    const evidence = evidenceUnderTest();
    repository.wait = (call) => new Promise((resolve) => setTimeout(resolve, call === "manifest" ? 200 : 1));
    const first = await judge(evidence, two, { repository, digest, signal: AbortSignal.timeout(350) });
    assert.deepEqual(reasonsOf(first.findings), ["EvidenceUnavailable"]);
    repository.wait = () => Promise.resolve();
    assert.deepEqual((await judge(evidence, two, { repository, digest })).findings, []);
  }).timeout(20_000);
});

describe("registries that fail", () => {
  const unavailable = { status: "unavailable", cause: "serverError", message: "the registry answered 500" } as const;
  const both = (): MemoryRepository => {
    const repository = new MemoryRepository();
    repository.load(bundled);
    repository.load(legacy);
    return repository;
  };
  const either = compile({
    authorities: [byKey(bundled.publicKey)],
    signatures: { authorities: ["release"] },
  });

  it("in one place do no harm beside enough proof", async () => {
    for (const failing of ["manifestByTag", "referrers"] as const) {
      const repository = both();
      repository.fail = (call) => (call === failing ? unavailable : undefined);
      // The fixtures have one key each: the same key is needed to see both places.
      const by = failing === "referrers" ? compile(signedBy(byKey(legacy.publicKey))) : either;
      assert.deepEqual((await judge(evidenceUnderTest(), by, { repository, digest })).findings, [], failing);
    }
  });

  it("are never read as no signature (Kyverno #6123)", async () => {
    for (const failing of ["manifestByTag", "referrers", "manifest", "blob"] as const) {
      const repository = both();
      repository.fail = (call) => (call === failing ? unavailable : undefined);
      const nobody = compile(signedBy(byKey(publicPem(keyHand()))));
      const { findings } = await judge(evidenceUnderTest(), nobody, { repository, digest });
      assert.deepEqual(reasonsOf(findings), ["EvidenceUnavailable"], failing);
      assert.equal(findings[0]!.unavailable, "evidence");
    }
  });

  it("with content that breaks a limit are no outage", async () => {
    for (const failing of ["manifestByTag", "referrers", "blob"] as const) {
      const repository = both();
      repository.fail = (call) =>
        call === failing ? { status: "invalid", reason: "ImageMalformed", message: "is too large" } : undefined;
      const nobody = compile(signedBy(byKey(publicPem(keyHand()))));
      const { findings } = await judge(evidenceUnderTest(), nobody, { repository, digest });
      assert.match(reasonsOf(findings)[0]!, /^Signature(Invalid|Untrusted)$/, failing);
    }
  });

  it("with places that break a format are named in a sentence", async () => {
    const place = 'registry.example.com/app:sha256-aa.sig has the key "layers" twice';
    for (const failing of ["manifestByTag", "referrers"] as const) {
      const repository = new MemoryRepository();
      repository.fail = (call) =>
        call === failing ? { status: "invalid", reason: "ImageMalformed", message: place } : undefined;
      const { findings } = await judge(evidenceUnderTest(), either, { repository, digest });
      assert.ok(
        findings[0]!.detail.includes(`the one signature there is cannot be read: ${place};`),
        findings[0]!.detail,
      );
    }
  });

  it("do not make a proved signature unproved", async () => {
    const clock = { now: Date.now() };
    const evidence = evidenceUnderTest(clock);
    const repository = both();
    assert.deepEqual((await judge(evidence, either, { repository, digest })).findings, []);
    repository.fail = () => unavailable;
    for (const later of [60_000, 3_600_000, 12 * 3_600_000]) {
      clock.now += later;
      assert.deepEqual((await judge(evidence, either, { repository, digest })).findings, [], String(later));
    }
    // A day later nobody can say any more.
    clock.now += 24 * 3_600_000;
    assert.deepEqual(reasonsOf((await judge(evidence, either, { repository, digest })).findings), [
      "EvidenceUnavailable",
    ]);
  });

  it("that refuse the credential now end what it was shown before", async () => {
    const clock = { now: Date.now() };
    const evidence = evidenceUnderTest(clock);
    const repository = both();
    assert.deepEqual((await judge(evidence, either, { repository, digest })).findings, []);
    clock.now += 3_600_000;
    repository.fail = () => ({ status: "unavailable", cause: "unauthorised", message: "access was refused" });
    assert.deepEqual(reasonsOf((await judge(evidence, either, { repository, digest })).findings), [
      "EvidenceUnavailable",
    ]);
    repository.fail = () => unavailable;
    assert.deepEqual(reasonsOf((await judge(evidence, either, { repository, digest })).findings), [
      "EvidenceUnavailable",
    ]);
  });

  it("that lost a signature are believed in the end", async () => {
    const clock = { now: Date.now() };
    const evidence = evidenceUnderTest(clock);
    const repository = both();
    assert.deepEqual((await judge(evidence, either, { repository, digest })).findings, []);
    repository.lists.clear();
    repository.tags.clear();
    clock.now += 3_600_000;
    assert.deepEqual(reasonsOf((await judge(evidence, either, { repository, digest })).findings), ["SignatureMissing"]);
  });

  it("that lost a signature are believed at once where the clock was set back", async () => {
    const clock = { now: Date.now() };
    const evidence = evidenceUnderTest(clock);
    const repository = both();
    assert.deepEqual((await judge(evidence, either, { repository, digest })).findings, []);
    repository.lists.clear();
    repository.tags.clear();
    clock.now -= 3_600_000;
    assert.deepEqual(reasonsOf((await judge(evidence, either, { repository, digest })).findings), ["SignatureMissing"]);
  });
});

describe("what is kept of signatures", () => {
  it("answers at once, and once for all who ask together", async () => {
    const repository = new MemoryRepository();
    repository.load(bundled);
    const evidence = evidenceUnderTest();
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => judge(evidence, policy, { repository, digest })),
    );
    assert.ok(answers.every(({ findings }) => findings.length === 0));
    assert.deepEqual(repository.calls, { manifest: 1, manifestByTag: 1, blob: 1, referrers: 1, resolveTag: 0 });
    assert.deepEqual((await judge(evidence, policy, { repository, digest })).findings, []);
    assert.equal(repository.calls.referrers, 1);
  });

  it("is kept by digest, repository and credential, never by more", async () => {
    const evidence = evidenceUnderTest();
    const seen = new MemoryRepository("registry.example.com/app", "alice");
    seen.load(bundled);
    assert.deepEqual((await judge(evidence, policy, { repository: seen, digest })).findings, []);
    for (const [name, scope] of [
      ["registry.example.com/app", "bob"],
      ["registry.example.com/other", "alice"],
    ] as const) {
      const unseen = new MemoryRepository(name, scope);
      assert.deepEqual(reasonsOf((await judge(evidence, policy, { repository: unseen, digest })).findings), [
        "SignatureMissing",
      ]);
    }
    const other = `sha256:${"0".repeat(64)}`;
    assert.deepEqual(reasonsOf((await judge(evidence, policy, { repository: seen, digest: other })).findings), [
      "SignatureMissing",
    ]);
  });

  it("is not used for another key, and an old verdict not for a new one", async () => {
    const evidence = evidenceUnderTest();
    const repository = new MemoryRepository();
    repository.load(bundled);
    assert.deepEqual((await judge(evidence, policy, { repository, digest })).findings, []);
    const changed = compile(signedBy(byKey(publicPem(keyHand()))));
    assert.deepEqual(reasonsOf((await judge(evidence, changed, { repository, digest })).findings), [
      "SignatureUntrusted",
    ]);
    assert.deepEqual((await judge(evidence, policy, { repository, digest })).findings, []);
  });

  it("forgets soon that there was nothing", async () => {
    const clock = { now: Date.now() };
    const evidence = evidenceUnderTest(clock);
    const repository = new MemoryRepository();
    assert.deepEqual(reasonsOf((await judge(evidence, policy, { repository, digest })).findings), ["SignatureMissing"]);
    repository.load(bundled);
    clock.now += 1_000;
    assert.deepEqual((await judge(evidence, policy, { repository, digest })).findings, []);
  });

  it("of bare keys needs no trust root, no key service and no network (Kyverno #15690)", async () => {
    const nobody = (): never => {
      throw new Error("was contacted");
    };
    const evidence = evidenceUnderTest(undefined, {
      kms: { peek: nobody, until: nobody, isGone: nobody, get: nobody },
      roots: { peek: nobody, until: nobody, get: nobody },
    });
    const repository = new MemoryRepository();
    repository.load(bundled);
    assert.deepEqual((await judge(evidence, policy, { repository, digest })).findings, []);
  });

  it("stops reading when the rules hold", async () => {
    const repository = new MemoryRepository();
    repository.load(bundled);
    junk(repository, 300, { artifactType: BUNDLE });
    const authorities = [byKey(bundled.publicKey), byKey(publicPem(keyHand()), { name: "ci" })];
    const one = compile({ authorities, signatures: { authorities: ["release", "ci"], count: 1 } });
    assert.deepEqual((await judge(evidenceUnderTest(), one, { repository, digest })).findings, []);
    assert.ok(repository.calls.manifest < 30, `${repository.calls.manifest} manifests were read`);
    const two = compile({ authorities, signatures: { authorities: ["release", "ci"], count: 2 } });
    assert.deepEqual(reasonsOf((await judge(evidenceUnderTest(), two, { repository, digest })).findings), [
      "SignatureUntrusted",
    ]);
  });

  it("reads on where another rule wants more than the one that was satisfied", async () => {
    const sigstore = await sigstoreInstance();
    const hand = keyHand();
    const repository = new MemoryRepository();
    const type = "https://slsa.dev/provenance/v1";
    const hinted = { "dev.sigstore.bundle.predicateType": type };
    const attest = async (builder: string, annotations: Record<string, string>): Promise<void> => {
      const bundle = await sigstore.bundle(hand, statementOf(digest, type, { builder }), { log: "none" });
      repository.put([{ mediaType: BUNDLE, bytes: Buffer.from(JSON.stringify(bundle)) }], {
        subject: digest,
        artifactType: BUNDLE,
        annotations,
      });
    };
    // The one that says nothing of itself comes last, behind so much that reading has stopped by then.
    await attest("a", hinted);
    junk(repository, 50, { artifactType: BUNDLE, annotations: hinted });
    await attest("b", {});
    const builtBy = (builder: string) =>
      compile({
        authorities: [byKey(publicPem(hand))],
        attestations: [
          {
            predicateType: type,
            authorities: ["release"],
            conditions: [{ expression: `predicate.builder == "${builder}"` }],
          },
        ],
      });
    const evidence = evidenceUnderTest();
    for (const [builder, expected] of [
      ["a", []],
      ["b", []],
      ["c", ["AttestationRejected"]],
      ["a", []],
    ] as const)
      assert.deepEqual(
        reasonsOf((await judge(evidence, builtBy(builder), { repository, digest })).findings),
        expected,
        builder,
      );
  });
});
