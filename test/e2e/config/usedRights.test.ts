import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunningOperator } from "../../../operator/run.ts";
import { makeImage } from "../../../sandbox/registry/images.ts";
import { addToStore } from "../../../sandbox/registry/push.ts";
import { startRegistry, type SandboxRegistry } from "../../../sandbox/registry/server.ts";
import { dockerConfig } from "../../unit/evidence/registry/support/judging.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import type { KubectlOptions } from "../harness/kubectl.ts";
import { VULNERABILITY_REPORTS } from "../scan/scanUnderTest.ts";
import { AuditLog, decisionOf } from "./auditLog.ts";
import { grantsOf, told, uses } from "./grants.ts";
import { Helm, HELMS, IMAGE } from "./helm.ts";
import { operatorOf, OWN } from "./installed.ts";
import { Overlay } from "./kustomize.ts";

/** For what the operator does in its own time. */
const PATIENT = { within: 60_000, every: 300 };

const WITHOUT = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "any" },
  $patch: "delete",
};

/** Everything that adds rights is on. The CRDs come when the operator has seen that they are not there. */
const INSTALLERS: Readonly<Record<string, (cluster: Cluster) => Promise<boolean>>> = {
  kustomize: async (cluster) => {
    await using overlay = await Overlay.over(["default", "trusted"], {
      components: ["components/pull-secrets"],
      patches: [{ target: { kind: "CustomResourceDefinition" }, patch: JSON.stringify(WITHOUT) }],
    });
    const { code, stderr } = await cluster.kubectl("apply", "-k", overlay.folder);
    assert.equal(code, 0, stderr);
    return true;
  },
  ...Object.fromEntries(
    HELMS.map((name) => [
      name,
      async (cluster: Cluster): Promise<boolean> => {
        await using helm = await Helm.find(name, cluster.kubeconfig);
        if (helm === undefined) return false;
        const values = {
          image: IMAGE,
          pullSecrets: { enabled: true },
          rbac: { trustedNamespaces: ["opa-system"] },
          crds: { enabled: false },
        };
        const install = ["install", "image-security", "--namespace", OWN, "--create-namespace"];
        const { code, stderr } = await helm.withChart(install, values);
        assert.equal(code, 0, stderr);
        return true;
      },
    ]),
  ),
};

/** What is only read when somebody else was faster with a write (statusWriter.ts, violationApi.ts); whoever may list may read it anyway. */
const AFTER_CONFLICTS =
  /^image-security get (?:imagesecuritypolicies|imagesecurityexceptions|violations)\.imagesecurity\.dev$/;

for (const [installer, install] of Object.entries(INSTALLERS))
  describe(`the rights that ${installer} gives, in the API server's audit log`, function () {
    this.timeout(300_000);
    let cluster: Cluster;
    let folder: string;
    let log: AuditLog;
    let registry: SandboxRegistry | undefined;
    let operator: RunningOperator | undefined;
    const logged: string[] = [];
    const image = makeImage();

    const kubectl = async (...args: readonly (string | KubectlOptions)[]): Promise<string> => {
      const { code, stdout, stderr } = await cluster.kubectl(...args);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    const apply = (...objects: readonly object[]): Promise<string> =>
      kubectl("apply", "--server-side", "-f", "-", {
        input: objects.map((object) => JSON.stringify(object)).join("\n"),
      });
    const own = (kind: string, name: string, spec: object): object => ({
      apiVersion: "imagesecurity.dev/v1",
      kind,
      metadata: { name },
      spec,
    });
    const pod = (namespace: string, name: string, reference: string): object => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace, name },
      spec: { containers: [{ name: "main", image: reference }], imagePullSecrets: [{ name: "pull" }] },
    });

    before(async function () {
      this.timeout(clusterTimeout);
      folder = await mkdtemp(join(tmpdir(), "image-security-audit-"));
      log = await AuditLog.about(`system:serviceaccount:${OWN}:image-security`, folder);
      cluster = await startOwnCluster({ apiServerFlags: log.flags });
      await kubectl("create", "namespace", "opa-system");
      if (!(await install(cluster))) this.skip();
      registry = await startRegistry({
        auth: { type: "basic", users: { team: { password: "pw", pull: ["team/*"] } } },
      });
      addToStore(registry.store, "team/app", image, "v1");
      await kubectl("run", "early", "--image=docker.io/library/nginx:1.21", "-n", "kube-system");
      operator = await (
        await operatorOf(cluster)
      ).start(
        logged,
        "--trust-namespaces=opa-system",
        "--read-pull-secrets",
        "--accept-any-webhook-caller",
        "--registry-plain-http=127.0.0.1",
        "--allow-address=127.0.0.1",
      );
      await eventually(async () => {
        const asked = (await log.events()).map(({ requestURI }) => requestURI);
        for (const kind of ["imagesecuritypolicies", "imagesecurityexceptions", "violations"])
          assert.ok(
            asked.some((uri) => uri.includes(`customresourcedefinitions/${kind}.`)),
            kind,
          );
      });
      await cluster.installCrds();
      await operator.ready;
    });
    afterEach(function () {
      if (this.currentTest?.state === "failed") console.error(logged.slice(-20).join("\n"));
    });
    after(async function () {
      this.timeout(30_000);
      await operator?.stop();
      await registry?.close();
      await cluster?.stop();
      await rm(folder, { recursive: true, force: true });
    });

    it("do for policies, keys, pinning, pull secrets, scans, exceptions, Violations, Events and webhooks", async () => {
      const host = registry?.host ?? "";
      await kubectl("create", "namespace", "team");
      const pull = { metadata: { namespace: "team", name: "pull" }, type: "kubernetes.io/dockerconfigjson" };
      const credentials = { ".dockerconfigjson": dockerConfig({ [host]: ["team", "pw"] }) };
      await apply(
        { apiVersion: "v1", kind: "Secret", ...pull, stringData: credentials },
        { apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace: "team", name: "default" } },
        {
          apiVersion: "v1",
          kind: "Secret",
          metadata: { namespace: "opa-system", name: "keys" },
          stringData: { key: KEY },
        },
        { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: OWN, name: "keys" }, data: { key: KEY } },
        {
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { namespace: "opa-system", name: "keys" },
          data: { key: KEY },
        },
        { apiVersion: "v1", kind: "Secret", metadata: { namespace: OWN, name: "keys" }, stringData: { key: KEY } },
      );
      const key = (name: string, reference: object): object => ({ name, key: reference, transparencyLog: "Ignored" });
      const at = (namespace: string): object => ({ namespace, name: "keys", key: "key" });
      await apply(
        own("ImageSecurityPolicy", "registries", { registries: { allow: [host] } }),
        own("ImageSecurityPolicy", "pins", {
          match: { images: [`${host}/**`] },
          digest: { pin: "Pods", verify: true },
        }),
        own("ImageSecurityPolicy", "signed", {
          enforcementAction: "dryrun",
          authorities: [
            key("a", { secretRef: at("opa-system") }),
            key("b", { configMapRef: at(OWN) }),
            key("c", { configMapRef: at("opa-system") }),
            key("d", { secretRef: at(OWN) }),
          ],
          signatures: { authorities: ["a", "b", "c", "d"], count: 1 },
        }),
        own("ImageSecurityPolicy", "scanned", {
          enforcementAction: "dryrun",
          scan: { sources: [{ vulnerabilityReport: {} }] },
        }),
        own("ImageSecurityException", "legacy", {
          policies: ["registries"],
          rules: ["All"],
          match: { namespaces: ["legacy"] },
          reason: "x",
          expires: new Date(Date.now() + 30 * 86_400_000).toISOString(),
        }),
      );
      await kubectl("wait", "--for=condition=Ready", "isp", "--all", "--timeout=60s");
      // trivy-operator is installed after a policy asks for its reports.
      await eventually(
        async () =>
          (await log.events()).some(({ requestURI }) => requestURI.includes("customresourcedefinitions/vulnerab")),
        PATIENT,
      );
      await apply(VULNERABILITY_REPORTS);
      await kubectl("wait", "--for=condition=Enforced", "isp", "--all", "--timeout=60s");
      // Pinned by what the namespace's pull secret lets read.
      await eventually(
        async () => assert.ok((await apply(pod("team", `app-${Date.now()}`, `${host}/team/app:v1`))) !== ""),
        PATIENT,
      );
      assert.ok((await kubectl("get", "pods", "-n", "team", "-o", "yaml")).includes(image.digest));
      // A namespace that the cache has not got yet is read.
      await kubectl("create", "namespace", "new");
      for (const attempt of [1, 2]) {
        const { stderr } = await cluster.kubectl(
          "run",
          `refused-${attempt}`,
          "--image=docker.io/nginx:1",
          "-n",
          "team",
        );
        assert.match(stderr, /RegistryNotAllowed/);
        await eventually(
          async () =>
            assert.match(
              await kubectl("get", "events", "-n", "default", "-o", 'jsonpath={.items[?(@.reason=="Refused")].count}'),
              new RegExp(`\\b${attempt}\\b`),
            ),
          PATIENT,
        );
      }
      await eventually(
        async () => assert.match(await kubectl("get", "violations", "-n", "kube-system"), /registries +deny +early/),
        PATIENT,
      );
      // Another action is another Violation's text.
      await kubectl("patch", "isp", "registries", "--type=merge", "-p", '{"spec":{"enforcementAction":"warn"}}');
      await eventually(
        async () => assert.match(await kubectl("get", "violations", "-n", "kube-system"), /registries +warn +early/),
        PATIENT,
      );
      await kubectl("delete", "pod", "early", "-n", "kube-system", "--force", "--grace-period=0");
      await eventually(async () =>
        assert.equal(await kubectl("get", "violations", "-n", "kube-system", "-o", "name"), ""),
      );
      await eventually(
        async () =>
          assert.equal(await kubectl("get", "ise", "legacy", "-o", "jsonpath={.status.observedGeneration}"), "1"),
        PATIENT,
      );
    });

    it("do for what somebody takes away: the configuration that refuses, and the certificates", async () => {
      await kubectl("delete", "validatingwebhookconfiguration", "image-security");
      await eventually(() => kubectl("get", "validatingwebhookconfiguration", "image-security"));
      // Broken, it is written anew; deleted, it is made anew.
      const secret = ["secret", "image-security-webhook-certificates", "-n", OWN];
      const version = await kubectl("get", ...secret, "-o", "jsonpath={.metadata.resourceVersion}");
      await kubectl("patch", ...secret, "--type=merge", "-p", '{"data":{"tls.crt":""}}');
      await eventually(
        async () => {
          const [now = "", certificate = ""] = (
            await kubectl("get", ...secret, "-o", "jsonpath={.metadata.resourceVersion} {.data.tls\\.crt}")
          ).split(" ");
          assert.ok(now !== version && certificate !== "");
        },
        { within: 30_000 },
      );
    });

    it("are enough: nothing was forbidden", async () => {
      await operator?.stop();
      operator = undefined;
      const events = await log.events();
      assert.ok(events.length > 100, `${events.length} requests`);
      const forbidden = events.filter((event) => decisionOf(event) === "forbid");
      assert.deepEqual([...new Set(forbidden.map(({ verb, requestURI }) => `${verb} ${requestURI}`))], []);
    });

    it("are all used", async () => {
      const [events, grants] = [await log.events(), await grantsOf(cluster)];
      assert.ok(grants.length > 30, `${grants.length} grants`);
      const unused = grants.filter((grant) => !events.some((event) => uses(event, grant)));
      assert.deepEqual(
        unused.map(told).filter((grant) => !AFTER_CONFLICTS.test(grant)),
        [],
      );
    });
  });

/** Any public key. */
const KEY = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----`;
