import assert from "node:assert/strict";
import { createCaches, type Caches } from "../../operator/cluster/caches.ts";
import type { KubeClient } from "../../kube/kubeClient.ts";
import { SILENT } from "../../kube/log.ts";
import { FakeApiServer, json, until } from "../unit/kube/fakeApiServer.ts";

const POLICIES = "/apis/imagesecurity.dev/v1/imagesecuritypolicies";
const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

describe("the operator's caches", () => {
  let server: FakeApiServer;
  let client: KubeClient;
  let caches: Caches;
  let alive: Set<string>;

  beforeEach(async () => {
    server = new FakeApiServer();
    for (const path of ["/api/v1/pods", "/api/v1/namespaces", DEFINITIONS]) server.define(path);
    await server.start();
    client = server.client();
    alive = new Set();
    caches = createCaches({
      client,
      log: SILENT,
      onAlive: (resource) => alive.add(resource),
      timing: { backoffBase: 10, backoffLimit: 50, absentRetry: 30 },
    });
  });
  afterEach(async () => {
    await caches.stop();
    await client.close();
    await server.stop();
  });

  const define = (): void => {
    for (const resource of ["imagesecuritypolicies", "imagesecurityexceptions", "violations"]) {
      server.put(DEFINITIONS, { metadata: { name: `${resource}.imagesecurity.dev` } });
    }
  };
  const policy = { metadata: { name: "p", generation: 1 }, spec: { digest: {} } };

  it("are synced and empty where the custom resources are not defined, and find them when they come", async () => {
    caches.start();
    await until("synced", () => caches.policies.synced() && caches.violations.synced() && caches.exceptions.synced());
    define();
    server.put(POLICIES, policy);
    await until("found", () => caches.policies.store.size() === 1);
  });

  it("are not synced while the API server does not serve yet what is defined", async () => {
    define();
    caches.start();
    await until("asked several times", () => caches.policies.counts.lists > 3);
    assert.equal(caches.policies.synced(), false, "no policy is not the same as no answer");
    server.put(POLICIES, policy);
    await until("synced", () => caches.policies.synced());
    assert.equal(caches.policies.store.size(), 1);
  });

  it("are not synced while nobody may say whether it is defined", async () => {
    server.faults.push((_request, response, url) => {
      if (!url.pathname.startsWith(DEFINITIONS)) return false;
      json(response, 403, { reason: "Forbidden" });
      return true;
    });
    caches.start();
    await until("asked several times", () => caches.policies.counts.lists > 3);
    assert.equal(caches.policies.synced(), false);
  });

  it("are what a list says, older or not: the cluster may have been restored from a backup", async () => {
    define();
    server.put(POLICIES, { ...policy, metadata: { name: "p", generation: 2 } });
    caches.start();
    await until("known", () => caches.policies.store.get("p")?.generation === 2);
    const backup = { ...policy, metadata: { name: "p", uid: "uid-p", generation: 1, resourceVersion: "50" } };
    server.faults.push((_request, response, url) => {
      if (url.pathname !== POLICIES || url.searchParams.get("watch") === "true") return false;
      // etcdctl snapshot restore --bump-revision --mark-compacted: the cluster's version goes on, those of its objects go back.
      json(response, 200, { metadata: { resourceVersion: "1000000" }, items: [backup] });
      return true;
    });
    await until("watched", () => server.watching(POLICIES) === 1);
    server.compact(POLICIES);
    server.reset(POLICIES);
    await until("restored", () => caches.policies.store.get("p")?.generation === 1, 2_000);
  });

  it("keep annotations from the moment that a policy asks for them, of all pods", async () => {
    const pod = (name: string): void => {
      server.put("/api/v1/pods", {
        metadata: { name, namespace: "default", uid: `uid-${name}`, annotations: { scan: name, other: "x" } },
        spec: { containers: [{ name: "main", image: "nginx" }] },
      });
    };
    pod("a");
    pod("b");
    caches.start();
    await until("synced", () => caches.pods.synced());
    const kept = (name: string): object | undefined => caches.pods.store.get(`default/${name}`)?.content.annotations;
    assert.deepEqual(kept("a"), {});
    await caches.keepAnnotations(new Set(["scan"]));
    assert.deepEqual([kept("a"), kept("b")], [{ scan: "a" }, { scan: "b" }]);
    const { lists } = caches.pods.counts;
    await caches.keepAnnotations(new Set(["scan"]));
    await caches.keepAnnotations(new Set());
    assert.equal(caches.pods.counts.lists, lists, "what is kept already, or too much, asks for no list");
    pod("c");
    await until("c came", () => caches.pods.store.size() === 3);
    assert.deepEqual(kept("c"), {});
  });

  it("keep of a pod with very many labels those that policies select by, and ask anew only where there is one", async () => {
    const pod = (name: string, many: number): void => {
      const labels: Record<string, string> = { tier: "web" };
      for (let index = 0; index < many; index += 1) labels[`junk-${index}`] = "x";
      server.put("/api/v1/pods", {
        metadata: { name, namespace: "default", uid: `uid-${name}`, labels },
        spec: { containers: [{ name: "main", image: "nginx" }] },
      });
    };
    pod("few", 50);
    caches.start();
    await until("synced", () => caches.pods.synced());
    const { lists } = caches.pods.counts;
    await caches.keepLabels(new Set(["team"]));
    assert.equal(caches.pods.counts.lists, lists, "nothing was left out");
    pod("many", 8_000);
    await until("it came", () => caches.pods.store.size() === 2);
    const kept = (name: string): object => caches.pods.store.get(`default/${name}`)?.labels ?? {};
    assert.equal(Object.keys(kept("few")).length, 51);
    assert.deepEqual(kept("many"), {});
    await caches.keepLabels(new Set(["team", "tier"]));
    assert.deepEqual(kept("many"), { tier: "web" });
  });

  it("tell of every sign of life", async () => {
    define();
    for (const resource of ["imagesecuritypolicies", "imagesecurityexceptions", "violations"]) {
      server.define(`/apis/imagesecurity.dev/v1/${resource}`);
    }
    caches.start();
    await until("all are alive", () => alive.size === 5);
    assert.deepEqual([...alive].toSorted(), [
      "imagesecurityexceptions",
      "imagesecuritypolicies",
      "namespaces",
      "pods",
      "violations",
    ]);
  });
});
