import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { KeyAuthority } from "../../../../policy/authority.ts";
import { attestationKey } from "../../../../policy/facts/attestationKey.ts";
import type { Quorum } from "../../../../policy/authority.ts";
import type { AttestationRule } from "../../../../policy/compile/rules/attestations.ts";
import type { AttestationOutcome, ProvedStatement, SignatureOutcome } from "../../../../policy/facts/facts.ts";
import { compileCondition } from "../../../../policy/compile/cel/condition.ts";
import { judgeAttestations } from "../../../../policy/rules/attestations.ts";
import { distinctSigners } from "../../../../policy/rules/distinctSigners.ts";
import { judgeSignatures } from "../../../../policy/rules/signatures.ts";
import { referenceTo, reasonsOf } from "./underTest.ts";

const authority = (name: string): KeyAuthority => ({
  type: "key",
  name,
  id: `id-${name}`,
  keys: [],
  transparencyLog: "Ignored",
  trustRoot: { type: "publicGood" },
  annotations: {},
});
const rule = (names: readonly string[], count: number, faulty: readonly string[] = []): Quorum => ({
  authorities: { trusted: names.map(authority), faulty: faulty.map((name) => ({ name, message: "is broken" })) },
  count,
  everyone: false,
});
/** Authorities of one key, and no count. */
const everyone = (names: readonly string[], faulty: readonly string[] = []): Quorum => ({
  ...rule(names, 1, faulty),
  everyone: true,
});
const by = (...signers: string[]): SignatureOutcome => ({
  status: "verified",
  value: signers.map((signer) => ({ signer, fingerprint: signer })),
});
const missing: SignatureOutcome = { status: "absent", message: "no signature was found" };
const untrusted: SignatureOutcome = {
  status: "invalid",
  reason: "SignatureUntrusted",
  message: "was not made with this key",
};
const invalid: SignatureOutcome = { status: "invalid", reason: "SignatureInvalid", message: "is of another image" };
const unlogged: SignatureOutcome = { status: "invalid", reason: "TransparencyMissing", message: "has no log entry" };
const unknown: SignatureOutcome = { status: "unavailable", cause: "timeout", message: "took too long" };
const judged = (one: Quorum, outcomes: Readonly<Record<string, SignatureOutcome>>): readonly string[] =>
  judgeSignatures(one, {
    signatures: new Map(Object.entries(outcomes).map(([name, outcome]) => [`id-${name}`, outcome])),
  }).map(({ reason, unavailable }) => (unavailable === undefined ? reason : `${reason} ${unavailable}`));

describe("counting authorities", () => {
  const table: readonly (readonly [
    why: string,
    rule: Quorum,
    outcomes: Readonly<Record<string, SignatureOutcome>>,
    expected: readonly string[],
  ])[] = [
    ["enough", rule(["a", "b"], 1), { a: by("k1"), b: missing }, []],
    ["all of them", rule(["a", "b"], 2), { a: by("k1"), b: by("k2") }, []],
    ["one too few", rule(["a", "b"], 2), { a: by("k1"), b: missing }, ["SignatureMissing"]],
    ["one signer behind two names", rule(["a", "b"], 2), { a: by("k1"), b: by("k1") }, ["SignatureMissing"]],
    ["two signers, one of whom both trust", rule(["a", "b"], 2), { a: by("k1"), b: by("k1", "k2") }, []],
    ["the same, the other way round", rule(["a", "b"], 2), { a: by("k1", "k2"), b: by("k1") }, []],
    [
      "three names and two signers",
      rule(["a", "b", "c"], 3),
      { a: by("k1", "k2"), b: by("k1"), c: by("k2") },
      ["SignatureMissing"],
    ],
    [
      "the closest reason first",
      rule(["a", "b", "c", "d"], 4),
      { a: missing, b: invalid, c: untrusted, d: unlogged },
      ["TransparencyMissing"],
    ],
    ["untrusted before invalid", rule(["a", "b"], 2), { a: invalid, b: untrusted }, ["SignatureUntrusted"]],
    ["an outage that does not matter", rule(["a", "b"], 1), { a: by("k1"), b: unknown }, []],
    ["an outage that does", rule(["a", "b"], 1), { a: missing, b: unknown }, ["EvidenceUnavailable evidence"]],
    ["an outage that could not help", rule(["a", "b"], 2), { a: missing, b: unknown }, ["SignatureMissing"]],
    ["a question that was not asked", rule(["a"], 1), {}, ["EvidenceUnavailable evidence"]],
    ["one key, and both names proved", everyone(["a", "b"]), { a: by("k1"), b: by("k1") }, []],
    [
      "one key, whose signature lacks what one of the names asks for",
      everyone(["a", "b"]),
      { a: by("k1"), b: untrusted },
      ["SignatureUntrusted"],
    ],
    ["one key, not in the log", everyone(["a", "b"]), { a: by("k1"), b: unlogged }, ["TransparencyMissing"]],
    ["one key, an outage", everyone(["a", "b"]), { a: by("k1"), b: unknown }, ["EvidenceUnavailable evidence"]],
    ["one key, a refusal and an outage", everyone(["a", "b"]), { a: missing, b: unknown }, ["SignatureMissing"]],
    [
      "one key, and a fault",
      everyone(["a", "b"], ["x"]),
      { a: by("k1"), b: by("k1") },
      ["EvidenceUnavailable configuration"],
    ],
    ["one key, a refusal and a fault", everyone(["a", "b"], ["x"]), { a: by("k1"), b: missing }, ["SignatureMissing"]],
    ["a fault that does not matter", rule(["a"], 1, ["x"]), { a: by("k1") }, []],
    ["a fault that does", rule(["a"], 1, ["x"]), { a: missing }, ["EvidenceUnavailable configuration"]],
    ["a fault that could not help", rule(["a", "b"], 3, ["x"]), { a: missing, b: by("k1") }, ["SignatureMissing"]],
    [
      "a fault and an outage, the outage being enough",
      rule(["a"], 1, ["x"]),
      { a: unknown },
      ["EvidenceUnavailable evidence"],
    ],
    [
      "a fault and an outage, both needed",
      rule(["a"], 2, ["x"]),
      { a: unknown },
      ["EvidenceUnavailable configuration", "EvidenceUnavailable evidence"],
    ],
    ["only faults", rule([], 1, ["x"]), {}, ["EvidenceUnavailable configuration"]],
    ["nobody at all", rule([], 1), {}, ["SignatureMissing"]],
  ];
  for (const [why, one, outcomes, expected] of table) it(why, () => assert.deepEqual(judged(one, outcomes), expected));

  const signers = fc.array(fc.constantFrom("k1", "k2", "k3", "k4"), { maxLength: 4 });
  it("is the largest matching (against every assignment)", () => {
    const best = (lists: readonly (readonly string[])[], taken: ReadonlySet<string> = new Set()): number => {
      const [first, ...rest] = lists;
      if (first === undefined) return 0;
      const without = best(rest, taken);
      return Math.max(
        without,
        ...first.filter((one) => !taken.has(one)).map((one) => 1 + best(rest, new Set([...taken, one]))),
      );
    };
    fc.assert(
      fc.property(fc.array(signers, { maxLength: 5 }), (lists) => assert.equal(distinctSigners(lists), best(lists))),
    );
  });

  const outcome = fc.oneof(
    signers.filter((list) => list.length > 0).map((list) => by(...list)),
    fc.constantFrom(missing, untrusted, invalid, unlogged, unknown),
  );
  it("never gets better by losing a proof, and never passes by an outage or a fault", () => {
    fc.assert(
      fc.property(
        fc.array(outcome, { minLength: 1, maxLength: 4 }),
        fc.nat(4),
        fc.nat(2),
        (outcomes, worse, faults) => {
          const names = outcomes.map((_, at) => `a${at}`);
          const facts = (list: readonly SignatureOutcome[]) =>
            Object.fromEntries(list.map((one, at) => [`a${at}`, one]));
          for (let count = 1; count <= names.length; count++) {
            const one = rule(
              names,
              count,
              Array.from({ length: faults }, (_, at) => `f${at}`),
            );
            const passes = judged(one, facts(outcomes)).length === 0;
            const fewer = outcomes.map((old, at) => (at === worse % outcomes.length ? unknown : old));
            if (!passes) assert.notEqual(judged(one, facts(fewer)).length, 0);
            const proofs = outcomes.flatMap((found) =>
              found.status === "verified" ? [found.value.map(({ signer }) => signer)] : [],
            );
            assert.equal(passes, distinctSigners(proofs) >= count);
          }
        },
      ),
    );
  });
});

describe("judging attestations", () => {
  const type = "https://slsa.dev/provenance/v1";
  const digest = `sha256:${"a".repeat(64)}`;
  const now = Date.parse("2026-06-10T00:00:00Z");
  const condition = (expression: string): AttestationRule["conditions"][number] => {
    const result = compileCondition(expression);
    if (result.status === "refused") throw new Error(result.message);
    return result.condition;
  };
  const statement = (predicate: unknown, signedAt?: string, signer = "k1"): ProvedStatement => ({
    predicateType: type,
    predicate,
    statement: { predicate },
    proof: { fingerprint: signer, signer, ...(signedAt && { signedAt }) },
  });
  const say = (
    more: Partial<AttestationRule>,
    outcomes: Readonly<Record<string, AttestationOutcome>>,
  ): readonly string[] => {
    const names = Object.keys(outcomes);
    const one: AttestationRule = {
      predicateType: type,
      authorities: { trusted: names.map(authority), faulty: [] },
      count: names.length,
      everyone: false,
      conditions: [],
      ...more,
    };
    const attestations = new Map(
      Object.entries(outcomes).map(([name, found]) => [attestationKey(type, `id-${name}`), found]),
    );
    return reasonsOf(
      judgeAttestations(
        one,
        { attestations, digest: { status: "verified", value: digest } },
        { reference: referenceTo(digest), now },
      ),
    );
  };
  const proved = (...statements: ProvedStatement[]): AttestationOutcome => ({ status: "verified", value: statements });
  const day = 86_400_000;

  it("counts the age from the older of the signed time and the predicate's own", () => {
    const old = "2026-06-01T00:00:00Z";
    const young = "2026-06-09T12:00:00Z";
    const finished = (time: string) => ({ runDetails: { metadata: { finishedOn: time } } });
    const table: readonly (readonly [ProvedStatement, readonly string[]])[] = [
      [statement({}, young), []],
      [statement({}, old), ["AttestationRejected"]],
      [statement(finished(young)), []],
      [statement(finished(old)), ["AttestationRejected"]],
      [statement(finished(young), old), ["AttestationRejected"]],
      // Anybody can stamp an old statement anew.
      [statement(finished(old), young), ["AttestationRejected"]],
      [statement(finished(young), young), []],
      [statement({ runDetails: { metadata: { startedOn: old } } }, young), ["AttestationRejected"]],
      [statement({ runDetails: { metadata: { startedOn: old, finishedOn: young } } }, young), []],
      [statement({ metadata: { buildFinishedOn: old } }, young), ["AttestationRejected"]],
      [statement({ metadata: { buildStartedOn: old } }, young), ["AttestationRejected"]],
      [statement({ metadata: { scanFinishedOn: old } }, young), ["AttestationRejected"]],
      [statement({ metadata: { scanStartedOn: old } }, young), ["AttestationRejected"]],
      [statement({ metadata: { timestamp: old } }, young), ["AttestationRejected"]],
      [statement({ creationInfo: { created: old } }, young), ["AttestationRejected"]],
      [statement({ timeVerified: old }, young), ["AttestationRejected"]],
      [statement({ timeCreated: old }, young), ["AttestationRejected"]],
      [statement({ timestamp: old }, young), ["AttestationRejected"]],
      [statement({ timestamp: old, last_updated: young }, young), []],
      [statement({ Timestamp: old }, young), ["AttestationRejected"]],
      [statement({ timestamp: "yesterday" }, young), ["AttestationRejected"]],
      // Go's zero time is none.
      [statement({ metadata: { buildFinishedOn: "0001-01-01T00:00:00Z" } }, young), []],
      [statement({ metadata: { buildFinishedOn: "0001-01-01T00:00:00Z" } }), ["AttestationRejected"]],
      // Exactly as old as is allowed, and a moment older; as far ahead as clocks may differ, and a moment more.
      [statement({}, "2026-06-09T00:00:00.000Z"), []],
      [statement({}, "2026-06-08T23:59:59.999Z"), ["AttestationRejected"]],
      [statement(finished("2026-06-09T00:00:00.000Z"), young), []],
      [statement(finished("2026-06-08T23:59:59.999Z"), young), ["AttestationRejected"]],
      [statement({}, "2026-06-10T00:05:00.000Z"), []],
      [statement({}, "2026-06-10T00:05:00.001Z"), ["AttestationRejected"]],
      [statement(finished("2026-06-10T00:05:00.001Z"), young), ["AttestationRejected"]],
      [statement({ metadata: { buildFinishedOn: young } }), []],
      [statement({ metadata: { scanFinishedOn: young } }), []],
      [statement({ creationInfo: { created: young } }), []],
      [statement({ timestamp: young }), []],
      [statement({}), ["AttestationRejected"]],
      [statement({ timestamp: "yesterday" }), ["AttestationRejected"]],
      [statement({ timestamp: 5 }), ["AttestationRejected"]],
      // Local time, wherever that is; and a day that there is not.
      [statement({ timestamp: "2026-06-09T12:00:00" }), ["AttestationRejected"]],
      [statement({ timestamp: "2026-06-09 12:00:00Z" }), ["AttestationRejected"]],
      [statement({ timestamp: "2026-05-40T00:00:00Z" }), ["AttestationRejected"]],
      [statement({}, "2026-06-10T00:04:00Z"), []],
      [statement({}, "2026-06-10T00:06:00Z"), ["AttestationRejected"]],
    ];
    for (const [one, expected] of table)
      assert.deepEqual(say({ maxAge: day }, { a: proved(one) }), expected, JSON.stringify(one));
    assert.deepEqual(say({}, { a: proved(statement({})) }), []);
  });

  it("wants all conditions on one statement", () => {
    const conditions = [condition("predicate.a == 1"), condition("predicate.b == 1")];
    assert.deepEqual(say({ conditions }, { a: proved(statement({ a: 1, b: 1 })) }), []);
    assert.deepEqual(say({ conditions }, { a: proved(statement({ a: 1, b: 2 }), statement({ a: 2, b: 1 })) }), [
      "AttestationRejected",
    ]);
    assert.deepEqual(say({ conditions }, { a: proved(statement({ a: 2, b: 2 }), statement({ a: 1, b: 1 })) }), []);
  });

  it("wants age and conditions on one statement", () => {
    const conditions = [condition("predicate.a == 1")];
    const apart = proved(statement({ a: 1 }, "2026-06-01T00:00:00Z"), statement({ a: 2 }, "2026-06-09T12:00:00Z"));
    assert.deepEqual(say({ conditions, maxAge: day }, { a: apart }), ["AttestationRejected"]);
  });

  it("wants a signer of its own for every authority that it counts", () => {
    const one = proved(statement({}, undefined, "k1"));
    assert.deepEqual(say({}, { a: one, b: proved(statement({}, undefined, "k2")) }), []);
    assert.notDeepEqual(say({}, { a: one, b: proved(statement({}, undefined, "k1")) }), []);
    assert.deepEqual(say({ count: 1 }, { a: one, b: proved(statement({}, undefined, "k1")) }), []);
  });

  it("answers a broken rule as a fault of the configuration, whatever was found", () => {
    assert.deepEqual(say({ fault: "does not compile" }, { a: proved(statement({})) }), ["EvidenceUnavailable"]);
  });

  it("does not mix up what a condition said of another image", () => {
    const conditions = [condition('image.tag == "v1"')];
    const found = proved(statement({}));
    const one: AttestationRule = {
      predicateType: type,
      authorities: { trusted: [authority("a")], faulty: [] },
      count: 1,
      everyone: true,
      conditions,
    };
    const facts = {
      attestations: new Map([[attestationKey(type, "id-a"), found]]),
      digest: { status: "verified", value: digest },
    } as const;
    const plain = referenceTo(digest);
    const tagged = { ...plain, tag: "v1", canonical: plain.canonical.replace("@", ":v1@") };
    for (const round of [1, 2]) {
      assert.deepEqual(
        reasonsOf(judgeAttestations(one, facts, { reference: plain, now })),
        ["AttestationRejected"],
        `round ${round}`,
      );
      assert.deepEqual(reasonsOf(judgeAttestations(one, facts, { reference: tagged, now })), [], `round ${round}`);
    }
    // A statement of two images, and a tag that moved from the one to the other.
    const bound = { ...one, conditions: [condition(`image.digest == "${digest}"`)] };
    const moved = { ...facts, digest: { status: "verified", value: `sha256:${"b".repeat(64)}` } } as const;
    const { digest: _, ...tag } = { ...plain, canonical: `${plain.name}:v1`, tag: "v1" };
    assert.deepEqual(reasonsOf(judgeAttestations(bound, facts, { reference: tag, now })), []);
    assert.deepEqual(reasonsOf(judgeAttestations(bound, moved, { reference: tag, now })), ["AttestationRejected"]);
  });
});
