import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import type { Judgement } from "../../operator/audit/judgement.ts";
import type { PodJudgement } from "../../operator/audit/podJudgements.ts";
import type { KubeClient } from "../../kube/kubeClient.ts";
import { SILENT, type Log } from "../../kube/log.ts";
import { isSameVersion } from "../../kube/object.ts";
import type { PodRecord } from "../../operator/cluster/pods.ts";
import { ViolationKeeper } from "../../operator/violations/violationKeeper.ts";
import { violationBody } from "../../operator/violations/violationBody.ts";
import { projectViolation, type ViolationRecord } from "../../operator/violations/violationRecord.ts";
import { Reflector } from "../../kube/cache/reflector.ts";
import { FakeApiServer, json, until, type FakeObject } from "../unit/kube/fakeApiServer.ts";
import { counted, judgedBy, podRecord, violating } from "./pods.ts";

const VIOLATIONS = "/apis/imagesecurity.dev/v1/violations";

describe("keeping Violations", () => {
  let server: FakeApiServer;
  let client: KubeClient;
  let watch: Reflector<ViolationRecord>;
  let pods: Map<string, PodRecord>;
  let verdicts: Map<string, PodJudgement>;
  let created: string[];
  let leading: boolean;
  let keeper: ViolationKeeper;

  beforeEach(async () => {
    server = new FakeApiServer();
    server.define(VIOLATIONS);
    await server.start();
    client = server.client();
    pods = new Map();
    verdicts = new Map();
    created = [];
    leading = true;
  });
  afterEach(async () => {
    await keeper.close();
    await watch.stop();
    await client.close();
    await server.stop();
  });

  const begin = async (limit = 100, log: Log = SILENT): Promise<void> => {
    watch = new Reflector({
      resource: "violations",
      client,
      path: VIOLATIONS,
      project: projectViolation,
      same: isSameVersion,
      log: SILENT,
      timing: { backoffBase: 10, backoffLimit: 50 },
    });
    watch.start();
    await until("synced", () => watch.synced());
    keeper = new ViolationKeeper({
      client,
      store: watch.store,
      pods,
      verdicts,
      limit,
      leadership: { mayWrite: () => leading },
      onCreated: (pod) => created.push(pod.name),
      log,
      backoffBase: 5,
    });
    keeper.begin();
  };

  /** What the auditor does when it has judged a pod. */
  const judge = (pod: PodRecord, judgement: Judgement): void => {
    const key = `${pod.namespace}/${pod.name}`;
    pods.set(key, pod);
    const before = verdicts.get(key);
    const after = { pod, judgement, gaps: [] };
    verdicts.set(key, after);
    keeper.apply(key, before, after);
  };
  const remove = (name: string): void => {
    const key = `default/${name}`;
    const before = verdicts.get(key);
    pods.delete(key);
    verdicts.delete(key);
    keeper.apply(key, before, undefined);
  };
  const sweep = (): void => {
    for (const _ of keeper.sweep());
  };
  const stored = (): string[] =>
    [...watch.store.values()].map(({ pod, policy }) => `${pod.split("/")[1]} ${policy}`).toSorted();
  const settled = async (): Promise<void> => {
    await keeper.settled();
    // What was written comes back by the watch, and must not be taken for news.
    await wait(30);
    await keeper.settled();
  };
  const writes = (): number => server.requests.filter(({ method }) => method !== "GET").length;
  /** A Violation as the operator would have written it, from before it was started. */
  const leftBehind = async (pod: PodRecord, judgement: Judgement): Promise<void> => {
    await begin();
    judge(pod, judgement);
    await settled();
    await keeper.close();
    await watch.stop();
    pods.clear();
    verdicts.clear();
    created.length = 0;
    server.requests.length = 0;
  };

  it("makes one for each policy and pod, once", async () => {
    await begin();
    judge(podRecord("a"), judgedBy("p", "q"));
    judge(podRecord("b"), judgedBy("p"));
    await settled();
    assert.deepEqual(stored(), ["a p", "a q", "b p"]);
    assert.deepEqual(created.toSorted(), ["a", "a", "b"]);
    for (let round = 0; round < 3; round += 1) {
      judge(podRecord("a"), judgedBy("p", "q"));
      judge(podRecord("b"), judgedBy("p"));
      sweep();
    }
    await settled();
    assert.equal(writes(), 3, "what is right is not written again");
  });

  it("works out once what a verdict comes to", async () => {
    await begin();
    const { judgement, reads } = counted(violating("p"));
    violationBody(podRecord("a"), judgement);
    const once = reads();
    judge(podRecord("a"), [judgement]);
    await settled();
    assert.equal(reads(), 2 * once, "here and there");
    for (let round = 0; round < 3; round += 1) sweep();
    await settled();
    assert.equal(reads(), 2 * once);
    judge(podRecord("a"), [judgement]);
    for (let round = 0; round < 3; round += 1) sweep();
    await settled();
    assert.equal(reads(), 3 * once, "another verdict");
    assert.equal(writes(), 1);
  });

  it("takes what the watch tells of a Violation that it has written for what it knows", async () => {
    await begin();
    judge(podRecord("a"), judgedBy("p"));
    await settled();
    const [record] = [...watch.store.values()];
    const [stored] = server.items(VIOLATIONS);
    assert.equal(projectViolation(stored, record), record);
    const newer = { ...stored, metadata: { ...stored?.metadata, resourceVersion: "999" } };
    assert.deepEqual(projectViolation(newer, record), { ...record, resourceVersion: "999" });
    const another = { ...stored, metadata: { ...stored?.metadata, uid: "another" } };
    assert.deepEqual(projectViolation(another, record), { ...record, uid: "another" });
  });

  it("changes what changed, and only that", async () => {
    await begin();
    judge(podRecord("a"), judgedBy("p", "q"));
    await settled();
    server.requests.length = 0;
    judge(podRecord("a"), [violating("p", { reason: "TagForbidden" }), violating("q")]);
    await settled();
    assert.deepEqual(
      server.requests.filter(({ method }) => method !== "GET").map(({ method }) => method),
      ["PUT"],
    );
    assert.deepEqual(created, ["a", "a"], "a change is no new violation");
  });

  it("deletes what no longer holds: a policy less, a fixed pod, a pod that is gone", async () => {
    await begin();
    judge(podRecord("a"), judgedBy("p", "q"));
    judge(podRecord("b"), judgedBy("p"));
    judge(podRecord("c"), judgedBy("p"));
    await settled();
    judge(podRecord("a"), judgedBy("q"));
    judge(podRecord("b"), []);
    remove("c");
    await settled();
    assert.deepEqual(stored(), ["a q"]);
  });

  it("tells a pod that was made anew under its name from the old one", async () => {
    await begin();
    judge(podRecord("a", { uid: "1" }), judgedBy("p"));
    await settled();
    judge(podRecord("a", { uid: "2" }), judgedBy("p"));
    await settled();
    assert.deepEqual(
      [...watch.store.values()].map(({ podUid }) => podUid),
      ["2"],
    );
  });

  it("deletes what no operator saw happen, but nothing before its pod was judged", async () => {
    await leftBehind(podRecord("gone"), judgedBy("p"));
    pods.set("default/unjudged", podRecord("unjudged"));
    await begin();
    sweep();
    await settled();
    assert.deepEqual(stored(), []);

    await keeper.close();
    await watch.stop();
    await leftBehind(podRecord("still"), judgedBy("p"));
    pods.set("default/still", podRecord("still"));
    await begin();
    sweep();
    await settled();
    assert.deepEqual(stored(), ["still p"], "nobody knows yet whether it holds");
    judge(podRecord("still"), judgedBy("p"));
    await settled();
    assert.equal(writes(), 0, "it does, and stands there already");
    judge(podRecord("still"), []);
    await settled();
    assert.deepEqual(stored(), []);
  });

  it("deletes the one of a pod that has finished meanwhile", async () => {
    await leftBehind(podRecord("done"), judgedBy("p"));
    pods.set("default/done", podRecord("done", { phase: "Succeeded" }));
    await begin();
    sweep();
    await settled();
    assert.deepEqual(stored(), []);
  });

  it("puts right what others deleted or changed", async () => {
    await begin();
    judge(podRecord("a"), judgedBy("p"));
    await settled();
    const [key] = [...watch.store.keys()];
    server.delete(VIOLATIONS, key ?? "");
    await until("made again", () => server.get(VIOLATIONS, key ?? "") !== undefined);
    await settled();
    const violation = server.get(VIOLATIONS, key ?? "");
    server.put(VIOLATIONS, { ...violation!, enforcementAction: "dryrun" });
    await until("changed back", () => server.get(VIOLATIONS, key ?? "")?.["enforcementAction"] === "deny");
  });

  it("stores no more than it may, counts the rest, and uses room that comes free", async () => {
    await begin(2);
    for (const name of ["a", "b", "c", "d"]) judge(podRecord(name), judgedBy("p"));
    judge(podRecord("a"), judgedBy("p", "q"));
    await settled();
    assert.deepEqual(stored(), ["a p", "a q", "b p"]);
    assert.equal(keeper.notStored("p"), 2);
    assert.equal(keeper.notStored("q"), 0);
    remove("a");
    await settled();
    assert.deepEqual(stored(), ["b p", "c p"]);
    assert.equal(keeper.notStored("p"), 1);
    judge(podRecord("d"), []);
    assert.equal(keeper.notStored("p"), 0);
    judge(podRecord("c"), []);
    await settled();
    assert.deepEqual(stored(), ["b p"]);
  });

  it("keeps the same ones stored after a restart, in whatever order pods are judged", async () => {
    const names = ["a", "b", "c", "d", "e"];
    await begin(3);
    for (const name of names) judge(podRecord(name), judgedBy("p"));
    await settled();
    const before = stored();
    await keeper.close();
    await watch.stop();
    verdicts.clear();
    server.requests.length = 0;
    await begin(3);
    for (const name of names.toReversed()) judge(podRecord(name), judgedBy("p"));
    sweep();
    await settled();
    assert.deepEqual(stored(), before);
    assert.equal(writes(), 0);
    assert.equal(keeper.notStored("p"), 2);
  });

  it("deletes what is too many after its limit was lowered", async () => {
    await begin(4);
    for (const name of ["a", "b", "c", "d"]) judge(podRecord(name), judgedBy("p"));
    await settled();
    await keeper.close();
    await watch.stop();
    verdicts.clear();
    await begin(2);
    for (const name of ["a", "b", "c", "d"]) judge(podRecord(name), judgedBy("p"));
    sweep();
    await settled();
    assert.equal(stored().length, 2);
    assert.equal(keeper.notStored("p"), 2);
  });

  const troubles: readonly [string, (response: Parameters<typeof json>[0]) => void][] = [
    ["an error of the API server", (response) => json(response, 500, {})],
    ["too many requests", (response) => json(response, 429, {})],
    ["a reset connection", (response) => response.destroy()],
    ["a conflict", (response) => json(response, 409, { reason: "Conflict" })],
    ["rights that are not there yet", (response) => json(response, 403, { reason: "Forbidden" })],
    ["a CRD that is not there yet", (response) => json(response, 404, { reason: "NotFound", details: {} })],
  ];
  for (const [what, trouble] of troubles) {
    it(`gets over ${what}`, async () => {
      await begin();
      let left = 3;
      server.faults.push((request, response) => {
        if (request.method === "GET" || left === 0) return false;
        left -= 1;
        trouble(response);
        return true;
      });
      judge(podRecord("a"), judgedBy("p"));
      judge(podRecord("b"), judgedBy("p"));
      await until("both are there", () => stored().length === 2);
      left = 3;
      judge(podRecord("a"), [violating("p", { reason: "TagForbidden" })]);
      judge(podRecord("b"), []);
      await until("one is gone", () => stored().length === 1);
      await settled();
      const [violation] = [...watch.store.keys()].map((key) => server.get(VIOLATIONS, key));
      assert.match(JSON.stringify(violation?.["findings"]), /TagForbidden/);
    });
  }

  const terminating = { reason: "Forbidden", details: { causes: [{ reason: "NamespaceTerminating" }] } };
  const refusals: readonly (readonly [string, number, object])[] = [
    ["in a namespace that is going away", 403, terminating],
    ["in a namespace that is gone", 404, { reason: "NotFound", details: { kind: "namespaces", name: "default" } }],
    ["of an object that it does not take", 422, { reason: "Invalid" }],
  ];
  for (const [what, status, body] of refusals) {
    it(`is given up where the API server refuses it ${what}, until it changes or the next sweep`, async () => {
      const lines: string[] = [];
      const tell = (message: string): number => lines.push(message);
      await begin(100, { ...SILENT, info: tell, warn: tell });
      let refusing = true;
      server.faults.push((request, response) => {
        if (request.method !== "POST" || !refusing) return false;
        json(response, status, body);
        return true;
      });
      const names = Array.from({ length: 10 }, (_, index) => `pod-${index}`);
      for (const name of names) judge(podRecord(name), judgedBy("p"));
      await settled();
      for (const name of names) judge(podRecord(name), judgedBy("p"));
      await wait(100);
      await settled();
      assert.equal(writes(), names.length, "each is asked for once");
      assert.equal(lines.length, 1, "the log tells it once");
      assert.equal(keeper.pending(), 0);
      judge(podRecord("pod-0"), [violating("p", { reason: "TagForbidden" })]);
      await settled();
      assert.equal(writes(), names.length + 1, "another content is another question");
      refusing = false;
      sweep();
      judge(podRecord("pod-0"), judgedBy("p"));
      judge(podRecord("pod-1"), judgedBy("p"));
      await settled();
      assert.deepEqual(stored(), ["pod-0 p", "pod-1 p"]);
      for (const name of names) remove(name);
      await settled();
      assert.deepEqual(stored(), []);
    });
  }

  it("finds that a create it thought lost had arrived", async () => {
    await begin();
    let lost = false;
    server.faults.push((request, response) => {
      if (request.method !== "POST" || lost) return false;
      lost = true;
      // The object is made, and the answer does not come.
      response.once("finish", () => undefined);
      const original = response.end.bind(response);
      response.end = (() => {
        response.destroy();
        return original;
      }) as never;
      return false;
    });
    judge(podRecord("a"), judgedBy("p"));
    await settled();
    assert.deepEqual(stored(), ["a p"]);
  });

  for (const method of ["POST", "PUT"]) {
    it(`makes anew what was deleted before the answer to its ${method} came`, async () => {
      await begin();
      if (method === "PUT") {
        judge(podRecord("a"), judgedBy("p"));
        await settled();
      }
      let late = false;
      server.faults.push(async (request, response) => {
        if (request.method !== method || late) return false;
        late = true;
        const stored = server.put(VIOLATIONS, server.requests.at(-1)?.body as FakeObject);
        const key = `default/${stored.metadata.name}`;
        await until("told of it", () => watch.store.get(key)?.resourceVersion === stored.metadata.resourceVersion);
        server.delete(VIOLATIONS, key);
        await until("told of its end", () => watch.store.get(key) === undefined);
        json(response, method === "POST" ? 201 : 200, stored);
        return true;
      });
      judge(podRecord("a"), [violating("p", { reason: "TagForbidden" })]);
      await settled();
      assert.equal(late, true);
      assert.equal(stored().length, 1);
      const [key = ""] = [...watch.store.keys()];
      assert.notEqual(server.get(VIOLATIONS, key), undefined);
    });
  }

  it("deletes as well what was made anew before the answer came that the old one is deleted", async () => {
    await begin();
    judge(podRecord("a"), judgedBy("p"));
    await settled();
    let late = false;
    const [key = ""] = [...watch.store.keys()];
    server.faults.push(async (request, response) => {
      if (request.method !== "DELETE" || late) return false;
      late = true;
      const old = server.get(VIOLATIONS, key);
      assert.ok(old !== undefined);
      server.delete(VIOLATIONS, key);
      server.put(VIOLATIONS, { ...old, metadata: { ...old.metadata, uid: "another" } });
      await until("told of it", () => watch.store.get(key)?.uid === "another");
      json(response, 200, old);
      return true;
    });
    judge(podRecord("a"), []);
    await until("deleted", () => late && server.get(VIOLATIONS, key) === undefined && stored().length === 0);
  });

  it("asks ever more rarely about what is there and the watch says is not", async () => {
    await begin();
    await until("watched", () => server.watching(VIOLATIONS) === 1);
    // What a cluster that was restored from a backup may look like.
    server.bookmark(VIOLATIONS);
    let asked = 0;
    server.faults.push((request, response, url) => {
      if (url.pathname === VIOLATIONS) return false;
      asked += 1;
      const metadata = { name: "x", namespace: "default", uid: "u", resourceVersion: "1" };
      json(response, request.method === "POST" ? 409 : 200, { metadata });
      return true;
    });
    await wait(30);
    judge(podRecord("a"), judgedBy("p"));
    await wait(400);
    assert.ok(asked > 2 && asked < 30, `${asked} requests`);
  });

  it("does not write for ever what the API server changes as it is written", async () => {
    await begin();
    server.faults.push((request, response, url) => {
      if (request.method !== "POST") return false;
      const sent = server.requests.at(-1)?.body as { metadata: { name: string; namespace: string } };
      const changed = server.put(VIOLATIONS, { ...sent, enforcementAction: "warn" });
      json(response, 201, changed);
      return url.pathname !== "";
    });
    judge(podRecord("a"), judgedBy("p"));
    await settled();
    sweep();
    await settled();
    assert.equal(writes(), 1);
  });

  it("is told at its end of the one that it was making, though the audit has forgotten it by then", async () => {
    await begin();
    server.faults.push(async (request) => {
      if (request.method === "POST") await wait(100);
      return false;
    });
    judge(podRecord("a"), judgedBy("p"));
    await until("it is being made", () => server.requests.some(({ method }) => method === "POST"));
    verdicts.clear();
    await keeper.close();
    assert.deepEqual(created, ["a"]);
  });

  it("tells of the one that it was making when it lost the lead, for nobody else will, and makes no other", async () => {
    await begin();
    server.faults.push(async (request) => {
      if (request.method === "POST") await wait(100);
      return false;
    });
    for (let index = 0; index < 12; index += 1) judge(podRecord(`pod-${index}`), judgedBy("p"));
    await until("some are being made", () => server.requests.some(({ method }) => method === "POST"));
    leading = false;
    keeper.reset();
    verdicts.clear();
    await keeper.settled();
    const made = server.requests.filter(({ method }) => method === "POST").length;
    assert.equal(created.length, made);
    assert.ok(made <= 8, "only those that were in hand");
  });

  it("writes nothing when it may not, and nothing of what it wanted before it lost the lead", async () => {
    await begin();
    leading = false;
    judge(podRecord("a"), judgedBy("p"));
    await wait(60);
    assert.equal(writes(), 0);
    keeper.reset();
    verdicts.clear();
    leading = true;
    await wait(60);
    assert.equal(writes(), 0);
    keeper.begin();
    judge(podRecord("b"), judgedBy("p"));
    await settled();
    assert.deepEqual(stored(), ["b p"]);
  });
});
