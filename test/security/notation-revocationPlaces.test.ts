import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  createRevocationFetcher,
  type Fetched,
  type RevocationFetcher,
} from "../../evidence/notation/revocation/fetcher.ts";
import { createAddressFilter } from "../../evidence/registry/http/addresses.ts";
import { type Network, SYSTEM_NETWORK } from "../../evidence/registry/http/network.ts";

/** The system's, except that nothing is dialled but loopback: what a test would reach otherwise is recorded. */
const watched = (dialled: string[], names: Readonly<Record<string, string>> = {}): Network => ({
  resolve: (host) => Promise.resolve([{ address: names[host] ?? "127.0.0.1", family: 4 }]),
  dial: (addresses, port) => {
    dialled.push(...addresses.map(({ address }) => address));
    return SYSTEM_NETWORK.dial([{ address: "127.0.0.1", family: 4 }], port);
  },
});

describe("places that certificates name for their revocation", () => {
  let server: Server;
  let answer: (request: IncomingMessage, response: ServerResponse) => void = () => undefined;
  let at = "";
  const dialled: string[] = [];
  const open: RevocationFetcher[] = [];
  before(async () => {
    server = createServer((request, response) => answer(request, response)).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    // A server that listens on a port has an address of this form.
    at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    dialled.length = 0;
  });
  after(async () => {
    await Promise.all(open.map((one) => one.close()));
    server.closeAllConnections();
    server.close();
  });
  const fetcher = (
    allowed: readonly string[] = ["127.0.0.1"],
    names?: Readonly<Record<string, string>>,
    serviceRanges: readonly string[] = [],
  ): RevocationFetcher => {
    const made = createRevocationFetcher({
      filter: createAddressFilter({ allowed, serviceRanges }),
      proxy: () => undefined,
      network: watched(dialled, names),
    });
    open.push(made);
    return made;
  };
  const ask = (
    url: string,
    more: { limit?: number; time?: number; body?: { type: string; bytes: Buffer } } = {},
    by = fetcher(),
  ): Promise<Fetched> => by.fetch({ url, limit: 1000, time: 500, ...more }, new AbortController().signal);
  const words = (found: Fetched): string =>
    found.status === "fetched" ? found.bytes.toString() : `${found.cause}${found.lasting ? " for good" : ""}`;

  it("are asked by GET, or by POST with a body", async () => {
    answer = (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () =>
        response.end(
          `${request.method} ${request.url} ${request.headers["content-type"] ?? ""} ${Buffer.concat(chunks).toString()}`,
        ),
      );
    };
    assert.equal(words(await ask(`${at}/a?b=c`)), "GET /a?b=c  ");
    assert.equal(
      words(await ask(`${at}/a`, { body: { type: "application/ocsp-request", bytes: Buffer.from("x") } })),
      "POST /a application/ocsp-request x",
    );
  });
  it("are never asked at addresses that registries are refused", async () => {
    answer = (_, response) => response.end("secret");
    const refused = fetcher([], { "metadata.internal": "169.254.169.254", "service.internal": "10.96.0.1" }, [
      "10.96.0.0/12",
    ]);
    for (const url of [
      `${at}/`,
      at.replace("127.0.0.1", "localhost"),
      "http://169.254.169.254/latest/meta-data/",
      "http://[fe80::1]/",
      "http://[::ffff:127.0.0.1]/",
      "http://metadata.internal/",
      "http://service.internal/",
      "http://0.0.0.0/",
    ])
      assert.equal(words(await ask(url, {}, refused)), "network for good", url);
    assert.deepEqual(dialled, []);
  });
  it("are not followed to such addresses, nor without end, nor off plain HTTP", async () => {
    let to = "";
    answer = (_, response) => response.writeHead(302, { location: to }).end();
    for (const [location, said] of [
      ["http://169.254.169.254/", "network for good"],
      ["http://[::1]:1/", "network for good"],
      ["https://127.0.0.1/", "network for good"],
      ["file:///etc/passwd", "network for good"],
      ["http://user:secret@127.0.0.1/", "network for good"],
      ["http://[broken", "network for good"],
      ["/again", "serverError"],
    ] as const) {
      to = location;
      assert.equal(words(await ask(`${at}/`)), said, location);
    }
    assert.ok(dialled.every((address) => address === "127.0.0.1"));
  });
  it("are followed where that is harmless", async () => {
    answer = (request, response) =>
      request.url === "/new" ? response.end("moved") : response.writeHead(301, { location: "/new" }).end();
    assert.equal(words(await ask(`${at}/`)), "moved");
  });
  it("are asked by plain HTTP only, at addresses of a sane length", async () => {
    for (const url of [
      "https://127.0.0.1/",
      "ldap://127.0.0.1/",
      "",
      "crl.company.com",
      "http://a:b@127.0.0.1/",
      `${at}/${"a".repeat(3000)}`,
    ])
      assert.equal(words(await ask(url)), "network for good", url.slice(0, 40));
    assert.deepEqual(dialled, []);
  });
  it("may not send more than is read, said or unsaid", async () => {
    answer = (_, response) => response.writeHead(200, { "content-length": "1001" }).end("a".repeat(1001));
    assert.equal(words(await ask(`${at}/`)), "serverError");
    answer = (_, response) => {
      response.write("a".repeat(600));
      response.end("a".repeat(600));
    };
    assert.equal(words(await ask(`${at}/`)), "serverError");
    answer = (_, response) => response.end("a".repeat(1000));
    assert.equal(words(await ask(`${at}/`)), "a".repeat(1000));
  });
  it("may not take longer than is waited for, silent or dripping", async () => {
    answer = () => undefined;
    assert.equal(words(await ask(`${at}/`, { time: 50 })), "timeout");
    answer = (_, response) => {
      const drip = setInterval(() => response.write("a"), 10);
      response.on("close", () => clearInterval(drip));
    };
    assert.equal(words(await ask(`${at}/`, { time: 80 })), "timeout");
  });
  it("that answer badly, or not at all, are an outage", async () => {
    for (const code of [204, 404, 500, 503]) {
      answer = (_, response) => response.writeHead(code).end("x");
      assert.equal(words(await ask(`${at}/`)), "serverError");
    }
    answer = (request) => request.socket.destroy();
    assert.equal(words(await ask(`${at}/`)), "network");
    answer = (_, response) => {
      response.writeHead(200, { "content-length": "10" }).write("a");
      setTimeout(() => response.destroy(), 10);
    };
    assert.equal(words(await ask(`${at}/`)), "network");
    assert.match(words(await ask("http://127.0.0.1:1/")), /^network/);
  });
  it("are given up with who asks", async () => {
    answer = () => undefined;
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 20);
    const found = await fetcher().fetch({ url: `${at}/`, limit: 10, time: 5_000 }, controller.signal);
    assert.equal(words(found), "timeout");
  });
});
