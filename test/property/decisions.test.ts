import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Gather } from "../../evidence/provider.ts";
import { createReview } from "../../engine/review.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { Verdict } from "../../policy/finding/decision.ts";
import type { Finding, Reason } from "../../policy/finding/finding.ts";
import type { Outcome } from "../../policy/facts/outcome.ts";
import { newFindings } from "../../policy/finding/newFindings.ts";
import { parseReference } from "../../policy/image/reference.ts";
import { RULES } from "../../policy/rules/table.ts";
import { subjectOf, WORKLOAD_KINDS } from "../../policy/subject/subjectOf.ts";
import { facts, judge, policy, request, subject } from "../unit/policy/judging.ts";
import { image, spec } from "./arbitraries.ts";

const STRICTNESS: Readonly<Record<Verdict, number>> = { allow: 0, warn: 1, deny: 2 };

const outcome: fc.Arbitrary<Outcome<string>> = fc.oneof(
  fc.constant({ status: "verified", value: `sha256:${"a".repeat(64)}` } as const),
  fc.constant({ status: "verified", value: `sha256:${"c".repeat(64)}` } as const),
  fc.constant({ status: "absent", message: "no" } as const),
  fc.constant({ status: "invalid", reason: "ImageMalformed", message: "no" } as const),
  fc.constant({ status: "unavailable", cause: "timeout", message: "no" } as const),
);

/** One evidence for all, whoever asks. */
const gather: fc.Arbitrary<Gather> = fc.tuple(outcome, outcome).map(
  ([tag, manifest]) =>
    () =>
      facts({
        tag,
        manifest:
          manifest.status === "verified"
            ? {
                status: "verified",
                value: { digest: manifest.value, mediaType: "x", size: 1, annotations: {}, platforms: [] },
              }
            : manifest,
      }),
);

const policies = fc
  .array(spec, { maxLength: 4 })
  .map((specs) => specs.map((one, index): CompiledPolicy => policy(one, `p${index}`)));
const kind = fc.constantFrom("Pod", "Deployment", "CronJob");
const mode = fc.constantFrom("admission" as const, "audit" as const);
const images = fc.array(image, { minLength: 1, maxLength: 3 });

describe("decisions", () => {
  it("adding a policy never allows more", () => {
    fc.assert(
      fc.property(policies, spec, images, kind, gather, mode, (some, more, names, of, evidence, how) => {
        const one = subject(names, { kind: of });
        const before = judge(some, one, evidence, how).verdict;
        const after = judge([...some, policy(more, "more")], one, evidence, how).verdict;
        assert.ok(STRICTNESS[after] >= STRICTNESS[before], `${before} became ${after}`);
      }),
      { numRuns: 1000 },
    );
  });

  it("adding an image never allows more", () => {
    fc.assert(
      fc.property(policies, images, image, gather, (some, names, more, evidence) => {
        const before = judge(some, subject(names), evidence).verdict;
        const after = judge(some, subject([...names, more]), evidence).verdict;
        assert.ok(STRICTNESS[after] >= STRICTNESS[before]);
      }),
    );
  });

  it("do not depend on the order of policies, are sorted, and are the same when they have to wait", async () => {
    await fc.assert(
      fc.asyncProperty(policies, images, gather, async (some, names, evidence) => {
        const one = subject(names);
        const decision = judge(some, one, evidence);
        assert.deepEqual(judge(some.toReversed(), one, evidence), decision);
        assert.deepEqual(await createReview((asked) => Promise.resolve(evidence(asked)))(request(some, one)), decision);
        const order = decision.findings.map(({ policy: name, container, rule, reason }) =>
          [name, container, rule, reason].join(" "),
        );
        assert.deepEqual(
          order,
          order.toSorted((a, b) => (a < b ? -1 : 1)),
        );
      }),
    );
  });

  it("templates are judged as their pods are, by policies about all workloads that pin nothing", () => {
    fc.assert(
      fc.property(fc.array(spec, { maxLength: 3 }), images, gather, (specs, names, evidence) => {
        const all = specs.map((one, index) =>
          policy({ ...one, match: { ...one.match, workloads: "All" } }, `p${index}`),
        );
        const verdicts = [...WORKLOAD_KINDS].map((of) => judge(all, subject(names, { kind: of }), evidence).findings);
        for (const one of verdicts) assert.deepEqual(one, verdicts[0]);
      }),
    );
  });

  it("what does not parse is denied by every deny policy that is about the object", () => {
    fc.assert(
      fc.property(spec, fc.oneof(fc.string(), image), (one, name) => {
        fc.pre(parseReference(name).status === "malformed" && !("reference" in parseReference(name)));
        const compiled = policy(one);
        const where = subject([name]);
        fc.pre(compiled.matchesSubject(where) && compiled.actionIn("team", {}) === "deny");
        assert.equal(judge([compiled], where).verdict, "deny");
      }),
    );
  });

  it("no object and no policy makes the engine throw", () => {
    const key = fc.constantFrom(
      "spec",
      "template",
      "jobTemplate",
      "containers",
      "volumes",
      "image",
      "reference",
      "name",
      "metadata",
      "labels",
      "status",
      "__proto__",
      "x",
    );
    const { value: json } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 6 },
        fc.constantFrom<unknown>(null, true, 5, "nginx", "a.test/x:v1", "", []),
        fc.array(tie("value"), { maxLength: 3 }),
        // As JSON.parse makes them: __proto__ is a member like others.
        fc
          .array(fc.tuple(key, tie("value")), { maxLength: 4 })
          .map((entries) => Object.fromEntries(entries) as unknown),
      ),
    }));
    fc.assert(
      fc.property(json, json, fc.constantFrom(...WORKLOAD_KINDS, "Other"), (object, garbage, of) => {
        const one = subjectOf(object, { kind: of, namespace: "team", namespaceLabels: {} });
        const compiled = [policy({ digest: {}, registries: { allow: [] } }, "a"), policy(garbage as never, "b")];
        const { findings } = judge(compiled, one, () => facts({}));
        // Whatever is listed as an image is judged.
        if (one.images.length > 0) assert.ok(findings.length > 0);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("newFindings", () => {
  const finding: fc.Arbitrary<Finding> = fc.record({
    policy: fc.constantFrom("p", "q"),
    rule: fc.constantFrom(...RULES),
    reason: fc.constantFrom<Reason>("ImageMalformed", "DigestRequired", "ScanStale", "EvidenceUnavailable"),
    container: fc.constantFrom("a", "b"),
    image: fc.constantFrom("x", "y", "z"),
    action: fc.constantFrom("deny" as const, "warn" as const, "dryrun" as const, "allow" as const),
    message: fc.constant("m"),
  });
  const findings = fc.array(finding, { maxLength: 6 });

  it("an object that stays as it is has none", () => {
    fc.assert(fc.property(findings, (all) => assert.deepEqual(newFindings(all, all), [])));
  });
  it("an object that had none has all", () => {
    fc.assert(fc.property(findings, (all) => assert.deepEqual(newFindings(all, []), all)));
  });
  it("containers may be swapped", () => {
    fc.assert(
      fc.property(findings, (all) => {
        const moved = all.map((one) => ({ ...one, container: one.container === "a" ? "b" : "a" }));
        assert.deepEqual(newFindings(moved, all), []);
      }),
    );
  });
  it("each is one of the current, and the more there were the fewer are new", () => {
    fc.assert(
      fc.property(findings, findings, findings, (current, old, more) => {
        const fresh = newFindings(current, old);
        assert.ok(fresh.every((one) => current.includes(one)));
        assert.ok(newFindings(current, [...old, ...more]).every((one) => fresh.includes(one)));
      }),
    );
  });
  it("an image that the old object did not have is always new", () => {
    fc.assert(
      fc.property(findings, findings, finding, (current, old, one) => {
        const brought = { ...one, image: "new" };
        assert.ok(newFindings([...current, brought], old).includes(brought));
      }),
    );
  });
});
