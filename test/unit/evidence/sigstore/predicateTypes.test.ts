import assert from "node:assert/strict";
import { MemoryRepository } from "./memoryRepository.ts";
import { envelopeOf, keyHand, publicPem, statementOf } from "./sigstoreInstance.ts";
import { byKey, compile, evidenceUnderTest, judge, reasonsOf } from "./underTest.ts";

const DSSE = "application/vnd.dsse.envelope.v1+json";
const digest = `sha256:${"a".repeat(64)}`;

describe("predicate types", () => {
  const hand = keyHand();
  const reasonsFor = async (asked: string, attested: string): Promise<readonly string[]> => {
    const repository = new MemoryRepository();
    const { bytes } = envelopeOf(hand, statementOf(digest, attested));
    repository.put([{ mediaType: DSSE, bytes }], { tag: `${digest.replace(":", "-")}.att` });
    const policy = compile({
      authorities: [byKey(publicPem(hand))],
      attestations: [{ predicateType: asked, authorities: ["release"] }],
    });
    return reasonsOf((await judge(evidenceUnderTest(), policy, { repository, digest })).findings);
  };

  it("may lack a scheme, as cosign 1 wrote them, and are compared exactly", async () => {
    const old = "cosign.sigstore.dev/attestation/v1";
    assert.deepEqual(await reasonsFor(old, old), []);
    assert.deepEqual(await reasonsFor(`https://${old}`, `https://${old}`), []);
    assert.deepEqual(await reasonsFor("custom", `https://${old}`), []);
    for (const [asked, attested] of [
      [old, `https://${old}`],
      [`https://${old}`, old],
      ["custom", old],
      [old, `${old}/x`],
    ] as const)
      assert.deepEqual(await reasonsFor(asked, attested), ["AttestationMissing"], `${asked} ${attested}`);
  });

  it("that are neither a URI, a host with a path nor a short name are a fault of the policy", () => {
    for (const asked of ["slsa", "slsa/v1", "cosign.sigstore.dev", "cosign.sigstore.dev/", "a b.c/d", "a.b/c d"]) {
      const { faults } = compile({
        authorities: [byKey(publicPem(hand))],
        attestations: [{ predicateType: asked, authorities: ["release"] }],
      });
      assert.match(faults.map(({ message }) => message).join(), /neither a URI/, asked);
    }
  });
});
