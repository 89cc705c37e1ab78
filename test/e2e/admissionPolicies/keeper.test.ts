import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { RunningOperator } from "../../../operator/run.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import type { KubectlOptions } from "../harness/kubectl.ts";
import { eventually } from "../harness/eventually.ts";
import { install } from "../config/installed.ts";
import { configFolder } from "../config/kustomize.ts";
import { pod, policy } from "../operator/operatorUnderTest.ts";

const PATIENT = { within: 20_000 };
const DIGEST = `sha256:${"a".repeat(64)}`;

describe("the ValidatingAdmissionPolicies that the operator keeps", function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let operator: RunningOperator | undefined;
  let namespace: string;
  const logged: string[] = [];

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startOwnCluster();
    // With the rights of config/ and its component, and no others.
    const installed = await install(cluster);
    await kubectl("apply", "-f", join(configFolder("components"), "admission-policies", "keeper.yaml"));
    namespace = await cluster.newNamespace("kept");
    operator = await installed.start(logged, "--admission-policies=Registries");
    await operator.ready;
  });
  after(async function () {
    this.timeout(60_000);
    await operator?.stop();
    await cluster?.stop();
  });

  const kubectl = async (...args: readonly (string | KubectlOptions)[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const apply = (name: string, spec: object): Promise<string> => kubectl("apply", "-f", "-", policy(name, spec));
  const field = (name: string, path: string): Promise<string> => kubectl("get", name, "-o", `jsonpath=${path}`);
  const condition = async (name: string): Promise<readonly string[]> =>
    (
      await field(
        `isp/${name}`,
        `{range .status.conditions[?(@.type=="EnforcedByAPIServer")]}{.status}|{.reason}|{.message}{end}`,
      )
    ).split("|");
  const stands = (name: string): Promise<void> =>
    eventually(async () => assert.deepEqual((await condition(name)).slice(0, 2), ["True", "Kept"]), PATIENT);
  const kept = async (): Promise<readonly string[]> =>
    (
      await kubectl(
        "get",
        "validatingadmissionpolicy,validatingadmissionpolicybinding",
        "-l",
        "app.kubernetes.io/managed-by=image-security",
        "-o",
        "name",
      )
    )
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.replace(/^([a-z]+)\.[^/]*/, "$1"))
      .toSorted();

  it("come with a policy that denies, with it as their owner, and say what is left to the webhook", async () => {
    await apply("production", {
      match: { namespaces: ["kept-*"] },
      registries: { allow: ["registry.company.com"] },
      digest: { required: true, verify: true },
    });
    await stands("production");
    assert.deepEqual(await kept(), [
      "validatingadmissionpolicy/image-security.production",
      "validatingadmissionpolicybinding/image-security.production",
    ]);
    const uid = await field("isp/production", "{.metadata.uid}");
    for (const kind of ["validatingadmissionpolicy", "validatingadmissionpolicybinding"])
      assert.equal(await field(`${kind}/image-security.production`, "{.metadata.ownerReferences[*].uid}"), uid);
    // What the API server makes of it is what was meant: nothing is written again and again.
    const version = await field("validatingadmissionpolicy/image-security.production", "{.metadata.resourceVersion}");
    await wait(2_000);
    assert.equal(
      await field("validatingadmissionpolicy/image-security.production", "{.metadata.resourceVersion}"),
      version,
    );
    const [, , message = ""] = await condition("production");
    assert.match(
      message,
      /^ValidatingAdmissionPolicy image-security\.production holds without the webhook; left to the webhook: /,
    );
    assert.match(message, /digest\.verify: whether the registry has it/);
    assert.match(await kubectl("get", "isp", "production", "-o", "wide"), /True/);
  });

  it("are put back by whoever edits, relabels or deletes them", async () => {
    const name = "image-security.production";
    const spec = (kind: string): Promise<string> => field(`${kind}/${name}`, "{.spec}");
    const [vap, binding] = ["validatingadmissionpolicy", "validatingadmissionpolicybinding"];
    const before = [await spec(vap), await spec(binding)];
    const same = (): Promise<void> =>
      eventually(async () => assert.deepEqual([await spec(vap), await spec(binding)], before), PATIENT);
    await kubectl(
      "patch",
      vap,
      name,
      "--type=json",
      "-p",
      `[{"op":"replace","path":"/spec/validations/0/expression","value":"true"}]`,
    );
    await same();
    await kubectl(
      "patch",
      vap,
      name,
      "--type=merge",
      "-p",
      `{"spec":{"matchConstraints":{"objectSelector":{"matchLabels":{"never":"there"}}}}}`,
    );
    await same();
    await kubectl("patch", binding, name, "--type=merge", "-p", `{"spec":{"validationActions":["Audit"]}}`);
    await same();
    await kubectl(
      "patch",
      binding,
      name,
      "--type=merge",
      "-p",
      `{"spec":{"matchResources":{"namespaceSelector":{"matchLabels":{"never":"there"}}}}}`,
    );
    await same();
    await kubectl("label", vap, name, "app.kubernetes.io/managed-by-");
    await eventually(async () => assert.equal((await kept()).length, 2), PATIENT);
    await kubectl("delete", vap, name);
    await kubectl("delete", binding, name);
    await eventually(async () => assert.equal((await kept()).length, 2), PATIENT);
    await same();
  });

  it("follow the policy: what refuses nothing has none, and what is deleted takes them along", async () => {
    await apply("second", { digest: { required: true } });
    await stands("second");
    await apply("second", { enforcementAction: "warn", digest: { required: true } });
    await eventually(async () => assert.equal((await kept()).length, 2), PATIENT);
    await eventually(
      async () => assert.deepEqual((await condition("second")).slice(0, 2), ["False", "RefusesNothing"]),
      PATIENT,
    );
    await apply("second", { digest: { required: true } });
    await stands("second");
    await kubectl("delete", "isp", "second");
    await eventually(async () => assert.equal((await kept()).length, 2), PATIENT);
  });

  it("leave alone what is somebody else's, and say so", async () => {
    const other = { apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingAdmissionPolicy" };
    const spec = { matchConstraints: { resourceRules: [] }, validations: [{ expression: "true" }] };
    const rules = [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] }];
    const input = JSON.stringify({
      ...other,
      metadata: { name: "image-security.third" },
      spec: { ...spec, matchConstraints: { resourceRules: rules } },
    });
    await kubectl("apply", "-f", "-", { input });
    const version = await field("validatingadmissionpolicy/image-security.third", "{.metadata.resourceVersion}");
    await apply("third", { digest: {} });
    await eventually(
      async () => assert.deepEqual((await condition("third")).slice(0, 2), ["False", "NameTaken"]),
      PATIENT,
    );
    assert.equal(await field("validatingadmissionpolicy/image-security.third", "{.metadata.resourceVersion}"), version);
    await kubectl("delete", "isp", "third");
    await kubectl("delete", "validatingadmissionpolicy", "image-security.third");
  });

  it("hold when operator and webhook are gone", async () => {
    await operator?.stop();
    operator = undefined;
    assert.deepEqual(
      logged.filter((line) => line.includes("forbidden")),
      [],
    );
    await kubectl("delete", "validatingwebhookconfiguration,mutatingwebhookconfiguration", "--all");
    const create = (name: string, image: string) => cluster.kubectl("create", "-f", "-", pod(namespace, name, image));
    const bad = await create("bad", "nginx:1.21");
    assert.equal(bad.code, 1);
    assert.equal(
      bad.stderr.trim(),
      `Error from server (Forbidden): error when creating "STDIN": pods "bad" is forbidden: ValidatingAdmissionPolicy 'image-security.production' with binding ` +
        `'image-security.production' denied request: [production] container "main", image "nginx:1.21": RegistryNotAllowed: docker.io/library/nginx is not allowed; allowed: registry.company.com`,
    );
    const tagged = await create("tagged", "registry.company.com/app:1");
    assert.match(
      tagged.stderr,
      /DigestRequired: uses a tag; write registry\.company\.com\/app@sha256:\.\.\. \(crane digest registry\.company\.com\/app:1\)/,
    );
    const good = await create("good", `registry.company.com/app@${DIGEST}`);
    assert.equal(good.code, 0, good.stderr);
  });
});
