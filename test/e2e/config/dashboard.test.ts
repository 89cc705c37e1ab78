import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { digestReference } from "../../../sandbox/registry/samples.ts";
import { startSandbox, type Sandbox } from "../../../sandbox/start.ts";
import { clusterTimeout } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { kubectlWith, type Kubectl } from "../harness/kubectl.ts";
import { configFolder } from "./kustomize.ts";
import { findPrometheus, Prometheus } from "./prometheus.ts";
import { scrapingOfServiceMonitor } from "./serviceMonitor.ts";

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[];
  };
}

// Read here, because there is one test for each panel.
const dashboard = JSON.parse(await readFile(join(configFolder("grafana"), "imageSecurity.json"), "utf8")) as Dashboard;
const panels = dashboard.panels.filter(({ type }) => type !== "row");

/** What Grafana puts in for "All" and for its own variable. */
const filled = (expression: string): string =>
  expression.replaceAll("$__rate_interval", "10s").replaceAll(/\$(job|policy|namespace)\b/g, ".*");

describe("the Grafana dashboard", () => {
  it("asks for every metric that the operator has", () => {
    const text = JSON.stringify(panels);
    for (const name of [
      "admission_requests_total",
      "admission_duration_seconds",
      "findings_total",
      "violations",
      "exempted",
      "image_vulnerabilities",
      "policies",
      "audit_duration_seconds",
      "audit_last_success_timestamp_seconds",
      "audit_pods",
      "audit_images",
      "registry_requests_total",
      "registry_request_duration_seconds",
      "evidence_cache_requests_total",
      "evidence_unavailable_total",
      "certificate_expiry_timestamp_seconds",
      "webhook_callers_total",
      "webhook_client_certificate_expiry_timestamp_seconds",
      "leader",
      "watch_last_event_timestamp_seconds",
    ])
      assert.match(text, new RegExp(`image_security_${name}(_bucket)?\\b`), name);
  });

  it("takes its data from the source that is chosen", () => {
    assert.equal(dashboard.templating.list[0]?.type, "datasource");
    for (const { title, datasource } of panels) assert.equal(datasource?.uid, "${datasource}", title);
    assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
  });

  it("is of metrics whose own labels count when the ServiceMonitor is used", async () => {
    const { honorLabels, labels } = await scrapingOfServiceMonitor();
    assert.equal(honorLabels, true);
    assert.equal(labels["namespace"], "image-security-system");
  });

  describe("over a Prometheus that scrapes a running operator", function () {
    this.timeout(60_000);
    let folder: string;
    let sandbox: Sandbox;
    let prometheus: Prometheus;
    let kubectl: Kubectl;
    const ending = new AbortController();
    let work: Promise<void> | undefined;

    before(async function () {
      this.timeout(clusterTimeout);
      const path = findPrometheus();
      if (path === undefined) {
        console.log("      Prometheus is not installed here (Debian: apt-get install prometheus)");
        return this.skip();
      }
      folder = await mkdtemp(join(tmpdir(), "image-security-dashboard-"));
      sandbox = await startSandbox({
        folder,
        empty: true,
        port: 0,
        report: () => undefined,
        operatorFlags: ["--audit-interval=2s", "--log-level=error"],
        signal: ending.signal,
      });
      assert.ok(sandbox.kubectl !== undefined);
      kubectl = kubectlWith({ path: sandbox.kubectl, kubeconfig: sandbox.ready.kubeconfig, directory: folder });
      prometheus = await Prometheus.start(path, sandbox.ready.metrics, await scrapingOfServiceMonitor());
      await kubectl("run", "early", "--image=docker.io/library/nginx:1.21");
      const applied = await kubectl("apply", "-f", "-", { input: policies });
      assert.equal(applied.code, 0, applied.stderr);
      work = keepBusy();
    });

    after(async function () {
      this.timeout(30_000);
      ending.abort();
      await work;
      await prometheus?.stop();
      await sandbox?.stop();
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    });

    /** Requests of every kind, again and again: a rate needs two scrapes with something in between. */
    const keepBusy = async (): Promise<void> => {
      while (!ending.signal.aborted) {
        for (const image of [
          digestReference("nginx", "v1.21"),
          "docker.io/library/nginx:1.21",
          // Nobody listens there.
          `127.0.0.1:1/app@sha256:${"0".repeat(64)}`,
        ])
          await kubectl("run", "busy", `--image=${image}`, "--dry-run=server");
        await kubectl("run", "busy", "--image=docker.io/library/nginx:1.21");
        await sleep(200, undefined, { signal: ending.signal }).catch(() => undefined);
      }
    };

    for (const { title, type, targets = [] } of panels)
      it(title, async () => {
        assert.ok(targets.length > 0);
        await eventually(
          async () => {
            for (const { expr } of targets) {
              const query = filled(expr);
              const series = type === "timeseries" ? await prometheus.range(query) : await prometheus.instant(query);
              assert.ok(
                series.some(({ values }) => values.some(Number.isFinite)),
                `no data for ${query}`,
              );
            }
          },
          { within: 30_000, every: 500 },
        );
      });

    for (const { name, definition = "" } of dashboard.templating.list.filter(({ type }) => type === "query"))
      it(`variable ${name}`, async () => {
        const [, metric = "", label = ""] = /^label_values\((.*), (\w+)\)$/.exec(definition) ?? [];
        await eventually(async () => assert.notDeepEqual(await prometheus.labelValues(label, filled(metric)), []));
      });

    it("of the namespaces that violations are in, not of the operator's own", async () => {
      await eventually(async () =>
        assert.deepEqual(await prometheus.labelValues("namespace", "image_security_violations"), ["default"]),
      );
    });
  });
});

const policies = `
apiVersion: imagesecurity.dev/v1
kind: ImageSecurityPolicy
metadata: {name: registries}
spec:
  registries: {allow: ["registry.company.com", "127.0.0.1:1"]}
---
apiVersion: imagesecurity.dev/v1
kind: ImageSecurityPolicy
metadata: {name: digests}
spec:
  onUnavailable: warn
  digest: {verify: true}
`;
