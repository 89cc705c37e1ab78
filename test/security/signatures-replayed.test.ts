import assert from "node:assert/strict";
import type { KnownRoot } from "../../evidence/trust/trustRoots.ts";
import { attestationKey } from "../../policy/facts/attestationKey.ts";
import type { AttestationOutcome } from "../../policy/facts/facts.ts";
import { MemoryRepository } from "../unit/evidence/sigstore/memoryRepository.ts";
import {
  keyHand,
  payloadOf,
  publicPem,
  SIGN,
  sigstoreInstance,
  statementOf,
  type Hand,
  type SigstoreInstance,
} from "../unit/evidence/sigstore/sigstoreInstance.ts";
import {
  byKey,
  compile,
  contextOf,
  evidenceUnderTest,
  judge,
  reasonsOf,
  signedBy,
} from "../unit/evidence/sigstore/underTest.ts";

const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SCAN = "https://cosign.sigstore.dev/attestation/vuln/v1";
const digest = `sha256:${"a".repeat(64)}`;
const tag = `${digest.replace(":", "-")}.att`;

const hand = keyHand();
const policy = compile({
  authorities: [byKey(publicPem(hand))],
  attestations: [{ predicateType: SCAN, authorities: ["release"] }],
});
const authority = policy.authorities.get("release")!;

let sigstore: SigstoreInstance;
before(async () => {
  sigstore = await sigstoreInstance();
});

const attest = async (by: Hand, said: string): Promise<object> =>
  sigstore.bundle(by, statementOf(digest, SCAN, { said }), { log: "none" });

/** Attaches a bundle; `copy` makes other bytes of it, in which the same is signed. */
const attach = (repository: MemoryRepository, bundle: object, created: string, copy = 0): void => {
  repository.put([{ mediaType: BUNDLE, bytes: Buffer.from(JSON.stringify(bundle) + " ".repeat(copy)) }], {
    subject: digest,
    artifactType: BUNDLE,
    annotations: {
      "dev.sigstore.bundle.predicateType": SCAN,
      "org.opencontainers.image.created": created,
    },
  });
};

const all = async (
  evidence: ReturnType<typeof evidenceUnderTest>,
  repository: MemoryRepository,
  signal?: AbortSignal,
): Promise<AttestationOutcome> => {
  const context = contextOf([policy], { repository, digest, ...(signal && { signal }) });
  const found = await evidence.proveAttestations(context, digest, [{ predicateType: SCAN, authority }], "kept");
  return found.get(attestationKey(SCAN, authority.id))!;
};

const byText = (a: string, b: string): number => (a < b ? -1 : 1);

const said = (outcome: AttestationOutcome): readonly string[] =>
  outcome.status === "verified"
    ? outcome.value.map(({ predicate }) => String((predicate as { said: unknown }).said)).toSorted(byText)
    : [outcome.status];

describe("an old attestation that is pushed again", () => {
  it("in other bytes and with a date of today does not use up the places of a newer one", async () => {
    const repository = new MemoryRepository();
    const [clean, vulnerable] = [await attest(hand, "clean"), await attest(hand, "vulnerable")];
    for (let copy = 0; copy < 100; copy++) attach(repository, clean, "2099-01-01T00:00:00Z", copy);
    attach(repository, vulnerable, "2025-01-01T00:00:00Z");
    assert.deepEqual(said(await all(evidenceUnderTest(), repository)), ["clean", "vulnerable"]);
  });

  it("counts once", async () => {
    const repository = new MemoryRepository();
    const clean = await attest(hand, "clean");
    for (let copy = 0; copy < 20; copy++) attach(repository, clean, "2099-01-01T00:00:00Z", copy);
    assert.deepEqual(said(await all(evidenceUnderTest(), repository)), ["clean"]);
  });
});

describe("an old attestation that is stamped anew", () => {
  const PROVENANCE = "https://slsa.dev/provenance/v1";
  const days = (count: number): string => new Date(Date.now() - count * 86_400_000).toISOString();
  const asking = (transparencyLog: "Required" | "Ignored") =>
    compile({
      authorities: [byKey(publicPem(hand), { transparencyLog, trustRoot: { inline: sigstore.trustedRoot } })],
      attestations: [{ predicateType: PROVENANCE, authorities: ["release"], maxAge: "90d" }],
    });
  const say = async (finishedOn: string, log: "Required" | "Ignored"): Promise<readonly string[]> => {
    const repository = new MemoryRepository();
    const predicate = { buildDefinition: {}, runDetails: { metadata: { finishedOn } } };
    const options = log === "Required" ? ({ log: "v1" } as const) : ({ log: "none", timestamp: true } as const);
    attach(repository, await sigstore.bundle(hand, statementOf(digest, PROVENANCE, predicate), options), days(0));
    return reasonsOf((await judge(evidenceUnderTest(), asking(log), { repository, digest })).findings);
  };

  it("is as old as it says, whatever a timestamp authority or a log wrote today", async () => {
    for (const log of ["Ignored", "Required"] as const) {
      assert.deepEqual(await say(days(400), log), ["AttestationRejected"], log);
      assert.deepEqual(await say(days(80), log), [], log);
    }
  });

  it("is as old as its oldest copy, in whatever order and number the copies are", async () => {
    const logged = compile({
      authorities: [
        byKey(publicPem(hand), { transparencyLog: "Required", trustRoot: { inline: sigstore.trustedRoot } }),
      ],
      attestations: [{ predicateType: SCAN, authorities: ["release"] }],
    });
    const by = logged.authorities.get("release")!;
    const statement = statementOf(digest, SCAN, { said: "clean" });
    const minutes = [0, ...Array.from({ length: 12 }, (_, at) => at + 1)];
    const copies = await Promise.all(
      minutes.map((minute) => sigstore.bundle(hand, statement, { log: "v1", later: minute * 60_000 })),
    );
    const earliest = Math.floor(Date.now() / 1000) * 1000;
    for (const order of [copies, copies.toReversed()]) {
      const repository = new MemoryRepository();
      for (const [at, copy] of order.entries()) attach(repository, copy, `2026-01-${String(30 - at)}T00:00:00Z`);
      const context = contextOf([logged], { repository, digest });
      const wants = [{ predicateType: SCAN, authority: by }];
      const found = await evidenceUnderTest().proveAttestations(context, digest, wants, "kept");
      const outcome = found.get(attestationKey(SCAN, by.id))!;
      assert.equal(outcome.status, "verified");
      if (outcome.status !== "verified") return;
      for (const { proof } of outcome.value) assert.ok(Date.parse(proof.signedAt!) <= earliest, proof.signedAt);
    }
  });
});

describe("a signature of several images", () => {
  it("has the annotations of each for itself", async () => {
    const other = `sha256:${"b".repeat(64)}`;
    const subject = [
      { digest: { sha256: digest.slice(7) }, annotations: { env: "test" } },
      { digest: { sha256: other.slice(7) }, annotations: { env: "prod" } },
    ];
    const bundle = await sigstore.bundle(hand, { ...statementOf(digest, SIGN), subject }, { log: "none" });
    const say = async (one: string, env: string): Promise<readonly string[]> => {
      const repository = new MemoryRepository();
      repository.put([{ mediaType: BUNDLE, bytes: Buffer.from(JSON.stringify(bundle)) }], {
        subject: one,
        artifactType: BUNDLE,
      });
      const demanding = compile(signedBy(byKey(publicPem(hand), { annotations: { env } })));
      return reasonsOf((await judge(evidenceUnderTest(), demanding, { repository, digest: one })).findings);
    };
    assert.deepEqual(await say(digest, "test"), []);
    assert.deepEqual(await say(digest, "prod"), ["SignatureUntrusted"]);
    assert.deepEqual(await say(other, "prod"), []);
    assert.deepEqual(await say(other, "test"), ["SignatureUntrusted"]);
  });
});

describe("a signature that was proved before", () => {
  const other = `sha256:${"b".repeat(64)}`;
  const SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json";

  it("proves nothing of another image, beside which it lies as well", async () => {
    const repository = new MemoryRepository();
    const bytes = payloadOf(digest);
    const annotations = await sigstore.annotations(hand, bytes, { log: "none" });
    const bundle = Buffer.from(JSON.stringify(await sigstore.bundle(hand, statementOf(digest, SIGN), { log: "none" })));
    const asking = compile(signedBy(byKey(publicPem(hand))));
    for (const put of [
      (beside: string) =>
        repository.put([{ mediaType: SIMPLE, bytes, annotations }], { tag: `${beside.replace(":", "-")}.sig` }),
      (beside: string) =>
        repository.put([{ mediaType: BUNDLE, bytes: bundle }], { subject: beside, artifactType: BUNDLE }),
    ]) {
      put(digest);
      put(other);
      const evidence = evidenceUnderTest();
      const say = async (one: string): Promise<readonly string[]> =>
        reasonsOf((await judge(evidence, asking, { repository, digest: one })).findings);
      assert.deepEqual(await say(digest), []);
      assert.deepEqual(await say(other), ["SignatureInvalid"]);
      assert.deepEqual(await say(digest), []);
    }
  });

  it("does not stand for another one of the same payload", async () => {
    const repository = new MemoryRepository();
    const bytes = payloadOf(digest);
    const second = keyHand();
    const layers = await Promise.all(
      [hand, second].map(async (by) => ({
        mediaType: SIMPLE,
        bytes,
        annotations: await sigstore.annotations(by, bytes, { log: "none" }),
      })),
    );
    repository.put(layers, { tag: `${digest.replace(":", "-")}.sig` });
    const authorities = [hand, second].map((by, at) => byKey(publicPem(by), { name: `${at}` }));
    const asking = compile(signedBy(...authorities));
    assert.deepEqual((await judge(evidenceUnderTest(), asking, { repository, digest })).findings, []);
  });

  it("is proved again under a trust root that was renewed", async () => {
    const foreign = await sigstoreInstance();
    let json = sigstore.trustedRoot;
    const root = (): KnownRoot => ({ json, hash: json });
    const roots = {
      peek: root,
      until: () => Infinity,
      get: async () => ({ status: "verified", value: root() }) as const,
    };
    const evidence = evidenceUnderTest(undefined, { roots });
    const repository = new MemoryRepository();
    const by = await sigstore.issue();
    repository.put(
      [{ mediaType: BUNDLE, bytes: Buffer.from(JSON.stringify(await sigstore.bundle(by, statementOf(digest, SIGN)))) }],
      { subject: digest, artifactType: BUNDLE },
    );
    const identity = { issuerRegExp: ".*", subjectRegExp: ".*" };
    const asking = compile(signedBy({ name: "ci", keyless: { identities: [identity] } }));
    const say = async (): Promise<readonly string[]> =>
      reasonsOf((await judge(evidence, asking, { repository, digest })).findings);
    assert.deepEqual(await say(), []);
    json = foreign.trustedRoot;
    assert.deepEqual(await say(), ["SignatureUntrusted"]);
    json = sigstore.trustedRoot;
    assert.deepEqual(await say(), []);
  });

  it("counts for no more of one rule because another, that is asked at the same time, needs less", async () => {
    const second = keyHand();
    const authorities = [hand, second].map((by, at) => byKey(publicPem(by), { name: `${at}` }));
    const names = ["0", "1"];
    const [one, all] = [1, 2].map((count) => compile({ authorities, signatures: { authorities: names, count } }));
    const repository = new MemoryRepository();
    for (const by of [hand, second]) {
      const bundle = await sigstore.bundle(by, statementOf(digest, SIGN), { log: "none" });
      repository.put([{ mediaType: BUNDLE, bytes: Buffer.from(JSON.stringify(bundle)) }], {
        subject: digest,
        artifactType: BUNDLE,
      });
    }
    repository.wait = () => new Promise((resolve) => setTimeout(resolve, 2));
    const evidence = evidenceUnderTest();
    const said = await Promise.all([one!, all!].map((rule) => judge(evidence, rule, { repository, digest })));
    assert.deepEqual(
      said.map(({ findings }) => reasonsOf(findings)),
      [[], []],
    );
  });
});

describe("an attestation of one type", () => {
  it("is none of another that the same authority is asked for", async () => {
    const repository = new MemoryRepository();
    attach(repository, await attest(hand, "clean"), "2025-01-01T00:00:00Z");
    const types = [SCAN, "https://slsa.dev/provenance/v1"];
    const asking = compile({
      authorities: [byKey(publicPem(hand))],
      attestations: types.map((predicateType) => ({ predicateType, authorities: ["release"] })),
    });
    const { findings } = await judge(evidenceUnderTest(), asking, { repository, digest });
    assert.deepEqual(reasonsOf(findings), ["AttestationMissing"]);
    assert.match(findings[0]?.detail ?? "", /slsa\.dev/);
  });
});

describe("a search that two credentials share", () => {
  it("says nothing of a place that only one of them may read", async () => {
    const sign = async (repository: MemoryRepository, by: Hand): Promise<void> => {
      const bundle = await sigstore.bundle(by, statementOf(digest, SIGN), { log: "none" });
      repository.put([{ mediaType: BUNDLE, bytes: Buffer.from(JSON.stringify(bundle)) }], {
        subject: digest,
        artifactType: BUNDLE,
      });
    };
    const elsewhere = "registry.example.com/signatures";
    const [beside, own] = [keyHand(), keyHand()];
    const repository = new MemoryRepository();
    const seen = new MemoryRepository(elsewhere, "with its secret");
    const unseen = new MemoryRepository(elsewhere, "without");
    await sign(seen, own);
    const one = byKey(publicPem(own), { name: "elsewhere", repository: elsewhere });
    const both = compile(signedBy(one, byKey(publicPem(beside))));
    const clock = { now: 1_000_000 };
    const evidence = evidenceUnderTest(clock);
    const say = async (asked: typeof both, other: MemoryRepository): Promise<readonly string[]> =>
      reasonsOf((await judge(evidence, asked, { repository, digest, others: [other] })).findings);
    assert.deepEqual(await say(both, seen), ["SignatureMissing"]);
    clock.now += 600;
    assert.deepEqual(await say(compile(signedBy(one)), unseen), ["SignatureMissing"]);
    await sign(repository, beside);
    // Each knows of the other place what it may; what is left to find is the same for both.
    assert.deepEqual(await Promise.all([say(both, seen), say(both, unseen)]), [[], ["SignatureMissing"]]);
  });
});

describe("a search that is joined", () => {
  it("answers each for all that it asks, what needs no search too", async () => {
    const repository = new MemoryRepository();
    attach(repository, await attest(hand, "clean"), "2025-01-01T00:00:00Z");
    const asking = compile({
      authorities: [
        byKey(publicPem(hand)),
        { name: "kms", key: { kms: "hashivault://k" }, transparencyLog: "Ignored" },
      ],
      attestations: [{ predicateType: SCAN, authorities: ["release", "kms"] }],
    });
    const context = contextOf([asking], { repository, digest });
    const wants = [...asking.authorities.values()].map((one) => ({ predicateType: SCAN, authority: one }));
    const evidence = evidenceUnderTest();
    // The key service was asked before, so that both know at once that there is none.
    await evidence.proveAttestations(context, `sha256:${"c".repeat(64)}`, wants, "kept");
    const [few, many] = await Promise.all([
      evidence.proveAttestations(context, digest, wants.slice(0, 1), "kept"),
      evidence.proveAttestations(context, digest, wants, "kept"),
    ]);
    assert.deepEqual([few.size, many.size], [1, 2]);
    assert.equal(many.get(attestationKey(SCAN, wants[1]!.authority.id))?.status, "unavailable");
  });
});

describe("who needs all that was attested", () => {
  /** The older one under cosign's tag, found at once; the newer one behind junk that takes longer than there is time. */
  const buried = async (): Promise<MemoryRepository> => {
    const repository = new MemoryRepository();
    const { dsseEnvelope } = (await attest(hand, "clean")) as {
      dsseEnvelope: { payload: string; payloadType: string; signatures: object[] };
    };
    repository.put(
      [{ mediaType: "application/vnd.dsse.envelope.v1+json", bytes: Buffer.from(JSON.stringify(dsseEnvelope)) }],
      { tag },
    );
    for (let at = 0; at < 200; at++) attach(repository, { at }, "2099-01-01T00:00:00Z");
    attach(repository, await attest(hand, "vulnerable"), "2025-01-01T00:00:00Z");
    return repository;
  };

  it("is not given half of it when the time is over, neither at once nor later", async () => {
    const repository = await buried();
    const evidence = evidenceUnderTest();
    repository.wait = () => new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(said(await all(evidence, repository, AbortSignal.timeout(100))), ["unavailable"]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    repository.wait = () => Promise.resolve();
    assert.deepEqual(said(await all(evidence, repository)), ["clean", "vulnerable"]);
  });

  it("is not given half of it by a rule that had enough of it", async () => {
    const repository = await buried();
    const evidence = evidenceUnderTest();
    assert.deepEqual((await judge(evidence, policy, { repository, digest })).findings, []);
    repository.fail = () => ({ status: "unavailable", cause: "serverError", message: "the registry answered 500" });
    assert.deepEqual(said(await all(evidence, repository)), ["unavailable"]);
  });
});

describe("so much junk that time runs out", () => {
  const nobody = compile(signedBy(byKey(publicPem(keyHand()))));
  const flooded = (count: number, bytes: number): MemoryRepository => {
    const repository = new MemoryRepository();
    for (let at = 0; at < count; at++)
      repository.put([{ mediaType: BUNDLE, bytes: Buffer.from(`{"at":${at}}${" ".repeat(bytes)}`) }], {
        subject: digest,
        artifactType: BUNDLE,
        annotations: { "dev.sigstore.bundle.predicateType": SIGN },
      });
    return repository;
  };
  /** Everything is answered at once, but for the last of it: as if there were much more. */
  const endless = (repository: MemoryRepository, calls: number): void => {
    repository.wait = () =>
      repository.calls.manifest + repository.calls.blob < calls
        ? Promise.resolve()
        : new Promise((resolve) => setTimeout(resolve, 2_000).unref());
  };

  it("is the content's doing: no onUnavailable lets it pass", async () => {
    for (const [count, bytes] of [
      [1_200, 0],
      [20, 5 * 1024 * 1024],
    ] as const) {
      const repository = flooded(count, bytes);
      endless(repository, 2 * count - 4);
      const { findings } = await judge(evidenceUnderTest(), nobody, {
        repository,
        digest,
        signal: AbortSignal.timeout(1_500),
      });
      assert.deepEqual(reasonsOf(findings), ["SignatureInvalid"], `${count} of ${bytes} bytes`);
      assert.equal(findings[0]!.unavailable, undefined);
    }
  }).timeout(20_000);

  it("is not said of a slow registry with little in it", async () => {
    const repository = flooded(10, 0);
    endless(repository, 16);
    const { findings } = await judge(evidenceUnderTest(), nobody, {
      repository,
      digest,
      signal: AbortSignal.timeout(300),
    });
    assert.deepEqual(reasonsOf(findings), ["EvidenceUnavailable"]);
  });
});
