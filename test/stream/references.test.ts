import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import type { KubeClient } from "../../kube/kubeClient.ts";
import { SILENT } from "../../kube/log.ts";
import { createPolicyCompiler } from "../../operator/policies/policyCompiler.ts";
import type { PolicySet } from "../../operator/policies/policySet.ts";
import { projectPolicy, type PolicyRecord } from "../../operator/policies/policies.ts";
import { createReferences, type References } from "../../operator/policies/references.ts";
import type { DataReference, ResolvedData } from "../../policy/compile/resolve.ts";
import { FakeApiServer, json, until } from "../unit/kube/fakeApiServer.ts";

const SECRETS = "/api/v1/secrets";
const CONFIG_MAPS = "/api/v1/configmaps";
const secret = (text: string, key = "cosign.pub"): object => ({
  data: { [key]: Buffer.from(text).toString("base64") },
});

describe("what policies refer to", () => {
  let server: FakeApiServer;
  let client: KubeClient;
  let references: References;
  let pings: number;
  /** Watches that have begun and not ended. */
  let alive: Set<string>;

  beforeEach(async () => {
    server = new FakeApiServer();
    server.define(SECRETS);
    server.define(CONFIG_MAPS);
    await server.start();
    client = server.client();
    pings = 0;
    alive = new Set();
  });
  afterEach(async () => {
    await references.stop();
    await client.close();
    await server.stop();
  });

  const begin = (trustNamespaces: readonly string[] | "*" = ["opa-system"], patience = 300): void => {
    references = createReferences({
      client,
      namespace: "own",
      trustNamespaces,
      log: SILENT,
      patience,
      onAlive: (resource, _, of) => alive.add(`${resource} ${of}`),
      onEnded: (resource, of) => alive.delete(`${resource} ${of}`),
      timing: { backoffBase: 10, backoffLimit: 50 },
    });
    references.onPing(() => (pings += 1));
  };
  const put = (collection: string, namespace: string, name: string, content: object): void => {
    server.put(collection, { ...content, metadata: { namespace, name } });
  };
  const ask = (reference: Partial<DataReference> = {}): { readonly data: ResolvedData; readonly pending: boolean } => {
    const { value, pending } = references.during(() =>
      references.resolve({ kind: "Secret", namespace: "own", name: "cosign-pub", key: "cosign.pub", ...reference }),
    );
    return { data: value, pending };
  };
  const known = async (reference: Partial<DataReference> = {}): Promise<ResolvedData> => {
    await until("known", () => !ask(reference).pending);
    return ask(reference).data;
  };

  it("is read from the own and the trusted namespaces, and from nowhere else", async () => {
    begin();
    for (const namespace of ["own", "opa-system", "elsewhere"])
      put(SECRETS, namespace, "cosign-pub", secret(`of ${namespace}`));
    assert.deepEqual(await known(), { status: "found", text: "of own" });
    assert.deepEqual(await known({ namespace: "opa-system" }), { status: "found", text: "of opa-system" });
    const refused = await known({ namespace: "elsewhere" });
    assert.equal(refused.status, "notTrusted");
    assert.match(refused.message, /"elsewhere" is not trusted; name it in --trust-namespaces/);
    assert.ok(!server.requests.some(({ path }) => path.includes("elsewhere")), "it is not even asked for");
  });

  it("is read from everywhere where all namespaces are trusted", async () => {
    begin("*");
    put(SECRETS, "elsewhere", "cosign-pub", secret("x"));
    assert.deepEqual(await known({ namespace: "elsewhere" }), { status: "found", text: "x" });
  });

  it("is told of as alive, each by itself, until nobody refers to it: else it would count as silent for ever", async () => {
    begin();
    put(SECRETS, "own", "cosign-pub", secret("x"));
    references.during(() => {
      for (const name of ["cosign-pub", "other"])
        references.resolve({ kind: "Secret", namespace: "own", name, key: "cosign.pub" });
    });
    assert.equal(alive.size, 2);
    await known();
    await until("the other has ended", () => alive.size === 1);
    references.during(() => undefined);
    await until("both have ended", () => alive.size === 0);
  });

  it("is pending when it is asked for the first time, and pings when it is known", async () => {
    begin();
    put(SECRETS, "own", "cosign-pub", secret("x"));
    const first = ask();
    assert.equal(first.pending, true);
    assert.equal(first.data.status, "missing");
    await until("a ping", () => pings > 0);
    assert.deepEqual(ask(), { data: { status: "found", text: "x" }, pending: false });
  });

  it("says what is missing: the object, or its key", async () => {
    begin();
    const absent = await known();
    assert.deepEqual(absent, { status: "missing", message: "Secret own/cosign-pub does not exist" });
    put(SECRETS, "own", "cosign-pub", secret("x", "other.pub"));
    await until("noticed", () => ask().data.status === "missing" && JSON.stringify(ask().data).includes("no key"));
    assert.deepEqual(ask().data, { status: "missing", message: 'Secret own/cosign-pub has no key "cosign.pub"' });
  });

  it("follows changes and the end", async () => {
    begin();
    put(SECRETS, "own", "cosign-pub", secret("1"));
    assert.deepEqual(await known(), { status: "found", text: "1" });
    pings = 0;
    put(SECRETS, "own", "cosign-pub", secret("2"));
    await until("the change", () => pings > 0);
    assert.deepEqual(ask().data, { status: "found", text: "2" });
    server.delete(SECRETS, "own/cosign-pub");
    await until("the end", () => ask().data.status === "missing");
  });

  it("reads ConfigMaps, text and binary", async () => {
    begin();
    put(CONFIG_MAPS, "own", "root", {
      data: { "a.json": "text" },
      binaryData: { "b.json": Buffer.from("binary").toString("base64") },
    });
    assert.deepEqual(await known({ kind: "ConfigMap", name: "root", key: "a.json" }), {
      status: "found",
      text: "text",
    });
    assert.deepEqual(await known({ kind: "ConfigMap", name: "root", key: "b.json" }), {
      status: "found",
      text: "binary",
    });
  });

  it("watches nothing that nobody asks for any more", async () => {
    begin();
    put(SECRETS, "own", "cosign-pub", secret("x"));
    await known();
    await until("watched", () => server.watching(SECRETS) === 1);
    references.during(() => undefined);
    await until("watched no longer", () => server.watching(SECRETS) === 0);
  });

  it("asks for one object by name, never for all Secrets of a namespace", async () => {
    begin();
    await known();
    const lists = server.requests.filter(({ path }) => path === "/api/v1/namespaces/own/secrets");
    assert.ok(lists.length > 0);
    assert.ok(lists.every(({ query }) => query.includes("fieldSelector=metadata.name%3Dcosign-pub")));
  });

  it("does not hold compiling up for ever where it may not be read", async () => {
    begin(["opa-system"], 100);
    server.faults.push((_request, response) => {
      json(response, 403, { kind: "Status", reason: "Forbidden", message: "no" });
      return true;
    });
    assert.equal(ask().pending, true);
    await until("given up", () => !ask().pending);
    assert.deepEqual(ask().data, {
      status: "missing",
      message:
        'Secret own/cosign-pub may not be read: forbidden, no Role for the operator in namespace "own"; apply one such as config/trusted',
    });
    await until("compiling is told", () => pings > 0);
  });

  it("takes no name that would say something else in a selector or a path", async () => {
    begin("*");
    for (const name of ["a,metadata.namespace=x", "a/b", "..", ""]) {
      assert.deepEqual(ask({ name }), {
        data: { status: "missing", message: `"${name}" is no name of a Secret` },
        pending: false,
      });
    }
    assert.equal(server.requests.length, 0);
  });

  it("stays in force when the API server goes away", async () => {
    begin();
    put(SECRETS, "own", "cosign-pub", secret("x"));
    await known();
    server.faults.push((_request, response) => {
      response.destroy();
      return true;
    });
    server.reset(SECRETS);
    await wait(100);
    assert.deepEqual(ask(), { data: { status: "found", text: "x" }, pending: false });
  });

  describe("the compiler", () => {
    const record = (name: string, generation: number, spec: object): PolicyRecord =>
      projectPolicy({
        apiVersion: "imagesecurity.dev/v1",
        kind: "ImageSecurityPolicy",
        metadata: { name, uid: `uid-of-${name}`, generation, resourceVersion: String(generation) },
        spec,
      });
    const KEYED = {
      authorities: [{ name: "a", key: { secretRef: { namespace: "own", name: "cosign-pub", key: "cosign.pub" } } }],
      signatures: { authorities: ["a"] },
    };

    it("holds a set back until all that it refers to is known, and compiles only what changed", async () => {
      begin();
      let records = [record("plain", 1, { digest: {} })];
      const compile = createPolicyCompiler({ policies: () => records, references });
      const first = compile();
      assert.ok(first !== undefined);
      records = [...records, record("keyed", 1, KEYED)];
      assert.equal(compile(), undefined, "the key is being read");
      let second: PolicySet | undefined;
      await until("compiled", () => (second = compile()) !== undefined);
      assert.deepEqual(
        second?.policies.map(({ name }) => name),
        ["keyed", "plain"],
      );
      assert.equal(second?.policies[1], first.policies[0], "the very same object");
      assert.equal(second?.policies[0]?.faults[0]?.reason, "ReferenceNotFound");
    });

    it("compiles anew what a Secret changes", async () => {
      begin();
      const compile = createPolicyCompiler({ policies: () => [record("keyed", 1, KEYED)], references });
      let before: PolicySet | undefined;
      await until("compiled", () => (before = compile()) !== undefined);
      put(SECRETS, "own", "cosign-pub", secret("no key at all"));
      await until("compiled anew", () => compile()?.policies[0]?.faults[0]?.reason === "KeyInvalid");
      assert.notEqual(compile()?.key, before?.key);
    });

    it("tells a policy that was made anew from the old one", () => {
      begin();
      let uid = "1";
      const policies = (): readonly PolicyRecord[] => [{ ...record("p", 1, { digest: {} }), uid }];
      const compile = createPolicyCompiler({
        policies: () =>
          policies().map((one) => ({ ...one, policy: { ...one.policy, metadata: { ...one.policy.metadata, uid } } })),
        references,
      });
      const before = compile();
      uid = "2";
      assert.notEqual(compile()?.key, before?.key);
    });
  });
});
