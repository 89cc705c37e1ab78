import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { PolicySpec } from "../../crds/types.ts";
import type { RuleFinding } from "../../policy/finding/finding.ts";
import { MemoryRepository, readFixture } from "../unit/evidence/sigstore/memoryRepository.ts";
import { byKey, compile, evidenceUnderTest, judge, signedBy } from "../unit/evidence/sigstore/underTest.ts";

const names = [
  "cosign2-signature",
  "cosign3-signature",
  "cosign2-attestations",
  "cosign3-attestations",
  "cosign2-and-3",
  "cosign3-other-image",
  "cosign2-signature-oci11-fallback",
] as const;
const fixtures = new Map(names.map((name) => [name, readFixture(name)]));
const key = (name: (typeof names)[number]): string => fixtures.get(name)!.publicKey;
const provenance = "https://slsa.dev/provenance/v1";
const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";

const a = byKey(key("cosign2-signature"), { name: "a" });
const b = byKey(key("cosign3-attestations"), { name: "b" });
const c = byKey(key("cosign2-and-3"), { name: "c", annotations: { env: "prod" } });
const both = [a, b];
const attested = (more: object): PolicySpec => ({
  authorities: both,
  attestations: [{ predicateType: provenance, authorities: ["a", "b"], count: 1, ...more }],
});
const hosted = 'predicate.runDetails.builder.id == "https://example.com/builder/hosted"';
const policies = [
  signedBy(a),
  signedBy(b),
  signedBy(c),
  signedBy(a, b),
  { ...signedBy(a, b), signatures: { authorities: ["a", "b"], count: 1 } },
  attested({}),
  attested({ conditions: [{ expression: hosted }] }),
  attested({ conditions: [{ expression: `!(${hosted})` }] }),
  attested({ maxAge: "1d" }),
  attested({ count: 2 }),
  attested({ predicateType: "vuln" }),
  attested({ predicateType: "https://example.com/other" }),
  { ...signedBy(a), attestations: attested({}).attestations! },
].map((spec) => compile(spec));
const digests = ["cosign3-signature", "cosign3-other-image"].map((name) => readFixture(name).digest);
const now = Date.parse("2026-06-02T00:00:00Z");

describe("verdicts about signatures", () => {
  it("are the same warm and cold, message by message, whatever was asked before", async () => {
    const step = fc.record({
      policy: fc.nat(policies.length - 1),
      digest: fc.nat(digests.length - 1),
      later: fc.constantFrom(0, 100, 400, 600_001),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.subarray([...names]),
        fc.nat(3),
        fc.array(step, { minLength: 2, maxLength: 8 }),
        async (present, junk, steps) => {
          const repository = MemoryRepository.of(...present);
          for (let at = 0; at < junk; at++)
            repository.put([{ mediaType: BUNDLE, bytes: Buffer.from(`junk ${at}`) }], {
              subject: digests[0]!,
              artifactType: BUNDLE,
            });
          const clock = { now };
          const warm = evidenceUnderTest(clock);
          for (const { policy, digest, later } of steps) {
            clock.now += later;
            const asking = { repository, digest: digests[digest]!, now };
            const say = async (evidence: typeof warm): Promise<readonly RuleFinding[]> =>
              (await judge(evidence, policies[policy]!, asking)).findings;
            assert.deepEqual(await say(warm), await say(evidenceUnderTest({ now })));
          }
        },
      ),
      {
        numRuns: 60,
        examples: [
          // Attestations that the policy before asked for were mentioned to one that asks for signatures only.
          [
            ["cosign2-attestations"],
            0,
            [
              { policy: policies.length - 1, digest: 0, later: 0 },
              { policy: 0, digest: 0, later: 0 },
            ],
          ],
        ],
      },
    );
  }).timeout(60_000);
});
