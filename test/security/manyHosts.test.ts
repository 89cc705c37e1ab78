import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Network } from "../../evidence/registry/http/network.ts";
import type { PolicySpec } from "../../crds/types.ts";
import type { Subject } from "../../policy/subject/subject.ts";
import { subjectOf } from "../../policy/subject/subjectOf.ts";
import { makeImage } from "../../sandbox/registry/images.ts";
import { addToStore } from "../../sandbox/registry/push.ts";
import { type SandboxRegistry, startRegistry } from "../../sandbox/registry/server.ts";
import { engine, pod, policy, type Engine } from "../unit/evidence/registry/support/judging.ts";
import { testNetwork } from "../unit/evidence/registry/support/names.ts";

const image = makeImage();
const COMPANY = "registry.example";
const lenient: PolicySpec = { onUnavailable: "allow", digest: { required: false, verify: true } };
const MORE = Array.from({ length: 600 }, (_, nth) => `h${nth}.tenant.example`);

/** A pod of the tenant's with 256 images, each at a host of his own. */
const wide = (from = 0): Subject => {
  const containers = Array.from({ length: 256 }, (_, at) => ({
    name: `c${at}`,
    image: `${MORE[(from + at) % MORE.length]}/a/b@${image.digest}`,
  }));
  return subjectOf({ metadata: {}, spec: { containers } }, { kind: "Pod", namespace: "tenant", namespaceLabels: {} });
};
const company = (namespace: string): Subject => pod(`${COMPANY}/team/app@${image.digest}`, { namespace });

/** As libuv in the image: eight at a time, first come, first served, and none can be called off. */
const asLibuv = (resolve: Network["resolve"]): Network["resolve"] => {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (host) => {
    if (running >= 8) await new Promise<void>((go) => void waiting.push(go));
    running += 1;
    try {
      return await resolve(host);
    } finally {
      running -= 1;
      waiting.shift()?.();
    }
  };
};

/** The company's registry by its name, and hosts of the tenant's whose names resolve as told. */
const networkOf = (place: SandboxRegistry, ofTenant: (host: string) => ReturnType<Network["resolve"]>): Network => {
  const known = testNetwork({ [COMPANY]: ["203.0.113.1"] }, { "203.0.113.1:80": Number(place.host.split(":")[1]) });
  return {
    dial: known.dial,
    resolve: asLibuv(async (host) => (host === COMPANY ? known.resolve(host) : ofTenant(host))),
  };
};

const engineOn = (network: Network): Engine => engine({ plainHttp: [COMPANY, ...MORE] }, { network });

const withRegistry = async (): Promise<SandboxRegistry> => {
  const place = await startRegistry();
  addToStore(place.store, "team/app", image);
  return place;
};

describe("a tenant with very many hosts of his own", () => {
  describe("whose names never resolve", () => {
    const never = async (): Promise<never> => new Promise(() => undefined);

    it("delays nobody else's registry, known or not", async () => {
      await using place = await withRegistry();
      await using own = engineOn(networkOf(place, never));
      const end = new AbortController();
      const flood = own.judge([policy(lenient)], wide(), { signal: end.signal });
      await sleep(50);
      const started = performance.now();
      assert.equal(await own.say([policy(lenient)], company("other")), "allow");
      assert.ok(performance.now() - started < 1_000, `${performance.now() - started} ms`);
      end.abort();
      await flood;
    });

    it("gains no onUnavailable: allow, neither for the company's image nor for his own hosts", async () => {
      await using place = await withRegistry();
      await using own = engineOn(networkOf(place, never));
      const end = new AbortController();
      const flood = own.judge([policy(lenient)], wide(), { signal: end.signal });
      await sleep(50);
      const { verdict, findings } = await own.judge([policy(lenient)], company("tenant"));
      assert.equal(verdict, "deny");
      assert.match(String(findings[0]?.message), /too many names are being looked up|too much is being asked/);
      // Nor is the company's registry one that nobody could connect to.
      assert.equal(await own.say([policy(lenient)], company("other")), "allow");
      end.abort();
      await flood;
    }).timeout(20_000);
  });

  describe("that never answer", () => {
    let silent: Server;
    const sockets = new Set<Socket>();
    before(async () => {
      silent = createServer((socket) => {
        sockets.add(socket);
        socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
      });
      await once(silent.listen(0, "127.0.0.1"), "listening");
    });
    after(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });

    it("has three quarters of all connections, and the others have theirs", async () => {
      await using place = await withRegistry();
      // Listening on an address.
      const { port } = silent.address() as AddressInfo;
      const names = Object.fromEntries([[COMPANY, ["203.0.113.1"]], ...MORE.map((name) => [name, ["203.0.113.2"]])]);
      const ports = { "203.0.113.1:80": Number(place.host.split(":")[1]), "203.0.113.2:80": port };
      await using own = engineOn(testNetwork(names, ports));
      const end = new AbortController();
      const floods = Array.from({ length: 4 }, async (_, at) =>
        own.judge([policy(lenient)], wide(128 * at), { signal: end.signal }),
      );
      while (sockets.size < 300) await sleep(10);
      await sleep(500);
      assert.ok(sockets.size <= 384, `${sockets.size} connections`);
      assert.equal(await own.say([policy(lenient)], company("other")), "allow");
      end.abort();
      await Promise.all(floods);
    }).timeout(20_000);
  });

  it("leaves no connections behind that wait for another request", async () => {
    await using place = await withRegistry();
    const port = Number(place.host.split(":")[1]);
    const names = Object.fromEntries(MORE.map((name) => [name, ["203.0.113.2"]]));
    const network = testNetwork(names, { "203.0.113.2:80": port });
    const open = new Set<Socket>();
    const dial: Network["dial"] = (addresses, to) => {
      const socket = network.dial(addresses, to);
      open.add(socket);
      socket.on("close", () => open.delete(socket));
      return socket;
    };
    await using own = engineOn({ ...network, dial });
    await own.judge([policy(lenient)], wide());
    await sleep(200);
    assert.ok(open.size <= 70, `${open.size} connections`);
  }).timeout(20_000);
});
