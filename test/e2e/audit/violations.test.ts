import assert from "node:assert/strict";
import type { RunningOperator } from "../../../operator/run.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { cleanUp, pod, policy, startOperator } from "../operator/operatorUnderTest.ts";

interface ViolationItem {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
  readonly policy: string;
  readonly enforcementAction: string;
  readonly subject: { readonly name: string };
  readonly findings: readonly { readonly reason: string; readonly message: string }[];
  readonly summary: {
    readonly reasons: string;
    readonly images: string;
    readonly rules: string;
    readonly count: number;
  };
}

describe("the audit of existing pods", () => {
  let cluster: Cluster;
  let operator: RunningOperator;

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startOwnCluster();
    await cluster.installCrds();
    operator = await startOperator(cluster);
  });
  after(async function () {
    this.timeout(30_000);
    await operator?.stop();
    await cluster?.stop();
  });
  afterEach(() => cleanUp(cluster));

  const apply = async (object: { readonly input: string }): Promise<void> => {
    const { code, stderr } = await cluster.kubectl("apply", "-f", "-", object);
    assert.equal(code, 0, stderr);
  };
  const violations = async (namespace: string): Promise<readonly ViolationItem[]> => {
    const { stdout, stderr } = await cluster.kubectl("get", "violations", "-n", namespace, "-o", "json");
    assert.equal(stderr, "");
    return (JSON.parse(stdout) as { items: ViolationItem[] }).items;
  };
  const count = (namespace: string, wanted: number): Promise<readonly ViolationItem[]> =>
    eventually(async () => {
      const found = await violations(namespace);
      assert.equal(found.length, wanted, JSON.stringify(found.map(({ metadata }) => metadata.name)));
      return found;
    });

  it("shows pods that were there before the policy, and `kubectl get isp` counts them", async () => {
    const namespace = await cluster.newNamespace("old");
    await apply(pod(namespace, "web", "nginx:1.21"));
    await apply(pod(namespace, "good", `registry.company.com/app@sha256:${"a".repeat(64)}`));
    await apply(policy("production", { registries: { allow: ["registry.company.com"] }, digest: {} }));
    const [found] = await count(namespace, 1);
    assert.equal(found?.policy, "production");
    assert.equal(found.enforcementAction, "deny");
    assert.equal(found.subject.name, "web");
    assert.match(found.metadata.name, /^web\.production-[0-9a-f]{8}$/);
    assert.equal(found.summary.reasons, "DigestRequired,RegistryNotAllowed");
    assert.equal(found.summary.rules, "digest,registries");
    assert.equal(found.summary.images, "nginx:1.21");
    assert.match(found.findings[0]?.message ?? "", /^\[production\] container "main", image "nginx:1.21": /);

    const { stdout } = await cluster.kubectl("get", "violations", "-A");
    assert.match(stdout, /^NAMESPACE +NAME +POLICY +ACTION +POD +OWNER +REASONS +AGE +IMAGES/);
    assert.match(stdout, /production +deny +web +DigestRequired,RegistryNotAllowed +\d+s +nginx:1\.21/);

    await eventually(async () => {
      const { stdout: table } = await cluster.kubectl("get", "isp");
      assert.match(table, /production +deny +True +1 /);
    });
    const events = await eventually(async () => {
      const { stdout: text } = await cluster.kubectl("get", "events", "-n", namespace);
      assert.match(text, /ImageSecurityViolation +pod\/web/);
      return text;
    });
    assert.equal(events.match(/ImageSecurityViolation/g)?.length, 1);
  });

  it("is written only when it changes", async () => {
    const namespace = await cluster.newNamespace("still");
    await apply(pod(namespace, "web", "nginx:1.21"));
    await apply(policy("still", { digest: {} }));
    const [before] = await count(namespace, 1);
    await cluster.kubectl("label", "pod", "web", "-n", namespace, "some=label");
    // Two complete audits go by.
    await new Promise((resolve) => setTimeout(resolve, 6_500));
    const [after] = await count(namespace, 1);
    assert.equal(after?.metadata.resourceVersion, before?.metadata.resourceVersion);
    await cluster.kubectl("patch", "isp", "still", "--type=merge", "-p", '{"spec":{"enforcementAction":"warn"}}');
    await eventually(async () => assert.equal((await violations(namespace))[0]?.enforcementAction, "warn"));
    assert.equal((await violations(namespace))[0]?.metadata.uid, before?.metadata.uid);
  }).timeout(20_000);

  it("goes when the pod is fixed, finished or deleted, and when the policy goes", async () => {
    const namespace = await cluster.newNamespace("fix");
    for (const name of ["fixed", "finished", "deleted", "kept"]) await apply(pod(namespace, name, "nginx:1.21"));
    await apply(policy("fix", { digest: {}, enforcementAction: "warn" }));
    await count(namespace, 4);
    await cluster.kubectl("set", "image", "pod/fixed", `main=nginx@sha256:${"a".repeat(64)}`, "-n", namespace);
    await count(namespace, 3);
    await cluster.kubectl(
      "patch",
      "pod",
      "finished",
      "-n",
      namespace,
      "--subresource=status",
      "--type=merge",
      "-p",
      '{"status":{"phase":"Succeeded"}}',
    );
    await count(namespace, 2);
    await cluster.kubectl("delete", "pod", "deleted", "-n", namespace, "--force", "--grace-period=0");
    const [last] = await count(namespace, 1);
    assert.equal(last?.subject.name, "kept");
    await cluster.kubectl("delete", "isp", "fix");
    await count(namespace, 0);
  }).timeout(30_000);

  it("makes a Violation that someone deleted, or changed, right again", async () => {
    const namespace = await cluster.newNamespace("hands");
    await apply(pod(namespace, "web", "nginx:1.21"));
    await apply(policy("hands", { digest: {} }));
    const [before] = await count(namespace, 1);
    const name = before?.metadata.name ?? "";
    await cluster.kubectl("delete", "violation", name, "-n", namespace);
    await eventually(async () =>
      assert.notEqual((await violations(namespace))[0]?.metadata.uid ?? before?.metadata.uid, before?.metadata.uid),
    );
    await cluster.kubectl(
      "patch",
      "violation",
      name,
      "-n",
      namespace,
      "--type=merge",
      "-p",
      '{"enforcementAction":"dryrun"}',
    );
    await eventually(async () => assert.equal((await violations(namespace))[0]?.enforcementAction, "deny"));
  });

  it("counts every violation and stores as many as it may", async () => {
    await operator.stop();
    operator = await startOperator(cluster, { maxViolations: 3 });
    const namespace = await cluster.newNamespace("many");
    for (let index = 0; index < 5; index += 1) await apply(pod(namespace, `web-${index}`, "nginx:1.21"));
    await apply(policy("many", { match: { namespaces: [namespace] }, digest: {} }));
    const stored = await count(namespace, 3);
    const status = await eventually(async () => {
      const { stdout } = await cluster.kubectl("get", "isp", "many", "-o", "json");
      const found = (JSON.parse(stdout) as { status: { violations: number; notStored: number } }).status;
      assert.equal(found.violations, 5);
      return found;
    });
    assert.equal(status.notStored, 2);
    // Room that comes free is used.
    const gone = stored[0]?.subject.name ?? "";
    await cluster.kubectl("delete", "pod", gone, "-n", namespace, "--force", "--grace-period=0");
    await eventually(async () => {
      const found = await violations(namespace);
      assert.equal(found.length, 3);
      assert.ok(!found.some(({ subject }) => subject.name === gone));
    });
    await operator.stop();
    operator = await startOperator(cluster);
    await count(namespace, 4);
  }).timeout(40_000);

  it("puts right what happened while no operator was there", async () => {
    const namespace = await cluster.newNamespace("away");
    for (const name of ["stays", "goes"]) await apply(pod(namespace, name, "nginx:1.21"));
    await apply(policy("away", { match: { namespaces: [namespace] }, digest: {}, enforcementAction: "dryrun" }));
    const before = await count(namespace, 2);
    await operator.stop();
    await cluster.kubectl("delete", "validatingwebhookconfigurations", "image-security");
    await cluster.kubectl("delete", "pod", "goes", "-n", namespace, "--force", "--grace-period=0");
    await apply(pod(namespace, "comes", "nginx:1.21"));
    operator = await startOperator(cluster);
    const after = await eventually(async () => {
      const found = await violations(namespace);
      assert.deepEqual(found.map(({ subject }) => subject.name).toSorted(), ["comes", "stays"]);
      return found;
    });
    const kept = (items: readonly ViolationItem[]): string | undefined =>
      items.find(({ subject }) => subject.name === "stays")?.metadata.resourceVersion;
    assert.equal(kept(after), kept(before), "what was right is not written again");
  }).timeout(30_000);

  it("names what is wrong with a policy, and leaves out what is not audited", async () => {
    const namespace = await cluster.newNamespace("faults");
    await apply(pod(namespace, "web", "nginx:1.21"));
    await apply(policy("unaudited", { digest: {}, audit: { enabled: false } }));
    await apply(
      policy("untrusted", {
        match: { namespaces: [namespace] },
        authorities: [{ name: "a", key: { secretRef: { namespace: "elsewhere", name: "key", key: "cosign.pub" } } }],
        signatures: { authorities: ["a"] },
      }),
    );
    await eventually(async () => {
      const { stdout } = await cluster.kubectl("get", "isp", "-o", "wide");
      assert.match(stdout, /untrusted +deny +False/);
      assert.match(stdout, /unaudited +deny +True/);
    });
    const { stdout } = await cluster.kubectl(
      "get",
      "isp",
      "untrusted",
      "-o",
      "jsonpath={.status.conditions[0].reason}",
    );
    assert.equal(stdout, "NamespaceNotTrusted");
    const found = await count(namespace, 1);
    assert.equal(found[0]?.policy, "untrusted");
  });

  it("says of an exception that lasts too long that it is not in force", async () => {
    const input = JSON.stringify({
      apiVersion: "imagesecurity.dev/v1",
      kind: "ImageSecurityException",
      metadata: { name: "long" },
      spec: {
        policies: ["*"],
        rules: ["All"],
        reason: "because",
        expires: "2099-01-01T00:00:00Z",
        match: { namespaces: ["*"] },
      },
    });
    await apply({ input });
    await eventually(async () => {
      const { stdout } = await cluster.kubectl("get", "ise", "long", "-o", "json");
      const [condition] = (
        JSON.parse(stdout) as { status: { conditions: { type: string; status: string; reason: string }[] } }
      ).status.conditions;
      assert.deepEqual([condition?.type, condition?.status, condition?.reason], ["Active", "False", "TooLong"]);
    });
  });

  it("shows what it does at /metrics", async function () {
    this.timeout(60_000);
    const namespace = await cluster.newNamespace("metrics");
    await apply(pod(namespace, "web", "nginx:1.21"));
    await apply(policy("metrics", { match: { namespaces: [namespace] }, digest: {} }));
    await count(namespace, 1);
    const denied = await cluster.kubectl("run", "no", "--image=nginx", "-n", namespace);
    assert.match(denied.stderr, /DigestRequired/);
    const text = await (await fetch(operator.metricsUrl ?? "")).text();
    for (const line of [
      `image_security_violations{policy="metrics",namespace="${namespace}",rule="digest",action="deny"} 1`,
      'image_security_policies{state="ready"} 1',
      "image_security_leader 1",
      'image_security_findings_total{policy="metrics",rule="digest",reason="DigestRequired",action="deny"} 1',
      `image_security_refusals_total{policy="metrics",reason="DigestRequired",namespace="${namespace}"} 1`,
    ]) {
      assert.ok(text.includes(line), line);
    }
    await eventually(
      async () => {
        const { stdout } = await cluster.kubectl("get", "events", "-n", "default", "--field-selector=reason=Refused");
        assert.match(
          stdout,
          new RegExp(`imagesecuritypolicy/metrics +refuses requests in namespace ${namespace}: DigestRequired`),
        );
      },
      { within: 30_000 },
    );
    for (const name of [
      "image_security_audit_duration_seconds",
      "image_security_audit_last_success_timestamp_seconds",
      "image_security_audit_pods",
      "image_security_audit_images",
      'image_security_watch_last_event_timestamp_seconds{resource="pods"}',
      'image_security_admission_requests_total{kind="Pod",operation="CREATE",decision="deny"}',
      "image_security_certificate_expiry_timestamp_seconds",
      "process_resident_memory_bytes",
    ]) {
      assert.ok(text.includes(`${name} `), name);
    }
  });
});
