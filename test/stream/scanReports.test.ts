import assert from "node:assert/strict";
import type { KubeClient } from "../../kube/kubeClient.ts";
import { SILENT } from "../../kube/log.ts";
import { createScanReports, type ScanReports } from "../../operator/cluster/scanReports.ts";
import { vulnerabilityReportObject, type Found } from "../unit/evidence/scan/reports.ts";
import { FakeApiServer, until, type FakeObject } from "../unit/kube/fakeApiServer.ts";

const REPORTS = "/apis/aquasecurity.github.io/v1alpha1/vulnerabilityreports";
const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const digestOf = (letter: string): string => `sha256:${letter.repeat(64)}`;
const BAD: Found = { id: "CVE-1", severity: "CRITICAL" };

describe("VulnerabilityReports", () => {
  let server: FakeApiServer;
  let client: KubeClient;
  let reports: ScanReports;
  let told: string[];
  let known: number;
  let over: number;

  beforeEach(async () => {
    server = new FakeApiServer();
    await server.start();
    client = server.client();
    told = [];
    known = 0;
    over = 0;
    reports = createScanReports({
      client,
      log: SILENT,
      onChange: (digests) => told.push([...digests].toSorted().join(" ")),
      onKnown: () => (known += 1),
      onEnded: () => (over += 1),
      timing: { backoffBase: 10, backoffLimit: 50, absentRetry: 30 },
    });
  });
  afterEach(async () => {
    await reports.stop();
    await client.close();
    await server.stop();
  });

  const put = (name: string, letter: string, found: readonly Found[] = [], namespace = "default"): void => {
    const object = vulnerabilityReportObject(found, { digest: letter === "" ? "" : digestOf(letter), namespace });
    // The shape is a custom resource's; its name is the test's.
    const { metadata, ...rest } = object as unknown as FakeObject;
    server.put(REPORTS, { ...rest, metadata: { ...metadata, name } });
  };
  const counts = (letter: string): readonly number[] | undefined =>
    reports
      .byDigest(digestOf(letter))
      ?.map(({ content }) => (content.status === "ok" ? content.report.vulnerabilities.length : -1));

  it("are not asked for while nobody wants them, and are unknown until they are listed", async () => {
    server.define(REPORTS);
    assert.equal(reports.byDigest(digestOf("a")), undefined);
    assert.deepEqual(server.requests, []);
    await reports.want(true);
    await reports.untilKnown();
    assert.deepEqual(reports.byDigest(digestOf("a")), []);
    assert.equal(known, 1);
  });

  it("are found by digest, all of one digest, and follow every change", async () => {
    put("one", "a", [BAD]);
    put("two", "a", [], "other");
    put("nameless", "");
    put("old", "d");
    await reports.want(true);
    await reports.untilKnown();
    assert.deepEqual(counts("a"), [1, 0]);
    await until("a watch", () => server.watching(REPORTS) > 0);
    put("one", "b", [BAD]);
    put("three", "c");
    await until("news", () => told.length > 0);
    // The first list is told of as a whole.
    assert.deepEqual(told, [[digestOf("a"), digestOf("b"), digestOf("c")].join(" ")]);
    assert.deepEqual([counts("a"), counts("b"), counts("c")], [[0], [1], [0]]);
    server.delete(REPORTS, "default/one");
    await until("it is gone", () => counts("b")?.length === 0);
  });

  it("of a cluster without trivy-operator are none; they are noticed when it comes", async () => {
    server.define(DEFINITIONS);
    await reports.want(true);
    await reports.untilKnown();
    assert.deepEqual(reports.byDigest(digestOf("a")), []);
    put("one", "a", [BAD]);
    await until("the report", () => counts("a")?.length === 1);
  });

  it("that cannot be listed are unknown, never none", async () => {
    server.faults.push((_, response) => {
      response.writeHead(403).end("{}");
      return true;
    });
    await reports.want(true);
    await until("a second try", () => server.requests.length > 1);
    assert.equal(reports.byDigest(digestOf("a")), undefined);
  });

  it("are forgotten when nobody wants them any more, and listed anew", async () => {
    put("one", "a", [BAD]);
    await reports.want(true);
    await reports.untilKnown();
    const ended = reports.want(false);
    assert.equal(reports.byDigest(digestOf("a")), undefined);
    await reports.want(true);
    await ended;
    await until("the report", () => counts("a")?.length === 1);
    assert.equal(over, 0, "another watch is alive");
    await reports.want(false);
    assert.equal(over, 1);
  });

  it("are listed in small pages", async () => {
    for (let n = 0; n < 25; n++) put(`r${n}`, "a");
    await reports.want(true);
    await reports.untilKnown();
    assert.equal(counts("a")?.length, 25);
    assert.equal(server.requests.filter(({ query }) => query.includes("limit=10")).length, 3);
  });
});
