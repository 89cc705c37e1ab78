import assert from "node:assert/strict";
import type { PolicySpec } from "../../../../crds/types.ts";
import { MemoryRepository, readFixture } from "./memoryRepository.ts";
import { keyHand, publicPem } from "./sigstoreInstance.ts";
import { byKey, compile, evidenceUnderTest, judge, reasonsOf, signedBy } from "./underTest.ts";

/** What a policy says of a fixture that real cosign made. */
const verdict = async (name: string, spec: PolicySpec, digest = readFixture(name).digest): Promise<string> => {
  const { findings } = await judge(evidenceUnderTest(), compile(spec), {
    repository: MemoryRepository.of(name),
    digest,
  });
  return findings.map(({ reason, detail }) => `${reason}: ${detail}`).join("\n");
};
const right = (name: string): PolicySpec => signedBy(byKey(readFixture(name).publicKey));

describe("signatures that real cosign made", () => {
  const signatures = [
    "cosign2-signature",
    "cosign3-signature",
    ...["p384", "p521", "rsa", "ed25519"].flatMap((key) => [`cosign2-signature-${key}`, `cosign3-signature-${key}`]),
    "cosign2-signature-oci11",
    "cosign2-signature-oci11-fallback",
    "cosign3-signature-fallback",
    "cosign2-signature-index",
    "cosign3-signature-index",
  ];
  for (const name of signatures) {
    it(`takes ${name} for what it is`, async () => {
      assert.equal(await verdict(name, right(name)), "");
    });
    it(`refuses ${name} for another key`, async () => {
      const detail =
        "no signature that counts: release: the one signature there is was not made with this key; sign this digest (cosign sign) as the policy demands";
      assert.equal(await verdict(name, signedBy(byKey(publicPem(keyHand())))), `SignatureUntrusted: ${detail}`);
    });
  }

  it("asks for the annotations that were signed", async () => {
    for (const name of ["cosign2-signature", "cosign3-signature"]) {
      const asking = (annotations: Record<string, string>): PolicySpec =>
        signedBy(byKey(readFixture(name).publicKey, { annotations }));
      assert.equal(await verdict(name, asking({ env: "prod" })), "");
      assert.match(
        await verdict(name, asking({ env: "test" })),
        /^SignatureUntrusted: .*without the annotation env=test/,
      );
      assert.match(await verdict(name, asking({ team: "a" })), /^SignatureUntrusted: .*without the annotation team=a/);
    }
  });

  it("wants a log entry unless it is told not to", async () => {
    for (const name of ["cosign2-signature", "cosign3-signature"]) {
      const spec = signedBy(byKey(readFixture(name).publicKey, { transparencyLog: "Required" }));
      assert.match(await verdict(name, spec), /^TransparencyMissing: .*has no transparency log entry/);
    }
  });

  it("does not let an image wear another's signature", async () => {
    for (const version of ["cosign2", "cosign3"]) {
      const { digest } = readFixture(`${version}-signature`);
      const other = readFixture(`${version}-other-image`);
      const repository = new MemoryRepository();
      repository.load(other);
      // Transplanted: under this image's tag, and in this image's list.
      for (const [, manifest] of Object.entries(other.tags))
        repository.tags.set(`${digest.replace(":", "-")}.sig`, manifest);
      for (const one of repository.lists.get(other.digest) ?? []) repository.list(digest, one);
      const { findings } = await judge(evidenceUnderTest(), compile(signedBy(byKey(other.publicKey))), {
        repository,
        digest,
      });
      assert.deepEqual(reasonsOf(findings), ["SignatureInvalid"]);
      assert.match(findings[0]!.detail, /is of another image/);
    }
  });

  it("covers exactly the manifest that was signed, not an index's children", async () => {
    const name = "cosign3-signature-index";
    const child = readFixture("cosign3-signature").digest;
    assert.match(await verdict(name, right(name), child), /^SignatureMissing: /);
  });

  it("counts signatures of both formats together", async () => {
    const fixture = readFixture("cosign2-and-3");
    assert.equal(await verdict("cosign2-and-3", signedBy(byKey(fixture.publicKey))), "");
    const { findings } = await judge(evidenceUnderTest(), compile(signedBy(byKey(publicPem(keyHand())))), {
      repository: MemoryRepository.of("cosign2-and-3"),
      digest: fixture.digest,
    });
    assert.match(findings[0]!.detail, /of 2 signatures none counts: was not made with this key \(2\)/);
  });

  it("looks in the repository that the authority names, and nowhere else", async () => {
    for (const version of ["cosign2", "cosign3"]) {
      const fixture = readFixture(`${version}-signature-elsewhere`);
      const beside = new MemoryRepository("registry.example.com/app");
      const elsewhere = new MemoryRepository("registry.example.com/signatures");
      elsewhere.load(fixture);
      const policy = (repository?: string) =>
        compile(signedBy(byKey(fixture.publicKey, repository === undefined ? {} : { repository })));
      const asking = { repository: beside, digest: fixture.digest, others: [elsewhere] };
      const named = await judge(evidenceUnderTest(), policy("registry.example.com/signatures"), asking);
      assert.deepEqual(named.findings, []);
      assert.equal(beside.calls.referrers + beside.calls.manifestByTag, 0);
      assert.deepEqual(reasonsOf((await judge(evidenceUnderTest(), policy(), asking)).findings), ["SignatureMissing"]);
    }
  });
});

describe("attestations that real cosign made", () => {
  const attested = (name: string, more: object = {}): PolicySpec => ({
    authorities: [byKey(readFixture(name).publicKey)],
    attestations: [{ predicateType: "https://slsa.dev/provenance/v1", authorities: ["release"], ...more }],
  });
  for (const name of ["cosign2-attestations", "cosign3-attestations"]) {
    it(`proves those of ${name}`, async () => {
      assert.equal(await verdict(name, attested(name)), "");
      assert.equal(await verdict(name, attested(name, { predicateType: "slsaprovenance1" })), "");
      assert.equal(await verdict(name, attested(name, { predicateType: "vuln" })), "");
    });
    it(`does not take another type of ${name}`, async () => {
      assert.match(
        await verdict(name, attested(name, { predicateType: "https://slsa.dev/provenance/v0.2" })),
        /^AttestationMissing: .*no attestation of this type was found; there are others: https:\/\/cosign.sigstore.dev\/attestation\/vuln\/v1, https:\/\/slsa.dev\/provenance\/v1/,
      );
    });
    it(`judges the conditions on ${name}`, async () => {
      const hosted = 'predicate.runDetails.builder.id == "https://example.com/builder/hosted"';
      assert.equal(await verdict(name, attested(name, { conditions: [{ expression: hosted }] })), "");
      const other = [{ expression: hosted.replace("hosted", "own"), message: "not our builder" }];
      assert.match(
        await verdict(name, attested(name, { conditions: other })),
        /^AttestationRejected: .*release: not our builder;/,
      );
    });
    it(`judges the age of ${name} by the predicate where nobody signed a time`, async () => {
      const now = Date.parse("2026-06-02T12:00:00Z");
      const repository = MemoryRepository.of(name);
      const { digest } = readFixture(name);
      for (const [maxAge, expected] of [
        ["25h", []],
        ["23h", ["AttestationRejected"]],
      ] as const) {
        const { findings } = await judge(evidenceUnderTest(), compile(attested(name, { maxAge })), {
          repository,
          digest,
          now,
        });
        assert.deepEqual(reasonsOf(findings), expected, maxAge);
      }
    });
    it(`takes no attestation of ${name} for a signature`, async () => {
      assert.match(await verdict(name, right(name)), /^SignatureMissing: .*no signature was found/);
    });
    it(`takes no other key for ${name}`, async () => {
      const spec = { ...attested(name), authorities: [byKey(publicPem(keyHand()))] };
      assert.match(await verdict(name, spec), /^AttestationUntrusted: /);
    });
  }
  it("takes no signature for an attestation", async () => {
    for (const name of ["cosign2-signature", "cosign3-signature"])
      assert.match(await verdict(name, attested(name)), /^AttestationMissing: /);
  });
  it("takes no signature for an attestation of its own type either", async () => {
    const name = "cosign3-signature";
    const spec = {
      ...right(name),
      attestations: [{ predicateType: "https://sigstore.dev/cosign/sign/v1", authorities: ["release"] }],
    };
    assert.match(await verdict(name, spec), /^AttestationMissing: /);
  });
});
