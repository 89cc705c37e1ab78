import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { KubeConfig } from "@kubernetes/client-node";
import { createKubeClient, type KubeClient } from "../../../kube/kubeClient.ts";

describe("a client of an API server", () => {
  let server: Server;
  let client: KubeClient;
  let connections: Set<Socket>;
  /** Whose host is gone, as the other end sees it: nothing comes, not even an end. */
  let gone: Set<Socket>;

  beforeEach(async () => {
    connections = new Set();
    gone = new Set();
    // As the API server, which does not say how long it keeps a connection.
    server = createServer(({ socket }, response) => {
      if (!gone.has(socket))
        response.writeHead(200, { connection: "keep-alive", "content-type": "application/json" }).end("{}");
    });
    server.keepAliveTimeout = 90_000;
    server.on("connection", (socket: Socket) => connections.add(socket));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    // A TCP server's address is never a pipe's name.
    const { port } = server.address() as AddressInfo;
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: "x", server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
      { name: "x" },
    );
    client = createKubeClient(config, "image-security");
  });
  afterEach(async () => {
    await client.close();
    server.closeAllConnections();
    server.close();
  });

  const burst = (): Promise<unknown> =>
    Promise.all(Array.from({ length: 8 }, () => client.request("GET", "/api/v1/pods")));

  it("keeps the connections of a burst for the next one", async () => {
    await burst();
    const { size } = connections;
    await wait(5_500);
    await burst();
    assert.equal(connections.size, size);
  });

  it("reads the ServiceAccount's token again where the clock was ahead, and is set back", async () => {
    const folder = await mkdtemp(join(tmpdir(), "token-"));
    const tokenFile = join(folder, "token");
    let valid = "one";
    server.removeAllListeners("request");
    server.on("request", ({ headers }, response) =>
      response.writeHead(headers.authorization === `Bearer ${valid}` ? 200 : 401).end("{}"),
    );
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: "x", server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, skipTLSVerify: true },
      // As client-node makes it in a Pod.
      { name: "x", authProvider: { name: "tokenFile", config: { tokenFile } } },
    );
    const inPod = createKubeClient(config, "image-security");
    const { Date: real } = globalThis;
    try {
      await writeFile(tokenFile, "one\n");
      globalThis.Date = class extends real {
        constructor() {
          super(real.now() + 86_400_000);
        }
      } as DateConstructor;
      assert.equal((await inPod.request("GET", "/api/v1/pods")).status, 200);
      globalThis.Date = real;
      valid = "two";
      await writeFile(tokenFile, "two\n");
      assert.equal((await inPod.request("GET", "/api/v1/pods")).status, 200);
    } finally {
      globalThis.Date = real;
      await inPod.close();
      await rm(folder, { recursive: true });
    }
  });

  it("does not try one by one the connections to a host that is gone", async () => {
    await burst();
    for (const connection of connections) gone.add(connection);
    await assert.rejects(client.request("GET", "/api/v1/pods", { timeout: 100 }), { code: "timeout" });
    assert.equal((await client.request("GET", "/api/v1/pods", { timeout: 5_000 })).status, 200);
  });
});
