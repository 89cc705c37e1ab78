import assert from "node:assert/strict";
import type { AttestationWant } from "../../../../evidence/attestations.ts";
import { KeptOutcomes, OUTCOME_TIMES } from "../../../../evidence/sigstore/keptOutcomes.ts";
import type { AttestationOutcome } from "../../../../policy/facts/facts.ts";
import { MemoryRepository } from "./memoryRepository.ts";
import { keyHand, publicPem } from "./sigstoreInstance.ts";
import { byKey, compile, contextOf, evidenceUnderTest, silent } from "./underTest.ts";

const VULN = "https://cosign.sigstore.dev/attestation/vuln/v1";
const digestOf = (index: number): string => `sha256:${String(index).padStart(64, "0")}`;

/** Two authorities, one of whom signs in a repository of another registry, and audits that ask both or that one. */
const scene = () => {
  const clock = { now: 1_700_000_000_000 };
  const requests: string[] = [];
  const { proveAttestations } = evidenceUnderTest(clock, {
    metrics: { ...silent, cacheRequest: (_, result) => void requests.push(result) },
  });
  const [beside, apart] = [new MemoryRepository("a.example.com/app"), new MemoryRepository("b.example.com/signatures")];
  const { scan } = compile({
    authorities: [
      byKey(publicPem(keyHand()), { name: "here" }),
      byKey(publicPem(keyHand()), { name: "there", repository: apart.name }),
    ],
    scan: { sources: [{ attestation: { authorities: ["here", "there"] } }] },
  });
  const [source] = scan?.sources ?? [];
  assert.ok(source?.type === "attestation");
  const wants = source.authorities.trusted.map((authority): AttestationWant => ({ predicateType: VULN, authority }));
  const ask = async (digest: string, asked: readonly AttestationWant[], mode: "audit" | "admission"): Promise<void> => {
    const context = contextOf([], { repository: beside, others: [apart], digest });
    await proveAttestations({ ...context, request: { ...context.request, mode } }, digest, asked, "kept");
  };
  const looksAt = ({ calls }: MemoryRepository): number => calls.referrers;
  return {
    clock,
    requests,
    ask: async (digest: string, mode: "audit" | "admission" = "audit") => {
      const before = [looksAt(beside), looksAt(apart)] as const;
      await ask(digest, wants, mode);
      return { here: looksAt(beside) - before[0], there: looksAt(apart) - before[1], answer: requests.at(-1) };
    },
    askThere: (digest: string) => ask(digest, wants.slice(1), "audit"),
  };
};

describe("audits of a digest whose signatures are in several places", function () {
  this.timeout(20_000);

  it("look at each place in its own turn, and pay for no other", async () => {
    const { clock, requests, ask, askThere } = scene();
    assert.deepEqual(await ask(digestOf(0)), { here: 1, there: 1, answer: "miss" });
    const many = Array.from({ length: 400 }, (_, index) => digestOf(index + 1));
    for (const digest of many) await askThere(digest);
    clock.now += 45_000;
    requests.length = 0;
    for (const digest of many) await askThere(digest);
    // So many looks at once are allowed; what is kept and does for an audit is no miss.
    assert.deepEqual(
      [...Map.groupBy(requests, (result) => result)].map(([result, all]) => [result, all.length]),
      [
        ["miss", 225],
        ["hit", 175],
      ],
    );
    assert.deepEqual(await ask(digestOf(0)), { here: 1, there: 0, answer: "miss" });
    assert.deepEqual(await ask(digestOf(0)), { here: 0, there: 0, answer: "hit" });
    // Admission takes nothing that is so old.
    assert.deepEqual(await ask(digestOf(0), "admission"), { here: 0, there: 1, answer: "miss" });
    // Nor when it asks in the same moment.
    clock.now += 45_000;
    const audit = ask(digestOf(0));
    assert.equal((await ask(digestOf(0), "admission")).there, 1);
    await audit;
  });
});

describe("what an audit makes do with", () => {
  const absent: AttestationOutcome = { status: "absent", message: "none" };
  const kept = new KeptOutcomes<AttestationOutcome>(1_000_000, OUTCOME_TIMES, () => 1_000_000);
  const answer = (): AttestationOutcome["status"] | undefined => kept.within("key", "audited", 0)?.outcome.status;

  it("is nothing beside which a list names what nobody could look through", () => {
    kept.keep("key", absent, true, 0, { lists: "one", named: new Set(["a", "b"]), proved: true });
    kept.doubt("key", new Set(["b"]));
    assert.equal(answer(), "absent");
    kept.doubt("key", new Set(["b", "c"]));
    assert.equal(answer(), undefined);
    assert.equal(kept.within("key", "kept", 0)?.outcome.status, "absent", "it is as new as it was for others");
    kept.renew("key");
    assert.equal(answer(), "absent", "the lists say again what they said");
  });
});
