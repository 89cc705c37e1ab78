import assert from "node:assert/strict";
import * as fc from "fast-check";
import { createTurns } from "../../async/turns.ts";
import type { ExceptionSpec } from "../../crds/types.ts";
import { createReview } from "../../engine/review.ts";
import type { CompiledException } from "../../policy/exceptions/compiledException.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { Decision } from "../../policy/finding/decision.ts";
import type { Finding } from "../../policy/finding/finding.ts";
import type { Subject } from "../../policy/subject/subject.ts";
import { at, DAY, exception } from "../unit/policy/excepting.ts";
import { facts, NOW, policy, request, subject } from "../unit/policy/judging.ts";
import { image, spec } from "./arbitraries.ts";

const some = <T>(values: readonly T[]): fc.Arbitrary<readonly T[]> =>
  fc.subarray([...values], { minLength: 1, maxLength: 2 });

const digests = [`sha256:${"a".repeat(64)}`, `sha256:${"b".repeat(64)}`];

/** Parts that often hold, so that exceptions and findings meet; each given is one more that must. */
const match: fc.Arbitrary<ExceptionSpec["match"]> = fc
  .record({
    namespaces: fc.option(some(["team", "te*", "*", "other"]), { nil: undefined }),
    images: fc.option(some(["**", "a.test/**", "docker.io/**", "*/team/*", "b.test/x:v1"]), { nil: undefined }),
    digests: fc.option(fc.constant(digests), { nil: undefined, freq: 1 }),
    objectSelector: fc.option(fc.constantFrom({ matchLabels: { app: "web" } }), { nil: undefined, freq: 1 }),
  })
  .map(({ namespaces, images, digests: named, objectSelector }) => ({
    ...(namespaces === undefined && (images !== undefined || named !== undefined)
      ? {}
      : { namespaces: namespaces ?? ["*"] }),
    ...(images === undefined ? {} : { images }),
    ...(named === undefined ? {} : { digests: named }),
    ...(objectSelector === undefined ? {} : { objectSelector }),
  }));

const exceptionSpec = fc.record({
  policies: some(["*", "p*", "p0", "p1", "revocation.p0"]),
  rules: fc.oneof(
    { weight: 2, arbitrary: fc.constant(["All" as const]) },
    {
      weight: 3,
      arbitrary: some(["registries", "digest", "reference", "revocation"] as const).map((rules) => [...rules]),
    },
  ),
  match,
  expires: fc.oneof(
    { weight: 4, arbitrary: fc.constant(at(NOW + 30 * DAY)) },
    { weight: 1, arbitrary: fc.constantFrom(at(NOW - 1), at(NOW), at(NOW + 1), at(NOW + 91 * DAY)) },
  ),
});
const exceptions = fc
  .array(exceptionSpec, { minLength: 1, maxLength: 6 })
  .map((specs) => specs.map((one, index): CompiledException => exception(one, `e${index}`)));
/** The first has something to say of every image. */
const policies = fc
  .array(spec, { minLength: 1, maxLength: 2 })
  .map((specs) => [{ registries: { allow: [] }, digest: {} }, ...specs])
  .map((specs) => specs.map((one, index): CompiledPolicy => policy(one, `p${index}`)));
const object = fc
  .tuple(
    fc.array(image, { minLength: 1, maxLength: 3 }),
    fc.constantFrom("Pod", "Deployment"),
    fc.constantFrom("web", "db", "other"),
  )
  .map(([images, kind, app]): Subject => subject(images, { kind, labels: { app } }));
const mode = fc.constantFrom("admission" as const, "audit" as const);

const review = createReview(
  () => {
    const digest = { status: "verified", value: digests[0] ?? "" } as const;
    return facts({ digest, tag: digest });
  },
  undefined,
  undefined,
  createTurns(() => 0),
);

function decide(
  some: readonly CompiledPolicy[],
  one: Subject,
  how: "admission" | "audit",
  excepted: readonly CompiledException[],
  now = NOW,
): Decision {
  const decision = review({ ...request(some, one, how), exceptions: excepted, now });
  if (decision instanceof Promise) throw new Error("the review waited");
  return decision;
}

const whole = (finding: Finding): string => JSON.stringify({ ...finding, exempted: undefined });
const silenced = ({ findings }: Decision): ReadonlySet<string> =>
  new Set(findings.filter(({ exempted }) => exempted !== undefined).map(whole));

/** Whether the exception of this name is in force, and about the policy and the rule of the finding. */
function covers(by: string, specs: ReadonlyMap<string, CompiledException>, { policy: of, rule }: Finding): boolean {
  const one = specs.get(by);
  return one !== undefined && one.coversPolicy(of) && one.coversRule(rule) && NOW < one.expires && !one.refused;
}

const RUNS = { numRuns: 600 };

describe("exceptions", () => {
  it("silence together what each silences alone, and nothing else", () => {
    fc.assert(
      fc.property(policies, object, mode, exceptions, (some, one, how, all) => {
        // Without one more finding to tell: what a silenced refusal let be asked about is judged by each alone, too.
        const together = decide(some, one, how, all);
        const alone = new Set(all.flatMap((single) => [...silenced(decide(some, one, how, [single]))]));
        const reached = new Set(together.findings.map(whole));
        const texts = new Set(decide(some, one, how, []).findings.map(whole));
        for (const text of silenced(together)) if (texts.has(text)) assert.ok(alone.has(text), text);
        for (const text of alone) assert.ok(!reached.has(text) || silenced(together).has(text), text);
      }),
      RUNS,
    );
  });

  it("name one that covers the finding whole, and the time that it has", () => {
    fc.assert(
      fc.property(policies, object, mode, exceptions, (some, one, how, all) => {
        const byName = new Map(all.map((single) => [single.name, single]));
        for (const finding of decide(some, one, how, all).findings) {
          if (finding.exempted === undefined) continue;
          assert.ok(covers(finding.exempted.by, byName, finding));
          assert.equal(Date.parse(finding.exempted.expires), byName.get(finding.exempted.by)?.expires);
        }
      }),
      RUNS,
    );
  });

  it("take no finding away: all that there is without them is listed with them", () => {
    fc.assert(
      fc.property(policies, object, mode, exceptions, (some, one, how, all) => {
        const listed = new Set(decide(some, one, how, all).findings.map(whole));
        for (const finding of decide(some, one, how, []).findings) assert.ok(listed.has(whole(finding)));
      }),
      RUNS,
    );
  });

  it("decide in any order alike", () => {
    fc.assert(
      fc.property(policies, object, mode, exceptions, (some, one, how, all) => {
        assert.deepEqual(decide(some, one, how, all.toReversed()), decide(some, one, how, all));
      }),
      RUNS,
    );
  });

  it("are as none once they have expired, or where they are refused", () => {
    const end = NOW + 31 * DAY;
    fc.assert(
      fc.property(policies, object, mode, exceptions, (some, one, how, all) => {
        const over = all.filter(({ refused, expires }) => refused !== undefined || expires <= end);
        assert.deepEqual(decide(some, one, how, over, end), decide(some, one, how, [], end));
      }),
      RUNS,
    );
  });

  it("silence no more when one is taken away", () => {
    fc.assert(
      fc.property(policies, object, mode, exceptions, (some, one, how, all) => {
        const before = silenced(decide(some, one, how, all));
        const after = decide(some, one, how, all.slice(1));
        for (const text of silenced(after)) assert.ok(before.has(text));
      }),
      RUNS,
    );
  });
});
