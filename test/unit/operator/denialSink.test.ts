import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CloudEvent } from "cloudevents";
import { SILENT } from "../../../kube/log.ts";
import { DENIED, sourceOf } from "../../../operator/denials/cloudEvent.ts";
import { createDenialSink, type DenialSink, type DenialSinkOptions } from "../../../operator/denials/denialSink.ts";
import { createPost, headersOf, type SinkAddress } from "../../../operator/denials/post.ts";
import { startDenialSink } from "../../../operator/denials/startDenialSink.ts";
import { defaultSettings } from "../../../operator/settings/settings.ts";
import type { Denial } from "../../../webhook/review/denial.ts";
import { until } from "../kube/fakeApiServer.ts";
import { recordLogger } from "../webhook/support/recorders.ts";
import { Collector } from "./collector.ts";

const denial = (uid: string, changes: Partial<Denial> = {}): Denial => ({
  uid,
  operation: "CREATE",
  kind: "Pod",
  namespace: "prod",
  name: "web",
  owner: "ReplicaSet/web-1",
  user: "ada",
  policies: ["production"],
  reasons: ["DigestRequired"],
  images: ["nginx"],
  findings: 1,
  duration: 1.5,
  dryRun: false,
  ...changes,
});

const QUICK = { gather: 20, backoffBase: 10, backoffLimit: 40, flush: 400 };

describe("the stream of denials", () => {
  let collector: Collector;
  let folder: string;
  const sinks: DenialSink[] = [];
  const sinkTo = async (
    changes: Partial<DenialSinkOptions> = {},
    address: Partial<SinkAddress> = {},
  ): Promise<DenialSink> => {
    const sink = createDenialSink({
      post: await createPost({ url: collector.url, ...address }),
      source: sourceOf("east", "image-security-system"),
      now: () => Date.UTC(2026, 0, 2),
      log: SILENT,
      timing: QUICK,
      ...changes,
    });
    sinks.push(sink);
    return sink;
  };

  beforeEach(async () => {
    collector = await Collector.start();
    folder = await mkdtemp(join(tmpdir(), "image-security-sink-"));
  });
  afterEach(async () => {
    await Promise.all(sinks.splice(0).map((sink) => sink.close()));
    await collector[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it("is of CloudEvents 1.0, in batches", async () => {
    const sink = await sinkTo();
    sink.push(denial("a"));
    sink.push(denial("b", { name: "", namespace: "" }));
    await until("2 sent", () => sink.counts().sent === 2);
    assert.equal(collector.requests.length, 1);
    const [first, second] = collector.events();
    assert.ok(first instanceof CloudEvent && first.validate());
    assert.deepEqual(JSON.parse(JSON.stringify(first)), {
      specversion: "1.0",
      id: "a",
      type: DENIED,
      source: "/image-security/clusters/east/namespaces/image-security-system",
      subject: "prod/Pod/web",
      time: "2026-01-02T00:00:00.000Z",
      datacontenttype: "application/json",
      data: denial("a"),
    });
    assert.equal(second?.subject, "Pod");
    assert.match(collector.requests[0]?.headers["content-type"] ?? "", /^application\/cloudevents-batch\+json/);
  });

  it("has no dry runs: they have no side effects", async () => {
    const sink = await sinkTo();
    sink.push(denial("dry", { dryRun: true }));
    sink.push(denial("wet"));
    await until("1 sent", () => sink.counts().sent === 1);
    assert.deepEqual(collector.ids(), ["wet"]);
  });

  it("sends at most 100 at a time, in their order, each once", async () => {
    const sink = await sinkTo();
    const uids = Array.from({ length: 250 }, (_, index) => `u${index}`);
    for (const uid of uids) sink.push(denial(uid));
    await until("250 sent", () => sink.counts().sent === 250);
    assert.deepEqual(collector.ids(), uids);
    assert.equal(collector.requests.length, 3);
  });

  for (const status of [500, 503, 429, 401, 403, 408])
    it(`tries again after ${status}, loses nothing, and says so once`, async () => {
      let left = 3;
      collector.answer = (response) => response.writeHead((left -= 1) >= 0 ? status : 200).end("no");
      const log = recordLogger();
      const sink = await sinkTo({ log });
      sink.push(denial("a"));
      await until("1 sent", () => sink.counts().sent === 1);
      assert.deepEqual(collector.ids(), ["a", "a", "a", "a"]);
      assert.deepEqual(
        log.lines.map(([level, message]) => [level, message]),
        [
          ["warn", "denials cannot be sent"],
          ["info", "the collector of denials takes them again"],
        ],
      );
    });

  it("waits as long as the collector asks for", async () => {
    let first: number | undefined;
    collector.answer = (response) => {
      if (first === undefined) response.writeHead(503, { "retry-after": "1" }).end();
      else response.writeHead(200).end();
      first ??= performance.now();
    };
    const sink = await sinkTo();
    sink.push(denial("a"));
    await until("1 sent", () => sink.counts().sent === 1);
    assert.ok(performance.now() - (first ?? 0) > 990);
  });

  for (const status of [400, 404, 413, 301])
    it(`goes on after ${status}, which no second try would change`, async () => {
      collector.answer = (response) =>
        response.writeHead(collector.requests.length === 1 ? status : 200, { location: "http://127.0.0.1:1/" }).end();
      const sink = await sinkTo();
      sink.push(denial("a"));
      await until("1 refused", () => sink.counts().refused === 1);
      sink.push(denial("b"));
      await until("1 sent", () => sink.counts().sent === 1);
      assert.deepEqual(collector.ids(), ["a", "b"]);
    });

  it("is bounded, one namespace may take a quarter of it, and what has no room is counted and told once", async () => {
    collector.answer = (response) => response.writeHead(503).end();
    const log = recordLogger();
    const sink = await sinkTo({
      log,
      bounds: { events: 40, characters: 1_000_000 },
      timing: { ...QUICK, gather: 5_000 },
    });
    for (let count = 0; count < 1_000; count += 1) sink.push(denial(`f${count}`, { namespace: "flood" }));
    assert.deepEqual(sink.counts(), { sent: 0, refused: 0, dropped: 990, waiting: 10 });
    sink.push(denial("quiet", { namespace: "quiet" }));
    assert.equal(sink.counts().waiting, 11);
    for (let count = 0; count < 100; count += 1) sink.push(denial(`o${count}`, { namespace: `n${count}` }));
    assert.equal(sink.counts().waiting, 40, "all together");
    assert.equal(log.lines.length, 1);
  });

  it("is bounded in characters as well", async () => {
    const sink = await sinkTo({ bounds: { events: 1_000, characters: 2_000 }, timing: { ...QUICK, gather: 5_000 } });
    for (let count = 0; count < 100; count += 1) sink.push(denial(`u${count}`));
    assert.ok(sink.counts().waiting < 5);
  });

  it("has its room again when what took it is sent", async () => {
    const sink = await sinkTo({ bounds: { events: 8, characters: 2_000 } });
    for (let round = 1; round <= 20; round += 1) {
      sink.push(denial(`u${round}`));
      sink.push(denial(`v${round}`));
      await until(`${round} rounds sent`, () => sink.counts().sent === 2 * round);
    }
    assert.equal(sink.counts().dropped, 0);
  });

  it("costs a review microseconds while a collector hangs", async () => {
    collector.answer = () => undefined;
    const sink = await sinkTo();
    const started = performance.now();
    for (let count = 0; count < 2_000; count += 1) sink.push(denial(`u${count}`));
    assert.ok((performance.now() - started) / 2_000 < 0.2, "milliseconds each");
  });

  it("sends what waits at an orderly end", async () => {
    const sink = await sinkTo({ timing: { ...QUICK, gather: 60_000 } });
    for (let count = 0; count < 150; count += 1) sink.push(denial(`u${count}`));
    await sink.close();
    assert.equal(collector.ids().length, 150);
    assert.deepEqual(sink.counts(), { sent: 150, refused: 0, dropped: 0, waiting: 0 });
  });

  it("ends in time where the collector hangs, fails or asks for patience, and says what it lost", async () => {
    const answers: readonly Collector["answer"][] = [
      () => undefined,
      (response) => response.writeHead(500).end(),
      (response) => response.writeHead(503, { "retry-after": "3600" }).end(),
    ];
    for (const answer of answers) {
      collector.answer = answer;
      const log = recordLogger();
      const sink = await sinkTo({ log });
      for (let count = 0; count < 150; count += 1) sink.push(denial(`u${count}`));
      const started = performance.now();
      await sink.close();
      assert.ok(performance.now() - started < 2_000);
      assert.deepEqual(sink.counts(), { sent: 0, refused: 0, dropped: 150, waiting: 0 });
      assert.equal(log.lines.at(-1)?.[1], "not all denials were sent");
    }
  });

  it("has the headers of a file, as it is now", async () => {
    const headersFile = join(folder, "headers");
    await writeFile(headersFile, "Authorization: Splunk one\nX-Tenant: a\n");
    const sink = await sinkTo({}, { headersFile });
    sink.push(denial("a"));
    await until("1 sent", () => sink.counts().sent === 1);
    await writeFile(headersFile, "Authorization: Splunk two\n");
    sink.push(denial("b"));
    await until("2 sent", () => sink.counts().sent === 2);
    assert.deepEqual(
      collector.requests.map(({ headers }) => [headers.authorization, headers["x-tenant"]]),
      [
        ["Splunk one", "a"],
        ["Splunk two", undefined],
      ],
    );
  });

  it("says which line of that file is no header, and never what stands in it", async () => {
    const headersFile = join(folder, "headers");
    await writeFile(headersFile, "\nhunter2\n");
    const log = recordLogger();
    const sink = await sinkTo({ log }, { headersFile });
    sink.push(denial("a"));
    await until("a line", () => log.lines.length > 0);
    assert.match(JSON.stringify(log.lines), /line 2 of --denial-sink-headers-file is no header/);
    assert.doesNotMatch(JSON.stringify(log.lines), /hunter2/);
    assert.throws(() => headersOf("A: b\0c"), /line 1/);
    assert.deepEqual(headersOf("A:  b \r\nC:\n"), { a: "b", c: "" });
  });

  it("is there only where the settings name it", async () => {
    const around = { now: Date.now, log: SILENT };
    assert.equal(await startDenialSink(defaultSettings(), around), undefined);
    const sink = await startDenialSink(defaultSettings({ denialSink: collector.url }), around);
    sink?.push(denial("a"));
    await sink?.close();
    assert.equal(collector.events()[0]?.source, "/image-security/namespaces/image-security-system");
    await assert.rejects(
      startDenialSink(defaultSettings({ denialSink: collector.url, denialSinkCa: "/none" }), around),
    );
  });
});
