import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { KubeConfig } from "@kubernetes/client-node";
import { parse } from "yaml";
import type { JsonObject } from "../../../json/fields.ts";
import { createKubeClient, type KubeClient } from "../../../kube/kubeClient.ts";
import { applyManifests } from "../../../sandbox/applyManifests.ts";
import { digestReference } from "../../../sandbox/registry/samples.ts";
import { startSandbox, type Sandbox } from "../../../sandbox/start.ts";
import { vulnerabilityReportObject } from "../../unit/evidence/scan/reports.ts";
import { eventually } from "../harness/eventually.ts";
import { kubectlWith } from "../harness/kubectl.ts";
import { VULNERABILITY_REPORTS } from "../scan/scanUnderTest.ts";
import { scrapingOf } from "./monitors.ts";
import { findPrometheus, Prometheus, type Target } from "./prometheus.ts";

/** An operator that has something of everything to tell, and a Prometheus that scrapes it and the API server. */
export interface UnderLoad {
  readonly prometheus: Prometheus;
  readonly stop: () => Promise<void>;
}

const DAY = 86_400_000;
const SCANNED = digestReference("nginx", "v1.22");
const NAMESPACES = ["shop", "payments", "ci"] as const;
/** Nothing runs there: what is made is refused. */
const VOID = "void";

/** undefined: there is no Prometheus here. */
export const startUnderLoad = async (): Promise<UnderLoad | undefined> => {
  const path = findPrometheus();
  if (path === undefined) return undefined;
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "image-security-under-load-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const ending = new AbortController();
  const collector = createServer((request, response) => {
    request.resume().on("end", () => response.writeHead(202).end());
  });
  collector.listen(0, "127.0.0.1");
  await once(collector, "listening");
  stack.defer(() => void collector.close());
  const sandbox = await startSandbox({
    folder,
    empty: true,
    port: 0,
    report: () => undefined,
    operatorFlags: ["--audit-interval=2s", "--log-level=error", `--denial-sink=http://127.0.0.1:${portOf(collector)}/`],
    signal: ending.signal,
  });
  stack.defer(() => sandbox.stop());
  const config = new KubeConfig();
  config.loadFromFile(sandbox.ready.kubeconfig);
  const client = createKubeClient(config, "image-security-load");
  stack.defer(() => client.close());

  const prometheus = await Prometheus.start(path, await targetsOf(sandbox, folder));
  stack.defer(() => prometheus.stop());
  // Pods first, as in a cluster that had no policies.
  await applyManifests(client, [...[...NAMESPACES, VOID].map(namespace), ...PODS]);
  await applyManifests(client, [VULNERABILITY_REPORTS as JsonObject]);
  await eventually(() => applyManifests(client, [REPORT]).then(() => true), { within: 30_000, every: 500 });
  await applyManifests(client, POLICIES());
  const work = keepBusy(client, ending.signal);
  stack.defer(async () => {
    ending.abort();
    await work;
  });
  const running = stack.move();
  return { prometheus, stop: () => running.disposeAsync() };
};

/** It listens on a host and port. */
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** The operator as the ServiceMonitor has it scraped, and the API server as its own monitors do, with the admin's certificate. */
const targetsOf = async ({ ready, kubectl = "" }: Sandbox, folder: string): Promise<readonly Target[]> => {
  const scraping = await scrapingOf(
    "ServiceMonitor",
    kubectlWith({ path: kubectl, kubeconfig: ready.kubeconfig, directory: folder }),
  );
  // The sandbox's own.
  const { clusters, users } = parse(await readFile(ready.kubeconfig, "utf8")) as {
    clusters: { cluster: Record<string, string> }[];
    users: { user: Record<string, string> }[];
  };
  const file = async (name: string, base64 = ""): Promise<string> => {
    await writeFile(join(folder, name), Buffer.from(base64, "base64"), { mode: 0o600 });
    return join(folder, name);
  };
  return [
    { url: ready.metrics, ...scraping },
    {
      url: `${clusters[0]?.cluster["server"]}/metrics`,
      honorLabels: false,
      labels: { job: "apiserver" },
      tls: {
        ca_file: await file("ca.crt", clusters[0]?.cluster["certificate-authority-data"]),
        cert_file: await file("admin.crt", users[0]?.user["client-certificate-data"]),
        key_file: await file("admin.key", users[0]?.user["client-key-data"]),
      },
    },
  ];
};

const namespace = (name: string): JsonObject => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
const podOf = (name: string, image: string, inNamespace: string): JsonObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { namespace: inNamespace, name, labels: { app: name } },
  spec: { containers: [{ name: "main", image }] },
});

const PODS = [
  podOf("web", "docker.io/library/nginx:1.21", "shop"),
  podOf("cache", "docker.io/library/redis:7", "shop"),
  podOf("front", SCANNED, "shop"),
  podOf("api", digestReference("payments/api", "v1"), "payments"),
  podOf("worker", "registry.company.com/team/app:v1", "payments"),
  podOf("runner", "ghcr.io/actions/runner:2", "ci"),
  podOf("build", "registry.company.com/team/app:v2", "ci"),
];

/** Too old for the policy in 12 hours. */
const REPORT: JsonObject = vulnerabilityReportObject(
  [
    { id: "CVE-2021-44228", severity: "CRITICAL" },
    { id: "CVE-2022-1", severity: "HIGH" },
    { id: "CVE-2022-2", severity: "MEDIUM" },
  ],
  {
    digest: SCANNED.slice(SCANNED.indexOf("@") + 1),
    namespace: "shop",
    updated: new Date(Date.now() - 2.5 * DAY).toISOString(),
  },
);

const ours = (kind: string, name: string, spec: object): JsonObject => ({
  apiVersion: "imagesecurity.dev/v1",
  kind,
  metadata: { name },
  spec,
});
const exception = (name: string, days: number, inNamespace: string): JsonObject =>
  ours("ImageSecurityException", name, {
    policies: ["*"],
    rules: ["registries", "digest", "scan"],
    match: { namespaces: [inNamespace], images: ["docker.io/library/redis"] },
    reason: "moves to the company's registry",
    expires: new Date(Date.now() + days * DAY).toISOString().replace(/\.\d+Z$/, "Z"),
  });

const POLICIES = (): readonly JsonObject[] => [
  ours("ImageSecurityPolicy", "registries", {
    match: { excludeNamespaces: ["ci"] },
    registries: { allow: ["registry.company.com", "127.0.0.1:1"] },
  }),
  ours("ImageSecurityPolicy", "digests", {
    onUnavailable: "warn",
    // Nothing here asks a registry of the internet: these are the sandbox's own, and one that is not there.
    match: { images: ["registry.company.com/**", "127.0.0.1:1/**"] },
    enforcementOverrides: [{ namespaces: ["ci"], action: "dryrun" }],
    digest: { verify: true },
  }),
  ours("ImageSecurityPolicy", "scans", {
    enforcementAction: "warn",
    scan: { sources: [{ vulnerabilityReport: {} }], maxAge: "3d" },
  }),
  exception("redis-until-friday", 2, "shop"),
  exception("redis-in-ci", 60, "ci"),
  // As --admission-policies=Registries keeps one.
  {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: "image-security.registries" },
    spec: {
      matchConstraints: {
        resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
      },
      validations: [{ expression: "object.spec.containers.all(one, !one.image.startsWith('quay.io/'))" }],
    },
  },
  {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: { name: "image-security.registries" },
    spec: { policyName: "image-security.registries", validationActions: ["Deny"] },
  },
];

/** Requests of every kind, again and again, more and fewer of them: a rate needs two scrapes with something in between. */
const keepBusy = async (client: KubeClient, signal: AbortSignal): Promise<void> => {
  const ask = (image: string, inNamespace: string, dryRun = false): Promise<unknown> =>
    client
      .request("POST", `/api/v1/namespaces/${inNamespace}/pods`, {
        body: { ...podOf("busy", image, inNamespace), metadata: { generateName: "busy-" } },
        ...(dryRun ? { query: { dryRun: "All" } } : {}),
      })
      // A sandbox that is going.
      .catch(() => undefined);
  for (let round = 0; !signal.aborted; round += 1) {
    for (const inNamespace of NAMESPACES.slice(0, 1 + (round % 3))) {
      await ask("docker.io/library/nginx:1.21", inNamespace);
      await ask(SCANNED, inNamespace, true);
    }
    await ask("quay.io/prometheus/prometheus:v3", "shop");
    await ask("docker.io/library/nginx:1.21", VOID);
    await ask(digestReference("team/app", "v1"), "payments", true);
    // Nobody listens there.
    if (round % 2 === 0) await ask(`127.0.0.1:1/app@sha256:${"0".repeat(64)}`, "shop", true);
    await sleep(200 + 150 * (1 + Math.sin(round / 15)), undefined, { signal }).catch(() => undefined);
  }
};
