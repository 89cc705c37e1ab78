import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { createReview, type Review, type ReviewRequest } from "../../engine/review.ts";
import type { PodJudgement } from "../../operator/audit/podJudgements.ts";
import { Auditor, type AuditSnapshot } from "../../operator/audit/auditor.ts";
import { createCoverage, type Coverage } from "../../operator/audit/coverage.ts";
import { createJudge, podCase } from "../../operator/audit/judge.ts";
import { createTally, type ViolationCounts } from "../../operator/audit/violationCounts.ts";
import { SILENT } from "../../kube/log.ts";
import type { PolicySet } from "../../operator/policies/policySet.ts";
import type { NamespaceRecord } from "../../operator/cluster/namespaces.ts";
import { samePod, type PodRecord } from "../../operator/cluster/pods.ts";
import type { CompiledException } from "../../policy/exceptions/compiledException.ts";
import { createStore, type Store } from "../../kube/cache/store.ts";
import { until } from "../unit/kube/fakeApiServer.ts";
import { podRecord } from "./pods.ts";
import { policySet } from "./policies.ts";
import { at, DAY, exception } from "../unit/policy/excepting.ts";
import { NOW } from "../unit/policy/judging.ts";

const DIGEST = `registry.company.com/app@sha256:${"a".repeat(64)}`;
const throwing = (error: unknown): never => {
  throw error;
};

describe("the auditor", () => {
  let pods: Store<PodRecord>;
  let namespaces: Store<NamespaceRecord>;
  let tally: ViolationCounts;
  let coverage: Coverage;
  let auditor: Auditor;
  let judged: string[];
  let applied: string[];
  let verdicts: Map<string, PodJudgement>;
  let snapshot: AuditSnapshot;
  let review: Review;
  let errors: number;
  let now: () => number;

  beforeEach(() => {
    pods = createStore<PodRecord>({ onError: throwing, same: samePod });
    namespaces = createStore<NamespaceRecord>({ onError: throwing });
    namespaces.set("default", {});
    namespaces.set("prod", { env: "prod" });
    tally = createTally();
    coverage = createCoverage(new Set(["kube-system"]));
    verdicts = new Map();
    judged = [];
    applied = [];
    errors = 0;
    now = Date.now;
    review = createReview(() => throwing(new Error("no question here needs evidence")));
    auditor = new Auditor({
      pods,
      namespaces,
      judge: createJudge({
        review: (request: ReviewRequest) => {
          judged.push(`${request.subject.images[0]?.image}: ${request.policies.map(({ name }) => name).join()}`);
          return review(request);
        },
        now: () => now(),
      }),
      tally,
      coverage,
      verdicts,
      onVerdict: ({ podKey }) => applied.push(podKey),
      sweep: () => [],
      concurrency: 4,
      onProgress: () => undefined,
      now: () => now(),
      log: { ...SILENT, error: () => (errors += 1) },
    });
  });
  afterEach(() => auditor.reset());

  const add = (...records: readonly PodRecord[]): void => {
    for (const record of records) pods.set(`${record.namespace}/${record.name}`, record);
  };
  const begin = async (set: PolicySet): Promise<void> => {
    auditor.begin();
    snapshot = { set, tick: 1, clock: 1 };
    await auditor.observe(snapshot);
    await auditor.settled();
    judged.length = 0;
    applied.length = 0;
  };
  const observe = async (changes: Partial<AuditSnapshot>): Promise<void> => {
    snapshot = { ...snapshot, ...changes };
    await auditor.observe(snapshot);
    await auditor.settled();
  };
  const violators = (policy: string): string[] =>
    [...verdicts]
      .flatMap(([key, { judgement }]) => (judgement.some((one) => one.policy === policy) ? [key] : []))
      .toSorted();

  it("judges every pod that runs or may run, and leaves out finished ones", async () => {
    add(
      podRecord("a"),
      podRecord("b", { image: DIGEST }),
      podRecord("c", { phase: "Succeeded" }),
      podRecord("d", { phase: "Failed" }),
      podRecord("e", { phase: "Pending" }),
    );
    await begin(policySet({ p: { digest: {} } }));
    assert.deepEqual(violators("p"), ["default/a", "default/e"]);
    assert.equal(verdicts.size, 3);
    assert.equal(auditor.report?.pods, 3);
    assert.equal(auditor.report?.images, 2);
  });

  it("counts the images that no deny policy covers, each once, as pods, policies and namespaces come and go", async () => {
    const uncovered = (): string => [...coverage.images()].map(([layer, images]) => `${layer} ${images}`).join(", ");
    const inProd = { match: { namespaceSelector: { matchLabels: { env: "prod" } } } };
    add(podRecord("a"), podRecord("b"), podRecord("c", { image: DIGEST }), podRecord("d", { namespace: "prod" }));
    add(podRecord("e", { namespace: "kube-system", image: "registry.k8s.io/pause:3" }));
    namespaces.set("kube-system", {});
    await begin(policySet({ p: { digest: {}, ...inProd }, q: { registries: { allow: ["docker.io"] } } }));
    assert.equal(uncovered(), "registries 0, digest 2, scan 2, signatures 2");
    assert.equal(coverage.notAsked(), 1, "q is about kube-system as well, and nobody asks about it there");
    assert.deepEqual(
      coverage.byNamespace().map(({ namespace, layer, images }) => `${namespace} ${layer} ${images}`),
      ["default digest 2", "default scan 2", "default signatures 2", "prod scan 1", "prod signatures 1"],
    );

    await observe({ set: policySet({ p: { digest: {}, audit: { enabled: false } } }) });
    assert.equal(uncovered(), "registries 2, digest 0, scan 2, signatures 2", "a policy that is not audited covers");
    await observe({ set: policySet({ p: { digest: {}, audit: { enabled: false }, ...inProd } }, 2) });
    assert.equal(uncovered(), "registries 2, digest 2, scan 2, signatures 2", "nor does its change go unnoticed");
    namespaces.set("default", { env: "prod" });
    await auditor.settled();
    assert.equal(uncovered(), "registries 2, digest 0, scan 2, signatures 2");
    pods.delete("default/a");
    pods.delete("default/c");
    pods.delete("prod/d");
    await auditor.settled();
    assert.equal(uncovered(), "registries 1, digest 0, scan 1, signatures 1", "b still has what a had");
    pods.delete("default/b");
    pods.delete("kube-system/e");
    await auditor.settled();
    assert.equal(uncovered(), "registries 0, digest 0, scan 0, signatures 0");
    assert.deepEqual([coverage.notAsked(), coverage.byNamespace()], [0, []]);
  });

  it("judges equal content once", async () => {
    for (let index = 0; index < 500; index += 1)
      add(podRecord(`pod-${index}`, { image: `nginx:${index % 10}`, labels: { index: String(index) } }));
    auditor.begin();
    await auditor.observe({ set: policySet({ p: { digest: {} } }), tick: 1, clock: 1 });
    await auditor.settled();
    assert.equal(judged.length, 10);
    assert.equal(violators("p").length, 500);
    assert.deepEqual(tally.totals("p"), { violations: 500, exempted: 0 });
  });

  it("does not share a judgement where labels or namespaces decide", async () => {
    add(podRecord("a", { labels: { tier: "web" } }), podRecord("b"), podRecord("c", { namespace: "prod" }));
    await begin(
      policySet({
        web: { match: { objectSelector: { matchLabels: { tier: "web" } } }, digest: {} },
        prod: { match: { namespaceSelector: { matchLabels: { env: "prod" } } }, digest: {} },
        named: { registries: { namespaces: [{ names: ["prod"], allow: ["registry.company.com"] }] } },
      }),
    );
    assert.deepEqual(violators("web"), ["default/a"]);
    assert.deepEqual(violators("prod"), ["prod/c"]);
    assert.deepEqual(violators("named"), ["prod/c"]);
  });

  it("works in proportion to a changed pod", async () => {
    for (let index = 0; index < 200; index += 1) add(podRecord(`pod-${index}`, { image: `nginx:${index}` }));
    await begin(policySet({ p: { digest: {} } }));
    add(podRecord("pod-7", { image: DIGEST }));
    await until("judged", () => judged.length > 0);
    await auditor.settled();
    assert.deepEqual(judged, [`${DIGEST}: p`]);
    assert.deepEqual(applied, ["default/pod-7"]);
    assert.deepEqual(tally.totals("p"), { violations: 199, exempted: 0 });
    pods.delete("default/pod-8");
    await until("noticed", () => applied.length === 2);
    assert.deepEqual(tally.totals("p"), { violations: 198, exempted: 0 });
  });

  it("works in proportion to a changed policy", async () => {
    add(podRecord("a"), podRecord("b", { namespace: "prod" }));
    const specs = { all: { digest: {} }, prod: { match: { namespaces: ["prod"] }, digest: {} } };
    await begin(policySet(specs));
    await observe({
      set: policySet({ ...specs, prod: { match: { namespaces: ["prod"] }, digest: { allowTag: false } } }),
    });
    assert.equal(judged.length, 1, "only the pod that the changed policy is about");
    judged.length = 0;
    await observe({ set: policySet({ all: specs.all }) });
    assert.equal(judged.length, 1);
    assert.deepEqual(violators("prod"), []);
    assert.deepEqual(violators("all"), ["default/a", "prod/b"]);
  });

  it("notices a policy that reaches other pods than before", async () => {
    add(podRecord("a"), podRecord("b", { namespace: "prod" }));
    await begin(policySet({ p: { match: { namespaces: ["prod"] }, digest: {} } }));
    assert.deepEqual(violators("p"), ["prod/b"]);
    await observe({ set: policySet({ p: { match: { namespaces: ["default"] }, digest: {} } }) });
    assert.deepEqual(violators("p"), ["default/a"]);
  });

  it("notices a pod's labels, also those that came through pods/status", async () => {
    const record = podRecord("a");
    add(record);
    await begin(policySet({ p: { match: { objectSelector: { matchLabels: { tier: "web" } } }, digest: {} } }));
    assert.deepEqual(violators("p"), []);
    pods.set("default/a", { ...record, labels: { tier: "web" } });
    await until("judged", () => violators("p").length === 1);
    pods.set("default/a", { ...record, labels: {} });
    await until("judged again", () => violators("p").length === 0);
  });

  it("notices a namespace's labels", async () => {
    add(podRecord("a"), podRecord("b", { namespace: "prod" }));
    await begin(policySet({ p: { match: { namespaceSelector: { matchLabels: { env: "prod" } } }, digest: {} } }));
    namespaces.set("default", { env: "prod" });
    await until("judged", () => violators("p").length === 2);
    namespaces.set("prod", {});
    await until("judged again", () => violators("p").length === 1);
  });

  it("does not share a judgement from before a namespace's labels changed", async () => {
    add(podRecord("a"));
    const byEnv = { namespaceSelector: { matchLabels: { env: "dev" } }, action: "warn" } as const;
    await begin(policySet({ p: { digest: {}, enforcementOverrides: [byEnv] } }));
    const action = (): string | undefined => verdicts.get("default/a")?.judgement[0]?.action;
    assert.equal(action(), "deny");
    namespaces.set("default", { env: "dev" });
    await until("judged anew", () => action() === "warn");
  });

  it("looks with the clock only at what time changes", async () => {
    add(podRecord("a"), podRecord("b", { namespace: "prod" }));
    review = () => ({ verdict: "allow", findings: [], digests: new Map() });
    await begin(
      policySet({ still: { digest: {} }, aging: { match: { namespaces: ["prod"] }, scan: { maxAge: "24h" } } }),
    );
    await observe({ clock: 2 });
    assert.equal(judged.length, 1);
    assert.match(judged[0] ?? "", /aging/);
    judged.length = 0;
    await observe({ tick: 2 });
    assert.equal(judged.length, 2, "a complete audit looks at everything");
  });

  it("judges again what changed while it was judged", async () => {
    const waiting: (() => void)[] = [];
    review = () =>
      new Promise((resolve) => {
        waiting.push(() => resolve({ verdict: "allow", findings: [], digests: new Map() }));
      });
    add(podRecord("a"));
    auditor.begin();
    await auditor.observe({ set: policySet({ p: { digest: {} } }), tick: 1, clock: 1 });
    await until("in hand", () => waiting.length === 1);
    add(podRecord("a", { image: "nginx:2" }));
    waiting.shift()?.();
    await until("in hand again", () => waiting.length === 1);
    assert.equal(judged.length, 2);
    waiting.shift()?.();
    await auditor.settled();
    assert.equal(verdicts.get("default/a")?.pod.content.images[0]?.image, "nginx:2");
  });

  it("gives no verdict about another pod of the same name", async () => {
    let answer: (() => void) | undefined;
    review = () =>
      new Promise((resolve) => {
        answer = () => resolve({ verdict: "allow", findings: [], digests: new Map() });
      });
    add(podRecord("a", { uid: "1" }));
    auditor.begin();
    await auditor.observe({ set: policySet({ p: { digest: {} } }), tick: 1, clock: 1 });
    await until("in hand", () => answer !== undefined);
    pods.delete("default/a");
    answer?.();
    await auditor.settled();
    assert.equal(verdicts.size, 0);
    assert.deepEqual(applied, ["default/a"], "nobody is told of a verdict about what is gone, only of its end");
  });

  it("is not held up for what changes by evidence that does not come", async () => {
    review = (request) =>
      request.subject.images[0]?.image === "slow"
        ? new Promise(() => undefined)
        : { verdict: "allow", findings: [], digests: new Map() };
    for (let index = 0; index < 3; index += 1) add(podRecord(`slow-${index}`, { image: "slow" }));
    auditor.begin();
    await auditor.observe({ set: policySet({ p: { digest: {} } }), tick: 1, clock: 1 });
    await wait(20);
    add(podRecord("quick"));
    await until("judged", () => verdicts.has("default/quick"));
  });

  it("gives up an engine that never answers, and keeps the place free", async () => {
    const judge = createJudge({ review: () => new Promise(() => undefined), now: Date.now, timeout: -4_990 });
    const set = policySet({ p: { digest: {} } });
    await assert.rejects(async () => judge.judge(podCase(podRecord("a"), {}, set)), /did not answer in time/);
  });

  it("keeps what was known where the engine fails, and goes on", async () => {
    add(podRecord("a"), podRecord("b", { image: "nginx:2" }));
    await begin(policySet({ p: { digest: {} } }));
    const sound = review;
    review = (request) =>
      request.subject.images[0]?.image === "nginx:2" ? throwing(new Error("a bug")) : sound(request);
    await observe({ tick: 2 });
    assert.deepEqual(violators("p"), ["default/a", "default/b"]);
    assert.equal(errors, 1);
    review = () => Promise.reject(new Error("a bug"));
    await observe({ tick: 3 });
    assert.deepEqual(violators("p"), ["default/a", "default/b"]);
    review = sound;
    await observe({ tick: 4 });
    assert.equal(errors, 3);
  });

  it("waits a little for a namespace whose event comes after its pod's", async () => {
    await begin(policySet({ p: { match: { namespaceSelector: { matchLabels: { env: "prod" } } }, digest: {} } }));
    add(podRecord("early", { namespace: "new" }));
    await wait(50);
    assert.equal(verdicts.size, 0);
    namespaces.set("new", { env: "dev" });
    await until("judged", () => verdicts.size === 1);
    assert.deepEqual(violators("p"), []);
  });

  it("judges a pod whose namespace stays unknown as if every selector matched", async () => {
    await begin(policySet({ p: { match: { namespaceSelector: { matchLabels: { env: "prod" } } }, digest: {} } }));
    add(podRecord("lost", { namespace: "unknown" }));
    await until("judged", () => violators("p").length === 1);
  });

  it("says when an audit under each policy was complete", async () => {
    add(podRecord("a"));
    const set = policySet({ p: { digest: {} } });
    await begin(set);
    const [policy] = set.audited;
    assert.ok(policy !== undefined && auditor.auditedAt(policy) !== undefined);
    const [changed] = policySet({ p: { digest: { allowTag: false } } }).audited;
    assert.ok(changed !== undefined);
    assert.equal(auditor.auditedAt(changed), undefined, "another version is another policy");
    await observe({ set: policySet({ p: { digest: { allowTag: false } } }) });
    assert.notEqual(auditor.auditedAt(changed), undefined, "all pods that it is about were judged");
  });

  it("forgets everything when it leads no longer, and starts afresh", async () => {
    add(podRecord("a"));
    const set = policySet({ p: { digest: {} } });
    await begin(set);
    await auditor.reset();
    assert.equal(verdicts.size, 0);
    assert.deepEqual(tally.totals("p"), { violations: 0, exempted: 0 });
    assert.equal(auditor.report, undefined);
    add(podRecord("b"));
    await auditor.observe({ set, tick: 9, clock: 9 });
    assert.equal(auditor.pending(), 0, "it does not audit without leading");
    await begin(set);
    assert.deepEqual(violators("p"), ["default/a", "default/b"]);
  });

  describe("under exceptions", () => {
    const set = policySet({ p: { digest: {} } });
    const under = (...exceptions: readonly CompiledException[]): PolicySet => ({ ...set, exceptions });
    const legacy = exception({ match: { namespaces: ["default"] }, expires: at(NOW + DAY) }, "legacy");
    const actions = (): string[] =>
      [...verdicts].flatMap(([key, { judgement }]) => judgement.map(({ action }) => `${key} ${action}`)).toSorted();
    beforeEach(() => {
      now = () => NOW;
      add(podRecord("a"), podRecord("b", { namespace: "prod" }));
    });

    it("judges at once what one that comes, changes or goes is about, and nothing else", async () => {
      await begin(under());
      assert.deepEqual(tally.totals("p"), { violations: 2, exempted: 0 });
      await observe({ set: under(legacy) });
      assert.deepEqual(actions(), ["default/a exempted", "prod/b deny"]);
      assert.deepEqual(tally.totals("p"), { violations: 1, exempted: 1 });
      assert.deepEqual(applied, ["default/a"]);
      await observe({ set: under(exception({ match: { namespaces: ["prod"] } }, "legacy")) });
      assert.deepEqual(actions(), ["default/a deny", "prod/b exempted"]);
      await observe({ set: under() });
      assert.deepEqual(tally.totals("p"), { violations: 2, exempted: 0 });
      assert.equal(judged.length, 4);
    });
    it("looks at images, too, before it judges", async () => {
      await begin(under());
      await observe({ set: under(exception({ match: { images: ["registry.company.com/**"] } })) });
      assert.deepEqual(judged, []);
    });
    it("counts what one silenced again by time alone", async () => {
      await begin(under(legacy));
      assert.deepEqual(tally.totals("p"), { violations: 1, exempted: 1 });
      now = () => NOW + DAY - 1;
      await observe({ clock: 2 });
      assert.deepEqual(judged, [], "nothing has changed");
      now = () => NOW + DAY;
      await observe({ clock: 3 });
      assert.deepEqual(tally.totals("p"), { violations: 2, exempted: 0 });
      assert.deepEqual(applied, ["default/a"]);
    });
    it("shares no judgement between pods of which one is excepted by its labels", async () => {
      add(podRecord("c", { labels: { app: "legacy" } }));
      await begin(
        under(exception({ match: { namespaces: ["*"], objectSelector: { matchLabels: { app: "legacy" } } } })),
      );
      assert.deepEqual(actions(), ["default/a deny", "default/c exempted", "prod/b deny"]);
    });
    it("shares no judgement beyond an exception's end", async () => {
      await begin(under(legacy));
      now = () => NOW + DAY;
      add(podRecord("c"));
      await until("judged", () => verdicts.has("default/c"));
      assert.ok(actions().includes("default/c deny"), actions().join());
    });
    it("knows how many pods one silences when it has looked at all", async () => {
      assert.equal(auditor.silencedBy(legacy), undefined);
      await begin(under(legacy));
      assert.equal(auditor.silencedBy(legacy), 1);
      assert.equal(auditor.silencedBy(exception({}, "new")), undefined);
      now = () => NOW + DAY;
      await observe({ clock: 2 });
      assert.equal(auditor.silencedBy(legacy), undefined);
    });
  });

  it("can lead again before it has noticed that it did not", async () => {
    for (let index = 0; index < 2_000; index += 1) add(podRecord(`pod-${index}`, { image: `nginx:${index}` }));
    const set = policySet({ p: { digest: {} } });
    auditor.begin();
    await auditor.observe({ set, tick: 1, clock: 1 });
    void auditor.reset();
    auditor.begin();
    await auditor.observe({ set, tick: 2, clock: 1 });
    await auditor.settled();
    assert.equal(violators("p").length, 2_000);
    assert.deepEqual(tally.totals("p"), { violations: 2_000, exempted: 0 });
  });

  it("leaves the event loop free", async () => {
    for (let index = 0; index < 20_000; index += 1) add(podRecord(`pod-${index}`, { image: `nginx:${index}` }));
    auditor.begin();
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    await auditor.observe({ set: policySet({ p: { digest: {} } }), tick: 1, clock: 1 });
    await auditor.settled();
    clearInterval(timer);
    assert.equal(violators("p").length, 20_000);
    assert.ok(turns > 5, `the event loop turned ${turns} times`);
  });
});
