import assert from "node:assert/strict";
import { clusterManifests } from "../../../cli/cluster/clusterManifests.ts";
import { readManifests, type Manifest } from "../../../cli/input/manifests.ts";
import type { KubeClient } from "../../../kube/kubeClient.ts";

const policy = (name: string, secret: string): object => ({
  apiVersion: "imagesecurity.dev/v1",
  kind: "ImageSecurityPolicy",
  metadata: { name },
  spec: {
    authorities: [{ name: "team", key: { secretRef: { namespace: "keys", name: secret, key: "cosign.pub" } } }],
    signatures: { authorities: ["team"] },
  },
});
const secret = (namespace: string, name: string): object => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { namespace, name },
  data: {},
});

/** A cluster with one policy; reads of anything else than what is given are refused. */
const clusterWith = (applied: object, ...secrets: readonly string[]): { client: KubeClient; asked: string[] } => {
  const asked: string[] = [];
  const answer = (path: string): { status: number; body: unknown } => {
    const items = path.endsWith("/imagesecuritypolicies") ? [applied] : [];
    if (!path.includes("/secrets/")) return { status: 200, body: { metadata: { resourceVersion: "1" }, items } };
    asked.push(path);
    const name = path.split("/").at(-1) ?? "";
    return secrets.includes(name) ? { status: 200, body: secret("keys", name) } : { status: 403, body: {} };
  };
  const client: KubeClient = {
    request: async (_method, path) => ({ ...answer(path), size: 1, retryAfter: undefined }),
    open: () => Promise.reject(new Error("nothing is watched")),
    close: async () => undefined,
  };
  return { client, asked };
};
const files = (...objects: readonly object[]): readonly Manifest[] =>
  readManifests([{ path: "new.yaml", text: objects.map((one) => JSON.stringify(one)).join("\n---\n") }]).manifests;
const namesOf = (manifests: readonly Manifest[]): readonly string[] =>
  manifests.map(({ kind, name }) => `${kind}/${name}`);

describe("what a cluster judges by, where files stand instead of a part of it", () => {
  it("has the keys that only the cluster has, of the files' policies too", async () => {
    const { client } = clusterWith(policy("applied", "old"), "old", "new");
    const found = namesOf(await clusterManifests(client, files(policy("tried", "new"))));
    assert.deepEqual(found, ["ImageSecurityPolicy/applied", "Secret/old", "Secret/new"]);
  });

  it("asks for no key of a policy that is replaced", async () => {
    const { client, asked } = clusterWith(policy("same", "old"), "new");
    assert.deepEqual(namesOf(await clusterManifests(client, files(policy("same", "new")))), ["Secret/new"]);
    assert.deepEqual(asked, ["/api/v1/namespaces/keys/secrets/new"]);
  });

  it("takes a key from a file only where its namespace is the same", async () => {
    const { client } = clusterWith(policy("applied", "team"), "team");
    assert.deepEqual(namesOf(await clusterManifests(client, files(secret("other", "team")))), [
      "ImageSecurityPolicy/applied",
      "Secret/team",
    ]);
    assert.deepEqual(namesOf(await clusterManifests(client, files(secret("keys", "team")))), [
      "ImageSecurityPolicy/applied",
    ]);
  });

  it("is an error where a key may not be read", async () => {
    const { client } = clusterWith(policy("applied", "hidden"));
    await assert.rejects(clusterManifests(client), /may not read .*\/secrets\/hidden; ask for get on it/);
  });

  it("leaves what is wrong with a file's policy to whoever judges by it", async () => {
    const { client } = clusterWith(policy("applied", "old"), "old");
    const broken = { ...policy("broken", "x"), spec: { authorities: "none" } };
    assert.deepEqual(namesOf(await clusterManifests(client, files(broken))), [
      "ImageSecurityPolicy/applied",
      "Secret/old",
    ]);
  });
});
