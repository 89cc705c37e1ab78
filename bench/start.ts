/**
 * Start to ready: `node bench/start.ts [starts]`, 7 by default. The operator is started as a process of its own against a real, empty API
 * server, until its `/readyz` says 200: caches synced, a first policy set compiled. Beside it, Node alone, started and ended.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { request } from "node:https";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "../sandbox/freePort.ts";
import { startOwnCluster } from "../test/e2e/harness/cluster.ts";
import { median } from "./load/quantile.ts";

const starts = Number(process.argv[2] ?? 7);
const main = fileURLToPath(new URL("../cli/main.ts", import.meta.url));

const isReady = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    // The certificate is of the operator's own CA, and what it says is not what is measured.
    const asked = request(`https://127.0.0.1:${port}/readyz`, { agent: false, rejectUnauthorized: false });
    asked.on("response", (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on("error", () => resolve(false));
    asked.end();
  });

/** Milliseconds from the start of the process until it is ready. */
const startOperator = async (kubeconfig: string): Promise<number> => {
  const port = await freePort();
  const flags = [`--kubeconfig=${kubeconfig}`, "--webhook-host=127.0.0.1", `--webhook-port=${port}`];
  const begun = performance.now();
  const child = spawn(
    process.execPath,
    [main, "operator", ...flags, "--metrics-port=off", "--manage-webhooks=false", "--log-level=error"],
    { stdio: "inherit" },
  );
  const ended = once(child, "exit");
  try {
    while (!(await isReady(port))) {
      if (child.exitCode !== null) throw new Error(`the operator ended with ${child.exitCode}`);
      await wait(10);
    }
    return performance.now() - begun;
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
};

/** Milliseconds from the start of a Node that does nothing until its end. */
const startNode = async (): Promise<number> => {
  const begun = performance.now();
  await once(spawn(process.execPath, ["-e", ""], { stdio: "inherit" }), "exit");
  return performance.now() - begun;
};

const textOf = (values: readonly number[]): string =>
  `${median(values).toFixed(0)} ms (${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)})`;

const cluster = await startOwnCluster();
try {
  await cluster.installCrds();
  await cluster.kubectl("create", "namespace", "image-security-system");
  const [operator, bare]: [number[], number[]] = [[], []];
  // Once for the disk's cache.
  await startOperator(cluster.kubeconfig);
  for (let nth = 0; nth < starts; nth += 1) {
    operator.push(await startOperator(cluster.kubeconfig));
    bare.push(await startNode());
  }
  console.log(`start to ready on an empty cluster (bar: 2 s), median of ${starts}`);
  console.table({
    operator: { "until /readyz is 200": textOf(operator) },
    "Node alone": { "until its end": textOf(bare) },
  });
} finally {
  await cluster.stop();
}
