import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { createTurns } from "../../async/turns.ts";
import { MOST_FINDINGS } from "../../engine/findingList.ts";
import { RecentlyClean } from "../../engine/recentlyClean.ts";
import { createReview } from "../../engine/review.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import { editDistance } from "../../policy/image/editDistance.ts";
import { compileLookalikes } from "../../policy/image/lookalike.ts";
import { MOST_USES, type Subject } from "../../policy/subject/subject.ts";
import { subjectOf } from "../../policy/subject/subjectOf.ts";
import { pinTasks } from "../../webhook/review/pinning.ts";
import { DIGEST, policy, request, subject } from "../unit/policy/judging.ts";
import { countedReads } from "./support/countedReads.ts";

const place = { kind: "Pod", namespace: "tenant", namespaceLabels: {} };
const many = <T>(count: number, make: (nth: number) => T): T[] => Array.from({ length: count }, (_, nth) => make(nth));

describe("an object as large as its author likes", () => {
  /** Each with `size` entries on both sides of what could be compared with each other. */
  const shapes: readonly (readonly [what: string, make: (size: number) => object])[] = [
    [
      "containers and statuses that name none of them",
      (size) => ({
        spec: { containers: many(size, (nth) => ({ name: `c${nth}`, image: "a" })) },
        status: { containerStatuses: many(size, () => ({ name: "x" })) },
      }),
    ],
    [
      "image volumes and mounts of none of them",
      (size) => ({
        spec: { volumes: many(size, (nth) => ({ name: `v${nth}`, image: { reference: "a" } })) },
        status: { containerStatuses: [{ name: "x", volumeMounts: many(size, () => ({ name: "y" })) }] },
      }),
    ],
    [
      "image volumes and statuses without mounts",
      (size) => ({
        spec: { volumes: many(size, (nth) => ({ name: `v${nth}`, image: { reference: "a" } })) },
        status: { containerStatuses: many(size, () => ({ name: "x" })), initContainerStatuses: many(size, () => ({})) },
      }),
    ],
    [
      "labels, annotations, pull secrets and owners",
      (size) => ({
        metadata: {
          labels: Object.fromEntries(many(size, (nth) => [`l${nth}`, ""])),
          annotations: Object.fromEntries(many(size, (nth) => [`a${nth}`, ""])),
          ownerReferences: many(size, () => ({ controller: false })),
        },
        spec: { imagePullSecrets: many(size, (nth) => ({ name: `s${nth}` })), containers: [{ name: "c", image: "a" }] },
      }),
    ],
  ];
  for (const [what, make] of shapes) {
    it(`is read in a few steps an entry: ${what}`, () => {
      const stepsOf = (size: number): number => {
        const { value, reads } = countedReads(make(size));
        subjectOf(value, place);
        return reads();
      };
      const [some, twice] = [stepsOf(500), stepsOf(1_000)];
      assert.ok(twice < 2.1 * some, `${some} steps, and ${twice} for twice as much`);
      assert.ok(twice < 1_000 * 40, `${twice} steps`);
    });
  }

  it("has no more of its images read than are judged, and the others are no pass", () => {
    const containers = many(MOST_USES + 2, (nth) => ({ name: `c${nth}`, image: "a.b/c" }));
    const { images } = subjectOf({ spec: { containers } }, place);
    assert.equal(images.length, MOST_USES + 2);
    assert.equal(images[MOST_USES]?.parsed.status, "ok", "the first that is not judged");
    const { parsed } = images[MOST_USES + 1]!;
    assert.equal(parsed.status, "malformed");
    assert.match(parsed.status === "malformed" ? parsed.message : "", /one of more than 1024 images/);
  });
});

describe("an object with a thousand images under large policies", () => {
  const subjectWith = (images: readonly string[]) => subject(images, { namespace: "tenant" });
  const images = many(MOST_USES, (nth) => `a.b/${"x".repeat(200)}-${nth}:1`);
  const refusing = (name: string) => policy({ registries: { allow: [] }, digest: {} }, name);

  /** Reviews with a clock that ticks with each step: a slice is five of them. */
  const judged = async (policies: readonly CompiledPolicy[], one: Subject, signal = new AbortController().signal) => {
    let [steps, turns] = [0, 0];
    const ticking = createTurns(() => (steps += 1), 5);
    const review = createReview(() => assert.fail("nothing is asked"), undefined, undefined, ticking);
    const decision = review({ ...request(policies, one), signal });
    let done = false;
    void Promise.resolve(decision).then(() => (done = true));
    while (!done) {
      turns += 1;
      await turn();
    }
    return { decision: await decision, steps, turns };
  };

  it("is judged in slices, between which others have their turn", async () => {
    const { decision, steps, turns } = await judged([refusing("one"), refusing("two")], subjectWith(images));
    assert.equal(decision.findings.length, 4 * MOST_USES);
    assert.equal(decision.partial, undefined);
    assert.ok(steps >= 2 * MOST_USES, "a step for each image under each policy");
    assert.ok(turns >= steps / 8, `${turns} turns for ${steps} steps`);
  });

  it("is refused by every policy when its deadline passes meanwhile, also what nobody looked at", async () => {
    const late = new AbortController();
    const soft = policy({ enforcementAction: "warn", registries: { allow: ["a.b"] } }, "soft");
    const hard = policy({ registries: { allow: ["a.b"] }, onUnavailable: "allow" }, "hard");
    setImmediate(() => late.abort());
    const { decision } = await judged([soft, hard], subjectWith(images), late.signal);
    assert.equal(decision.verdict, "deny");
    assert.equal(decision.partial, true);
    assert.deepEqual(
      decision.findings.map((one) => [one.policy, one.rule, one.reason, one.action]),
      [
        ["hard", "reference", "EvidenceUnavailable", "deny"],
        ["soft", "reference", "EvidenceUnavailable", "warn"],
      ],
    );
    assert.match(decision.findings[0]!.message, /not judged in time/);
  });

  it("has no more findings than anybody reads, and those of policies that nobody came to are refusals", async () => {
    const warning = many(9, (nth) =>
      policy({ enforcementAction: "warn", registries: { allow: [] }, digest: {} }, `w${nth}`),
    );
    const strict = policy({ registries: { deny: ["evil.io"] } }, "strict");
    const { decision } = await judged([...warning, strict], subjectWith([...images.slice(1), "evil.io/x:1"]));
    assert.equal(decision.partial, true);
    assert.equal(decision.verdict, "deny");
    assert.ok(decision.findings.length <= MOST_FINDINGS + 30);
    const refusal = decision.findings.find(({ policy: name }) => name === "strict");
    assert.match(refusal?.message ?? "", /has more than 16384 findings already/);
  });

  it("takes a bounded room for its messages", async () => {
    const texts = many(8, (nth) => `registry-${nth}.${"company".repeat(8)}.com/${"team/".repeat(25)}app`);
    const strict = many(8, (nth) => policy({ registries: { allow: texts }, digest: {} }, `p${nth}`));
    const { decision } = await judged(strict, subjectWith(images));
    const room = decision.findings.reduce((sum, { message }) => sum + message.length, 0);
    assert.ok(room < 2 * 1024 * 1024 + MOST_FINDINGS * 260, `${room} characters`);
    assert.ok(decision.findings.every(({ message }) => message.startsWith("[p")));
  });

  it("pins what an update changes in a few steps a container", async () => {
    const before = countedReads(subjectWith(images.map((image) => `${image}x`)));
    const steps = pinTasks(subjectWith(images), before.value, [policy({ digest: { pin: "Pods" } })]);
    const tasks = createTurns(() => 0).run(steps);
    assert.equal((await tasks).length, MOST_USES);
    assert.ok(before.reads() < 20 * MOST_USES, `${before.reads()} steps`);
  });
});

describe("what is remembered of a tenant's objects", () => {
  it("is nothing that is as long as its author likes", () => {
    const clean = new RecentlyClean();
    const one = subject([`a.b/c@${DIGEST}`], { namespaceLabels: {} });
    assert.ok(clean.placeOf([], "", one));
    const named = (...imagePullSecrets: string[]) => clean.placeOf([], "", { ...one, imagePullSecrets });
    assert.ok(named("pull"));
    assert.equal(named("x".repeat(2_000)), undefined);
    assert.equal(named(...many(2_000, () => "x")), undefined);
    assert.equal(clean.placeOf([], "", { ...one, serviceAccount: "x".repeat(2_000) }), undefined);
  });
});

describe("hosts that look like allowed ones", () => {
  const middle = many(4, () => "abcdefghij".repeat(5)).join(".");

  it("are compared in a few steps a letter", () => {
    const host = countedReads(Array.from(`z${middle}zz`));
    // Three edits, as far from each other as can be.
    assert.equal(editDistance(host.value, Array.from(`a${middle}bb`), 2), undefined);
    assert.ok(host.reads() < 20 * middle.length, `${host.reads()} steps`);
  });

  it("are compared once, however often an object names them", () => {
    const meant = `registry.${middle}.com`;
    const find = compileLookalikes([meant, "a.b"]);
    const first = find(`registri.${middle}.com:5000`);
    assert.equal(first?.meant, meant);
    assert.equal(find(`registri.${middle}.com`), first, "the very same answer");
  });
});
