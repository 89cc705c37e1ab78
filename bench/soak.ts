/**
 * Churn: `npm run bench -- soak [minutes]`, 30 by default. Pods are made and deleted, images pushed, tags moved, policies changed, exceptions
 * made and deleted, on a real API server with the operator and its webhook as the image runs them; what the operator holds after its garbage
 * was collected is told as it goes, and how fast it grew in the last half.
 */
import { setTimeout as wait } from "node:timers/promises";
import { freePort } from "../sandbox/freePort.ts";
import { startRegistry } from "../sandbox/registry/server.ts";
import { startOwnCluster } from "../test/e2e/harness/cluster.ts";
import { inspect, type Held } from "./cluster/inspector.ts";
import { applyPolicies, startBenchOperator } from "./cluster/operator.ts";
import { machineLoad } from "./cluster/usage.ts";
import { startChurn } from "./cluster/churn.ts";
import { publicKey } from "./warm/images.ts";
import { contents } from "./warm/policies.ts";

const minutes = Number(process.argv[2] ?? 30);
/** Between two looks, in milliseconds. */
const EVERY = Math.min(30_000, (minutes * 60_000) / 20);
/** So small that it is full long before the half: what is kept on purpose must not look like what is lost. */
const CACHE = "--cache-size=4Mi";

const registry = await startRegistry();
const cluster = await startOwnCluster();
await cluster.installCrds();
for (const namespace of ["shop", "tags"]) await cluster.kubectl("create", "namespace", namespace);
const port = await freePort();
const operator = await startBenchOperator(cluster, registry.url, {
  flags: [CACHE, "--audit-interval=30s"],
  node: [`--inspect=127.0.0.1:${port}`],
});
const { digests: _, ...proofs } = contents(publicKey);
await applyPolicies(
  cluster,
  Object.fromEntries(
    Object.entries(proofs).map(([name, spec]) => [name, { ...spec, match: { namespaces: ["shop"] } }]),
  ),
);
const inspector = await inspect(port);
const churn = startChurn(cluster, registry);

const MiB = 2 ** 20;
const samples: (Held & { readonly at: number })[] = [];
/** MiB an hour, by least squares, and its standard error. */
const slope = (value: (held: Held) => number, of: typeof samples): readonly [number, number] => {
  const [xs, ys] = [of.map(({ at }) => at / 3_600_000), of.map((held) => value(held) / MiB)];
  const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;
  const [x, y] = [mean(xs), mean(ys)];
  const spread = xs.reduce((sum, one) => sum + (one - x) ** 2, 0);
  const rise = xs.reduce((sum, one, nth) => sum + (one - x) * ((ys[nth] ?? y) - y), 0) / spread;
  const rest = xs.reduce((sum, one, nth) => sum + ((ys[nth] ?? y) - y - rise * (one - x)) ** 2, 0);
  return [rise, Math.sqrt(rest / (of.length - 2) / spread)];
};

try {
  const begun = performance.now();
  const until = begun + minutes * 60_000;
  while (performance.now() < until) {
    await wait(EVERY);
    const held = await inspector.held();
    const at = performance.now() - begun;
    samples.push({ at, ...held });
    const sizes = Object.entries(held).map(([name, bytes]) => `${name} ${(bytes / MiB).toFixed(1)}`);
    console.log(`${(at / 60_000).toFixed(1)} min: ${sizes.join(", ")} MiB`);
  }
  await churn.stop();
  console.log([...churn.counts].map(([name, count]) => `${name}: ${count}`).join(", "));
  console.log(`refused: ${churn.refusals.length}${churn.refusals.length > 0 ? `, such as ${churn.refusals[0]}` : ""}`);
  const last = samples.slice(Math.floor(samples.length / 2));
  console.log(`after ${minutes} minutes, the last half, in MiB an hour; ${machineLoad()}`);
  console.table(
    Object.fromEntries(
      (["heap", "external", "rss"] as const).map((name) => {
        const [rise, error] = slope((held) => held[name], last);
        const sizes = last.map((held) => held[name] / MiB);
        return [
          name,
          {
            "grew by": `${rise.toFixed(1)} +- ${error.toFixed(1)}`,
            "from the least to the most": `${Math.min(...sizes).toFixed(1)} to ${Math.max(...sizes).toFixed(1)} MiB`,
          },
        ];
      }),
    ),
  );
} finally {
  inspector.close();
  await churn.stop().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
  await operator.stop();
  await cluster.stop();
  await registry.close();
}
