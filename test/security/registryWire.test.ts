import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { makeImage } from "../../sandbox/registry/images.ts";
import { openReaders, patient } from "../unit/evidence/registry/support/readers.ts";

const image = makeImage();
const TYPE = `Content-Type: ${image.mediaType}`;
const head = (...lines: readonly string[]): string => `HTTP/1.1 200 OK\r\n${[TYPE, ...lines].join("\r\n")}\r\n\r\n`;
const body = Buffer.from(image.bytes).toString("latin1");
const length = `Content-Length: ${body.length}`;
const chunk = `${body.length.toString(16)}\r\n${body}\r\n`;

interface Wire extends AsyncDisposable {
  readonly host: string;
  readonly open: () => number;
}

/** A server that speaks bytes, not HTTP: what it says to each request is the test's. */
async function wire(says: (socket: Socket) => void): Promise<Wire> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", () => says(socket));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return {
    // It listens on TCP, so its address is an object.
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    open: () => sockets.size,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
}

describe("what is on the wire is no HTTP: invalid, so that no onUnavailable settles it", () => {
  for (const [why, bytes] of [
    ["another protocol", "SSH-2.0-OpenSSH_9.6\r\n"],
    ["a body without a head", body],
    ["a broken status line", "HTTP/1.1 OK\r\n\r\n"],
    ["a status of one digit", `HTTP/1.1 2 X\r\n${length}\r\n\r\n${body}`],
    ["a header without a colon", `HTTP/1.1 200 OK\r\nno colon\r\n\r\n${body}`],
    ["a negative length", `${head("Content-Length: -5")}${body}`],
    ["a length beyond all numbers", `${head("Content-Length: 99999999999999999999999")}${body}`],
    ["two lengths", `${head(length, "Content-Length: 3")}${body}`],
    ["a length and chunks", `${head(length, "Transfer-Encoding: chunked")}${chunk}0\r\n\r\n`],
    ["a chunk of no size", `${head("Transfer-Encoding: chunked")}zz\r\n${body}\r\n`],
    ["a chunk beyond all numbers", `${head("Transfer-Encoding: chunked")}FFFFFFFFFFFFFFFFF\r\n${body}\r\n`],
    ["a chunk that goes on", `${head("Transfer-Encoding: chunked")}1\r\n${body}\r\n0\r\n\r\n`],
    ["a change of protocols", "HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"],
    ["a 100 that nobody asked for", "HTTP/1.1 100 Continue\r\n\r\n"],
  ] as const) {
    it(why, async () => {
      await using place = await wire((socket) => socket.write(bytes));
      await using readers = openReaders();
      const app = readers.open(`${place.host}/team/app`);
      for (const outcome of [await app.manifestByTag("v1", patient()), await app.manifest(image.digest, patient())]) {
        assert.ok(outcome.status === "invalid" && outcome.reason === "ImageMalformed", JSON.stringify(outcome));
        assert.match(outcome.message, /did not answer as an HTTP server does/);
      }
    });
  }
});

describe("an answer that breaks off is unavailable", () => {
  const half = body.slice(0, 40);
  for (const [why, bytes] of [
    ["nothing at all", ""],
    ["in the head", "HTTP/1.1 200 OK\r\nContent-Ty"],
    ["in a body of known length", `${head(length)}${half}`],
    [
      "in a body of known length, after which the connection ends anyway",
      `${head(length, "Connection: close")}${half}`,
    ],
    ["in a chunk", `${head("Transfer-Encoding: chunked")}${body.length.toString(16)}\r\n${half}`],
    [
      "in a chunk, after which the connection ends anyway",
      `${head("Transfer-Encoding: chunked", "Connection: close")}${body.length.toString(16)}\r\n${half}`,
    ],
    ["between two chunks", `${head("Transfer-Encoding: chunked")}${chunk}`],
    ["in a body of an HTTP/1.0 server", `HTTP/1.0 200 OK\r\n${TYPE}\r\n${length}\r\n\r\n${half}`],
  ] as const) {
    it(why, async () => {
      await using place = await wire((socket) => socket.end(bytes));
      await using readers = openReaders();
      const app = readers.open(`${place.host}/team/app`);
      for (const outcome of [await app.manifestByTag("v1", patient()), await app.manifest(image.digest, patient())]) {
        assert.ok(outcome.status === "unavailable" && outcome.cause === "network", JSON.stringify(outcome));
      }
    });
  }
});

describe("odd answers that are HTTP all the same", () => {
  for (const [why, bytes] of [
    ["an HTTP/1.0 server that ends its body by closing", `HTTP/1.0 200 OK\r\n${TYPE}\r\n\r\n${body}`],
    ["a proxy that writes the type twice", `${head(TYPE, length)}${body}`],
    [
      "a proxy that writes the digest twice",
      `${head(`Docker-Content-Digest: ${image.digest}`, `docker-content-digest: ${image.digest}`, length)}${body}`,
    ],
    ["an encoding that is none, in capitals", `${head("Content-Encoding: Identity", length)}${body}`],
    ["early hints", `HTTP/1.1 103 Early Hints\r\nLink: <x>; rel=preload\r\n\r\n${head(length)}${body}`],
  ] as const) {
    it(why, async () => {
      await using place = await wire((socket) => {
        socket.write(bytes);
        if (bytes.startsWith("HTTP/1.0")) socket.end();
      });
      await using readers = openReaders();
      const app = readers.open(`${place.host}/team/app`);
      assert.equal((await app.manifestByTag("v1", patient())).status, "verified");
    });
  }

  it("two digests that differ are not one", async () => {
    const other = `Docker-Content-Digest: sha256:${"b".repeat(64)}`;
    await using place = await wire((socket) => {
      socket.write(`${head(`Docker-Content-Digest: ${image.digest}`, other, length)}${body}`);
    });
    await using readers = openReaders();
    const outcome = await readers.open(`${place.host}/team/app`).manifestByTag("v1", patient());
    assert.ok(outcome.status === "invalid" && outcome.reason === "DigestMismatch");
  });
});

describe("what a registry may write into metrics", () => {
  it("statuses that nobody knows are one label", async () => {
    let status = 599;
    await using place = await wire((socket) => {
      status += 1;
      socket.write(`HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`);
    });
    await using readers = openReaders({ limits: { attempts: 1 } });
    const app = readers.open(`${place.host}/team/app`);
    for (let nth = 0; nth < 20; nth += 1) await app.manifestByTag(`v${nth}`, patient());
    status = 403;
    await app.manifestByTag("last", patient());
    assert.deepEqual([...new Set(readers.metrics.requests.map(({ code }) => code))], ["other", "404"]);
  });
});

describe("one exchange", () => {
  it("ends after its own time, however long its caller would wait and however steadily bytes come", async () => {
    await using place = await wire((socket) => {
      socket.write(head(length));
      const timer = setInterval(() => socket.write(" "), 20);
      socket.once("close", () => clearInterval(timer));
    });
    await using readers = openReaders({ limits: { exchangeTime: 200, attempts: 1 } });
    const started = performance.now();
    const outcome = await readers.open(`${place.host}/team/app`).manifestByTag("v1", AbortSignal.timeout(20_000));
    assert.ok(outcome.status === "unavailable" && outcome.cause === "timeout", JSON.stringify(outcome));
    assert.ok(performance.now() - started < 4_000);
  }).timeout(25_000);
});

describe("bodies that nobody needs", () => {
  it("one that drips without end holds no connection, so that the registry goes on being asked", async () => {
    const drip = (socket: Socket): void => {
      socket.write("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
      const timer = setInterval(() => socket.write("1\r\nx\r\n"), 50);
      socket.once("close", () => clearInterval(timer));
    };
    await using place = await wire(drip);
    await using readers = openReaders({ concurrency: 2 });
    for (let nth = 0; nth < 6; nth += 1) {
      const outcome = await readers.open(`${place.host}/team/app${nth}`).manifestByTag("v1", patient());
      assert.equal(outcome.status, "absent", JSON.stringify(outcome));
    }
  }).timeout(15_000);
});
