import { runOperator, type RunOptions, type RunningOperator } from "../../../operator/run.ts";
import { defaultSettings, type Settings } from "../../../operator/settings/settings.ts";
import { SILENT, type Log } from "../../../kube/log.ts";
import type { Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";

export const OPERATOR_NAMESPACE = "image-security-system";

/** Everything on loopback and free ports; what goes wrong is printed. */
export const testSettings = (cluster: Cluster, changes: Partial<Settings> = {}): Settings =>
  defaultSettings({
    kubeconfig: cluster.kubeconfig,
    namespace: OPERATOR_NAMESPACE,
    trustNamespaces: ["opa-system"],
    webhookHost: "127.0.0.1",
    webhookPort: 0,
    metricsHost: "127.0.0.1",
    metricsPort: 0,
    auditInterval: 3_000,
    leaseDuration: 3_000,
    leaseRenewDeadline: 2_000,
    leaseRetry: 300,
    ...changes,
  });

/** Errors are printed: a test that expects none of them would hide what went wrong. */
export const NOISY: Log = { ...SILENT, error: (message, fields) => console.error(message, fields) };

/** The operator in this process, on the real API server. */
export async function startOperator(
  cluster: Cluster,
  changes: Partial<Settings> = {},
  options: RunOptions = {},
): Promise<RunningOperator> {
  const made = await cluster.kubectl("create", "namespace", OPERATOR_NAMESPACE);
  if (made.code !== 0 && !made.stderr.includes("AlreadyExists")) throw new Error(made.stderr);
  const operator = await runOperator(testSettings(cluster, changes), { log: NOISY, ...options });
  await operator.ready;
  return operator;
}

/** Takes away every policy and exception, and waits until the operator has taken away what followed from them. */
export async function cleanUp(cluster: Cluster): Promise<void> {
  await cluster.kubectl("delete", "isp,ise", "--all");
  await eventually(async () => (await cluster.kubectl("get", "violations", "-A", "-o", "name")).stdout === "");
}

/** A policy as `kubectl apply -f -` takes it. */
export const policy = (name: string, spec: object): { readonly input: string } => ({
  input: JSON.stringify({ apiVersion: "imagesecurity.dev/v1", kind: "ImageSecurityPolicy", metadata: { name }, spec }),
});

/** A pod as `kubectl apply -f -` takes it. */
export const pod = (
  namespace: string,
  name: string,
  image: string,
  labels: object = {},
): { readonly input: string } => ({
  input: JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace, name, labels },
    spec: { containers: [{ name: "main", image }] },
  }),
});
