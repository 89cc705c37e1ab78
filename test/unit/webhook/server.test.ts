import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, request as httpsRequest, type AgentOptions } from "node:https";
import { connect as tlsConnect } from "node:tls";
import type { IncomingHttpHeaders } from "node:http";
import { issueAuthority, issueServing, type IssuedPair } from "../../../webhook/certificates/issue.ts";
import { allowed } from "../../../webhook/review/admissionResponse.ts";
import type { Handler } from "../../../webhook/review/handler.ts";
import { NotReadyError } from "../../../webhook/review/notReady.ts";
import { AdmissionServer, type AdmissionServerOptions } from "../../../webhook/server/server.ts";
import { recordLogger } from "./support/recorders.ts";
import { pod, request, review } from "./support/requests.ts";

interface Reply {
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

const body = review(request("Pod", pod(["nginx"])));
const allow: Handler = ({ uid }) => allowed(uid);

describe("AdmissionServer", () => {
  let authority: IssuedPair;
  let serving: IssuedPair;
  const servers: AdmissionServer[] = [];
  const agents: Agent[] = [];

  before(async () => {
    authority = await issueAuthority(Date.now());
    serving = await issueServing(authority, ["localhost", "127.0.0.1"], Date.now());
  });

  afterEach(async () => {
    for (const agent of agents.splice(0)) agent.destroy();
    await Promise.all(servers.splice(0).map((server) => server.drain(0)));
  });

  const start = async (
    changes: Partial<AdmissionServerOptions> = {},
  ): Promise<{ server: AdmissionServer; port: number }> => {
    const server = new AdmissionServer({
      validate: allow,
      mutate: allow,
      ready: () => true,
      logger: recordLogger(),
      deadline: 1_000,
      ...changes,
    });
    servers.push(server);
    server.use(serving);
    return { server, port: await server.listen("127.0.0.1", 0) };
  };

  const newAgent = (options: AgentOptions = {}): Agent => {
    const agent = new Agent({ keepAlive: true, ca: authority.cert, ...options });
    agents.push(agent);
    return agent;
  };

  const call = async (
    port: number,
    {
      text = body,
      path = "/validate",
      agent = newAgent(),
      method = "POST",
      headers = {},
    }: {
      text?: string | Buffer;
      path?: string;
      agent?: Agent;
      method?: string;
      headers?: Record<string, string>;
    } = {},
  ): Promise<Reply> => {
    const sent = httpsRequest({
      host: "127.0.0.1",
      port,
      path,
      agent,
      method,
      headers: { "content-type": "application/json", ...headers },
    });
    // A server that refuses a body closes while we are still writing.
    sent.on("error", () => undefined);
    const replied = once(sent, "response");
    sent.end(method === "GET" ? undefined : text);
    const [response] = await replied;
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    return { code: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() };
  };

  it("answers a review", async () => {
    const { port } = await start();
    for (const path of ["/validate", "/mutate", "/validate?timeout=10s"]) {
      const { code, headers, text } = await call(port, { path });
      assert.equal(code, 200);
      assert.equal(headers["content-type"], "application/json");
      assert.deepEqual(JSON.parse(text), {
        apiVersion: "admission.k8s.io/v1",
        kind: "AdmissionReview",
        response: { uid: "7f0b2a5e-uid", allowed: true },
      });
    }
  });

  const refused: readonly (readonly [why: string, code: number, options: Parameters<typeof call>[1]])[] = [
    ["an unknown path", 404, { path: "/validate/" }],
    ["the root", 404, { path: "/" }],
    ["a GET", 405, { method: "GET" }],
    ["a PUT", 405, { method: "PUT" }],
    ["a POST to a probe", 405, { path: "/readyz" }],
    ["YAML", 415, { headers: { "content-type": "application/yaml" } }],
    ["a type that only begins like JSON", 415, { headers: { "content-type": "application/jsonp" } }],
    ["a compressed body", 415, { headers: { "content-encoding": "gzip" } }],
    ["an empty body", 400, { text: "" }],
    ["text", 400, { text: "allowed: true" }],
    ["what is no AdmissionReview", 400, { text: '{"allowed":true}' }],
    ["an AdmissionReview of v1beta1", 400, { text: body.replace("io/v1", "io/v1beta1") }],
    [
      "an AdmissionReview without a request",
      400,
      { text: '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}' },
    ],
  ];
  for (const [why, code, options] of refused) {
    it(`answers ${why} with ${code}`, async () => {
      const { port } = await start();
      const reply = await call(port, options);
      assert.equal(reply.code, code);
      assert.doesNotMatch(reply.text, /allowed":\s*true/);
    });
  }

  it("takes JSON with a charset", async () => {
    const { port } = await start();
    const headers = { "content-type": "application/json; charset=utf-8" };
    assert.equal((await call(port, { headers })).code, 200);
  });

  describe("with sizes", () => {
    const sized = (bytes: number): Buffer => {
      const empty = review({ ...request("Pod", { spec: {}, filler: "" }) });
      return Buffer.from(empty.replace('"filler":""', `"filler":"${"x".repeat(bytes - empty.length)}"`));
    };
    const limit = 7 * 1024 * 1024;

    it("takes 7 MiB", async () => {
      const { port } = await start();
      assert.equal((await call(port, { text: sized(limit) })).code, 200);
    });

    it("refuses more with 413, announced or in chunks", async () => {
      const { port } = await start();
      const text = sized(limit + 1);
      assert.equal((await call(port, { text, headers: { "content-length": String(text.length) } })).code, 413);
      assert.equal((await call(port, { text, headers: { "transfer-encoding": "chunked" } })).code, 413);
    });

    it("refuses what takes long to parse, never letting failurePolicy decide, and has its room again", async () => {
      const { port } = await start({ maxBytes: 2 * 1024 * 1024 });
      const labels = Object.fromEntries(Array.from({ length: 60_000 }, (_, nth) => [`label-${nth}`, ""]));
      const { uid, ...rest } = request("Pod", { metadata: { labels } });
      const asked = JSON.stringify({ uid, ...rest });
      const text = `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":${asked}}`;
      for (let round = 0; round < 3; round += 1) {
        const { code, text: answer } = await call(port, { text });
        assert.equal(code, 200);
        assert.match(answer, new RegExp(`"uid":"${uid}","allowed":false.*different keys`));
      }
      assert.equal((await call(port, { text: text.replace("{", "{ ") })).code, 413);
      assert.equal((await call(port)).code, 200);
    });

    it("has its room again after each answer, whatever it was", async () => {
      const { port } = await start({ maxBytes: body.length * 2 });
      for (let round = 0; round < 5; round += 1) {
        assert.equal((await call(port)).code, 200);
        assert.equal((await call(port, { text: "x".repeat(body.length) })).code, 400);
        assert.equal((await call(port, { text: "x".repeat(3 * body.length) })).code, 503);
      }
    });

    it("refuses with 503 what there is no room for, and has it again afterwards", async () => {
      const answers: (() => void)[] = [];
      const slow: Handler = ({ uid }) => new Promise((resolve) => void answers.push(() => resolve(allowed(uid))));
      const { port } = await start({ maxBytes: body.length * 2, validate: slow, mutate: allow });
      const held = [call(port), call(port)];
      while (answers.length < 2) await new Promise((resolve) => void setTimeout(resolve, 5));
      const reply = await call(port, { path: "/mutate" });
      assert.equal(reply.code, 503);
      assert.equal(reply.headers["retry-after"], "1");
      for (const answer of answers) answer();
      assert.deepEqual(
        (await Promise.all(held)).map(({ code }) => code),
        [200, 200],
      );
      assert.equal((await call(port, { path: "/mutate" })).code, 200);
    });
  });

  it("bounds the reviews in hand, and never allows for want of time", async () => {
    const answers: (() => void)[] = [];
    const slow: Handler = ({ uid }) => new Promise((resolve) => void answers.push(() => resolve(allowed(uid))));
    const { port } = await start({ maxReviews: 2, validate: slow });
    const held = [call(port), call(port)];
    while (answers.length < 2) await new Promise((resolve) => void setTimeout(resolve, 5));
    const over = await call(port);
    assert.equal(over.code, 503);
    assert.equal(over.headers["retry-after"], "1");
    assert.equal((await call(port, { path: "/healthz", method: "GET" })).code, 200);
    for (const answer of answers) answer();
    await Promise.all(held);
    const after = call(port);
    while (answers.length < 3) await new Promise((resolve) => void setTimeout(resolve, 5));
    answers[2]?.();
    assert.equal((await after).code, 200);
  });

  it("gives back the room of those who go away", async () => {
    const { port } = await start({ maxReviews: 1, maxBytes: 4 * body.length });
    for (let index = 0; index < 10; index += 1) {
      const socket = tlsConnect({ host: "127.0.0.1", port, ca: authority.cert });
      await once(socket, "secureConnect");
      socket.write(
        `POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 999999\r\n\r\n${body}`,
      );
      await new Promise((resolve) => void setTimeout(resolve, 5));
      socket.destroy();
    }
    await new Promise((resolve) => void setTimeout(resolve, 20));
    assert.equal((await call(port)).code, 200);
  });

  const failing: readonly (readonly [why: string, code: number, handler: Handler])[] = [
    ["throws", 500, () => assert.fail("defect")],
    ["rejects", 500, () => Promise.reject(new Error("defect"))],
    // What a defect could throw.
    ["rejects with nothing", 500, () => Promise.reject(undefined)],
    [
      "has no policies yet",
      503,
      () => {
        throw new NotReadyError();
      },
    ],
    ["has no policies yet, as it finds later", 503, () => Promise.reject(new NotReadyError())],
    // JSON.stringify throws.
    ["answers what cannot be written", 500, ({ uid }) => ({ uid, allowed: true, warnings: [1n as unknown as string] })],
  ];
  for (const [why, code, handler] of failing) {
    it(`answers ${code} where the handler ${why}, and goes on`, async () => {
      const logger = recordLogger();
      const { port } = await start({ validate: handler, logger, maxReviews: 1 });
      for (let round = 0; round < 3; round += 1) {
        const reply = await call(port);
        assert.equal(reply.code, code);
        assert.doesNotMatch(reply.text, /allowed|defect/);
      }
      assert.equal((await call(port, { path: "/mutate" })).code, 200);
      assert.equal(
        logger.lines.some(([level]) => level === "error"),
        code === 500,
      );
    });
  }

  it("fires the deadline: its own, or the shorter one of the API server", async () => {
    const elapsed: Handler = ({ uid }, signal) => {
      const started = performance.now();
      return new Promise((resolve) =>
        signal.addEventListener("abort", () =>
          resolve(allowed(uid, { auditAnnotations: { ms: String(performance.now() - started) } })),
        ),
      );
    };
    const { port } = await start({ validate: elapsed, deadline: 300 });
    const time = async (path: string): Promise<number> =>
      Number(JSON.parse((await call(port, { path })).text).response.auditAnnotations.ms);
    const own = await time("/validate?timeout=10s");
    assert.ok(own > 200 && own < 500, String(own));
    const { port: patient } = await start({ validate: elapsed, deadline: 60_000 });
    const { code } = await call(patient, { path: "/validate?timeout=1s" });
    assert.equal(code, 200);
  });

  it("probes: alive always, ready when told so", async () => {
    let ready = false;
    const { port } = await start({ ready: () => ready });
    const probe = async (path: string): Promise<number> => (await call(port, { path, method: "GET" })).code;
    assert.equal(await probe("/healthz"), 200);
    assert.equal(await probe("/readyz"), 503);
    ready = true;
    assert.equal(await probe("/readyz"), 200);
  });

  it("is ready with a text of its own where nobody asks it", async () => {
    const { port } = await start({ readyText: () => "ok, but admission is not enforced: it fails open" });
    const { code, text: body } = await call(port, { path: "/readyz", method: "GET" });
    assert.deepEqual([code, body.trim()], [200, "ok, but admission is not enforced: it fails open"]);
  });

  it("refuses the probe, so that the API server's answer says who was asked", async () => {
    const { port } = await start();
    const { code, text: body } = await call(port, { path: "/probe?timeout=5s" });
    assert.equal(code, 200);
    assert.match(body, /"allowed":false.*the webhook of image-security is asked and answers/);
  });

  describe("with certificates", () => {
    const servedTo = async (port: number, ca: string, options: object = {}): Promise<string> => {
      const socket = tlsConnect({ host: "127.0.0.1", port, ca, ...options });
      try {
        await once(socket, "secureConnect");
        return socket.getPeerCertificate().fingerprint256;
      } finally {
        socket.destroy();
      }
    };

    it("changes them between two requests of one connection, and for every new connection", async () => {
      const { server, port } = await start();
      const agent = newAgent({ maxSockets: 1 });
      assert.equal((await call(port, { agent })).code, 200);
      const before = await servedTo(port, authority.cert);
      const next = await issueAuthority(Date.now());
      server.use(await issueServing(next, ["127.0.0.1"], Date.now()));
      assert.equal((await call(port, { agent })).code, 200, "the open connection goes on");
      assert.notEqual(await servedTo(port, next.cert), before);
      await assert.rejects(servedTo(port, authority.cert), /self-signed|unable to/);
    });

    it("keeps the one in use where a pair does not fit", async () => {
      const { server, port } = await start();
      const other = await issueServing(authority, ["127.0.0.1"], Date.now());
      assert.throws(() => server.use({ cert: serving.cert, key: other.key }));
      assert.equal((await call(port)).code, 200);
    });

    it("speaks TLS 1.2 and 1.3, nothing older", async () => {
      const { port } = await start();
      await servedTo(port, authority.cert, { maxVersion: "TLSv1.2" });
      await servedTo(port, authority.cert, { minVersion: "TLSv1.3" });
      const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" };
      await assert.rejects(servedTo(port, authority.cert, old));
    });
  });

  describe("when it drains", () => {
    it("turns unready, answers what comes with Connection: close, finishes what is in hand, then refuses", async () => {
      const answers: (() => void)[] = [];
      const slow: Handler = ({ uid }) => new Promise((resolve) => void answers.push(() => resolve(allowed(uid))));
      const { server, port } = await start({ validate: slow });
      const inHand = call(port);
      while (answers.length < 1) await new Promise((resolve) => void setTimeout(resolve, 5));

      // Long enough for three requests on a machine that does much else.
      const drained = server.drain(1_500);
      assert.equal((await call(port, { path: "/readyz", method: "GET" })).code, 503);
      assert.equal((await call(port, { path: "/healthz", method: "GET" })).code, 200);
      const late = await call(port, { path: "/mutate" });
      assert.equal(late.code, 200, "endpoints take a moment to forget this replica");
      assert.equal(late.headers.connection, "close");

      await new Promise((resolve) => void setTimeout(resolve, 1_600));
      await assert.rejects(call(port, { path: "/mutate" }), /ECONNREFUSED/);
      answers[0]?.();
      const last = await inHand;
      assert.equal(last.code, 200);
      assert.equal(last.headers.connection, "close", "it came before the drain began");
      await drained;
    });

    it("does not wait for connections that only idle", async () => {
      const { server, port } = await start();
      await call(port, { agent: newAgent() });
      const started = performance.now();
      await server.drain(0);
      assert.ok(performance.now() - started < 3_000);
    });
  });
});
