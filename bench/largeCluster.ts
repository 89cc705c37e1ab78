/**
 * A large cluster on a real API server: `npm run bench -- largeCluster [pods]`, 20,000 by default, of which every second one violates: what
 * etcd holds, what an audit takes, and how much memory the operator needs, as its image runs it.
 */
import { startRegistry } from "../sandbox/registry/server.ts";
import { startOwnCluster } from "../test/e2e/harness/cluster.ts";
import { eventually } from "../test/e2e/harness/eventually.ts";
import { databaseBytes, storedOf } from "./cluster/etcd.ts";
import { podTemplate } from "./cluster/podTemplate.ts";
import { publicKey, pushProved } from "./warm/images.ts";
import { applyPolicies, startBenchOperator } from "./cluster/operator.ts";
import { cpuOf, machineLoad, memoryOf } from "./cluster/usage.ts";
import { startCreators } from "./load/creators.ts";
import { contents } from "./warm/policies.ts";

const wanted = Number(process.argv[2] ?? 20_000);
const IMAGES = 200;
const NAMESPACES = 20;
const AUDITS = 3;
/** Seconds between audits, so that there are some to measure. */
const INTERVAL = 20;

const registry = await startRegistry();
const pods = Array.from({ length: IMAGES }, (_, nth) => {
  const proved = pushProved(registry, `shop/app-${nth}`);
  // A tag alone violates one policy, which asks for digests; the others are about what is proved.
  return podTemplate([nth % 2 === 0 ? proved : `registry.company.com/shop/app-${nth}:v1`]);
});

const cluster = await startOwnCluster();
const { controlPlane, kubectl } = cluster;
await cluster.installCrds();
const creators = await startCreators(cluster.admin, pods);
const empty = await databaseBytes(controlPlane);
let made = 0;
for (let nth = 0; made < wanted; nth += 1) {
  const namespace = `team-${nth % NAMESPACES}`;
  if (nth < NAMESPACES) await kubectl("create", "namespace", namespace);
  const { latencies, refusal } = await creators.load(namespace, {
    creators: 8,
    seconds: Math.min(2, (wanted - made) / 1_000),
  });
  if (latencies.length === 0) throw new Error(`no pod was made: ${refusal}`);
  made += latencies.length;
}
await creators.stop();
const stored = await storedOf(controlPlane, "pods");
const withPods = await databaseBytes(controlPlane);
console.log(`${made.toLocaleString("en")} pods are made; ${machineLoad()}`);

const operator = await startBenchOperator(cluster, registry.url, {
  flags: ["--manage-webhooks=false", `--audit-interval=${INTERVAL}s`],
});
try {
  await eventually(async () => (await operator.metric("image_security_audit_pods")) === made, { within: 300_000 });
  const idle = memoryOf(operator.pid);
  const { digests, ...others } = contents(publicKey);
  if (digests === undefined) throw new Error("there is no policy that asks for digests");
  const about = { match: { excludeImages: ["*/shop/*:v1"] } };
  const begun = performance.now();
  const cpuBefore = cpuOf(operator.pid);
  await applyPolicies(cluster, {
    digests,
    ...Object.fromEntries(Object.entries(others).map(([name, spec]) => [name, { ...spec, ...about }])),
  });
  const expected = Math.floor(made / 2);
  await eventually(
    async () => (await storedOf(controlPlane, "imagesecurity.dev/violations")).objects >= expected * 0.99,
    {
      within: 600_000,
      every: 1_000,
    },
  );
  const written = { seconds: (performance.now() - begun) / 1_000, cpu: cpuOf(operator.pid) - cpuBefore };
  const audits: { readonly seconds: number; readonly cpu: number }[] = [];
  const endedAt = (): Promise<number | undefined> =>
    operator.metric("image_security_audit_last_success_timestamp_seconds");
  for (let nth = 0; nth < AUDITS; nth += 1) {
    const [before, cpu] = [await endedAt(), cpuOf(operator.pid)];
    await eventually(async () => (await endedAt()) !== before, { within: 300_000, every: 250 });
    const seconds = (await operator.metric("image_security_audit_duration_seconds")) ?? Number.NaN;
    audits.push({ seconds, cpu: cpuOf(operator.pid) - cpu });
  }
  const violations = await storedOf(controlPlane, "imagesecurity.dev/violations");
  const withViolations = await databaseBytes(controlPlane);
  const { now, most } = memoryOf(operator.pid);

  const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  console.table({
    pods: {
      objects: stored.objects,
      "bytes each": Math.round(stored.bytes / stored.objects),
      "etcd's file": mebibytes(withPods - empty),
    },
    Violations: {
      objects: violations.objects,
      "bytes each": Math.round(violations.bytes / violations.objects),
      "etcd's file": mebibytes(withViolations - withPods),
    },
  });
  console.log(
    `all Violations were there ${written.seconds.toFixed(1)} s after the policies (${(written.cpu / 1_000).toFixed(1)} s of CPU)`,
  );
  for (const { seconds, cpu } of audits)
    console.log(
      `a complete audit took ${seconds.toFixed(2)} s; the operator ${(cpu / 1_000).toFixed(2)} s of CPU from audit to audit`,
    );
  console.log(
    `the operator's memory: ${idle.now.toFixed(0)} MiB without policies, ${now.toFixed(0)} MiB now, ${most.toFixed(0)} MiB at most`,
  );
  console.log(machineLoad());
} finally {
  await operator.stop();
  await cluster.stop();
  await registry.close();
}
