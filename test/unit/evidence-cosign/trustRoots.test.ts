import "reflect-metadata";
import assert from "node:assert/strict";
import { mkdtemp, rm, readdir } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initializeTUFRepo, tufHandlers } from "@tufjs/repo-mock";
import { fetchTufRoot } from "../../../evidence/trust/fetchTufRoot.ts";
import { createTrustRoots, type TrustRootOptions, type TrustRoots } from "../../../evidence/trust/trustRoots.ts";
import { embeddedRoot } from "../../../evidence/trust/embeddedRoot.ts";
import { sigstoreInstance } from "./sigstoreInstance.ts";

interface TufServer {
  readonly mirror: string;
  readonly root: string;
  readonly paths: readonly string[];
  readonly close: () => Promise<void>;
}

/** A TUF repository on loopback that can be taken down. */
const tufServer = async (target: string): Promise<TufServer> => {
  const repository = initializeTUFRepo([{ name: "trusted_root.json", content: Buffer.from(target) }]);
  const handlers = new Map(tufHandlers(repository, { metadataPathPrefix: "" }).map(({ path, fn }) => [path, fn]));
  const paths: string[] = [];
  const server: Server = createServer((request, response) => {
    const path = request.url ?? "";
    paths.push(path);
    const { statusCode, response: body } = handlers.get(path)?.() ?? { statusCode: 404, response: "" };
    response.writeHead(statusCode).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // Bound to an address, so it has one.
  const { port } = server.address() as AddressInfo;
  return {
    mirror: `http://127.0.0.1:${port}`,
    root: JSON.stringify(repository.rootMeta.toJSON()),
    paths,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

describe("trust roots", () => {
  let cacheDirectory: string;
  let document: string;
  const clock = { now: Date.now() };
  const failures: string[] = [];
  const roots = (more: Partial<TrustRootOptions> = {}): TrustRoots =>
    createTrustRoots({
      cacheDirectory,
      publicGoodUpdates: false,
      clock: () => clock.now,
      onFailure: (mirror) => failures.push(mirror),
      ...more,
    });
  const never = new AbortController().signal;

  before(async () => {
    document = (await sigstoreInstance()).trustedRoot;
  });
  beforeEach(async () => {
    cacheDirectory = await mkdtemp(join(tmpdir(), "trust-"));
    failures.length = 0;
  });
  afterEach(() => rm(cacheDirectory, { recursive: true }));

  it("that are written down are there at once, with a hash of their own", async () => {
    const source = { type: "document", json: document } as const;
    const known = roots().peek(source);
    assert.equal(known?.json, document);
    assert.notEqual(known?.hash, roots().peek({ type: "document", json: `${document} ` })?.hash);
    assert.deepEqual(await roots().get(source, never), { status: "verified", value: known });
  });

  it("of the public good instance are there at once, and nobody is asked without leave", async () => {
    const asked: string[] = [];
    const store = roots({ fetchRoot: async ({ mirror }) => (asked.push(mirror), document) });
    assert.equal(store.peek({ type: "publicGood" })?.json, embeddedRoot());
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(asked, []);
    assert.deepEqual(await readdir(cacheDirectory), []);
  });

  it("of the public good instance are renewed behind the answer, and kept where that fails", async () => {
    let answer: () => Promise<string> = () => Promise.reject(new Error("no network"));
    let asked = 0;
    let told = 0;
    const store = roots({
      publicGoodUpdates: true,
      onChange: () => (told += 1),
      fetchRoot: () => {
        asked += 1;
        return answer();
      },
    });
    const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(store.peek({ type: "publicGood" })?.json, embeddedRoot());
    await settled();
    assert.equal(asked, 1);
    assert.equal(failures.length, 1);
    assert.equal(store.peek({ type: "publicGood" })?.json, embeddedRoot());
    assert.equal(asked, 1, "not again at once");
    assert.equal(told, 1, "no news: what is embedded counts from now on");
    answer = () => Promise.resolve(document);
    clock.now += 61_000;
    store.peek({ type: "publicGood" });
    await settled();
    assert.equal(store.peek({ type: "publicGood" })?.json, document);
    assert.equal(told, 2);
    const before = asked;
    clock.now += 3_600_000;
    store.peek({ type: "publicGood" });
    await settled();
    assert.equal(asked, before, "not within hours");
    clock.now += 6 * 3_600_000;
    store.peek({ type: "publicGood" });
    await settled();
    assert.ok(asked > before);
    assert.equal(told, 2, "the same root again");
  });

  it("of a private TUF repository are fetched, and survive the mirror", async () => {
    const server = await tufServer(document);
    const source = { type: "tuf", mirror: server.mirror, root: server.root } as const;
    const store = roots();
    assert.equal(store.peek(source), undefined);
    const first = await store.get(source, never);
    assert.equal(first.status === "verified" && first.value.json, document);
    await server.close();
    // In this process, and in the next one, which finds it on disk.
    clock.now += 24 * 3_600_000;
    assert.equal((await store.get(source, never)).status, "verified");
    const restarted = await roots().get(source, never);
    assert.equal(restarted.status === "verified" && restarted.value.json, document);
  }).timeout(20_000);

  it("of a private TUF repository are asked for once, however many wait", async () => {
    const server = await tufServer(document);
    const source = { type: "tuf", mirror: server.mirror, root: server.root } as const;
    const store = roots();
    await Promise.all(Array.from({ length: 20 }, () => store.get(source, never)));
    assert.ok(server.paths.filter((path) => path.includes("trusted_root")).length <= 1);
    await server.close();
  }).timeout(20_000);

  it("are unavailable where nobody has them: no mirror, another root, no root at all", async () => {
    const server = await tufServer(document);
    const other = await tufServer(document);
    const cases = [
      { mirror: "http://127.0.0.1:1", root: server.root },
      { mirror: server.mirror, root: other.root },
      { mirror: server.mirror, root: "{}" },
    ];
    for (const one of cases) {
      const outcome = await roots().get({ type: "tuf", ...one }, never);
      assert.deepEqual(
        [outcome.status, outcome.status === "unavailable" && outcome.cause],
        ["unavailable", "trustRoot"],
      );
    }
    assert.ok(failures.length >= cases.length);
    await Promise.all([server.close(), other.close()]);
  }).timeout(30_000);

  it("that TUF serves are checked like all others", async () => {
    const server = await tufServer("{}");
    await assert.rejects(
      fetchTufRoot({ mirror: server.mirror, root: server.root }, cacheDirectory, false),
      /mediaType/,
    );
    await server.close();
  });

  it("do not hold anybody past the deadline", async () => {
    const store = roots({ fetchRoot: () => new Promise(() => undefined) });
    const source = { type: "tuf", mirror: "http://127.0.0.1:1", root: "{}" } as const;
    assert.equal((await store.get(source, AbortSignal.timeout(20))).status, "unavailable");
    assert.equal((await store.get(source, AbortSignal.abort())).status, "unavailable");
  });
});
