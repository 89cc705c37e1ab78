import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
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

  it("does not try one by one the connections to a host that is gone", async () => {
    await burst();
    for (const connection of connections) gone.add(connection);
    await assert.rejects(client.request("GET", "/api/v1/pods", { timeout: 100 }), { code: "timeout" });
    assert.equal((await client.request("GET", "/api/v1/pods", { timeout: 5_000 })).status, 200);
  });
});
