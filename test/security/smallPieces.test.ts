import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { connect } from "node:tls";
import { promisify } from "node:util";
import { startCallers } from "../unit/webhook/callers/callersUnderTest.ts";

const MiB = 1024 * 1024;
const HEAD = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

/** Whoever sends chooses how a body is cut: a chunk of one byte was an object of 150 bytes, and a byte behind an extension a view of 64 KiB. */
describe("a body in pieces of one byte", function () {
  this.timeout(60_000);

  it("is not waited for by the webhook", async () => {
    await using server = await startCallers([], { clientNames: [], action: "Report", addresses: [] });
    const socket = connect({ host: "127.0.0.1", port: server.port, rejectUnauthorized: false });
    socket.on("error", () => undefined);
    await once(socket, "secureConnect");
    const started = performance.now();
    socket.write(`POST /validate HTTP/1.1\r\nHost: x\r\n${HEAD}${"1\r\n \r\n".repeat(100)}`);
    assert.match(String((await once(socket, "data"))[0]), /^HTTP\/1\.1 408 .*too slowly, or in too small pieces/s);
    // And not for its slowness, which is looked at after three seconds.
    assert.ok(performance.now() - started < 2_000);
    socket.destroy();
    assert.equal((await server.post(server.client())).code, 200);
  });

  const cases: readonly (readonly [why: string, extension: string, bytes: number])[] = [
    ["chunk by chunk", "", MiB],
    ["each behind an extension that fills what is read at once", `;e=${"x".repeat(65_000)}`, 2_000],
  ];
  for (const [why, extension, bytes] of cases) {
    it(`takes no more memory from a registry: ${why}`, async () => {
      const digest = `sha256:${createHash("sha256").update(Buffer.alloc(bytes, 32)).digest("hex")}`;
      const chunk = Buffer.from(`1${extension}\r\n \r\n`);
      const atOnce = Math.max(1, Math.floor((64 * 1024) / chunk.length));
      const server = createServer((socket) => {
        socket.on("error", () => undefined);
        socket.once("data", () => {
          socket.write(`HTTP/1.1 200 OK\r\n${HEAD}`);
          let sent = 0;
          const go = (): void => {
            for (; sent < bytes; sent += Math.min(atOnce, bytes - sent))
              if (!socket.write(Buffer.concat(Array.from({ length: Math.min(atOnce, bytes - sent) }, () => chunk)))) {
                sent += Math.min(atOnce, bytes - sent);
                socket.once("drain", go);
                return;
              }
            socket.write("0\r\n\r\n");
          };
          go();
        });
      });
      await once(server.listen(0, "127.0.0.1"), "listening");
      // What a server that listens on an address has.
      const { port } = server.address() as AddressInfo;
      const reader = `${import.meta.dirname}/support/memoryOfBlob.ts`;
      const { stdout } = await promisify(execFile)(process.execPath, [reader, String(port), digest]).finally(() =>
        server.close(),
      );
      const { read, memory } = JSON.parse(stdout) as { readonly read: unknown; readonly memory: number };
      assert.equal(read, bytes);
      assert.ok(memory < 70 * MiB, `${Math.round(memory / MiB)} MiB`);
    });
  }
});
