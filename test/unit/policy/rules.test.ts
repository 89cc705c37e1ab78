import assert from "node:assert/strict";
import { POLICY_SCHEMA } from "../../../crds/policySchema.ts";
import { createReview } from "../../../engine/review.ts";
import { FieldFaults } from "../../../policy/compile/faults.ts";
import type { CompiledPolicy } from "../../../policy/compiledPolicy.ts";
import { defineRule, type SpecRule } from "../../../policy/rules/rule.ts";
import { ruleOf, TABLE } from "../../../policy/rules/table.ts";
import { compileRule } from "./compiling.ts";
import { DIGEST, facts, neverAsked, policy, request, subject, verdicts } from "./judging.ts";

/** A rule that nobody has thought of: an image's manifest must say who owns it. */
const owned = defineRule({
  // In a real one the schema has the name first.
  name: "baseImages" satisfies SpecRule,
  compile: ({ allow }, { faults }) => {
    if (allow === undefined) faults.at("allow").add("InvalidSpec", "names nobody");
    return allow ?? [];
  },
  needs: (owners) => (owners.length === 0 ? "nothing" : "content"),
  judgeText: (owners, { namespace }) =>
    owners.includes(namespace)
      ? [{ rule: "baseImages", reason: "BaseImageNotAllowed", detail: "is its own owner" }]
      : [],
  judge: (owners, { manifest }, { createdAt, now }) =>
    manifest?.status === "verified" && owners.includes(manifest.value.annotations["owner"] ?? "")
      ? []
      : [
          {
            rule: "baseImages",
            reason: "BaseImageUnknown",
            detail: `nobody owns it, ${now - createdAt} ms after it was made`,
          },
        ],
  dependsOn: () => ({ age: true }),
});

/** A policy with the rule, as the table would give it. */
function owning(
  names: readonly string[],
  spec: Parameters<typeof policy>[0] = { digest: { required: false } },
): CompiledPolicy {
  const base = policy(spec);
  const compiled = owned.compile(
    { baseImages: { allow: names } },
    {
      faults: new FieldFaults("spec"),
      authorities: () => ({ trusted: [], faulty: [] }),
      advise: () => undefined,
    },
  );
  assert.ok(compiled);
  return { ...base, rules: [...base.rules, compiled] };
}

const manifest = (owner: string) =>
  facts({
    manifest: {
      status: "verified",
      value: { digest: DIGEST, mediaType: "m", size: 1, annotations: { owner }, platforms: [] },
    },
  });

describe("the table of rules", () => {
  it("has a row for each part of the specification that is not said to loosen nothing", () => {
    const others = [
      "enforcementAction",
      "enforcementOverrides",
      "onUnavailable",
      "match",
      "authorities",
      "registryCredentials",
      "audit",
    ];
    assert.deepEqual(
      Object.keys(POLICY_SCHEMA.properties ?? {}).toSorted(),
      [...Object.keys(TABLE), ...others].toSorted(),
    );
    for (const part of others) assert.equal(ruleOf(part), undefined, part);
  });
  it("names each row as the rule and the part are named", () => {
    for (const [key, { name }] of Object.entries(TABLE)) assert.equal(name, key);
  });

  describe("a rule that is new to it", () => {
    const review = (one: CompiledPolicy, image: string, said = manifest("team-a")) =>
      createReview(() => said)(request([one], subject([image])));

    it("is compiled with the paths of its faults", () => {
      const { rule, faults } = compileRule(owned, { baseImages: { required: true } });
      assert.deepEqual(rule, []);
      assert.deepEqual(faults, [{ reason: "InvalidSpec", path: "spec.baseImages.allow", message: "names nobody" }]);
    });
    it("is not there where the policy does not have it", () => {
      assert.throws(() => compileRule(owned, { digest: {} }), /no baseImages/);
    });
    it("lets pass what it has nothing to say of", async () => {
      const decision = await review(owning(["team-a"]), `web.io/a@${DIGEST}`);
      assert.equal(decision.verdict, "allow");
    });
    it("speaks with its policy's action", async () => {
      const decision = await review(
        owning(["team-b"], { enforcementAction: "warn", digest: { required: false } }),
        `web.io/a@${DIGEST}`,
      );
      assert.deepEqual(verdicts(decision), ["warn baseImages BaseImageUnknown"]);
      assert.match(decision.findings[0]?.message ?? "", /nobody owns it, 0 ms after it was made/);
    });
    it("cannot judge a tag that nobody pins, and asks nothing about it", async () => {
      const decision = await createReview(neverAsked)(request([owning(["team-a"])], subject(["web.io/a:v1"])));
      assert.deepEqual(verdicts(decision), ["deny baseImages TagNotPinned"]);
    });
    it("says without asking what the text alone tells", async () => {
      const decision = await createReview(neverAsked)(request([owning(["team"])], subject([`web.io/a@${DIGEST}`])));
      assert.deepEqual(verdicts(decision), ["deny baseImages BaseImageNotAllowed"]);
    });
    it("is not asked where it needs nothing", async () => {
      const decision = await createReview(neverAsked)(request([owning([])], subject([`web.io/a@${DIGEST}`])));
      assert.equal(decision.verdict, "allow");
    });
  });
});

describe("FieldFaults", () => {
  it("tells each fault with its path, here and above, in the order in which they were found", () => {
    const faults = new FieldFaults("spec");
    const entry = faults.at("scan").at("sources", 1);
    faults.at("match").add("PatternInvalid", "first");
    entry.at("key").add("InvalidSpec", "second");
    faults.at("scan", "maxAge").add("InvalidSpec", "third");
    assert.deepEqual(
      faults.list.map(({ path, message }) => `${path} ${message}`),
      ["spec.match first", "spec.scan.sources[1].key second", "spec.scan.maxAge third"],
    );
    assert.deepEqual(
      entry.list.map(({ path }) => path),
      ["spec.scan.sources[1].key"],
    );
  });
  it("makes the fault of a compiled rule of what is wrong with it", () => {
    const faults = new FieldFaults("spec");
    const rule = faults.at("scan");
    assert.deepEqual(rule.asField(), {});
    faults.at("match").add("InvalidSpec", "is another's");
    rule.at("maxAge").add("InvalidSpec", "is none");
    rule.at("sources").add("InvalidSpec", "has no source");
    assert.deepEqual(rule.asField(), { fault: "spec.scan.maxAge: is none; spec.scan.sources: has no source" });
  });
});
