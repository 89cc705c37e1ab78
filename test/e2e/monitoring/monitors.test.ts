import assert from "node:assert/strict";
import { DASHBOARDS, textOf } from "../../../config/grafana/dashboards.ts";
import { configFolder } from "../config/kustomize.ts";
import { clusterTimeout, startCluster } from "../harness/cluster.ts";
import type { Kubectl } from "../harness/kubectl.ts";
import { scrapingOf } from "./monitors.ts";

describe("what the Prometheus Operator makes of", function () {
  // kustomize takes its time on a busy machine.
  this.timeout(60_000);
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

describe("kubectl apply -k config/grafana", () => {
  it("makes a ConfigMap that Grafana's sidecar finds, with both dashboards", async function () {
    this.timeout(clusterTimeout);
    const { kubectl } = await startCluster();
    const applied = await kubectl("apply", "-n", "default", "-k", configFolder("grafana"));
    assert.equal(applied.code, 0, applied.stderr);
    const { stdout } = await kubectl("get", "configmaps", "-n", "default", "-l", "grafana_dashboard=1", "-o", "json");
    const { items } = JSON.parse(stdout) as { items: { data: Record<string, string> }[] };
    assert.equal(items.length, 1);
    for (const [file, dashboard] of Object.entries(DASHBOARDS))
      assert.deepEqual(JSON.parse(items[0]?.data[file] ?? ""), JSON.parse(textOf(dashboard)), file);
  });
});
