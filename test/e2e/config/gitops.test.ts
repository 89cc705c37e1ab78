import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "@marcbachmann/cel-js";
import { parse as parseYaml } from "yaml";
import type { RunningOperator } from "../../../operator/run.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { policy } from "../operator/operatorUnderTest.ts";
import { install } from "./installed.ts";
import { configFolder } from "./kustomize.ts";
import { healthOf, type Health } from "./lua.ts";

const checks = (
  parseYaml(await readFile(join(configFolder("gitops"), "argocd-cm.yaml"), "utf8")) as {
    readonly data: Readonly<Record<string, string>>;
  }
).data;
const scriptOf = (kind: string): string =>
  checks[`resource.customizations.health.imagesecurity.dev_${kind}`] ?? assert.fail(`no check of ${kind}`);

const POLICY = "ImageSecurityPolicy";
const EXCEPTION = "ImageSecurityException";

describe("Argo CD's health checks", () => {
  const of = (kind: string, status: object | undefined): string =>
    healthOf(scriptOf(kind), { metadata: { generation: 2 }, ...(status && { status }) }).status;
  const condition = (type: string, status: string, reason = "X"): object => ({
    type,
    status,
    reason,
    message: "said so",
  });
  const now = (...conditions: readonly object[]): object => ({ observedGeneration: 2, conditions });
  const rows: readonly (readonly [kind: string, status: object | undefined, health: string, why: string])[] = [
    [POLICY, undefined, "Progressing", "nobody has looked yet"],
    [
      POLICY,
      { observedGeneration: 1, conditions: [condition("Ready", "True")] },
      "Progressing",
      "that was the last one",
    ],
    [POLICY, now(), "Progressing", "no word of it yet"],
    [POLICY, now(condition("Ready", "True")), "Healthy", "compiled"],
    [POLICY, now(condition("Ready", "False")), "Degraded", "a key that cannot be read"],
    [POLICY, now(condition("Ready", "True"), condition("Enforced", "True")), "Healthy", "asked"],
    [POLICY, now(condition("Enforced", "False", "FailsOpen"), condition("Ready", "True")), "Degraded", "images get in"],
    [POLICY, now(condition("Ready", "True"), condition("Enforced", "False", "NotInstalled")), "Progressing", "a start"],
    [POLICY, now(condition("Ready", "True"), condition("ForgeableSource", "True")), "Healthy", "a word for its author"],
    [EXCEPTION, undefined, "Progressing", "nobody has looked yet"],
    [EXCEPTION, now(condition("Active", "True", "Unused")), "Healthy", "in force"],
    [EXCEPTION, now(condition("Active", "False", "Expired")), "Suspended", "over"],
    [EXCEPTION, now(condition("Active", "False", "TooLong")), "Degraded", "it silences nothing"],
  ];
  for (const [kind, status, health, why] of rows)
    it(`${kind}, ${JSON.stringify(status)}: ${health}, ${why}`, () => assert.equal(of(kind, status), health));
});

describe("GitOps, on a real API server", function () {
  this.timeout(90_000);
  let cluster: Cluster;
  let operator: RunningOperator | undefined;
  const MANAGER = ["--server-side", "--force-conflicts", "--field-manager=argocd-controller"];

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startOwnCluster();
    const installed = await install(cluster);
    await cluster.kubectl("apply", "-k", configFolder("default"), ...MANAGER);
    operator = await installed.start([]);
    await operator.ready;
  });
  after(async () => {
    await operator?.stop();
    await cluster?.stop();
  });

  const live = async (what: string): Promise<unknown> =>
    JSON.parse((await cluster.kubectl("get", what, "-o", "json")).stdout);
  const health = async (kind: string, name: string): Promise<Health> =>
    healthOf(scriptOf(kind), await live(`${kind}/${name}`));
  /** As Flux asks it of objects with `healthCheckExprs`; the page has the expressions. */
  const flux = async (expression: string, name: string): Promise<unknown> =>
    parse(expression)((await live(`${POLICY}/${name}`)) as Record<string, unknown>);

  it("sees objects of ours become healthy, and says what is wrong with those that do not", async () => {
    const exception = {
      apiVersion: "imagesecurity.dev/v1",
      kind: EXCEPTION,
      metadata: { name: "legacy" },
      spec: {
        policies: ["good"],
        rules: ["digest"],
        match: { namespaces: ["old"] },
        reason: "moving",
        expires: new Date(Date.now() + 86_400_000).toISOString(),
      },
    };
    const broken = {
      enforcementAction: "dryrun",
      signatures: { authorities: ["k"] },
      authorities: [{ name: "k", key: { secretRef: { namespace: "image-security-system", name: "gone", key: "k" } } }],
    };
    for (const object of [
      policy("good", { digest: { required: true } }),
      policy("broken", broken),
      { input: JSON.stringify(exception) },
    ]) {
      const { code, stderr } = await cluster.kubectl("apply", "-f", "-", ...MANAGER, object);
      assert.equal(code, 0, stderr);
    }
    await eventually(async () => assert.equal((await health(POLICY, "good")).status, "Healthy"), { within: 30_000 });
    await eventually(async () => assert.equal((await health(EXCEPTION, "legacy")).status, "Healthy"));
    await eventually(async () => {
      const { status, message } = await health(POLICY, "broken");
      assert.equal(status, "Degraded");
      assert.match(message, /gone/);
    });
    const page = await readFile(new URL("../../../docs/gitops.md", import.meta.url), "utf8");
    const [current = "", failed = ""] = ["current", "failed"].map((name) => {
      const [, expression] = new RegExp(`^ +${name}: (.+)$`, "m").exec(page) ?? [];
      return expression ?? assert.fail(`no expression ${name}`);
    });
    assert.deepEqual([await flux(current, "good"), await flux(failed, "good")], [true, false]);
    assert.deepEqual([await flux(current, "broken"), await flux(failed, "broken")], [false, true]);
  });

  it("has no drift: what the operator writes is not what the manifests say", async () => {
    const { code, stdout, stderr } = await cluster.kubectl("diff", "-k", configFolder("default"), ...MANAGER);
    assert.equal(code, 0, stdout + stderr);
  });

  it("leaves the operator's entries alone when it applies again", async () => {
    const entries = async (): Promise<string> =>
      (
        await cluster.kubectl(
          "get",
          "validatingwebhookconfiguration/image-security",
          "-o",
          "jsonpath={.metadata.resourceVersion} {.webhooks[*].name}",
        )
      ).stdout;
    const before = await entries();
    assert.match(before, /validate\.imagesecurity\.dev/);
    for (let round = 0; round < 2; round += 1) {
      const { code, stderr } = await cluster.kubectl("apply", "-k", configFolder("default"), ...MANAGER);
      assert.equal(code, 0, stderr);
      assert.equal(await entries(), before);
    }
  });
});
