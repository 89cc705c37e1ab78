import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { createServer, type AddressInfo } from "node:net";
import type { ClusterReads } from "../../evidence/registry/auth/clusterReads.ts";
import type { EvidenceOptions } from "../../evidence/createEvidence.ts";
import type { FactProvider } from "../../evidence/provider.ts";
import { type Network, SYSTEM_NETWORK } from "../../evidence/registry/http/network.ts";
import { makeImage } from "../../sandbox/registry/images.ts";
import { type Misbehaviour } from "../../sandbox/registry/misbehaviour/rules.ts";
import { status } from "../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { resetAfter, stall, stallAfter, truncateAfter } from "../../sandbox/registry/misbehaviour/wrongTransport.ts";
import { addToStore } from "../../sandbox/registry/push.ts";
import { type SandboxRegistry, startRegistry } from "../../sandbox/registry/server.ts";
import { cluster, engine, pod, policy } from "../unit/evidence/registry/support/judging.ts";
import { recordMetrics } from "../unit/evidence/registry/support/readers.ts";

const image = makeImage();
const { publicKey: pem } = generateKeyPairSync("ec", {
  namedCurve: "P-256",
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});
const never = async <T>(): Promise<T> => new Promise<T>(() => undefined);
const reject = async (): Promise<never> => Promise.reject(new Error("fault"));
const explode = (): never => {
  throw new Error("fault");
};
// What a defect could hand over where the type says something else.
const garbage = (value: unknown): never => value as never;

/** Says that every authority has signed: without a fault everything is allowed. */
const proving: FactProvider = {
  name: "proving",
  wanted: () => true,
  gather: async ({ request, repository, digest }) => {
    const manifest = await repository.manifest(digest, request.signal);
    if (manifest.status !== "verified") return {};
    const ids = request.policies.flatMap(({ authorities }) => [...authorities.values()].map(({ id }) => id));
    return {
      signatures: new Map(
        ids.map((id) => [id, { status: "verified", value: [{ fingerprint: "f", signer: "f" }] }] as const),
      ),
    };
  },
};

const judgeWith = (onUnavailable: "deny" | "allow"): ReturnType<typeof policy> =>
  policy({
    onUnavailable,
    digest: { verify: true, required: false, tagDrift: "Deny", pin: "Pods" },
    authorities: [{ name: "a", key: { pem } }],
    signatures: { authorities: ["a"] },
  });

type Options = Partial<Omit<EvidenceOptions, "settings">>;

/** The verdict for a pinned tag, a template's tag, and both in an audit. */
async function verdicts(
  options: Options,
  onUnavailable: "deny" | "allow",
  place: SandboxRegistry,
  { host = place.host, patience = 5_000 }: { readonly host?: string; readonly patience?: number } = {},
): Promise<readonly string[]> {
  const secrets = cluster({ "team/pull": { [host]: ["user", "password"] } });
  await using own = engine({ readPullSecrets: true }, { providers: [proving], cluster: secrets, ...options });
  const written = `${host}/team/app:v1@${image.digest}`;
  const one = judgeWith(onUnavailable);
  const pull = { pullSecrets: ["pull"] };
  const requests = [
    [pod(written, pull), "admission"],
    [pod(`${host}/team/app:v1`, { ...pull, kind: "Deployment" }), "admission"],
    [pod(written, { ...pull, imageID: `x@${image.digest}` }), "audit"],
  ] as const;
  return await Promise.all(
    requests.map(
      async ([subject, mode]) =>
        (await own.judge([one], subject, { mode, signal: AbortSignal.timeout(patience) })).verdict,
    ),
  );
}

/** What hangs is not waited for any longer than it takes to see that. */
const patienceFor = (why: string): { readonly patience: number } => ({
  patience: /never|silence/.test(why) ? 300 : 5_000,
});

async function withImage(): Promise<SandboxRegistry> {
  const place = await startRegistry({
    auth: { type: "bearer", users: { user: { password: "password", pull: ["*"] } } },
  });
  addToStore(place.store, "team/app", image, "v1");
  return place;
}

const DENIED = ["deny", "deny", "deny"];
const ALLOWED = ["allow", "allow", "allow"];

describe("a fault at every await of the gathering (CVE-2025-46342)", () => {
  it("without a fault it is allowed, so that what follows means something", async () => {
    await using place = await withImage();
    assert.deepEqual(await verdicts({}, "deny", place), ALLOWED);
  });

  const network = (parts: Partial<Network>): Options => ({ network: { ...SYSTEM_NETWORK, ...parts } });
  const reads = (parts: Partial<ClusterReads>): Options => ({ cluster: { ...cluster({}), ...parts } });
  const provider = (gather: FactProvider["gather"]): Options => ({
    providers: [{ name: "broken", wanted: () => true, gather }],
  });
  const faults: readonly (readonly [why: string, options: Options])[] = [
    ["dialling throws", network({ dial: explode })],
    ["dialling gives nothing", network({ dial: () => garbage(undefined) })],
    ["a pull secret is not read", reads({ readSecret: reject })],
    ["a pull secret never comes", reads({ readSecret: never })],
    ["a pull secret is no object", reads({ readSecret: async () => garbage(7) })],
    ["a pull secret is no text", reads({ readSecret: async () => garbage({ ".dockerconfigjson": 7 }) })],
    ["a ServiceAccount is not read", reads({ readServiceAccount: reject })],
    ["a ServiceAccount never comes", reads({ readServiceAccount: never })],
    ["a ServiceAccount is no list", reads({ readServiceAccount: async () => garbage(7) })],
    ["reading throws", reads({ readSecret: explode, readServiceAccount: explode })],
    ["a provider throws", provider(explode)],
    ["a provider rejects", provider(reject)],
    ["a provider never answers", provider(never)],
    ["a provider answers nothing", provider(() => garbage(undefined))],
    ["a provider promises nothing", provider(async () => garbage(undefined))],
    ["a provider answers null", provider(() => garbage(null))],
    ["a provider answers a text", provider(() => garbage("verified"))],
    ["a provider's facts are no map", provider(() => garbage({ signatures: {} }))],
    [
      "a provider's facts are another's",
      provider(() => garbage({ digest: { status: "verified", value: image.digest } })),
    ],
    [
      "a provider's outcome is nothing",
      provider(({ request }) => ({
        signatures: new Map(
          [...(request.policies[0]?.authorities.values() ?? [])].map(({ id }) => [id, garbage(undefined)]),
        ),
      })),
    ],
    ["metrics throw", { metrics: { ...recordMetrics(), registryRequest: explode } }],
  ];
  for (const [why, options] of faults) {
    it(`${why}: never allowed`, async () => {
      await using place = await withImage();
      assert.deepEqual(await verdicts(options, "deny", place, patienceFor(why)), DENIED);
    });
  }

  for (const resolve of [
    reject,
    never,
    async () => [],
    async () => garbage(undefined),
    async () => garbage([{ address: "x" }]),
  ] as const) {
    it(`resolving a name: ${resolve === reject ? "rejects" : resolve === never ? "never ends" : "gives garbage"}`, async () => {
      await using place = await withImage();
      const at = { host: "registry.example", patience: 300 };
      assert.deepEqual(await verdicts(network({ resolve }), "deny", place, at), DENIED);
    });
  }

  it("a provider's defect is not settled by onUnavailable", async () => {
    await using place = await withImage();
    for (const gather of [explode, reject]) assert.deepEqual(await verdicts(provider(gather), "allow", place), DENIED);
  });
});

describe("a fault of the registry", () => {
  const OUTAGES: readonly (readonly [why: string, as: Misbehaviour])[] = [
    ["500", status(500)],
    ["429", status(429)],
    ["silence", stall()],
    ["half an answer and silence", stallAfter(5)],
    ["half an answer", truncateAfter(5)],
    ["a reset", resetAfter(5)],
  ];
  for (const kind of ["token", "manifest"] as const) {
    for (const [why, as] of OUTAGES) {
      it(`${why} for a ${kind} is an outage: onUnavailable settles it`, async () => {
        await using place = await withImage();
        place.misbehave({ when: { kind }, as });
        assert.deepEqual(await verdicts({}, "deny", place, patienceFor(why)), DENIED);
        assert.deepEqual(await verdicts({}, "allow", place, patienceFor(why)), ALLOWED);
      });
    }
    for (const [why, as] of [
      ["401", status(401)],
      ["403", status(403)],
      ["garbage", () => ({ status: 200, headers: {}, body: Buffer.from("garbage") })],
      ["nothing", () => ({ status: 200, headers: {}, body: Buffer.alloc(0) })],
    ] satisfies readonly (readonly [string, Misbehaviour])[]) {
      it(`${why} for a ${kind} is no outage: nothing settles it`, async () => {
        await using place = await withImage();
        place.misbehave({ when: { kind }, as });
        assert.deepEqual(await verdicts({}, "deny", place), DENIED);
        assert.deepEqual(await verdicts({}, "allow", place), DENIED);
      });
    }
  }

  for (const [why, bytes] of [
    ["no HTTP", "SSH-2.0-OpenSSH_9.6\r\n"],
    ["a broken status line", "HTTP/1.1 OK\r\n\r\n"],
    ["headers that break", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n{}"],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"],
    [
      "a length and chunks",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ],
  ] as const) {
    it(`${why} on the wire is never allowed`, async () => {
      const server = createServer((socket) => {
        socket.on("error", () => undefined);
        socket.once("data", () => socket.end(bytes));
      });
      await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
      // It listens on TCP, so its address is an object.
      const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      await using place = await withImage();
      assert.deepEqual(await verdicts({}, "deny", place, { host }), DENIED);
      server.close();
    });
  }
});
