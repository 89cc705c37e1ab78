import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PolicySpec } from "../../crds/types.ts";
import { freePort } from "../../sandbox/freePort.ts";
import { operatorFlags } from "../../sandbox/operatorFlags.ts";
import { ProcessGuard } from "../../sandbox/processes/processGuard.ts";
import { ServerProcess } from "../../sandbox/processes/serverProcess.ts";
import type { Cluster } from "../../test/e2e/harness/cluster.ts";
import { eventually } from "../../test/e2e/harness/eventually.ts";
import { imageEnvironment } from "../image/environment.ts";

export interface BenchOperator {
  readonly pid: number | undefined;
  /** The value of a metric, of all its series together; undefined where it has none. */
  readonly metric: (name: string) => Promise<number | undefined>;
  /** Rejects with the end of its log where it ended by itself. */
  readonly stop: () => Promise<void>;
}

/** The operator as its image runs it, in a process of its own, with its webhooks; resolves when admission asks it. */
export const startBenchOperator = async (
  cluster: Cluster,
  registryUrl: string,
  { flags = [], node = [] }: { readonly flags?: readonly string[]; readonly node?: readonly string[] } = {},
): Promise<BenchOperator> => {
  const { controlPlane, kubeconfig, kubectl } = cluster;
  const webhookClientCa = join(controlPlane.directory, "webhook-client-ca.pem");
  await writeFile(webhookClientCa, controlPlane.webhookClient.caPem);
  const made = await kubectl("create", "namespace", "image-security-system");
  if (made.code !== 0) throw new Error(made.stderr);
  const port = await freePort();
  const metricsUrl = `http://127.0.0.1:${port}/metrics`;
  const logFile = join(controlPlane.directory, "operator.log");
  const guard = new ProcessGuard();
  const own = [`--metrics-port=${port}`, "--log-format=json"];
  const all = operatorFlags({ kubeconfig, registryUrl, webhookClientCa }, [...own, ...flags]);
  const server = await ServerProcess.start({
    name: "the operator",
    command: process.execPath,
    args: [...node, fileURLToPath(new URL("../../cli/main.ts", import.meta.url)), "operator", ...all],
    env: { PATH: process.env["PATH"], ...(await imageEnvironment()) },
    logFile,
    guard,
    isReady: async () => (await fetch(metricsUrl)).ok,
  });
  const metric = async (name: string): Promise<number | undefined> => {
    const text = await (await fetch(metricsUrl)).text();
    const values = [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "gm"))].map(([, value]) =>
      Number(value),
    );
    return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
  };
  // Where webhooks are not managed nobody asks it.
  if (!flags.includes("--manage-webhooks=false"))
    await eventually(async () => (await metric("image_security_enforced")) === 1, { within: 60_000 });
  return {
    pid: server.pid,
    metric,
    stop: async () => {
      const ended = !server.running;
      await server.stop();
      await guard.close();
      if (ended) throw new Error(`the operator ended: ${(await readFile(logFile, "utf8")).slice(-4_000)}`);
    },
  };
};

/** Applies policies by their names and waits until all are in force. */
export const applyPolicies = async (
  { kubectl }: Cluster,
  specs: Readonly<Record<string, PolicySpec>>,
): Promise<void> => {
  for (const [name, spec] of Object.entries(specs)) {
    const object = { apiVersion: "imagesecurity.dev/v1", kind: "ImageSecurityPolicy", metadata: { name }, spec };
    const { code, stderr } = await kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", {
      input: JSON.stringify(object),
    });
    if (code !== 0) throw new Error(stderr);
  }
  const names = Object.keys(specs).map((name) => `isp/${name}`);
  const { code, stderr } = await kubectl("wait", "--for=condition=Ready", "--timeout=60s", ...names);
  if (code !== 0) throw new Error(stderr);
};
