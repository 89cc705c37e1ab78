import assert from "node:assert/strict";
import type { RunningOperator } from "../../../operator/run.ts";
import { Overlay } from "../config/kustomize.ts";
import { install } from "../config/installed.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { cleanUp, pod, policy } from "../operator/operatorUnderTest.ts";
import { publishedCrds } from "../harness/publishedCrds.ts";

interface ReportItem {
  readonly metadata: { readonly name: string; readonly resourceVersion: string };
  readonly scope: { readonly name: string };
  readonly summary: Readonly<Record<string, number>>;
  readonly results: readonly {
    readonly policy: string;
    readonly result: string;
    readonly source: string;
    readonly properties: Readonly<Record<string, string>>;
  }[];
}

describe("Reports of OpenReports, with the rights of its component and its own CRDs", function () {
  this.timeout(90_000);
  let cluster: Cluster;
  let operator: RunningOperator | undefined;
  let crds: string;
  const logged: string[] = [];

  const apply = async (object: { readonly input: string }): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl("apply", "--server-side", "-f", "-", object);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const reports = async (): Promise<readonly ReportItem[]> => {
    const { code, stdout, stderr } = await cluster.kubectl("get", "reports.openreports.io", "-A", "-o", "json");
    assert.equal(code, 0, stderr);
    return (JSON.parse(stdout) as { items: ReportItem[] }).items;
  };
  const shown = async (): Promise<readonly string[]> =>
    (await reports())
      .map(
        ({ scope, results }) => `${scope.name}: ${results.map(({ policy, result }) => `${policy} ${result}`).join()}`,
      )
      .toSorted();

  before(async function () {
    this.timeout(clusterTimeout);
    const found = await publishedCrds("openreports");
    if (found === undefined) this.skip();
    crds = found;
    cluster = await startOwnCluster();
    await using overlay = await Overlay.over(["default"], { components: ["components/open-reports"] });
    const installed = await install(cluster, overlay.folder);
    await apply(pod("default", "old", "nginx:1.21"));
    operator = await installed.start(logged, "--open-reports");
    await operator.ready;
  });
  after(async () => {
    await operator?.stop();
    await cluster?.stop();
  });

  it("are not written, and it is said once, while the CRDs are not there", async () => {
    await apply(policy("digests", { enforcementAction: "warn", digest: { required: true } }));
    await eventually(async () => {
      const { stdout } = await cluster.kubectl("get", "violations", "-A", "-o", "name");
      assert.match(stdout, /old/);
    });
    const said = logged.filter((line) => line.includes("reports.openreports.io"));
    assert.equal(said.length, 1, said.join("\n"));
    assert.match(said[0] ?? "", /do not exist on this cluster yet/);
  });

  it("come within 30 s after them, as kubectl and policy-reporter read them", async () => {
    await apply({ input: crds });
    await eventually(async () => assert.deepEqual(await shown(), ["old: digests warn"]), { within: 30_000 });
    const [report] = await reports();
    assert.deepEqual(report?.summary, { pass: 0, fail: 0, warn: 1, error: 0, skip: 0 });
    assert.deepEqual(report.results[0]?.properties, {
      reason: "DigestRequired",
      action: "warn",
      container: "main",
      image: "nginx:1.21",
    });
    assert.equal(report.results[0]?.source, "image-security");
    const columns = await cluster.kubectl("get", "reps", "-o", "wide");
    assert.match(columns.stdout, /KIND +NAME +PASS +FAIL +WARN/);
    assert.match(columns.stdout, / Pod +old +0 +0 +1 +0 +0 /);
    if (process.env["PRINT"] !== undefined) console.log(columns.stdout);
  });

  it("are neither written again nor fought over while nothing changes", async () => {
    const before = (await reports()).map(({ metadata }) => metadata.resourceVersion);
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    assert.deepEqual(
      (await reports()).map(({ metadata }) => metadata.resourceVersion),
      before,
    );
    assert.deepEqual(
      logged.filter((line) => /^(warn|error)/.test(line) && /report/i.test(line)),
      [],
    );
  });

  it("leave Reports of others alone, follow what holds, and go with the pod", async () => {
    const others = { name: "theirs", namespace: "default" };
    const theirs = { apiVersion: "openreports.io/v1alpha1", kind: "Report", metadata: others, source: "kyverno" };
    await apply({ input: JSON.stringify({ ...theirs, scope: { kind: "Pod", name: "theirs" }, results: [] }) });
    await apply(policy("registries", { enforcementAction: "deny", registries: { allow: ["registry.company.com"] } }));
    await eventually(async () => assert.deepEqual(await shown(), ["old: digests warn,registries fail", "theirs: "]));
    await cluster.kubectl("delete", "isp", "digests");
    await eventually(async () => assert.deepEqual(await shown(), ["old: registries fail", "theirs: "]));
    await cluster.kubectl("delete", "pod", "old", "--force", "--grace-period=0");
    await eventually(async () => assert.deepEqual(await shown(), ["theirs: "]));
    await cleanUp(cluster);
    assert.deepEqual(await shown(), ["theirs: "]);
  });
});
