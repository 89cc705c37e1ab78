import assert from "node:assert/strict";
import { createAddressFilter } from "../../../evidence/registry/http/addresses.ts";
import { SILENT } from "../../../kube/log.ts";
import { createServiceRanges } from "../../../operator/cluster/serviceRanges.ts";
import { clusterTimeout, startCluster, kubeClientOf } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";

describe("the cluster's service ranges", () => {
  it("are learned from the API server, and their addresses are not dialled", async function () {
    this.timeout(clusterTimeout);
    const cluster = await startCluster();
    // The cluster tells of them by ServiceCIDRs; before there is --service-range.
    if ((await cluster.minor()) < 33) this.skip();
    const client = kubeClientOf(cluster);
    const ranges = createServiceRanges({ client, log: SILENT, onAlive: () => undefined });
    const filter = createAddressFilter({ allowed: [], serviceRanges: [], learned: ranges.current });
    try {
      ranges.start();
      await eventually(() => assert.notDeepEqual(ranges.current(), []));
      const { stdout } = await cluster.kubectl("get", "service", "kubernetes", "-o", "jsonpath={.spec.clusterIP}");
      assert.equal(filter(stdout), "serviceRange", stdout);
      assert.equal(filter("192.0.3.1"), undefined);
    } finally {
      await ranges.stop();
      await client.close();
    }
  });
});
