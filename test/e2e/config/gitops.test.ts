import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse as parseYaml } from "yaml";
import type { RunningOperator } from "../../../operator/run.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { policy } from "../operator/operatorUnderTest.ts";
import { install } from "./installed.ts";
import { configFolder } from "./kustomize.ts";
import { documentedChecks, healthByFlux, kstatusOf, type Live } from "./flux.ts";
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

const DAY = 86_400_000;

/** An exception as kubectl takes it, that ends in so many days. */
const exception = (name: string, days: number): { readonly input: string } => ({
  input: JSON.stringify({
    apiVersion: "imagesecurity.dev/v1",
    kind: EXCEPTION,
    metadata: { name },
    spec: {
      policies: ["good"],
      rules: ["digest"],
      match: { namespaces: ["old"] },
      reason: "moving",
      expires: new Date(Date.now() + days * DAY).toISOString(),
    },
  }),
});

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
  let unseen: readonly Live[];
  const MANAGER = ["--server-side", "--force-conflicts", "--field-manager=argocd-controller"];

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startOwnCluster();
    const installed = await install(cluster);
    await cluster.kubectl("apply", "-k", configFolder("default"), ...MANAGER);
    // Before an operator is there, as in a cluster's first minutes.
    for (const object of [policy("early", { enforcementAction: "dryrun", digest: {} }), exception("sooner", 1)])
      await apply(object);
    unseen = [await live(`${POLICY}/early`), await live(`${EXCEPTION}/sooner`)];
    operator = await installed.start([]);
    await operator.ready;
  });
  after(async () => {
    await operator?.stop();
    await cluster?.stop();
  });

  const apply = async (object: { readonly input: string }): Promise<void> => {
    const { code, stderr } = await cluster.kubectl("apply", "-f", "-", ...MANAGER, object);
    assert.equal(code, 0, stderr);
  };
  const live = async (what: string): Promise<Live> =>
    JSON.parse((await cluster.kubectl("get", what, "-o", "json")).stdout) as Live;
  const health = async (kind: string, name: string): Promise<Health> =>
    healthOf(scriptOf(kind), await live(`${kind}/${name}`));

  it("waits for objects that the operator has not looked at", async () => {
    const checks = await documentedChecks();
    for (const object of unseen) {
      const { kind, metadata } = object;
      assert.equal(healthOf(scriptOf(kind), object).status, "Progressing", kind);
      assert.equal(kstatusOf(object), "InProgress", kind);
      assert.equal(healthByFlux(checks, object), "InProgress", kind);
      // Also where nobody compares generations first: Flux calls it an error where there is no status at all.
      const seen = { ...object, metadata: { ...metadata, generation: object.status?.observedGeneration ?? 0 } };
      assert.equal(healthByFlux(checks, seen), "InProgress", kind);
      await eventually(async () => assert.equal(kstatusOf(await live(`${kind}/${metadata.name}`)), "Current"));
    }
  });

  it("sees objects of ours become healthy, and says what is wrong with those that do not", async () => {
    const broken = {
      enforcementAction: "dryrun",
      signatures: { authorities: ["k"] },
      authorities: [{ name: "k", key: { secretRef: { namespace: "image-security-system", name: "gone", key: "k" } } }],
    };
    const objects = [
      policy("good", { digest: { required: true } }),
      policy("broken", broken),
      exception("legacy", 1),
      exception("over", -1),
      exception("endless", 1_000),
    ];
    for (const object of objects) await apply(object);
    const checks = await documentedChecks();
    const rows: readonly (readonly [kind: string, name: string, argoCd: string, kstatus: string, flux: string])[] = [
      [POLICY, "good", "Healthy", "Current", "Current"],
      [POLICY, "broken", "Degraded", "InProgress", "Failed"],
      [EXCEPTION, "legacy", "Healthy", "Current", "Current"],
      [EXCEPTION, "over", "Suspended", "Current", "Current"],
      [EXCEPTION, "endless", "Degraded", "Current", "Failed"],
    ];
    for (const [kind, name, ...expected] of rows)
      await eventually(
        async () => {
          const object = await live(`${kind}/${name}`);
          const { status } = healthOf(scriptOf(kind), object);
          assert.deepEqual([status, kstatusOf(object), healthByFlux(checks, object)], expected, name);
        },
        { within: 30_000 },
      );
    assert.match((await health(POLICY, "broken")).message, /gone/);
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
    const { stdout } = await cluster.kubectl(
      "get",
      "validatingwebhookconfiguration/image-security",
      "--show-managed-fields",
      "-o",
      `jsonpath={range .metadata.managedFields[?(@.fieldsV1.f\\:webhooks)]}{.manager} {end}`,
    );
    assert.equal(stdout.trim(), "image-security", "whose the entries are");
  });

  it("asks Argo CD for nothing that would make it apply the entries", async () => {
    const application = parseYaml(await readFile(join(configFolder("gitops"), "application.yaml"), "utf8")) as {
      readonly spec: { readonly syncPolicy: object; readonly ignoreDifferences?: unknown };
    };
    assert.deepEqual(application.spec.syncPolicy, { syncOptions: ["ServerSideApply=true"] });
    assert.equal(application.spec.ignoreDifferences, undefined);
  });
});
