import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AuditResult } from "../../../cli/audit/auditResult.ts";
import { addSamples, sampleRegistry, samples } from "../../../sandbox/registry/samples.ts";
import { startRegistry, type SandboxRegistry } from "../../../sandbox/registry/server.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { policy } from "../operator/operatorUnderTest.ts";
import { run, type ToolResult } from "../registry-tools/tools.ts";

const main = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));
const nginx = samples[0]!;
const tagged = `${sampleRegistry}/${nginx.repository}:${nginx.tag}`;
const pinned = `${sampleRegistry}/${nginx.repository}@${nginx.image.digest}`;

describe("image-security beside a cluster", function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let registry: SandboxRegistry;
  let folder: string;

  const tool = (args: readonly string[], kubeconfig = cluster.kubeconfig): Promise<ToolResult> =>
    run(
      process.execPath,
      [main, ...args, `--registry-mirror=${sampleRegistry}=${registry.url}`, `--kubeconfig=${kubeconfig}`],
      { cwd: folder, env: { PATH: process.env["PATH"], HOME: folder } },
    );
  const audit = async (...args: readonly string[]): Promise<AuditResult> => {
    const { code, stdout, stderr } = await tool(["audit", "--output=json", ...args]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as AuditResult;
  };
  const apply = async (...objects: readonly object[]): Promise<void> => {
    const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
    const { code, stderr } = await cluster.kubectl("create", "-f", "-", { input });
    assert.equal(code, 0, stderr);
  };
  const podSpec = (image: string): object => ({ containers: [{ name: "web", image }] });

  before(async function () {
    this.timeout(clusterTimeout);
    folder = await mkdtemp(join(tmpdir(), "audit-"));
    registry = await startRegistry({});
    addSamples(registry.store);
    cluster = await startOwnCluster();
    await cluster.installCrds();
    const template = { metadata: { labels: { app: "web" } }, spec: podSpec(tagged) };
    const place = (name: string, namespace: string, more: object = {}): object => ({
      metadata: { name, namespace, ...more },
    });
    await apply(
      { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop", labels: { env: "prod" } } },
      { apiVersion: "v1", kind: "Namespace", metadata: { name: "lab" } },
    );
    await apply(
      {
        apiVersion: "apps/v1",
        kind: "Deployment",
        ...place("web", "shop"),
        spec: { selector: { matchLabels: { app: "web" } }, template },
      },
      { apiVersion: "v1", kind: "Pod", ...place("clean", "shop"), spec: podSpec(pinned) },
      { apiVersion: "v1", kind: "Pod", ...place("docker", "lab"), spec: podSpec("nginx:1") },
      {
        apiVersion: "batch/v1",
        kind: "CronJob",
        ...place("nightly", "lab"),
        spec: {
          schedule: "0 0 * * *",
          jobTemplate: { spec: { template: { spec: { ...podSpec(tagged), restartPolicy: "Never" } } } },
        },
      },
    );
    const { stdout } = await cluster.kubectl(
      "get",
      "deployment",
      "web",
      "-n",
      "shop",
      "-o",
      "jsonpath={.metadata.uid}",
    );
    const ownerReferences = (kind: string, name: string, uid: string): object => ({
      ownerReferences: [{ apiVersion: "apps/v1", kind, name, uid, controller: true }],
    });
    await apply({
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      ...place("web-1", "shop", ownerReferences("Deployment", "web", stdout)),
      spec: { replicas: 2, selector: { matchLabels: { app: "web" } }, template },
    });
    const set = (await cluster.kubectl("get", "rs", "web-1", "-n", "shop", "-o", "jsonpath={.metadata.uid}")).stdout;
    for (const name of ["web-1-a", "web-1-b"])
      await apply({
        apiVersion: "v1",
        kind: "Pod",
        ...place(name, "shop", ownerReferences("ReplicaSet", "web-1", set)),
        spec: podSpec(tagged),
      });
    for (const [name, spec] of [
      ["digests", { enforcementAction: "dryrun", digest: {} }],
      [
        "registries",
        {
          enforcementAction: "warn",
          enforcementOverrides: [{ namespaces: ["shop"], action: "deny" }],
          registries: { allow: [sampleRegistry] },
        },
      ],
    ] as const) {
      const { code, stderr } = await cluster.kubectl("apply", "--server-side", "-f", "-", policy(name, spec));
      assert.equal(code, 0, stderr);
    }
  });
  after(async function () {
    this.timeout(30_000);
    await cluster?.stop();
    await registry?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("tells the blast radius of each policy, whatever it does today", async () => {
    const { pods, templates, policies, images } = await audit();
    assert.deepEqual([pods, templates], [4, 3]);
    assert.deepEqual(policies, [
      { policy: "digests", inForce: ["dryrun"], pods: 3, templates: 3, owners: 3, namespaces: ["lab", "shop"] },
      { policy: "registries", inForce: ["warn"], pods: 1, templates: 0, owners: 1, namespaces: ["lab"] },
    ]);
    assert.deepEqual(
      images.map(({ image, form, pods: running, templates: made }) => [image, form, running, made]),
      [
        ["nginx:1", "tag", 1, 0],
        [tagged, "tag", 2, 3],
        [pinned, "digest", 1, 0],
      ],
    );
  });

  it("names who made the pods, once for all replicas", async () => {
    const { findings } = await audit("-n", "shop");
    assert.deepEqual(
      findings.map(({ policy: by, owner, reason, pods, templates }) => [by, owner, reason, pods, templates]),
      [["digests", "Deployment/web", "DigestRequired", 2, 2]],
    );
  });

  it("shows a person the same as a table, at 80 and at 160 columns", async () => {
    const { stdout } = await tool(["audit"]);
    assert.match(stdout, /^\S+: 4 pods and 3 templates in 2 namespaces run 3 images, 2 of them by a tag alone\.$/m);
    assert.match(stdout, /^POLICY {4} {3}IN FORCE {3}PODS {3}TEMPLATES {3}OWNERS {3}NAMESPACES$/m);
    assert.match(
      stdout,
      /^ {2}shop Deployment\/web \(2 pods, 2 templates\): refused: container "web", image ".*": DigestRequired/m,
    );
  });

  it("tries a policy that is not applied, in place of the applied one of its name", async () => {
    const file = join(folder, "digests.yaml");
    await writeFile(file, policy("digests", { match: { namespaces: ["lab"] }, digest: {} }).input);
    const { policies } = await audit("--policy", file);
    assert.deepEqual(policies[0], {
      policy: "digests",
      inForce: ["deny"],
      pods: 1,
      templates: 1,
      owners: 2,
      namespaces: ["lab"],
    });
    assert.equal(policies.length, 2);
  });

  it("checks manifests by what the cluster has, its namespaces' labels included", async () => {
    await cluster.kubectl(
      "apply",
      "--server-side",
      "-f",
      "-",
      policy("prod", { match: { namespaceSelector: { matchLabels: { env: "prod" } } }, digest: { allowTag: false } }),
    );
    const file = join(folder, "pod.yaml");
    await writeFile(
      file,
      JSON.stringify({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "new" },
        spec: podSpec(`${tagged}@${nginx.image.digest}`),
      }),
    );
    const inShop = await tool(["check", file, "--from-cluster", "-n", "shop"]);
    assert.match(inShop.stdout, /denied: \[prod\] .*TagForbidden/);
    assert.equal(inShop.code, 1, inShop.stderr);
    assert.equal((await tool(["check", file, "--from-cluster", "-n", "lab"])).code, 0);
    await cluster.kubectl("delete", "isp", "prod");
  });

  it("finds what names a tag, a digest or a pattern, and says what state it is in", async () => {
    const rows = async (what: string): Promise<readonly string[]> => {
      const { stdout } = await tool(["where", what, "--output=json"]);
      return (JSON.parse(stdout) as readonly Record<string, string>[]).map(
        ({ owner, kind, name, state }) => `${owner} ${kind}/${name} ${state}`,
      );
    };
    assert.deepEqual(await rows(nginx.image.digest), ["Pod/clean Pod/clean not running"]);
    assert.deepEqual(await rows("docker.io/library/nginx"), ["Pod/docker Pod/docker not running"]);
    assert.equal((await rows(`${sampleRegistry}/**`)).length, 6);
    const { code, stdout } = await tool(["where", tagged, "-n", "lab"]);
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^NAMESPACE {3}OWNER {13}OBJECT {12}CONTAINER {3}STATE {6}IMAGE.*DIGEST\nlab {9}.*CronJob\/nightly/,
    );
  });

  it("finds a vulnerability by the cluster's reports, and ends with 1 where there is none", async () => {
    assert.equal((await tool(["where", "CVE-2021-44228"])).code, 1);
    const nobody = await tool(["where", "https://github.com/nobody/x"]);
    assert.equal(nobody.code, 1, nobody.stderr);
    assert.match(nobody.stderr, /is nowhere/);
    assert.equal((await tool(["where", "nginx"])).code, 2);
    const cut = await tool(["where", "sha256:0123456789ab"]);
    assert.match(cut.stderr, /is no whole digest; write sha256: and its 64 hex digits/);
    assert.equal(cut.code, 2);
  });

  const mistakes: readonly (readonly [why: string, args: readonly string[], expected: RegExp])[] = [
    ["an unknown context", ["audit", "--context=nowhere"], /the kubeconfig has no context nowhere; there are \w+/],
    ["an unknown namespace", ["audit", "--namespace=nowhere"], /there is no namespace nowhere in the cluster/],
    ["no kubeconfig", ["audit", "--kubeconfig=/nowhere/config"], /the kubeconfig \/nowhere\/config cannot be read/],
  ];
  for (const [why, args, expected] of mistakes)
    it(`ends with 2 for ${why}`, async () => {
      const { code, stderr } = await run(
        process.execPath,
        [
          main,
          ...args,
          ...(args.some((one) => one.startsWith("--kubeconfig")) ? [] : [`--kubeconfig=${cluster.kubeconfig}`]),
        ],
        {
          cwd: folder,
          env: { PATH: process.env["PATH"], HOME: folder },
        },
      );
      assert.match(stderr, expected);
      assert.equal(code, 2);
    });

  it("ends with 2 where nothing says which cluster", async function () {
    // In a Pod its ServiceAccount does.
    if (existsSync("/var/run/secrets/kubernetes.io/serviceaccount/token")) this.skip();
    const { code, stderr } = await run(process.execPath, [main, "audit"], {
      cwd: folder,
      env: { PATH: process.env["PATH"], HOME: folder },
    });
    assert.match(stderr, /^there is no cluster: give --kubeconfig, or set KUBECONFIG or a current context$/m);
    assert.equal(code, 2);
  });

  it("ends with 2 for a user who may not look, and says what to ask for", async () => {
    const kubeconfig = await cluster.controlPlane.kubeconfigFor("nobody", []);
    const { code, stderr } = await tool(["audit"], kubeconfig);
    assert.equal(code, 2);
    assert.match(stderr, /the kubeconfig's user may not read \/api.*; ask for list on it/);
  });
});
