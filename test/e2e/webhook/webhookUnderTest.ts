import { AdmissionregistrationV1Api, CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import type { PolicySpec } from "../../../crds/types.ts";
import type { ResolveDigest } from "../../../evidence/provider.ts";
import { createReview } from "../../../engine/review.ts";
import type { CompiledPolicy } from "../../../policy/compiledPolicy.ts";
import { compilePolicy } from "../../../policy/compile/policy.ts";
import { CertificateStore } from "../../../webhook/certificates/certificateStore.ts";
import { CONFIGURATION_NAME } from "../../../webhook/configurations/generate.ts";
import type { Handler } from "../../../webhook/review/handler.ts";
import { createKubeClient } from "../../../kube/kubeClient.ts";
import { createReachProbe } from "../../../operator/status/reachProbe.ts";
import { WebhookInstallation } from "../../../webhook/installation.ts";
import type { Log } from "../../../kube/log.ts";
import { createMutate } from "../../../webhook/review/mutate.ts";
import { AdmissionServer } from "../../../webhook/server/server.ts";
import { createValidate } from "../../../webhook/review/validate.ts";
import type { Cluster } from "../harness/cluster.ts";

/** The real endpoint with the real engine, called by the real API server. Only the registry is made up. */
export interface WebhookUnderTest {
  readonly port: number;
  readonly server: AdmissionServer;
  readonly installation: WebhookInstallation;
  readonly core: CoreV1Api;
  readonly admission: AdmissionregistrationV1Api;
  /** How often `/validate` and `/mutate` were asked, by kind and name. */
  readonly asked: string[];
  /** Puts these policies in force. */
  readonly enforce: (policies: Readonly<Record<string, PolicySpec>>) => Promise<void>;
  /** Stops the server, as a crash would; the configurations stay. */
  readonly die: () => Promise<void>;
  /** Stops, and frees the cluster. */
  readonly stop: () => Promise<void>;
}

export interface WebhookOptions {
  readonly resolveDigest?: ResolveDigest;
  /** Milliseconds since the epoch, for the certificates. */
  readonly now?: () => number;
  /** Around `/validate`. */
  readonly around?: (handle: Handler) => Handler;
  readonly secret?: string;
}

const QUIET: Log = {
  isLevelEnabled: () => false,
  error: (message, fields) => console.error(message, fields),
  warn: (message, fields) => console.error(message, fields),
  info: () => undefined,
  debug: () => undefined,
};

const compile = (name: string, spec: PolicySpec): CompiledPolicy =>
  compilePolicy({ apiVersion: "imagesecurity.dev/v1", kind: "ImageSecurityPolicy", metadata: { name }, spec }, () => ({
    status: "missing",
    message: "there is none",
  }));

export const startWebhook = async (cluster: Cluster, options: WebhookOptions = {}): Promise<WebhookUnderTest> => {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(cluster.kubeconfig);
  const core = kubeConfig.makeApiClient(CoreV1Api);
  const admission = kubeConfig.makeApiClient(AdmissionregistrationV1Api);
  const client = createKubeClient(kubeConfig, "image-security");
  // The probe is made of one of their objects.
  await cluster.installCrds();

  let policies: readonly CompiledPolicy[] = [];
  const pins = (): boolean => policies.some(({ digest }) => digest !== undefined && digest.pin !== "Never");
  const asked: string[] = [];
  const recorded =
    (path: string, handle: Handler): Handler =>
    (request, signal) => {
      asked.push(`${path} ${request.operation} ${request.kind.kind} ${request.name}`);
      return handle(request, signal);
    };
  const namespaceLabels = async (name: string): Promise<Record<string, string> | undefined> =>
    (await core.readNamespace({ name })).metadata?.labels;
  const validate = createValidate({
    policies: () => policies,
    review: createReview(() => ({ signatures: new Map(), attestations: new Map(), scans: new Map() })),
    namespaceLabels,
    metrics: { admission: () => undefined, findings: () => undefined },
    logger: QUIET,
    now: Date.now,
  });
  const mutate = createMutate({
    policies: () => policies,
    namespaceLabels,
    resolveDigest: options.resolveDigest ?? (() => ({ status: "absent", message: "there is none" })),
    logger: QUIET,
  });
  const server = new AdmissionServer({
    validate: recorded("validate", (options.around ?? ((handle) => handle))(validate)),
    mutate: recorded("mutate", mutate),
    ready: () => true,
    logger: QUIET,
    deadline: 8_000,
  });
  const port = await server.listen("127.0.0.1", 0);
  const installation = new WebhookInstallation({
    store: new CertificateStore({
      client,
      namespace: "kube-system",
      name: options.secret ?? "image-security-webhook",
      names: ["127.0.0.1", "localhost"],
      now: options.now ?? Date.now,
    }),
    client,
    manage: true,
    namespace: "kube-system",
    serves: () => true,
    leaving: () => Promise.resolve(false),
    probe: createReachProbe(client, "kube-system"),
    onGuard: () => undefined,
    target: { type: "url", url: `https://127.0.0.1:${port}` },
    excludeNamespaces: ["kube-system", "image-security-system"],
    pins,
    use: (pair) => server.use(pair),
    certificateExpiry: () => undefined,
    logger: QUIET,
    interval: 200,
    settle: 1_000,
  });
  installation.start();
  await installation.ready;
  // The API server follows the configurations by a watch of its own: what it asks shows what it knows.
  const seen = async (): Promise<void> => {
    for (let attempt = 0; attempt < 60; attempt += 1) {
      asked.length = 0;
      await cluster.kubectl("create", "--dry-run=server", "-f", "-", { input: PROBE });
      const of = (path: string): boolean => asked.some((line) => line.startsWith(`${path} CREATE Job`));
      if (of("validate") && of("mutate") === pins()) return;
      await new Promise((resolve) => void setTimeout(resolve, 50));
    }
    throw new Error("the API server does not call the webhook as configured");
  };
  await seen();

  const die = async (): Promise<void> => {
    await installation.stop();
    await server.drain(0);
    await client.close();
  };
  return {
    port,
    server,
    installation,
    core,
    admission,
    asked,
    enforce: async (specs) => {
      const pinned = pins();
      policies = Object.entries(specs).map(([name, spec]) => compile(name, spec));
      installation.poke();
      if (pins() !== pinned) await seen();
      asked.length = 0;
    },
    die,
    stop: async () => {
      await die();
      const name = CONFIGURATION_NAME;
      await admission.deleteValidatingWebhookConfiguration({ name }).catch(() => undefined);
      await admission.deleteMutatingWebhookConfiguration({ name }).catch(() => undefined);
    },
  };
};

const PROBE = JSON.stringify({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { generateName: "probe-", namespace: "default" },
  spec: {
    template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "registry.company.com/probe" }] } },
  },
});
