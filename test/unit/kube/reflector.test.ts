import assert from "node:assert/strict";
import { KubeConfig } from "@kubernetes/client-node";
import { createKubeClient, type KubeClient } from "../../../kube/kubeClient.ts";
import { fieldsOf, textOf } from "../../../json/fields.ts";
import { metadataOf } from "../../../kube/object.ts";
import { SILENT, type Log } from "../../../kube/log.ts";
import { Reflector, type ReflectorOptions } from "../../../kube/cache/reflector.ts";
import { FakeApiServer, json, until } from "./fakeApiServer.ts";

const PODS = "/api/v1/pods";
const QUICK = { backoffBase: 10, backoffLimit: 50, absentRetry: 30 } as const;

interface Row {
  readonly name: string;
  readonly value: string;
}

const project = (object: unknown): Row => {
  const value = textOf(fieldsOf(object)["value"]);
  if (value === "unreadable") throw new Error("no such value");
  return { name: metadataOf(object).name, value };
};

describe("list and watch", () => {
  let server: FakeApiServer;
  let client: KubeClient;
  let watches: Reflector<Row>[];

  beforeEach(async () => {
    server = new FakeApiServer();
    await server.start();
    server.define(PODS);
    client = server.client();
    watches = [];
  });
  afterEach(async () => {
    await Promise.all(watches.map((watch) => watch.stop()));
    await client.close();
    await server.stop();
  });

  const start = (options: Partial<ReflectorOptions<Row>> = {}): Reflector<Row> => {
    const watch = new Reflector<Row>({
      resource: "pods",
      client,
      path: PODS,
      project,
      log: SILENT,
      ...options,
      timing: { ...QUICK, ...options.timing },
    });
    watches.push(watch);
    watch.start();
    return watch;
  };
  const put = (name: string, value = ""): void => {
    server.put(PODS, { metadata: { name, namespace: "default" }, value });
  };
  const names = (watch: Reflector<Row>): string[] => [...watch.store.values()].map(({ name }) => name).toSorted();
  const watching = (): Promise<void> => until("a watch is open", () => server.watching(PODS) > 0);

  it("has what was there, and what comes, changes and goes", async () => {
    put("a", "1");
    const watch = start();
    await until("synced", () => watch.synced());
    assert.deepEqual(names(watch), ["a"]);
    await watching();
    put("b", "1");
    put("a", "2");
    await until("b came", () => watch.store.size() === 2);
    await until("a changed", () => watch.store.get("default/a")?.value === "2");
    server.delete(PODS, "default/a");
    await until("a went", () => watch.store.size() === 1);
    assert.equal(watch.counts.lists, 1, "a watch is enough for all of that");
  });

  it("says that it has begun, so that somebody misses what is never heard of", async () => {
    const alive: number[] = [];
    const watch = start({ path: "/api/v1/never", onAlive: (now) => alive.push(now) });
    assert.equal(alive.length, 1);
    await until("a list failed", () => watch.lastError() !== undefined);
    assert.equal(alive.length, 1, "what fails is no sign of life");
    assert.equal(watch.lastAlive, 0);
  });

  it("reads lists in pages of 500", async () => {
    for (let index = 0; index < 1_201; index += 1) put(`pod-${index}`);
    const watch = start();
    await until("synced", () => watch.synced());
    assert.equal(watch.store.size(), 1_201);
    const pages = server.requests.filter(({ query }) => query.includes("limit=500"));
    assert.equal(pages.length, 3);
  });

  it("reads objects as large as anybody can make them, without a page that is larger than memory", async () => {
    for (let index = 0; index < 40; index += 1) put(`pod-${index}`, "x".repeat(1_000_000));
    const watch = start({ project: (object) => ({ name: metadataOf(object).name, value: "" }) });
    await until("synced", () => watch.synced());
    assert.equal(watch.store.size(), 40);
    assert.equal(watch.counts.lists, 1);
    const limits = server.requests.flatMap(({ query }) => /limit=(\d+)/.exec(query)?.[1] ?? []);
    // The first page was given up at 8 MiB, and asked for again with fewer in it.
    assert.deepEqual(limits.slice(0, 2), ["500", "62"]);
    assert.equal(limits.at(-1), "1");
  });

  it("reads an object that escapes make larger than a page", async () => {
    // 1.5 MiB of such text in etcd.
    put("a", "\u0001".repeat(1_500_000));
    const watch = start({ project: (object) => ({ name: metadataOf(object).name, value: "" }) });
    await until("synced", () => watch.synced());
    assert.equal(watch.store.size(), 1);
  });

  it("believes a list over what is learned of an older version while its other pages come", async () => {
    put("a", "of 101");
    put("a", "of 102");
    for (let index = 0; index < 600; index += 1) put(`pod-${index}`);
    const watch: Reflector<Row> = start();
    server.faults.push((_request, _response, url) => {
      if (url.searchParams.get("continue") !== null)
        watch.store.learn("default/a", { name: "a", value: "of 101" }, "101");
      return false;
    });
    await until("synced", () => watch.synced());
    assert.equal(watch.store.get("default/a")?.value, "of 102");
  });

  it("takes the list of a restored cluster for all there is, also of what was learned a moment before", async () => {
    put("a", "of the backup");
    const watch = start();
    await watching();
    watch.store.reached("400");
    watch.store.learn("default/a", { name: "a", value: "of a write that is lost" }, "500");
    assert.equal(watch.store.get("default/a")?.value, "of a write that is lost");
    let restored = false;
    server.faults.push((_request, response, url) => {
      if (restored || url.searchParams.get("watch") === null) return false;
      restored = true;
      json(response, 410, { kind: "Status", code: 410, reason: "Expired" });
      return true;
    });
    server.reset(PODS);
    await until("listed again", () => watch.counts.lists === 2 && server.watching(PODS) === 1);
    assert.equal(watch.store.get("default/a")?.value, "of the backup");
  });

  it("is not synced by half a list", async () => {
    for (let index = 0; index < 600; index += 1) put(`pod-${index}`);
    let broken = true;
    server.faults.push((_request, response, url) => {
      if (!broken || url.searchParams.get("continue") === null) return false;
      response.destroy();
      return true;
    });
    const watch = start();
    await until("several attempts", () => watch.counts.lists >= 3);
    assert.equal(watch.synced(), false);
    broken = false;
    await until("synced", () => watch.synced());
    assert.equal(watch.store.size(), 600);
  });

  it("asks for bookmarks and goes on from the newest one", async () => {
    put("a");
    const watch = start();
    await watching();
    server.bookmark(PODS);
    // Everything before the bookmark is forgotten: only who remembers the bookmark can go on without a list.
    server.sendRaw(PODS, "");
    await until("bookmark seen", () => watch.lastAlive > 0);
    await new Promise((resolve) => setTimeout(resolve, 30));
    server.reset(PODS);
    await until("watched again", () => watch.counts.watches >= 2);
    await watching();
    const last = server.requests.findLast(({ query }) => query.includes("watch=true"))?.query ?? "";
    assert.match(last, /resourceVersion=102/);
    assert.match(last, /allowWatchBookmarks=true/);
    assert.equal(watch.counts.lists, 1);
  });

  it("lists again after 410 and sees what was deleted meanwhile", async () => {
    put("a");
    put("b");
    const watch = start();
    await watching();
    const gone: string[] = [];
    watch.onChange((key, _before, after) => {
      if (after === undefined) gone.push(key);
    });
    server.forget(PODS, "default/a");
    server.compact(PODS);
    server.reset(PODS);
    await until("a is gone", () => watch.store.size() === 1);
    assert.deepEqual(gone, ["default/a"]);
    assert.equal(watch.counts.lists, 2);
    assert.ok(watch.counts.watches <= 3, "at once, without trying again what cannot be had");
  });

  it("takes a 410 as the HTTP status as well", async () => {
    put("a");
    let expired = true;
    server.faults.push((_request, response, url) => {
      if (!expired || url.searchParams.get("watch") === null) return false;
      expired = false;
      json(response, 410, { kind: "Status", code: 410, reason: "Expired" });
      return true;
    });
    const watch = start();
    await watching();
    assert.equal(watch.counts.lists, 2);
  });

  const expiries: readonly [string, (response: Parameters<typeof json>[0]) => void][] = [
    ["a watch is opened", (response) => json(response, 410, { kind: "Status", code: 410, reason: "Expired" })],
    [
      "a watch has told of one event",
      (response) => {
        const events = [
          { type: "MODIFIED", object: { metadata: { name: "a", namespace: "default", resourceVersion: "999" } } },
          { type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired" } },
        ];
        response.end(events.map((event) => `${JSON.stringify(event)}\n`).join(""));
      },
    ],
  ];
  for (const [when, expire] of expiries) {
    it(`lists with growing pauses where the API server forgets as soon as ${when}`, async () => {
      put("a");
      let storm = true;
      server.faults.push((_request, response, url) => {
        if (!storm || url.searchParams.get("watch") === null) return false;
        expire(response);
        return true;
      });
      const pauses: unknown[] = [];
      const warnings: string[] = [];
      const log: Log = {
        ...SILENT,
        debug: (_message, meta) => pauses.push(fieldsOf(meta)["retryMs"]),
        warn: (message, meta) => {
          warnings.push(message);
          pauses.push(fieldsOf(meta)["retryMs"]);
        },
      };
      const watch = start({ log, random: () => 0 });
      await until("the pauses do not grow any more", () => pauses.length >= 6);
      assert.deepEqual(pauses.slice(0, 6), [5, 10, 20, 25, 25, 25]);
      assert.ok(watch.counts.lists <= pauses.length + 1, "a pause before every list but the first");
      assert.equal(warnings.length, 1, "told once");
      storm = false;
      await watching();
      put("b");
      await until("b came", () => watch.store.get("default/b") !== undefined);
    });
  }

  const troubles: readonly [string, (server: FakeApiServer) => void][] = [
    ["the connection is cut", (fake) => fake.reset(PODS)],
    ["a line is no JSON", (fake) => fake.sendRaw(PODS, "<html>bad gateway</html>\n")],
    [
      "a line is half of one",
      (fake) => {
        fake.sendRaw(PODS, '{"type":"ADDED","obj');
        fake.reset(PODS);
      },
    ],
    [
      "an event says 500",
      (fake) => fake.sendRaw(PODS, { type: "ERROR", object: { code: 500, message: "etcd is away" } }),
    ],
    [
      "an event says nothing",
      (fake) => {
        fake.sendRaw(PODS, "null\n");
        fake.sendRaw(PODS, "[]\n");
        fake.sendRaw(PODS, "{}\n");
      },
    ],
    ["an event has no name", (fake) => fake.sendRaw(PODS, { type: "ADDED", object: { metadata: {} } })],
    ["an unknown event comes", (fake) => fake.sendRaw(PODS, { type: "SURPRISE", object: {} })],
  ];
  for (const [what, trouble] of troubles) {
    it(`goes on when ${what}`, async () => {
      put("a");
      const watch = start();
      await watching();
      trouble(server);
      put("b");
      await until("b came", () => watch.store.size() === 2);
      put("c");
      await until("c came", () => watch.store.size() === 3);
      assert.deepEqual(names(watch), ["a", "b", "c"]);
    });
  }

  it("heals from a list that fails in every way", async () => {
    put("a");
    const answers: ((response: Parameters<typeof json>[0]) => void)[] = [
      (response) => json(response, 500, { message: "no" }),
      (response) => json(response, 403, { kind: "Status", message: "forbidden", reason: "Forbidden" }),
      (response) => json(response, 401, {}),
      (response) => json(response, 429, {}),
      (response) => json(response, 404, {}),
      (response) => json(response, 200, { metadata: {}, items: [] }),
      (response) => json(response, 200, { kind: "Surprise" }),
      (response) => response.end("<html>"),
      (response) => response.destroy(),
    ];
    server.faults.push((_request, response) => {
      const answer = answers.shift();
      answer?.(response);
      return answer !== undefined;
    });
    const watch = start();
    await until("synced", () => watch.synced());
    assert.deepEqual(names(watch), ["a"]);
    assert.equal(watch.lastError(), undefined, "an error that is over is not told any more");
  });

  it("replaces a watch that fell silent, and stays with bookmarks alone", async () => {
    put("a");
    const watch = start({ timing: { stall: 150 } });
    await watching();
    for (let index = 0; index < 6; index += 1) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      server.bookmark(PODS);
    }
    assert.equal(watch.counts.stalls, 0, "a bookmark is a sign of life");
    await until("replaced", () => watch.counts.stalls >= 1);
    await until("watched again", () => watch.counts.watches >= 2);
    put("b");
    await until("b came", () => watch.store.size() === 2);
    assert.equal(watch.counts.lists, 1);
  });

  it("is not kept alive by bytes that never make a line", async () => {
    const watch = start({ timing: { stall: 150 } });
    await watching();
    const drip = setInterval(() => server.sendRaw(PODS, " "), 20);
    try {
      await until("replaced", () => watch.counts.stalls >= 1);
    } finally {
      clearInterval(drip);
    }
  });

  it("heals when the API server goes away and comes back without its history", async () => {
    put("a");
    const watch = start();
    await watching();
    const { port } = server;
    await server.stop();
    await until("noticed", () => watch.lastError() !== undefined);
    assert.deepEqual(names(watch), ["a"], "the last known state stays");
    const next = new FakeApiServer();
    next.define(PODS);
    next.put(PODS, { metadata: { name: "z", namespace: "default" }, value: "" });
    next.compact(PODS);
    await next.start(port);
    server = next;
    await until("the new state is there", () => names(watch).join() === "z");
  });

  it("tells a listener's exception and goes on", async () => {
    const errors: string[] = [];
    const log: Log = { ...SILENT, error: (message) => errors.push(message) };
    const watch = start({ log });
    const seen: string[] = [];
    watch.onChange(() => {
      throw new Error("a bug");
    });
    watch.onChange((key) => seen.push(key));
    await watching();
    put("a");
    put("b");
    await until("both were told", () => seen.length === 2);
    assert.equal(errors.length, 2);
    assert.equal(watch.counts.watches, 1, "the watch has nothing to do with it");
  });

  it("keeps what was known of an object that cannot be read any more", async () => {
    put("a", "1");
    put("b", "1");
    const errors: object[] = [];
    const watch = start({ log: { ...SILENT, error: (_message, fields) => errors.push(fields ?? {}) } });
    await watching();
    put("a", "unreadable");
    put("b", "2");
    await until("b changed", () => watch.store.get("default/b")?.value === "2");
    assert.equal(watch.store.get("default/a")?.value, "1");
    assert.equal(errors.length, 1);
  });

  it("does not tell what is the same to listeners", async () => {
    put("a", "1");
    const watch = start({ same: (before, after) => before.value === after.value });
    await watching();
    const told: string[] = [];
    watch.onChange((_key, _before, after) => told.push(after?.value ?? "gone"));
    put("a", "1");
    put("a", "2");
    await until("told", () => told.length > 0);
    assert.deepEqual(told, ["2"]);
  });

  describe("a type that is not there", () => {
    const CRDS = "/apis/imagesecurity.dev/v1/violations";

    it("counts as empty once its absence is certain, and is found when it comes", async () => {
      const watch = start({ path: CRDS, absent: () => Promise.resolve(true) });
      await until("synced", () => watch.synced());
      assert.equal(watch.store.size(), 0);
      server.put(CRDS, { metadata: { name: "v", namespace: "default" }, value: "" });
      await until("found", () => watch.store.size() === 1);
    });

    it("is an error like any other while its definition exists: the state stays", async () => {
      server.put(CRDS, { metadata: { name: "v", namespace: "default" }, value: "" });
      const watch = start({ path: CRDS, absent: () => Promise.resolve(false) });
      await until("watched", () => server.watching(CRDS) > 0);
      const asked = server.requests.length;
      server.faults.push((_request, response, url) => {
        if (url.pathname !== CRDS) return false;
        json(response, 404, { kind: "Status", code: 404 });
        return true;
      });
      server.reset(CRDS);
      await until("asked again", () => server.requests.length > asked + 6);
      assert.equal(watch.store.size(), 1);
    });
  });

  it("lists everything anew now and then, so that nothing lost stays lost", async () => {
    put("a");
    const watch = start({ timing: { relist: 50, watch: 1_000, stall: 100 } });
    await watching();
    server.forget(PODS, "default/a");
    await until("noticed", () => watch.store.size() === 0);
  });

  it("stops at once, wherever it is", async () => {
    server.faults.push(() => true);
    const hanging = start();
    await until("asked", () => server.requests.length > 0);
    await hanging.stop();
    server.faults.length = 0;
    const open = start();
    await watching();
    await open.stop();
    await until("the watch is closed", () => server.watching(PODS) === 0);
  });

  it("tries for ever when there is no API server, with growing pauses", async () => {
    const config = new KubeConfig();
    config.loadFromClusterAndUser({ name: "x", server: "http://127.0.0.1:9", skipTLSVerify: true }, { name: "x" });
    const lonely = createKubeClient(config, "image-security");
    const pauses: number[] = [];
    const log: Log = {
      ...SILENT,
      warn: (_message, fields) => pauses.push((fields as { retryMs: number }).retryMs),
      debug: (_message, fields) => pauses.push((fields as { retryMs: number }).retryMs),
    };
    const watch = start({ client: lonely, log, random: () => 1 });
    await until("several tries", () => pauses.length >= 5);
    assert.deepEqual(pauses.slice(0, 4), [10, 20, 40, 50]);
    await watch.stop();
    await lonely.close();
  });
});
