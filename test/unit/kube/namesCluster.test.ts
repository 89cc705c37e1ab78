import assert from "node:assert/strict";
import { KubeConfig } from "@kubernetes/client-node";
import { namesCluster } from "../../../kube/namesCluster.ts";

describe("whether a kubeconfig names a cluster", () => {
  it("does not where it is empty", () => assert.equal(namesCluster(new KubeConfig()), false));
  const servers: readonly (readonly [server: string, named: boolean])[] = [
    ["http://localhost:8080", false],
    ["https://127.0.0.1:6443", true],
    ["https://localhost:8080", true],
  ];
  for (const [server, named] of servers)
    it(`${named ? "does" : "does not"} as ${server}`, () => {
      const config = new KubeConfig();
      config.loadFromClusterAndUser({ name: "cluster", server, skipTLSVerify: false }, { name: "user" });
      assert.equal(namesCluster(config), named);
    });
});
