import { setTimeout as wait } from "node:timers/promises";
import { KubeConfig } from "@kubernetes/client-node";
import type { PolicySpec } from "../../crds/types.ts";
import type { Gather } from "../../evidence/provider.ts";
import { createReview } from "../../engine/review.ts";
import { fitHeap } from "../../operator/metrics/heap.ts";
import { createCaches } from "../../operator/cluster/caches.ts";
import { createKubeClient } from "../../kube/kubeClient.ts";
import { SILENT } from "../../kube/log.ts";
import type { PolicySet } from "../../operator/policies/policySet.ts";
import { createReconciler } from "../../operator/reconcile.ts";
import { compilePolicy } from "../../policy/compile/policy.ts";

/** What the child process tells. CPU in milliseconds, of all its threads; the longest block of the event loop in milliseconds; bytes. */
export interface AuditMeasurement {
  readonly listCpu: number;
  readonly listBlock: number;
  readonly firstCpu: number;
  readonly firstBlock: number;
  readonly passCpu: number;
  readonly passBlock: number;
  readonly violations: number;
  readonly rss: number;
  readonly heap: number;
  readonly changedCpu: number;
  readonly changedJudged: number;
}

/** All four layers; signatures and scans are answered as from a warm cache. */
const SPECS: Readonly<Record<string, PolicySpec>> = {
  registries: { registries: { allow: ["registry.company.com"], deny: ["docker.io", "quay.io"] } },
  digest: { match: { excludeNamespaces: ["kube-*"] }, digest: {} },
  prod: {
    match: { namespaceSelector: { matchLabels: { env: "prod" } } },
    registries: { allow: ["registry.company.com/**"] },
    digest: { allowTag: false },
  },
  verified: { digest: { required: false, verify: true } },
};

const policies = Object.entries(SPECS).map(([name, spec]) =>
  compilePolicy(
    {
      apiVersion: "imagesecurity.dev/v1",
      kind: "ImageSecurityPolicy",
      metadata: { name, uid: `uid-${name}`, generation: 1 },
      spec,
    },
    () => ({ status: "missing", message: "none" }),
  ),
);
const set: PolicySet = { policies, audited: policies, exceptions: [], key: "bench" };

fitHeap();
let judged = 0;
const NOTHING = { signatures: new Map(), attestations: new Map(), scans: new Map() } as const;
const gather: Gather = ({ image }) => {
  const digest = image.parsed.status === "ok" ? image.parsed.reference.digest : undefined;
  if (digest === undefined) return { ...NOTHING, digest: { status: "absent", message: "no such tag" } };
  const manifest = {
    digest,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    size: 1_000,
    annotations: {},
    platforms: [],
  };
  return {
    ...NOTHING,
    digest: { status: "verified", value: digest },
    manifest: { status: "verified", value: manifest },
    running: { status: "verified", value: digest },
  };
};
const review = createReview(gather);

const config = new KubeConfig();
config.loadFromClusterAndUser(
  { name: "bench", server: `http://127.0.0.1:${process.argv[2]}`, skipTLSVerify: true },
  { name: "bench" },
);
const client = createKubeClient(config, "image-security");
const caches = createCaches({ client, log: SILENT, onAlive: () => undefined });
const reconciler = createReconciler({
  client,
  caches,
  review: (request) => {
    judged += 1;
    return review(request);
  },
  policies: () => set,
  leadership: { mayWrite: () => true },
  prepared: () => Promise.resolve(),
  onVerdict: (change) => reconciler.keepViolations(change),
  onProgress: () => reconciler.refreshStatuses(),
  onAlive: () => undefined,
  settings: { maxViolations: 10_000, openReports: false, auditConcurrency: 32 },
  leftOut: new Set(),
  instance: "bench",
  now: Date.now,
  log: SILENT,
});

let rss = 0;
const sampler = setInterval(() => (rss = Math.max(rss, process.memoryUsage.rss())), 20);

/** How long the event loop was held, counted in CPU of its thread: on a busy machine the clock also counts what others did. */
let longest = 0;
let lastTurn = process.threadCpuUsage();
const watcher = setInterval(() => {
  const { user, system } = process.threadCpuUsage(lastTurn);
  lastTurn = process.threadCpuUsage();
  longest = Math.max(longest, (user + system) / 1_000);
}, 1);

const cpu = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};
const measure = async (work: () => Promise<void>): Promise<readonly [cpu: number, block: number]> => {
  longest = 0;
  const before = cpu();
  await work();
  return [cpu() - before, longest];
};
const pass = (tick: number) => async (): Promise<void> => {
  const before = reconciler.report()?.endedAt;
  await reconciler.observe({ set, tick, clock: 1, leading: true });
  while (reconciler.report()?.endedAt === before) await wait(5);
};

const [listCpu, listBlock] = await measure(async () => {
  caches.start();
  await Promise.all([caches.pods.untilSynced(), caches.namespaces.untilSynced(), caches.violations.untilSynced()]);
});
const [firstCpu, firstBlock] = await measure(pass(1));
// Violations are written after the pass.
await wait(5_000);
const [passCpu, passBlock] = await measure(pass(2));
globalThis.gc?.();
const heap = process.memoryUsage().heapUsed;
const tally = [...reconciler.tally.series()].reduce((sum, { pods }) => sum + pods, 0);
const result: AuditMeasurement = {
  listCpu,
  listBlock,
  firstCpu,
  firstBlock,
  passCpu,
  passBlock,
  violations: tally,
  rss,
  heap,
  changedCpu: 0,
  changedJudged: 0,
};
clearInterval(sampler);
clearInterval(watcher);
await wait(500);
judged = 0;
const before = cpu();
process.send?.(result);
while (judged === 0) await wait(2);
await wait(100);
process.send?.({ ...result, changedCpu: cpu() - before, changedJudged: judged });
process.once("disconnect", () => process.exit());
