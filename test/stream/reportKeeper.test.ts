import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import type { Judgement } from "../../operator/audit/judgement.ts";
import type { PodJudgement } from "../../operator/audit/podJudgements.ts";
import type { KubeClient } from "../../kube/kubeClient.ts";
import { SILENT, type Log } from "../../kube/log.ts";
import type { PodRecord } from "../../operator/cluster/pods.ts";
import { reportBody } from "../../operator/reports/reportBody.ts";
import { projectReport } from "../../operator/reports/reportRecord.ts";
import { ReportKeeper } from "../../operator/reports/reportKeeper.ts";
import { FakeApiServer, json, until, type FakeObject } from "../unit/kube/fakeApiServer.ts";
import { recordLogger } from "../unit/webhook/support/recorders.ts";
import { counted, judgedBy, podRecord, violating } from "./pods.ts";

const REPORTS = "/apis/openreports.io/v1alpha1/reports";

describe("keeping Reports", () => {
  let server: FakeApiServer;
  let client: KubeClient;
  let pods: Map<string, PodRecord>;
  let verdicts: Map<string, PodJudgement>;
  let leading: boolean;
  let keepers: ReportKeeper[];
  let keeper: ReportKeeper;

  beforeEach(async () => {
    server = new FakeApiServer();
    await server.start();
    client = server.client();
    pods = new Map();
    verdicts = new Map();
    leading = true;
    keepers = [];
  });
  afterEach(async () => {
    await Promise.all(keepers.map((each) => each.close()));
    await client.close();
    await server.stop();
  });

  const begin = (limit = 100, log: Log = SILENT): void => {
    keeper = new ReportKeeper({
      client,
      pods,
      verdicts,
      limit,
      leadership: { mayWrite: () => leading },
      now: () => 1_700_000_000_000,
      log,
      timing: { backoffBase: 10, backoffLimit: 50, absentRetry: 20 },
      backoffBase: 5,
    });
    keepers.push(keeper);
    keeper.start();
    keeper.begin();
  };
  const judge = (pod: PodRecord, judgement: Judgement): void => {
    const podKey = `${pod.namespace}/${pod.name}`;
    pods.set(podKey, pod);
    const before = verdicts.get(podKey);
    const after = { pod, judgement, gaps: [] };
    verdicts.set(podKey, after);
    keeper.apply({ podKey, before, after });
  };
  const remove = (name: string): void => {
    const podKey = `default/${name}`;
    const before = verdicts.get(podKey);
    pods.delete(podKey);
    verdicts.delete(podKey);
    keeper.apply({ podKey, before, after: undefined });
  };
  const sweep = (): void => {
    for (const _ of keeper.sweep());
  };
  const stored = (): readonly string[] =>
    server
      .items(REPORTS)
      .map(({ scope, results }) => {
        const policies = (results as { policy: string }[]).map(({ policy }) => policy);
        return `${(scope as { name: string }).name} ${policies.join("+")}`;
      })
      .toSorted();
  const becomes = (...wanted: readonly string[]): Promise<void> =>
    until(`${wanted.join(", ")}, not ${stored().join(", ")}`, () => stored().join() === wanted.join());
  const quiet = async (): Promise<void> => {
    await keeper.settled();
    await wait(40);
    await keeper.settled();
  };
  const writes = (): number => server.requests.filter(({ method }) => method !== "GET").length;

  it("writes one for each pod that violates something, once, and takes it away with the violations or the pod", async () => {
    server.define(REPORTS);
    begin();
    judge(podRecord("a"), judgedBy("p", "q"));
    judge(podRecord("b"), judgedBy("p"));
    judge(podRecord("clean"), []);
    await becomes("a p+q", "b p");
    await quiet();
    const before = writes();
    judge(podRecord("a"), judgedBy("p", "q"));
    sweep();
    await quiet();
    assert.equal(writes(), before, "what has not changed is not written");
    judge(podRecord("a"), judgedBy("q"));
    await becomes("a q", "b p");
    judge(podRecord("a"), []);
    remove("b");
    await becomes();
  });

  it("works out once what a verdict comes to, and once more what it writes", async () => {
    server.define(REPORTS);
    begin();
    await until("a watch", () => server.watching(REPORTS) > 0);
    const { judgement, reads } = counted(violating("p"));
    reportBody({ pod: podRecord("a"), judgement: [judgement], gaps: [] }, 0);
    const once = reads();
    judge(podRecord("a"), [judgement]);
    await becomes("a p");
    await quiet();
    for (let round = 0; round < 3; round += 1) sweep();
    await quiet();
    assert.equal(reads(), 3 * once);
    const [stored] = server.items(REPORTS);
    const record = projectReport(stored);
    assert.equal(projectReport(stored, record), record, "nor is what the watch tells again");
  });

  it("asks for its own alone", async () => {
    server.define(REPORTS);
    begin();
    await until("a watch", () => server.requests.some(({ query }) => query.includes("watch")));
    assert.ok(
      server.requests
        .filter(({ path }) => path === REPORTS)
        .every(({ query }) => query.includes("labelSelector=app.kubernetes.io%2Fmanaged-by%3Dimage-security")),
    );
  });

  it("writes nothing where the type is not there, says so once, and everything when it appears", async () => {
    const log = recordLogger();
    begin(100, log);
    judge(podRecord("a"), judgedBy("p"));
    await until("it looks again", () => server.requests.filter(({ path }) => path === REPORTS).length > 3);
    judge(podRecord("b"), judgedBy("p"));
    assert.equal(writes(), 0);
    assert.deepEqual(
      log.lines.map(([level, message]) => [level, message]),
      [["info", "reports.openreports.io do not exist on this cluster yet"]],
    );
    server.define(REPORTS);
    await becomes("a p", "b p");
  });

  it("puts right what somebody changed or took away", async () => {
    server.define(REPORTS);
    begin();
    judge(podRecord("a"), judgedBy("p"));
    await becomes("a p");
    await quiet();
    const [report] = server.items(REPORTS);
    server.put(REPORTS, { ...report!, results: [] });
    await becomes("a p");
    await quiet();
    server.delete(REPORTS, `default/${report!.metadata.name}`);
    await becomes("a p");
  });

  it("does not write for ever what an older CRD does not keep", async () => {
    server.define(REPORTS);
    server.faults.push((request, response) => {
      if (request.method !== "POST" && request.method !== "PUT") return false;
      const { source: _source, ...kept } = server.requests.at(-1)!.body as FakeObject;
      json(response, request.method === "POST" ? 201 : 200, server.put(REPORTS, kept));
      return true;
    });
    begin();
    judge(podRecord("a"), judgedBy("p"));
    await becomes("a p");
    await quiet();
    const before = writes();
    sweep();
    await quiet();
    assert.equal(writes(), before);
  });

  it("writes nothing that it may not, and goes on with what was found by another", async () => {
    server.define(REPORTS);
    begin();
    judge(podRecord("a"), judgedBy("p"));
    await becomes("a p");
    await quiet();
    leading = false;
    keeper.reset();
    const before = writes();
    server.put(REPORTS, { ...server.items(REPORTS)[0]!, results: [] });
    await wait(50);
    assert.equal(writes(), before);
    // Another leads now, which has judged nothing yet: it knows of no pod that is clean.
    leading = true;
    verdicts.clear();
    begin();
    await until("synced", () => server.requests.filter(({ query }) => query.includes("watch")).length > 1);
    sweep();
    await quiet();
    assert.equal(writes(), before);
    pods.clear();
    sweep();
    await becomes();
  });

  it("has nothing to do while another leads", async () => {
    server.define(REPORTS);
    leading = false;
    begin();
    keeper.reset();
    await until("synced", () => server.requests.some(({ query }) => query.includes("watch")));
    judge(podRecord("a"), judgedBy("p"));
    sweep();
    await keeper.settled();
    assert.equal(writes(), 0);
  });

  it("is bounded, says so once, and gives the room that comes free to others at the next complete audit", async () => {
    server.define(REPORTS);
    const log = recordLogger();
    begin(2, log);
    for (const name of ["a", "b", "c", "d"]) judge(podRecord(name), judgedBy("p"));
    await becomes("a p", "b p");
    assert.equal(log.lines.filter(([, message]) => message.includes("more pods to report")).length, 1);
    remove("a");
    sweep();
    await becomes("b p", "c p");
  });

  it("tells a pod that was made anew from the one before it", async () => {
    server.define(REPORTS);
    begin();
    judge(podRecord("a", { uid: "one" }), [violating("p")]);
    await becomes("a p");
    judge(podRecord("a", { uid: "two" }), [violating("p")]);
    await until(
      "the second alone",
      () =>
        server.items(REPORTS).every(({ metadata }) => metadata.name === "image-security-two") && stored().length === 1,
    );
  });
});
