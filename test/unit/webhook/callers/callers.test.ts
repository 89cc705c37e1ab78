import assert from "node:assert/strict";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";
import {
  ANY_USAGE,
  CLIENT_AUTH,
  clientAuthority,
  clientOf,
  SERVER_AUTH,
  type ClientAuthority,
  type ClientOptions,
  type ClientPair,
} from "./clients.ts";
import { startCallers } from "./callersUnderTest.ts";

const HOUR = 3_600_000;

describe("Callers", function () {
  this.timeout(20_000);
  let authority: ClientAuthority;
  let apiServer: ClientPair;

  before(async () => {
    authority = await clientAuthority("CN=clients");
    apiServer = await clientOf(authority);
  });

  const proving: readonly (readonly [what: string, options: ClientOptions, caller: string])[] = [
    ["a common name", {}, "1"],
    ["the second name of the list", { subject: "CN=apiserver-2" }, "2"],
    ["a DNS name", { subject: "CN=someone", dns: ["other", "apiserver"] }, "1"],
    ["a URI", { subject: "O=org", uris: ["apiserver-2"] }, "2"],
    ["further usages", { usages: [SERVER_AUTH, CLIENT_AUTH] }, "1"],
  ];
  for (const [what, options, caller] of proving)
    it(`takes the reviews of ${what}`, async () => {
      await using server = await startCallers([authority.pem]);
      const { code } = await server.post(server.client(await clientOf(authority, options)));
      assert.equal(code, 200);
      assert.deepEqual(server.callers.record.counts(), [{ caller, result: "accepted", value: 1 }]);
    });

  const refused: readonly (readonly [what: string, result: string, pair: () => Promise<ClientPair | undefined>])[] = [
    ["no certificate", "noCertificate", async () => undefined],
    ["one of another authority", "untrusted", async () => clientOf(await clientAuthority("CN=others"))],
    [
      "one of another authority of the same name",
      "untrusted",
      async () => clientOf(await clientAuthority("CN=clients")),
    ],
    ["one without a usage", "wrongUsage", async () => clientOf(authority, { usages: undefined })],
    ["a server's", "wrongUsage", async () => clientOf(authority, { usages: [SERVER_AUTH] })],
    ["one for any usage", "wrongUsage", async () => clientOf(authority, { usages: [ANY_USAGE] })],
    ["one that has expired", "expired", async () => clientOf(authority, { until: -60_000 })],
    ["one that is not valid yet", "expired", async () => clientOf(authority, { from: 60_000 })],
    ["another name", "wrongName", async () => clientOf(authority, { subject: "CN=kubelet" })],
    ["a longer name", "wrongName", async () => clientOf(authority, { subject: "CN=apiserver.evil" })],
    ["a shorter name", "wrongName", async () => clientOf(authority, { subject: "CN=apiserve" })],
    ["another case", "wrongName", async () => clientOf(authority, { subject: "CN=APIServer" })],
    ["the name in another field", "wrongName", async () => clientOf(authority, { subject: "CN=x, O=apiserver" })],
    ["two common names", "wrongName", async () => clientOf(authority, { subject: "CN=apiserver, CN=kubelet" })],
    ["a wildcard", "wrongName", async () => clientOf(authority, { subject: "CN=*", dns: ["*"] })],
    ["a list as a name", "wrongName", async () => clientOf(authority, { subject: "CN=apiserver\\, apiserver-2" })],
  ];
  for (const [what, result, pair] of refused)
    it(`refuses ${what}, and only reports it under Report`, async () => {
      const shown = await pair();
      for (const action of ["Enforce", "Report"] as const) {
        await using server = await startCallers([authority.pem], { action });
        const client = server.client(shown);
        for (const path of ["/validate", "/mutate"]) {
          const reply = await server.post(client, { path });
          assert.equal(reply.code, action === "Enforce" ? 401 : 200);
          if (action === "Enforce") assert.equal(reply.connection, "close");
          if (action === "Enforce") assert.doesNotMatch(reply.text, /allowed/);
        }
        assert.deepEqual(server.callers.record.counts(), [{ caller: "other", result, value: 2 }]);
      }
    });

  it("refuses before the body is read", async () => {
    await using server = await startCallers([authority.pem]);
    const socket = connect({ host: "127.0.0.1", port: server.port, ca: server.ca });
    await once(socket, "secureConnect");
    socket.write(
      "POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 7000000\r\n\r\n{",
    );
    const text = (await socket.toArray()).join("");
    assert.match(text, /^HTTP\/1\.1 401 /);
    assert.match(text, /connection: close/i);
  });

  it("lets anybody probe", async () => {
    await using server = await startCallers([authority.pem], { addresses: ["10.0.0.0/8"] });
    for (const path of ["/healthz", "/readyz"])
      assert.equal((await server.post(server.client(), { path, method: "GET" })).code, 200);
    assert.deepEqual(server.callers.record.counts(), []);
  });

  it("resumes no session, by TLS 1.2 nor 1.3", async () => {
    await using server = await startCallers([authority.pem]);
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      const options = { host: "127.0.0.1", port: server.port, ca: server.ca, maxVersion, ...apiServer };
      const first = connect(options);
      const sessions: Buffer[] = [];
      first.on("session", (session: Buffer) => sessions.push(session));
      await once(first, "secureConnect");
      first.write("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      await first.toArray();
      const session = first.getSession() ?? sessions.at(-1);
      const second: TLSSocket = connect({ ...options, ...(session === undefined ? {} : { session }) });
      await once(second, "secureConnect");
      assert.equal(second.isSessionReused(), false, maxVersion);
      second.destroy();
    }
  });

  describe("on an open connection", () => {
    it("refuses a certificate that has expired meanwhile", async () => {
      let now = Date.now();
      await using server = await startCallers([authority.pem], {}, { now: () => now });
      const client = server.client(await clientOf(authority, { until: HOUR }));
      assert.equal((await server.post(client)).code, 200);
      now += HOUR - 60_000;
      assert.equal((await server.post(client)).code, 200);
      now += 120_000;
      const late = await server.post(client);
      assert.deepEqual([late.code, late.connection], [401, "close"]);
      assert.deepEqual(
        server.callers.record.counts().map(({ caller, result, value }) => [caller, result, value]),
        [
          ["1", "accepted", 2],
          ["1", "expired", 1],
        ],
      );
    });

    it("follows the file of authorities", async () => {
      const next = await clientAuthority("CN=next");
      await using server = await startCallers([authority.pem]);
      const old = server.client(apiServer);
      assert.equal((await server.post(old)).code, 200);
      await server.trust(next.pem, authority.pem);
      await sleep(2_500);
      assert.equal((await server.post(old)).code, 200, "the connection that is open");
      const newer = server.client(await clientOf(next));
      assert.equal((await server.post(newer)).code, 200, "both authorities at once");
      assert.equal((await server.post(server.client(apiServer))).code, 200);
      await server.trust(next.pem);
      await sleep(2_500);
      assert.equal((await server.post(newer)).code, 200);
      const late = await server.post(old);
      assert.deepEqual([late.code, late.connection], [401, "close"]);
      assert.equal((await server.post(server.client(apiServer))).code, 401, "nor by a new connection");
    });

    it("goes on by an authority in between while the file only grows", async () => {
      const between = await clientAuthority("CN=between", authority);
      const pair = await clientOf(between, { chain: between.pem });
      await using server = await startCallers([authority.pem]);
      const client = server.client(pair);
      assert.equal((await server.post(client)).code, 200);
      const next = await clientAuthority("CN=next");
      await server.trust(next.pem, authority.pem);
      await sleep(2_500);
      assert.equal((await server.post(client)).code, 200);
      await server.trust(next.pem);
      await sleep(2_500);
      assert.equal((await server.post(client)).code, 401);
    });

    it("ends it in time, so that the newest certificate is shown", async () => {
      await using server = await startCallers([authority.pem], {}, { connectionAge: 100 });
      const client = server.client(apiServer);
      assert.equal((await server.post(client)).connection, "keep-alive");
      await sleep(150);
      const last = await server.post(client);
      assert.deepEqual([last.code, last.connection], [200, "close"]);
      assert.equal((await server.post(client)).code, 200, "by another one");
    });
  });

  describe("by addresses", () => {
    it("refuses others with 403, whatever the action and the certificate, before the body", async () => {
      for (const action of ["Enforce", "Report"] as const) {
        await using server = await startCallers([authority.pem], { action, addresses: ["10.0.0.0/8"] });
        const reply = await server.post(server.client(apiServer));
        assert.deepEqual([reply.code, reply.connection], [403, "close"]);
        assert.deepEqual(server.callers.record.counts(), [{ caller: "other", result: "wrongAddress", value: 1 }]);
      }
    });

    it("takes an IPv4 address for itself on a socket of both families", async () => {
      for (const [addresses, code] of [
        [["127.0.0.1"], 200],
        [["127.0.0.2/32"], 403],
        [["::1"], 403],
      ] as const) {
        await using server = await startCallers([], { clientNames: [], action: "Report", addresses }, { host: "::" });
        assert.equal((await server.post(server.client())).code, code, addresses[0]);
      }
    });
  });

  it("asks nobody for a certificate who has not to show one", async () => {
    await using server = await startCallers([], { clientNames: [], action: "Report", addresses: ["127.0.0.0/8"] });
    const socket = connect({ host: "127.0.0.1", port: server.port, ca: server.ca, ...apiServer });
    await once(socket, "secureConnect");
    socket.write("POST /validate HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.match(String((await once(socket, "data"))[0]), /^HTTP\/1\.1 415/);
    socket.destroy();
    assert.deepEqual(server.callers.record.counts(), [{ caller: "other", result: "accepted", value: 1 }]);
  });

  it("names callers under Report once a minute, and what it refuses under Enforce", async () => {
    let now = Date.now();
    await using reporting = await startCallers([authority.pem], { action: "Report" }, { now: () => now });
    const lines = (): readonly unknown[] =>
      reporting.logger.lines.map(([level, , fields]) => [level, (fields as { caller: string }).caller]);
    const client = reporting.client(apiServer);
    const stranger = reporting.client(await clientOf(authority, { subject: "CN=mallory\\0Aevil" }));
    for (let round = 0; round < 3; round += 1) for (const agent of [client, stranger]) await reporting.post(agent);
    const first = [
      ["info", "apiserver"],
      ["warn", "mallory\\nevil"],
    ];
    assert.deepEqual(lines(), first);
    now += 61_000;
    for (const agent of [client, stranger]) await reporting.post(agent);
    assert.deepEqual(lines(), [...first, ...first]);

    await using enforcing = await startCallers([authority.pem]);
    await enforcing.post(enforcing.client(apiServer));
    for (let count = 0; count < 30; count += 1)
      await enforcing.post(enforcing.client(await clientOf(authority, { subject: `CN=mallory-${count}` })));
    const shown = enforcing.logger.lines.filter(([level]) => level !== "debug");
    assert.equal(shown.length, 16, "strangers choose their own names");
    assert.ok(shown.every(([level]) => level === "warn"));
  });

  it("knows the earliest end of the certificates that each caller uses now", async () => {
    let now = Date.now();
    await using server = await startCallers([authority.pem], {}, { now: () => now });
    const ends = (): readonly (readonly [string, number])[] =>
      server.callers.record
        .expiries()
        .map(({ caller, expires }) => [caller, Math.round((expires - Date.now()) / HOUR)]);
    await server.post(server.client(await clientOf(authority, { until: 8 * HOUR })));
    await server.post(server.client(await clientOf(authority, { until: 5 * HOUR })));
    await server.post(server.client(await clientOf(authority, { subject: "CN=apiserver-2", until: 9 * HOUR })));
    await server.post(server.client(await clientOf(authority, { until: HOUR, usages: [SERVER_AUTH] })));
    assert.deepEqual(ends(), [
      ["1", 5],
      ["2", 9],
    ]);
    now += 2 * HOUR;
    await server.post(server.client(await clientOf(authority, { until: 20 * HOUR })));
    assert.deepEqual(ends()[0], ["1", 20], "the others were replaced");
  });
});
