import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import type { PolicySpec } from "../../crds/types.ts";
import { createReview } from "../../engine/review.ts";
import type { ImageFacts } from "../../policy/facts/facts.ts";
import { SILENT } from "../../kube/log.ts";
import { createJudge } from "../../operator/audit/judge.ts";
import { CLEAN } from "../../operator/audit/judgement.ts";
import { createWarmUp, type WarmUp } from "../../operator/audit/warmUp.ts";
import type { PodRecord } from "../../operator/cluster/pods.ts";
import { until } from "../unit/kube/fakeApiServer.ts";
import { podRecord } from "./pods.ts";
import { policySet } from "./policies.ts";

const image = (index: number): string => `registry.company.com/app-${index}@sha256:${String(index).padStart(64, "0")}`;
const VERIFIED: Readonly<Record<string, PolicySpec>> = { verified: { digest: { verify: true } } };
const FACTS: ImageFacts = { signatures: new Map(), attestations: new Map(), scans: new Map() };

describe("the warm-up of a new replica", () => {
  let asked: string[];
  let inHand: number;
  let most: number;
  let answer: () => Promise<ImageFacts>;
  let pods: PodRecord[];
  let prepared: Promise<unknown>;
  let ended: number;
  let warmUp: WarmUp;

  beforeEach(() => {
    asked = [];
    inHand = most = ended = 0;
    answer = async () => FACTS;
    pods = [];
    prepared = Promise.resolve();
  });
  afterEach(() => warmUp.stop());

  const begin = (specs = VERIFIED, limit = 5_000): void => {
    const review = createReview(async ({ image: { image: name } }) => {
      asked.push(name);
      most = Math.max(most, (inHand += 1));
      try {
        return await answer();
      } finally {
        inHand -= 1;
      }
    });
    warmUp = createWarmUp({
      pods: { store: { values: () => pods } },
      namespaces: { get: () => ({}) },
      judge: createJudge({ review, now: Date.now, timeout: limit }),
      prepared: () => prepared,
      limit,
      log: SILENT,
      onOver: () => (ended += 1),
    });
    warmUp.begin(policySet(specs));
  };

  it("asks about what runs, each image of a namespace once, what runs most first, and finished pods not at all", async () => {
    pods = [
      podRecord("a", { image: image(1) }),
      podRecord("b", { image: image(2) }),
      podRecord("c", { image: image(2) }),
      podRecord("d", { image: image(2), namespace: "other" }),
      podRecord("e", { image: image(3), phase: "Succeeded" }),
    ];
    begin();
    assert.equal(warmUp.over(), false);
    await until("it is over", () => warmUp.over());
    assert.deepEqual(asked, [image(2), image(1), image(2)]);
    warmUp.begin(policySet(VERIFIED, 2));
    await wait(20);
    assert.equal(asked.length, 3, "once in the life of a process");
    assert.equal(ended, 1);
  });

  it("is over at once where no policy asks a registry, whatever is not known yet", () => {
    prepared = new Promise(() => undefined);
    pods = [podRecord("a", { image: image(1) })];
    begin({ origin: { registries: { allow: [] } }, digests: { digest: {} } });
    assert.equal(warmUp.over(), true);
    begin(VERIFIED, 0);
    assert.equal(warmUp.over(), true, "nor where it is turned off");
    assert.deepEqual(asked, []);
  });

  for (const [what, hang] of [
    ["the pods are never listed", () => (prepared = new Promise(() => undefined))],
    ["a registry never answers", () => (answer = () => new Promise(() => undefined))],
  ] as const) {
    it(`is over when its time is, where ${what}`, async () => {
      pods = Array.from({ length: 100 }, (_, index) => podRecord(`pod-${index}`, { image: image(index) }));
      void hang();
      begin(VERIFIED, 300);
      const since = performance.now();
      await until("it is over", () => warmUp.over());
      assert.ok(performance.now() - since < 2_000);
      const count = asked.length;
      await wait(200);
      assert.equal(asked.length, count, "and nothing is asked afterwards");
    });
  }

  it("gives others their turn where nobody has to be asked, and forgets what it judged", async () => {
    pods = Array.from({ length: 40 }, (_, index) => podRecord(`pod-${index}`, { image: image(index) }));
    let [judged, forgotten, turns] = [0, 0, 0];
    const count = (): void => {
      turns += 1;
      if (!warmUp.over()) setImmediate(count);
    };
    warmUp = createWarmUp({
      pods: { store: { values: () => pods } },
      namespaces: { get: () => ({}) },
      judge: {
        judge: () => {
          judged += 1;
          if (judged === 1) setImmediate(count);
          for (const since = performance.now(); performance.now() - since < 2;);
          return CLEAN;
        },
        forget: () => (forgotten += 1),
      },
      prepared: () => prepared,
      limit: 5_000,
      log: SILENT,
      onOver: () => (ended += 1),
    });
    warmUp.begin(policySet(VERIFIED));
    await until("it is over", () => warmUp.over());
    assert.deepEqual({ judged, forgotten, ended }, { judged: 40, forgotten: 1, ended: 1 });
    assert.ok(turns >= 5, `${turns} turns in 40 steps of 2 ms`);
  });

  it("does not mind what goes wrong", async () => {
    pods = [podRecord("a", { image: image(1) }), podRecord("b", { image: image(2) })];
    answer = () => Promise.reject(new Error("a defect"));
    begin();
    await until("it is over", () => warmUp.over());
    assert.equal(asked.length, 2);
  });

  it("asks at a bounded rate, and few at one time", async () => {
    pods = Array.from({ length: 40 }, (_, index) => podRecord(`pod-${index}`, { image: image(index) }));
    answer = async () => {
      await wait(500);
      return FACTS;
    };
    begin();
    await wait(400);
    assert.ok(asked.length <= 20, `${asked.length} in 400 ms`);
    await until("it is over", () => warmUp.over());
    assert.equal(asked.length, 40);
    assert.ok(most <= 9, `${most} at one time`);
  }).timeout(20_000);
});
