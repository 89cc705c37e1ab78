import assert from "node:assert/strict";
import { join } from "node:path";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import type { KubectlOptions } from "../harness/kubectl.ts";
import { eventually } from "../harness/eventually.ts";
import { publishedCrds } from "../harness/publishedCrds.ts";
import { configFolder, Overlay } from "./kustomize.ts";

/** Those whose kinds every API server has. `network-policy` wants addresses first. */
const COMPONENTS = ["open-reports", "admission-policies", "pull-secrets", "client-certificates"];

/** Every list of these has a field that the API server could fill in. */
const POLICY = {
  apiVersion: "imagesecurity.dev/v1",
  kind: "ImageSecurityPolicy",
  metadata: { name: "every-list" },
  spec: {
    enforcementAction: "dryrun",
    enforcementOverrides: [{ namespaces: ["a"], action: "warn" }],
    registries: { allow: ["registry.company.com"], namespaces: [{ names: ["a"], allow: ["ghcr.io"] }] },
    scan: {
      sources: [{ imageAnnotation: {} }, { vulnerabilityReport: {} }, { podAnnotation: { key: "x" } }],
      allowCVEs: [{ id: "CVE-2024-1234", reason: "not reachable" }],
    },
    authorities: [
      { name: "k", key: { kms: "awskms:///alias/x" } },
      { name: "ci", keyless: { identities: [{ issuer: "https://a.example.com", subject: "b" }] } },
      { name: "n", notation: { certificates: { pem: "-----BEGIN CERTIFICATE-----\n" }, identities: ["*"] } },
    ],
    signatures: { authorities: ["k"] },
    attestations: [
      { predicateType: "https://slsa.dev/provenance/v1", authorities: ["ci"], conditions: [{ expression: "true" }] },
    ],
    baseImages: {
      deprecated: [{ image: "docker.io/library/ubuntu:18.04", replacement: "docker.io/library/ubuntu:24.04" }],
    },
  },
} as const;

const APPLICATION = "config/gitops/application.yaml";

/**
 * kubectl sends the selector of any PodDisruptionBudget each time, as it is (`patchStrategy: replace` in policy/v1, `handleMapDiff` of
 * k8s.io/apimachinery/pkg/util/strategicpatch), and calls that configured. Its version tells that nothing is.
 */
const ALWAYS_SENT = "poddisruptionbudget.policy/";

describe("what is applied again", function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let overlay: Overlay | undefined;
  let argoCd = false;

  const kubectl = async (...args: readonly (string | KubectlOptions)[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  /** By name: the version of every object that a manifest has. */
  const versions = async (from: readonly string[], input: { input: string } | undefined): Promise<string> =>
    await kubectl(
      "get",
      ...from,
      "-o",
      "jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.generation} {.metadata.resourceVersion}{'\\n'}{end}{.metadata.resourceVersion}",
      ...(input ? [input] : []),
    );

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startOwnCluster();
    await kubectl("apply", "-k", configFolder("default"));
    await kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=20s");
    const crds = await publishedCrds("argocd");
    argoCd = crds !== undefined;
    if (crds === undefined) console.log(`      skipped: ${APPLICATION}: its CRD comes by Go, which is not on PATH`);
    else {
      await kubectl("apply", "--server-side", "-f", "-", { input: crds });
      // kubectl cannot wait for what has no conditions yet.
      await eventually(async () => void (await kubectl("get", "applications.argoproj.io", "-A")), { within: 30_000 });
    }
    for (const namespace of ["opa-system", "argocd"]) await kubectl("create", "namespace", namespace);
    overlay = await Overlay.over(["default"], { components: COMPONENTS.map((name) => `components/${name}`) });
  });
  after(async () => {
    await overlay?.[Symbol.asyncDispose]();
    await cluster?.stop();
  });

  const sources: readonly (readonly [what: string, from: () => readonly string[], input?: { input: string }])[] = [
    [`config/default with ${COMPONENTS.join(", ")}`, () => ["-k", overlay?.folder ?? assert.fail()]],
    ["config/trusted", () => ["-k", configFolder("trusted")]],
    ["config/samples", () => ["-k", configFolder("samples")]],
    ["config/samples/layers", () => ["-k", configFolder("samples/layers")]],
    ["a policy with an entry in every list", () => ["-f", "-"], { input: JSON.stringify(POLICY) }],
    [APPLICATION, () => ["-f", join(configFolder("gitops"), "application.yaml")]],
  ];
  for (const [what, files, input] of sources) {
    const apply = (...flags: readonly string[]): Promise<string> =>
      kubectl("apply", ...flags, ...files(), ...(input ? [input] : []));
    // CRDs are given their condition by controllers a moment later.
    const still = async (again: () => Promise<unknown>): Promise<void> => {
      await eventually(async () => {
        const before = await versions(files(), input);
        await again();
        assert.equal(await versions(files(), input), before);
      });
    };

    it(`${what}: by the client, is unchanged`, async function () {
      if (what === APPLICATION && !argoCd) this.skip();
      await apply();
      await eventually(async () => {
        const lines = (await apply()).trim().split("\n");
        assert.deepEqual(
          lines.filter((line) => !line.endsWith(" unchanged") && !line.startsWith(ALWAYS_SENT)),
          [],
        );
      });
      await still(() => apply());
    });

    it(`${what}: by the server, is unchanged, and nobody's conflict`, async function () {
      if (what === APPLICATION && !argoCd) this.skip();
      await apply("--server-side", "--field-manager=first", "--force-conflicts");
      await still(() => apply("--server-side", "--field-manager=first"));
      // Whoever applies the same text owns it as well: a conflict would be about what the API server filled in.
      await apply("--server-side", "--field-manager=second");
      await still(() => apply("--server-side", "--field-manager=second"));
    });
  }

  it("config/gitops/argocd-cm.yaml: as docs/gitops.md patches it in, is unchanged", async () => {
    await kubectl("create", "configmap", "argocd-cm", "-n", "argocd", "--from-literal=timeout.reconciliation=180s");
    const patch = (): Promise<string> =>
      kubectl(
        "patch",
        "configmap",
        "argocd-cm",
        "-n",
        "argocd",
        "--patch-file",
        join(configFolder("gitops"), "argocd-cm.yaml"),
      );
    await patch();
    assert.match(await patch(), /patched \(no change\)/);
    // What stood there stays.
    assert.match(await kubectl("get", "configmap", "argocd-cm", "-n", "argocd", "-o", "yaml"), /180s/);
  });
});
