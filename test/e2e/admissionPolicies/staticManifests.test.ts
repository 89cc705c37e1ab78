import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findBinaries } from "../../../sandbox/binaries/findBinaries.ts";
import { defaultVersion, versionOf, type KubernetesVersion } from "../../../sandbox/versions.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import type { KubectlResult } from "../harness/kubectl.ts";
import { pod, policy } from "../operator/operatorUnderTest.ts";

const MAIN = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));
const OPERATOR = "system:serviceaccount:image-security-system:image-security";
const ADMIN = "system:masters";
const PATIENT = { within: 90_000 };

/** 1.36 has it behind a gate. */
const VERSIONS: readonly { readonly version: KubernetesVersion; readonly flags: readonly string[] }[] = [
  { version: defaultVersion, flags: ["--feature-gates=ManifestBasedAdmissionControlConfig=true"] },
  { version: versionOf("1.37"), flags: [] },
];

/** Nothing is built for this test: it takes minutes. */
const isThere = async (version: KubernetesVersion): Promise<boolean> =>
  findBinaries({
    version,
    signal: AbortSignal.timeout(3_000),
    download: () => Promise.reject(new Error("not for this")),
    build: () => Promise.reject(new Error("not for this")),
  }).then(
    () => true,
    () => false,
  );

for (const { version, flags } of VERSIONS)
  describe(`static manifests on Kubernetes ${version.version}`, function () {
    this.timeout(400_000);
    let cluster: Cluster;
    let directory: string;
    let manifests: string;
    let namespace: string;

    before(async function () {
      this.timeout(clusterTimeout);
      if (!(await isThere(version))) {
        console.error(
          `      skipped: no kube-apiserver ${version.version} in the cache; ENVTEST_K8S_VERSION=${version.series} npm start builds it`,
        );
        this.skip();
      }
      directory = await mkdtemp(join(tmpdir(), "static-"));
      manifests = join(directory, "manifests");
      await mkdir(manifests);
      const configuration = {
        apiVersion: "apiserver.config.k8s.io/v1",
        kind: "AdmissionConfiguration",
        plugins: [
          {
            name: "ValidatingAdmissionPolicy",
            configuration: {
              apiVersion: "apiserver.config.k8s.io/v1",
              kind: "ValidatingAdmissionPolicyConfiguration",
              staticManifestsDir: manifests,
            },
          },
        ],
      };
      await writeFile(join(directory, "admission.json"), JSON.stringify(configuration));
      cluster = await startOwnCluster({
        apiServerFlags: [...flags, `--admission-control-config-file=${join(directory, "admission.json")}`],
        version,
      });
      await cluster.installCrds();
      namespace = await cluster.newNamespace("static");
      await ok(
        cluster.kubectl(
          "apply",
          "-f",
          "-",
          policy("production", {
            match: { excludeNamespaces: ["kube-*"] },
            registries: { allow: ["registry.company.com"] },
            digest: {},
          }),
        ),
      );
    });
    after(async function () {
      this.timeout(60_000);
      await cluster?.stop();
      if (directory !== undefined) await rm(directory, { recursive: true });
    });

    const ok = async (run: Promise<KubectlResult>): Promise<string> => {
      const { code, stdout, stderr } = await run;
      assert.equal(code, 0, stderr);
      return stdout;
    };
    const refusedByGuard = async (run: Promise<KubectlResult>): Promise<void> => {
      const { code, stderr } = await run;
      assert.equal(code, 1);
      assert.match(
        stderr,
        /ValidatingAdmissionPolicy 'image-security-guard\.static\.k8s\.io' .* denied request: \[guard\] .* which only members of security-ops may change/,
      );
    };
    const run = (...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
      new Promise((resolve) => {
        execFile(
          process.execPath,
          [MAIN, "export", "static-manifests", ...args, `--kubeconfig=${cluster.kubeconfig}`],
          { env: { PATH: process.env["PATH"] } },
          (error, stdout, stderr) =>
            resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr }),
        );
      });
    const create = (name: string, image: string): Promise<KubectlResult> =>
      cluster.kubectl("create", "-f", "-", pod(namespace, name, image));

    it("are written whole, validated by the API server, and compared", async () => {
      const missing = await run(manifests, "--groups=security-ops", "--check");
      assert.equal(missing.code, 1);
      assert.match(
        missing.stdout,
        /image-security-guard\.yaml is missing\n.*image-security\.production\.yaml is missing/,
      );
      const written = await run(manifests, "--groups=security-ops");
      assert.equal(written.code, 0, written.stderr);
      assert.deepEqual((await readdir(manifests)).toSorted(), [
        "image-security-guard.yaml",
        "image-security.production.yaml",
      ]);
      assert.equal((await run(manifests, "--groups=security-ops", "--check")).code, 0);
      assert.equal((await run(manifests, "--groups=others", "--check")).code, 1);
    });

    it("refuse images with no operator and no webhook in the cluster", async () => {
      await eventually(async () => assert.equal((await create("bad", "nginx:1.21")).code, 1), PATIENT);
      const { stderr } = await create("bad", "nginx:1.21");
      assert.match(
        stderr,
        /ValidatingAdmissionPolicy 'image-security\.production\.static\.k8s\.io' .*: \[production\] container "main", image "nginx:1\.21": RegistryNotAllowed: docker\.io\/library\/nginx is not allowed; allowed: registry\.company\.com$/m,
      );
      const tagged = await create("tagged", "registry.company.com/app:1");
      assert.match(tagged.stderr, /DigestRequired/);
      await ok(create("good", `registry.company.com/app@sha256:${"a".repeat(64)}`));
    });

    it("guard what the product consists of, also against members of system:masters", async () => {
      const webhook = {
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: "ValidatingWebhookConfiguration",
        metadata: { name: "image-security" },
        webhooks: [],
      };
      const generated = {
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: "ValidatingAdmissionPolicy",
        metadata: { name: "image-security.production" },
        spec: {
          matchConstraints: {
            resourceRules: [
              { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] },
            ],
          },
          validations: [{ expression: "true" }],
        },
      };
      const binding = {
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: "ValidatingAdmissionPolicyBinding",
        metadata: { name: "image-security.production" },
        spec: { policyName: "image-security.production", validationActions: ["Deny"] },
      };
      const { kubectl } = cluster;
      const operator = await cluster.kubectlAs(OPERATOR, [ADMIN]);
      const member = await cluster.kubectlAs("alice", [ADMIN, "security-ops"]);
      const input = (object: object): { readonly input: string } => ({ input: JSON.stringify(object) });
      const name = "image-security.production";
      const crd = "imagesecuritypolicies.imagesecurity.dev";

      // As cluster-admin: made, changed, deleted, also as a collection.
      await refusedByGuard(kubectl("create", "-f", "-", input(webhook)));
      await ok(operator("create", "-f", "-", input(webhook)));
      await ok(operator("create", "-f", "-", input(generated)));
      await ok(operator("create", "-f", "-", input(binding)));
      await refusedByGuard(kubectl("delete", "validatingwebhookconfiguration", "image-security"));
      await refusedByGuard(
        kubectl("annotate", "validatingwebhookconfiguration", "image-security", "imagesecurity.dev/suspended=x"),
      );
      await refusedByGuard(kubectl("delete", "validatingadmissionpolicy", name));
      await refusedByGuard(kubectl("delete", "validatingadmissionpolicybinding", name));
      await refusedByGuard(
        kubectl(
          "patch",
          "validatingadmissionpolicybinding",
          name,
          "--type=merge",
          "-p",
          `{"spec":{"validationActions":["Audit"]}}`,
        ),
      );
      await refusedByGuard(kubectl("delete", "isp", "production"));
      await refusedByGuard(kubectl("delete", "--raw", "/apis/imagesecurity.dev/v1/imagesecuritypolicies"));
      await refusedByGuard(
        kubectl("patch", "isp", "production", "--type=merge", "-p", `{"spec":{"enforcementAction":"warn"}}`),
      );
      await refusedByGuard(kubectl("delete", "crd", crd));
      await refusedByGuard(kubectl("label", "crd", crd, "a=b"));
      const exception = {
        apiVersion: "imagesecurity.dev/v1",
        kind: "ImageSecurityException",
        metadata: { name: "hole" },
        spec: {
          policies: ["*"],
          rules: ["All"],
          match: { namespaces: ["*"] },
          reason: "a hole",
          expires: new Date(Date.now() + 3_600_000).toISOString(),
        },
      };
      await refusedByGuard(kubectl("create", "-f", "-", input(exception)));

      // The operator keeps what it keeps, and changes nothing else.
      await ok(operator("annotate", "validatingwebhookconfiguration", "image-security", "seen=yes"));
      await ok(operator("label", "validatingadmissionpolicy", name, "seen=yes"));
      await ok(
        operator(
          "patch",
          "isp",
          "production",
          "--subresource=status",
          "--type=merge",
          "-p",
          `{"status":{"violations":1}}`,
        ),
      );
      await refusedByGuard(operator("delete", "validatingwebhookconfiguration", "image-security"));
      await refusedByGuard(operator("delete", "isp", "production"));
      await refusedByGuard(operator("create", "-f", "-", input(exception)));
      await refusedByGuard(operator("delete", "crd", crd));

      // What is not ours is nobody's business here.
      await ok(kubectl("create", "-f", "-", input({ ...webhook, metadata: { name: "others" } })));
      await ok(kubectl("delete", "validatingwebhookconfiguration", "others"));

      // What goes with its policy, and what members may do.
      const collector = await cluster.kubectlAs("system:serviceaccount:kube-system:generic-garbage-collector", [ADMIN]);
      await refusedByGuard(collector("label", "validatingadmissionpolicy", name, "a=b"));
      await ok(collector("delete", "validatingadmissionpolicybinding", name));
      await ok(member("delete", "validatingadmissionpolicy", name));
      await ok(member("delete", "validatingwebhookconfiguration", "image-security"));
      await ok(member("create", "-f", "-", input(exception)));
      await ok(member("delete", "ise", "hole"));
    });

    it("hold from the first moment of an API server that starts", async () => {
      await cluster.controlPlane.stopApiServer();
      await cluster.controlPlane.startApiServer();
      assert.match((await create("bad", "nginx:1.21")).stderr, /RegistryNotAllowed/);
      await refusedByGuard(cluster.kubectl("delete", "isp", "production"));
    });

    it("follow the policies when they are written again, and what cannot be is not", async () => {
      const member = await cluster.kubectlAs("alice", [ADMIN, "security-ops"]);
      await ok(member("apply", "-f", "-", policy("production", { registries: { allow: ["docker.io"] } })));
      const check = await run(manifests, "--groups=security-ops", "--check");
      assert.deepEqual(
        [check.code, check.stdout],
        [1, `${join(manifests, "image-security.production.yaml")} is another\n`],
      );
      assert.equal((await run(manifests, "--groups=security-ops")).code, 0);
      await eventually(async () => assert.equal((await create("now-good", "nginx:1.21")).code, 0), PATIENT);
      await ok(member("delete", "isp", "production"));
      assert.match(
        (await run(manifests, "--groups=security-ops")).stdout,
        /image-security\.production\.yaml is removed/,
      );
      assert.deepEqual(await readdir(manifests), ["image-security-guard.yaml"]);
      const guard = await readFile(join(manifests, "image-security-guard.yaml"), "utf8");
      const refused = await run(manifests, "--groups=security-ops", "--policy=/nowhere.yaml");
      assert.equal(refused.code, 2);
      assert.equal(await readFile(join(manifests, "image-security-guard.yaml"), "utf8"), guard);
      assert.match((await run(manifests, "--groups=a,,b")).stderr, /has an empty name/);
      assert.equal((await run(manifests, "--groups=a,,b")).code, 2);
    });
  });
