import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type {
  V1Deployment,
  V1MutatingWebhookConfiguration,
  V1ValidatingWebhookConfiguration,
} from "@kubernetes/client-node";
import { parse, parseAllDocuments } from "yaml";
import { validatingManifest } from "../../../config/webhook/validatingManifest.ts";
import type { ImageSecurityPolicy } from "../../../crds/types.ts";
import { readSettings } from "../../../operator/settings/settings.ts";
import { compilePolicy } from "../../../policy/compile/policy.ts";
import { mutatingConfiguration } from "../../../webhook/configurations/generate.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
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
    it("hold what the operator writes: run npm run generate", async () => {
      assert.equal(await readFile(join(configFolder("webhook"), "validating.yaml"), "utf8"), validatingManifest());
      const mutating = parse(await readFile(join(configFolder("webhook"), "mutating.yaml"), "utf8")) as unknown;
      const target = { type: "service", namespace: "a", name: "b", port: 443 } as const;
      const { webhooks: _, ...empty } = mutatingConfiguration({ target, excludeNamespaces: [], caBundle: undefined });
      assert.deepEqual(mutating, empty);
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
      const validating = objects.find(({ kind }) => kind === "ValidatingWebhookConfiguration") as Manifest &
        V1ValidatingWebhookConfiguration;
      for (const { namespaceSelector, clientConfig } of validating.webhooks ?? []) {
        assert.deepEqual(namespaceSelector?.matchExpressions?.[0]?.values, ["elsewhere", "kube-system"]);
        assert.equal(clientConfig.service?.namespace, "elsewhere");
      }
      assert.ok(objects.some(({ kind, metadata }) => kind === "Namespace" && metadata.name === "elsewhere"));
    });

    for (const component of ["pull-secrets", "network-policy", "service-monitor"])
      it(`take the component ${component}`, async () => {
        await using overlay = await Overlay.over(["default"], {
          namespace: "elsewhere",
          components: [`components/${component}`],
        });
        const text = await kubectl("kustomize", overlay.folder);
        assert.ok(!/namespace: image-security-system$/m.test(text), text);
        if (component === "pull-secrets") assert.match(text, /- --read-pull-secrets\n/);
      });
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

    it("leaves what the operator writes when it is applied again", async () => {
      const patch = {
        webhooks: [
          {
            name: "pods.validate.imagesecurity.dev",
            clientConfig: { caBundle: Buffer.from(certificate).toString("base64") },
          },
        ],
      };
      await kubectl(
        "patch",
        "validatingwebhookconfiguration",
        "image-security",
        "--type=strategic",
        "-p",
        JSON.stringify(patch),
      );
      const before = await get<V1ValidatingWebhookConfiguration>("validatingwebhookconfiguration", "image-security");
      await kubectl("apply", "-k", configFolder("default"));
      const after = await get<V1ValidatingWebhookConfiguration>("validatingwebhookconfiguration", "image-security");
      assert.ok(isDeepStrictEqual(after.webhooks, before.webhooks));
      assert.ok(after.webhooks?.[0]?.clientConfig.caBundle !== undefined);
    });

    it("starts without mutating entries", async () => {
      const { webhooks } = await get<V1MutatingWebhookConfiguration>("mutatingwebhookconfiguration", "image-security");
      assert.equal(webhooks, undefined);
    });

    it("runs under the strictest pod security", async () => {
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

    it("refuses pods while nobody answers, except where the cluster needs them", async () => {
      // Else the API server would dial the Service's address.
      await kubectl("delete", "service", "image-security-webhook", "-n", "image-security-system");
      const run = (namespace: string): Promise<{ code: number | null; stderr: string }> =>
        cluster.kubectl("run", "probe", "--image=registry.company.com/probe", "-n", namespace, "--dry-run=server");
      assert.match((await run("default")).stderr, /failed calling webhook "pods\.validate\.imagesecurity\.dev"/);
      assert.equal((await run("kube-system")).code, 0);
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
      const { webhooks } = await get<V1ValidatingWebhookConfiguration>(
        "validatingwebhookconfiguration",
        "image-security",
      );
      for (const { namespaceSelector } of webhooks ?? [])
        assert.deepEqual(namespaceSelector?.matchExpressions?.[0]?.values, ["elsewhere", "kube-system"]);
      assert.equal(await can(cluster, "elsewhere", "list", "pods", "--all-namespaces"), "yes");
      assert.equal(await can(cluster, "elsewhere", "get", "secrets", "-n", "elsewhere"), "yes");
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
