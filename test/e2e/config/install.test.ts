import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { V1Deployment, V1ValidatingWebhookConfiguration } from "@kubernetes/client-node";
import { parse, parseAllDocuments } from "yaml";
import type { ImageSecurityPolicy } from "../../../crds/types.ts";
import { readSettings } from "../../../operator/settings/settings.ts";
import { compilePolicy } from "../../../policy/compile/policy.ts";
import { CONFIGURATION_NAME, guardEntries, LABELS } from "../../../webhook/configurations/generate.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import type { KubectlOptions } from "../harness/kubectl.ts";
import { configFolder, Overlay, type Manifest } from "./kustomize.ts";

describe("config/", function () {
  this.timeout(60_000);
  // Its own: a webhook that nobody answers would refuse the pods of all other tests.
  let cluster: Cluster;

  const kubectl = async (...args: readonly (string | KubectlOptions)[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const get = async <T>(...args: readonly string[]): Promise<T> =>
    JSON.parse(await kubectl("get", "-o", "json", ...args)) as T;
  const build = async (folder: string): Promise<readonly Manifest[]> =>
    parseAllDocuments(await kubectl("kustomize", folder)).map((document) => document.toJS() as Manifest);

  /**
   * The API server's finalizer can lose a CRD that is deleted soon after it was made ("storage is (re)initializing", then a
   * conflict that counts as done): it comes back to it with the next resync, minutes later, or when anything in it changes.
   */
  const untilCrdsAreGone = async (): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      const { code, stderr } = await cluster.kubectl("wait", "--for=delete", ...crds, "--timeout=5s");
      if (code === 0) return;
      assert.ok(attempt < 10, stderr);
      await cluster.kubectl("annotate", "--overwrite", ...crds, `attempt=${attempt}`);
    }
  };

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startOwnCluster();
  });

  after(() => cluster?.stop());

  describe("manifests", () => {
    it("hold both webhook configurations empty, named and labelled as the operator would make them", async () => {
      for (const kind of ["Validating", "Mutating"]) {
        const file = join(configFolder("webhook"), `${kind.toLowerCase()}.yaml`);
        assert.deepEqual(parse(await readFile(file, "utf8")), {
          apiVersion: "admissionregistration.k8s.io/v1",
          kind: `${kind}WebhookConfiguration`,
          metadata: { name: CONFIGURATION_NAME, labels: LABELS },
        });
      }
    });

    it("make no policy and touch no namespace but the operator's", async () => {
      const objects = await build(configFolder("default"));
      const own = new Set(["ImageSecurityPolicy", "ImageSecurityException", "Violation"]);
      assert.deepEqual(
        objects.filter(({ kind }) => own.has(kind)),
        [],
      );
      const namespaces = new Set(objects.map(({ metadata }) => metadata.namespace ?? "image-security-system"));
      assert.deepEqual([...namespaces], ["image-security-system"]);
      assert.equal(objects.filter(({ kind }) => kind === "CustomResourceDefinition").length, 3);
      for (const { kind, metadata } of objects)
        assert.equal(metadata.labels?.["app.kubernetes.io/name"], "image-security", `${kind} ${metadata.name}`);
    });

    it("give the operator flags that it knows", async () => {
      const objects = await build(configFolder("default"));
      const deployment = objects.find(({ kind }) => kind === "Deployment") as V1Deployment | undefined;
      const [command, ...flags] = deployment?.spec?.template.spec?.containers[0]?.args ?? [];
      assert.equal(command, "operator");
      const result = readSettings(flags, { IMAGE_SECURITY_NAMESPACE: "image-security-system" });
      assert.equal(result.status, "ok", JSON.stringify(result));
      const settings = result.status === "ok" ? result.settings : assert.fail();
      assert.deepEqual(settings.webhookAddress, { type: "service", name: "image-security-webhook", port: 443 });
      assert.deepEqual(settings.trustNamespaces, ["opa-system"]);
      const ports = deployment?.spec?.template.spec?.containers[0]?.ports?.map(({ containerPort }) => containerPort);
      assert.deepEqual(ports, [settings.webhookPort, settings.metricsPort]);
    });

    it("follow another namespace, whichever way", async () => {
      await using overlay = await Overlay.over(["default"], { namespace: "elsewhere" });
      const text = await kubectl("kustomize", overlay.folder);
      assert.ok(!text.includes("image-security-system:") && !/image-security-system$/m.test(text), text);
      const objects = parseAllDocuments(text).map((document) => document.toJS() as Manifest);
      assert.ok(objects.some(({ kind, metadata }) => kind === "Namespace" && metadata.name === "elsewhere"));
    });

    for (const component of [
      "pull-secrets",
      "admission-policies",
      "network-policy",
      "service-monitor",
      "pod-monitor",
      "alerts",
      "existing-namespace",
    ])
      it(`take the component ${component}`, async () => {
        await using overlay = await Overlay.over(["default"], {
          namespace: "elsewhere",
          components: [`components/${component}`],
        });
        const text = await kubectl("kustomize", overlay.folder);
        assert.ok(!/namespace: image-security-system$/m.test(text), text);
        assert.equal(/^kind: Namespace$/m.test(text), component !== "existing-namespace");
        if (component === "admission-policies") assert.match(text, /- --admission-policies=Registries\n/);
        if (component === "pull-secrets") assert.match(text, /- --read-pull-secrets\n/);
      });
  });

  it("lets an operator of another namespace read opa-system, as config/README.md says", async () => {
    const value = "elsewhere";
    await using overlay = await Overlay.over(["trusted"], {
      patches: [
        {
          target: { kind: "RoleBinding", name: "image-security-references" },
          patch: JSON.stringify([{ op: "replace", path: "/subjects/0/namespace", value }]),
        },
      ],
    });
    await kubectl("create", "namespace", "opa-system");
    await kubectl("apply", "-k", overlay.folder);
    assert.equal(await can(cluster, "elsewhere", "watch", "secrets", "-n", "opa-system"), "yes");
    assert.equal(await can(cluster, "image-security-system", "watch", "secrets", "-n", "opa-system"), "no");
  });

  describe("installed", () => {
    before(async function () {
      this.timeout(60_000);
      await kubectl("apply", "-k", configFolder("default"));
      await kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=20s");
    });

    it("can be installed again, by both kinds of apply", async () => {
      const generation = [
        "get",
        "deployment",
        "image-security",
        "-n",
        "image-security-system",
        "-o",
        "jsonpath={.metadata.generation}",
      ];
      const before = await kubectl(...generation);
      await kubectl("apply", "-k", configFolder("default"));
      assert.equal(await kubectl(...generation), before);
      await kubectl("apply", "--dry-run=server", "-k", configFolder("default"));
      await kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-k", configFolder("default"));
    });

    it("refuses nothing before an operator serves", async () => {
      for (const kind of ["validating", "mutating"]) {
        const { webhooks } = await get<V1ValidatingWebhookConfiguration>(
          `${kind}webhookconfiguration`,
          "image-security",
        );
        assert.equal(webhooks, undefined);
      }
      await kubectl("run", "probe", "--image=nginx", "-n", "default", "--dry-run=server");
      await kubectl("create", "deployment", "probe", "--image=nginx", "-n", "default", "--dry-run=server");
    });

    it("leaves what the operator writes when it is applied again, by both kinds of apply", async () => {
      const own = guardEntries({
        target: { type: "service", namespace: "image-security-system", name: "image-security-webhook", port: 443 },
        namespace: "image-security-system",
        excludeNamespaces: ["kube-system"],
        caBundle: certificate,
      });
      const name = ["validatingwebhookconfiguration", "image-security"];
      await kubectl("patch", ...name, "--type=merge", "-p", JSON.stringify({ webhooks: own }));
      const read = async (): Promise<unknown> => (await get<V1ValidatingWebhookConfiguration>(...name)).webhooks;
      const before = await read();
      await kubectl("apply", "-k", configFolder("default"));
      await kubectl("apply", "--server-side", "--force-conflicts", "-k", configFolder("default"));
      assert.ok(isDeepStrictEqual(await read(), before));
      await kubectl("patch", ...name, "--type=merge", "-p", '{"webhooks":[]}');
    });

    it("runs under the strictest pod security", async () => {
      await countQuota(cluster);
      const { spec } = await get<V1Deployment>("deployment", "image-security", "-n", "image-security-system");
      const create = (securityContext: object | undefined): ReturnType<Cluster["kubectl"]> => {
        const pod = Object.assign({}, spec?.template.spec, { securityContext });
        const input = JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name: "probe" }, spec: pod });
        return cluster.kubectl("create", "--dry-run=server", "-n", "image-security-system", "-f", "-", { input });
      };
      const taken = await create(spec?.template.spec?.securityContext);
      assert.equal(taken.code, 0, taken.stderr);
      const refused = await create({});
      assert.match(refused.stderr, /violates PodSecurity "restricted:latest"/);
    });

    it("goes away without a trace", async function () {
      this.timeout(180_000);
      // Namespaces stay Terminating here: nothing but a controller finishes them.
      await kubectl("delete", "-k", configFolder("default"), "--wait=false", "--ignore-not-found");
      await untilCrdsAreGone();
      for (const kind of [
        "validatingwebhookconfiguration",
        "mutatingwebhookconfiguration",
        "clusterrole",
        "clusterrolebinding",
      ])
        assert.doesNotMatch(await kubectl("get", kind, "-o", "name"), /image-security/);
    });

    it("can be installed in another namespace", async function () {
      this.timeout(180_000);
      await using overlay = await Overlay.over(["default"], { namespace: "elsewhere" });
      await kubectl("apply", "-k", overlay.folder);
      assert.equal(await can(cluster, "elsewhere", "list", "pods", "--all-namespaces"), "yes");
      assert.equal(await can(cluster, "elsewhere", "list", "secrets", "-n", "elsewhere"), "yes");
      await kubectl("delete", "-k", overlay.folder, "--wait=false");
      await untilCrdsAreGone();
    });
  });

  describe("samples", () => {
    before(async () => {
      await cluster.installCrds();
    });

    for (const folder of ["samples", "samples/layers"])
      it(`${folder} are taken by the API server and compile without fault`, async () => {
        await kubectl("apply", "--server-side", "-k", configFolder(folder));
        const { items } = await get<{ items: ImageSecurityPolicy[] }>("-k", configFolder(folder));
        for (const item of items.filter(({ kind }) => kind === "ImageSecurityPolicy")) {
          const { faults } = compilePolicy(item, () => ({ status: "found", text: publicKey }));
          assert.deepEqual(faults, [], item.metadata.name);
        }
        await kubectl("delete", "-k", configFolder(folder));
      });
  });
});

describe("config/ on a platform that limits who may be critical, as GKE does", function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let folder: string;

  before(async function () {
    this.timeout(clusterTimeout);
    folder = await mkdtemp(join(tmpdir(), "image-security-quota-"));
    const limited = {
      resource: "pods",
      matchScopes: [{ scopeName: "PriorityClass", operator: "In", values: ["system-cluster-critical"] }],
    };
    const configuration = {
      apiVersion: "apiserver.config.k8s.io/v1",
      kind: "ResourceQuotaConfiguration",
      limitedResources: [limited],
    };
    const file = join(folder, "admission.yaml");
    await writeFile(
      file,
      JSON.stringify({
        apiVersion: "apiserver.config.k8s.io/v1",
        kind: "AdmissionConfiguration",
        plugins: [{ name: "ResourceQuota", configuration }],
      }),
    );
    cluster = await startOwnCluster({ apiServerFlags: [`--admission-control-config-file=${file}`] });
    const { code, stderr } = await cluster.kubectl("apply", "-k", configFolder("default"));
    assert.equal(code, 0, stderr);
  });
  after(async () => {
    await cluster?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const create = async (namespace: string): ReturnType<Cluster["kubectl"]> => {
    const { stdout } = await cluster.kubectl(
      "get",
      "deployment",
      "image-security",
      "-n",
      "image-security-system",
      "-o",
      "json",
    );
    const { spec } = JSON.parse(stdout) as V1Deployment;
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "probe" }, spec: spec?.template.spec };
    return cluster.kubectl("create", "--dry-run=server", "-n", namespace, "-f", "-", { input: JSON.stringify(pod) });
  };

  it("brings the quota without which its own pods are refused", async () => {
    await countQuota(cluster);
    const taken = await create("image-security-system");
    assert.equal(taken.code, 0, taken.stderr);
    await cluster.kubectl("delete", "resourcequota", "--all", "-n", "image-security-system");
    await eventually(async () =>
      assert.match((await create("image-security-system")).stderr, /insufficient quota to match these scopes/),
    );
  });
});

/** Counts what a quota allows, which a controller does elsewhere. */
const countQuota = async (cluster: Cluster): Promise<void> => {
  const status = JSON.stringify({ status: { hard: { pods: "100" }, used: { pods: "0" } } });
  const name = ["resourcequota", "image-security-critical-pods", "-n", "image-security-system"];
  const patched = await cluster.kubectl("patch", ...name, "--subresource=status", "--type=merge", "-p", status);
  assert.equal(patched.code, 0, patched.stderr);
};

const crds = ["imagesecuritypolicies", "imagesecurityexceptions", "violations"].map(
  (name) => `crd/${name}.imagesecurity.dev`,
);

const can = async (cluster: Cluster, namespace: string, ...question: readonly string[]): Promise<string> => {
  const { stdout } = await cluster.kubectl(
    "auth",
    "can-i",
    `--as=system:serviceaccount:${namespace}:image-security`,
    ...question,
  );
  return stdout.trim();
};

/** Any public key. */
const publicKey = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----
`;

/** Any certificate: the API server checks that a caBundle holds one. */
const certificate = `-----BEGIN CERTIFICATE-----
MIIBdjCCARugAwIBAgIUI6K/8zSda+AsFmifZ6pdtuF4TP4wCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjMxNjE5NDNaGA8yMTI2MTAzMDE2MTk0
M1owDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABOee
HleVrXzlmD0aK+q+ErZuIDEykTDgXko4HzNXseG9rj1BuAOhvki3W5rQAZnuTRE2
MQyAPsgjJ6EcthaoMVujUzBRMB0GA1UdDgQWBBRxOZ0234dT2qLLCl0a3ymodE4K
tDAfBgNVHSMEGDAWgBRxOZ0234dT2qLLCl0a3ymodE4KtDAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0kAMEYCIQDrHvyCA5vZvKGjHlhXrua8Dj6hnEMqOldM
OWbpy3xXXwIhAL+YWvTdB9e0UUspg2NvNgKEQXt9EasUSSXwjPUQfUPR
-----END CERTIFICATE-----
`;
