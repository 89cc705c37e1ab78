import assert from "node:assert/strict";
import { clusterTimeout, startCluster } from "../harness/cluster.ts";
import type { Kubectl } from "../harness/kubectl.ts";
import { scrapingOf } from "./monitors.ts";

describe("what the Prometheus Operator makes of", () => {
  let kubectl: Kubectl;
  before(async function () {
    this.timeout(clusterTimeout);
    kubectl = (await startCluster()).kubectl;
  });

  const common = {
    namespace: "image-security-system",
    endpoint: "metrics",
    pod: "image-security-0",
    container: "operator",
  };
  it("the ServiceMonitor: the operator's pods, whose own labels count", async () => {
    assert.deepEqual(await scrapingOf("ServiceMonitor", kubectl), {
      honorLabels: true,
      labels: { ...common, service: "image-security-metrics", job: "image-security-metrics" },
    });
  });
  it("the PodMonitor: the same", async () => {
    assert.deepEqual(await scrapingOf("PodMonitor", kubectl), {
      honorLabels: true,
      labels: { ...common, job: "image-security-system/image-security" },
    });
  });
});
