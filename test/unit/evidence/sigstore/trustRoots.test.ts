import "reflect-metadata";
import assert from "node:assert/strict";
import { chown, mkdtemp, rm, readdir, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fetchTufRoot } from "../../../../evidence/trust/fetchTufRoot.ts";
import { createTrustRoots, type TrustRootOptions, type TrustRoots } from "../../../../evidence/trust/trustRoots.ts";
import { embeddedRoot } from "../../../../evidence/trust/embeddedRoot.ts";
import { sigstoreInstance } from "./sigstoreInstance.ts";
import { tufServer } from "./tufServer.ts";

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

  it("are asked for again where the clock was ahead when that failed", async () => {
    const source = { type: "tuf", mirror: "https://tuf.company.com", root: "{}" } as const;
    let asked = 0;
    const now = clock.now;
    // A node that starts without the time: its certificates are refused by TLS, until the clock is set.
    clock.now = now + 3_650 * 86_400_000;
    const store = roots({
      fetchRoot: async () => {
        asked += 1;
        if (clock.now > now) throw new Error("certificate has expired");
        return document;
      },
    });
    assert.equal((await store.get(source, never)).status, "unavailable");
    const before = asked;
    clock.now = now;
    assert.equal((await store.get(source, never)).status, "verified");
    assert.ok(asked > before);
    assert.ok(store.until(source) <= now + 6 * 3_600_000);
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
      fetchTufRoot({ mirror: server.mirror, root: server.root }, cacheDirectory, false, () => undefined),
      /mediaType/,
    );
    await server.close();
  });

  it("survive a cache that was left half written, whichever file it is", async () => {
    const server = await tufServer(document);
    const fetched = (): Promise<string> => fetchTufRoot(server, cacheDirectory, true, () => undefined);
    await fetched();
    const files = (await readdir(cacheDirectory, { recursive: true })).filter((path) => path.endsWith(".json"));
    assert.ok(files.some((path) => path.endsWith("root.json")));
    for (const file of files)
      for (const text of ["", "{", "{}"]) {
        await writeFile(join(cacheDirectory, file), text);
        assert.equal(await fetched(), document, `${file}: ${text}`);
      }
    await server.close();
  }).timeout(20_000);

  it("that are on disk are there at once, beside a mirror that hangs", async () => {
    const source = { type: "tuf", mirror: "https://tuf.invalid", root: "{}" } as const;
    const store = roots({
      fetchRoot: async (_, __, fromCache) => (fromCache ? document : new Promise(() => undefined)),
    });
    assert.equal((await store.get(source, never)).status, "verified");
  });

  it("are not begun from what another user of the machine may have put there", async () => {
    const server = await tufServer(document);
    const fetched = (): Promise<string> => fetchTufRoot(server, cacheDirectory, false, () => undefined);
    assert.equal(await fetched(), document);
    const { getuid } = process;
    // Who may give a folder away does so; for others, we become somebody else.
    await chown(cacheDirectory, 65_534, 65_534).catch(() => (process.getuid = () => 65_535));
    try {
      await assert.rejects(fetched(), /belongs to another user; name a folder of your own with --trust-root-cache/);
    } finally {
      if (getuid !== undefined) process.getuid = getuid;
      await server.close();
    }
  });

  it("too large to be one are not downloaded", async () => {
    const server = await tufServer("x".repeat(2 * 1024 * 1024));
    const outcome = await roots().get({ type: "tuf", mirror: server.mirror, root: server.root }, never);
    assert.equal(outcome.status, "unavailable");
    assert.deepEqual(
      server.paths.filter((path) => path.includes("trusted_root")),
      [],
    );
    await server.close();
  });

  it("are fetched where a mirror redirects to, unless that is a refused address", async () => {
    const server = await tufServer(document);
    const other = await tufServer(document);
    const source = { type: "tuf", mirror: server.mirror, root: server.root } as const;
    // The same address as the mirror's, but under a name that the policy does not write.
    const elsewhere = other.mirror.replace("127.0.0.1", "localhost");
    server.instead = ({ url }, response) => {
      response.writeHead(302, { location: `${elsewhere}${url}` }).end();
      return true;
    };
    assert.equal((await roots().get(source, never)).status, "unavailable");
    assert.deepEqual(other.paths, [], "nothing was sent there");
    server.instead = ({ url = "" }, response) => {
      if (url.startsWith("/moved")) return false;
      response.writeHead(302, { location: `${server.mirror}/moved${url}` }).end();
      return true;
    };
    await roots().get(source, never);
    assert.ok(server.paths.includes("/moved/timestamp.json"));
    await Promise.all([server.close(), other.close()]);
  });

  it("are read through the environment's proxy", async () => {
    const server = await tufServer(document);
    const tunnels: string[] = [];
    const proxy = createServer().on("connect", ({ url = "" }: IncomingMessage, socket) => {
      tunnels.push(url);
      const onward = connect(Number(new URL(server.mirror).port), "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        onward.pipe(socket).pipe(onward);
      });
      onward.on("error", () => socket.destroy());
      socket.on("error", () => onward.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const before = process.env["HTTP_PROXY"];
    // Bound to an address, so it has one.
    process.env["HTTP_PROXY"] = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    try {
      const outcome = await roots().get({ type: "tuf", mirror: "http://tuf.invalid", root: server.root }, never);
      assert.equal(outcome.status === "verified" && outcome.value.json, document);
      assert.equal(tunnels[0], "tuf.invalid:80");
    } finally {
      if (before === undefined) delete process.env["HTTP_PROXY"];
      else process.env["HTTP_PROXY"] = before;
      proxy.close();
      await server.close();
    }
  });

  it("do not hold anybody past the deadline", async () => {
    const store = roots({ fetchRoot: () => new Promise(() => undefined) });
    const source = { type: "tuf", mirror: "http://127.0.0.1:1", root: "{}" } as const;
    assert.equal((await store.get(source, AbortSignal.timeout(20))).status, "unavailable");
    assert.equal((await store.get(source, AbortSignal.abort())).status, "unavailable");
  });
});
