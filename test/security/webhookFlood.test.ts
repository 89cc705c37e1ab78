import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as tcpConnect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";
import { startCallers, type ServerUnderTest } from "../unit/webhook/callers/callersUnderTest.ts";
import { clientAuthority, clientOf } from "../unit/webhook/callers/clients.ts";
import type { CallerSettings } from "../../webhook/callers/callers.ts";

const MiB = 1024 * 1024;
const ANYBODY: Partial<CallerSettings> = { clientNames: [], action: "Report", addresses: [] };

describe("A flood of requests to the webhook from inside the cluster", function () {
  this.timeout(30_000);
  const sockets: Socket[] = [];
  /** Ended before the server, which would wait for them. */
  const ending = (): Disposable => ({
    [Symbol.dispose]: () => {
      for (const socket of sockets.splice(0)) socket.destroy();
    },
  });

  const head = (length: number): string =>
    `POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;

  /** A body of 7 MiB of which `bytes` come. */
  const unfinished = async (server: ServerUnderTest, bytes: number): Promise<TLSSocket> => {
    const socket = connect({ host: "127.0.0.1", port: server.port, rejectUnauthorized: false });
    socket.on("error", () => undefined);
    sockets.push(socket);
    await once(socket, "secureConnect");
    socket.write(head(7 * MiB));
    socket.write(Buffer.alloc(bytes, 0x20));
    return socket;
  };

  it("of ten bodies that never end does not keep a review from being answered", async () => {
    await using server = await startCallers([], ANYBODY);
    using _ = ending();
    const bodies: TLSSocket[] = [];
    for (let count = 0; count < 9; count += 1) bodies.push(await unfinished(server, 7 * MiB - 1));
    await sleep(800);
    bodies.push(await unfinished(server, MiB - 200));
    await sleep(500);
    const answers = bodies.map(async (socket) => String((await once(socket, "data"))[0]).slice(0, 12));
    for (let round = 0; round < 10; round += 1) assert.equal((await server.post(server.client())).code, 200);
    // And they are cut for their slowness.
    const codes = await Promise.all(answers);
    assert.ok(
      codes.every((code) => code === "HTTP/1.1 503" || code === "HTTP/1.1 408"),
      codes.join(),
    );
    assert.ok(codes.includes("HTTP/1.1 503"), "the oldest made room");
    assert.ok(codes.includes("HTTP/1.1 408"));
  });

  it("of such bodies that goes on does not either", async () => {
    await using server = await startCallers([], ANYBODY);
    using _ = ending();
    let flooding = true;
    const flood = (async () => {
      while (flooding) {
        await unfinished(server, 7 * MiB - 1);
        if (sockets.length > 30) sockets.shift()?.destroy();
      }
    })();
    const codes: number[] = [];
    for (let round = 0; round < 30; round += 1) {
      await sleep(50);
      codes.push((await server.post(server.client())).code);
    }
    flooding = false;
    await flood;
    assert.deepEqual(
      codes.filter((code) => code !== 200),
      [],
    );
  });

  it("of bodies that trickle is cut within seconds", async () => {
    await using server = await startCallers([], ANYBODY);
    using _ = ending();
    const socket = await unfinished(server, 100);
    const trickle = setInterval(() => socket.write(" "), 100);
    const started = performance.now();
    const answer = String((await once(socket, "data"))[0]);
    clearInterval(trickle);
    assert.match(answer, /^HTTP\/1\.1 408/);
    assert.ok(performance.now() - started < 6_000);
  });

  it("holds no memory at all where callers are authenticated", async () => {
    const authority = await clientAuthority("CN=clients");
    // Room for one review only.
    await using server = await startCallers([authority.pem], {}, { server: { maxBytes: 1_000 } });
    using _ = ending();
    const client = server.client(await clientOf(authority));
    for (let count = 0; count < 5; count += 1) void unfinished(server, 500).catch(() => undefined);
    await sleep(300);
    for (let round = 0; round < 5; round += 1) assert.equal((await server.post(client)).code, 200);
  });

  it("of connections that say nothing leaves room for those that bring reviews", async () => {
    const authority = await clientAuthority("CN=clients");
    await using server = await startCallers([authority.pem], {}, { server: { maxConnections: 16 } });
    using _ = ending();
    const pair = await clientOf(authority);
    const client = server.client(pair);
    assert.equal((await server.post(client)).code, 200);
    for (let count = 0; count < 60; count += 1) {
      const socket = tcpConnect({ host: "127.0.0.1", port: server.port });
      socket.on("error", () => undefined);
      sockets.push(socket);
      await once(socket, "connect");
    }
    await sleep(100);
    assert.ok(sockets.filter(({ destroyed, readyState }) => !destroyed && readyState === "open").length <= 16);
    assert.equal((await server.post(client)).code, 200, "by the connection that was there");
    assert.equal((await server.post(server.client(pair))).code, 200, "and by a new one");
  });
});
