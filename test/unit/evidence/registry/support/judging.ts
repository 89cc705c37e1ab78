import type { PolicySpec } from "../../../../../crds/types.ts";
import type { ClusterReads } from "../../../../../evidence/registry/auth/clusterReads.ts";
import { createEvidence, type Evidence, type EvidenceOptions } from "../../../../../evidence/createEvidence.ts";
import { DEFAULT_REGISTRY_SETTINGS, type RegistrySettings } from "../../../../../evidence/registry/settings.ts";
import { createReview } from "../../../../../engine/review.ts";
import { compilePolicy } from "../../../../../policy/compile/policy.ts";
import type { Resolve } from "../../../../../policy/compile/resolve.ts";
import type { CompiledPolicy } from "../../../../../policy/compiledPolicy.ts";
import type { Decision } from "../../../../../policy/finding/decision.ts";
import type { Subject } from "../../../../../policy/subject/subject.ts";
import { subjectOf } from "../../../../../policy/subject/subjectOf.ts";
import { recordMetrics, type RecordedMetrics } from "./readers.ts";

const MISSING: Resolve = ({ name }) => ({ status: "missing", message: `${name} is not there` });

export const policy = (spec: PolicySpec, name = "p", resolve: Resolve = MISSING): CompiledPolicy =>
  compilePolicy(
    {
      apiVersion: "imagesecurity.dev/v1",
      kind: "ImageSecurityPolicy",
      metadata: { name, uid: `uid-${name}`, generation: 1 },
      spec,
    },
    resolve,
  );

export interface PodPlace {
  readonly kind?: "Pod" | "Deployment";
  readonly namespace?: string;
  readonly imageID?: string;
  readonly pullSecrets?: readonly string[];
  readonly serviceAccount?: string;
}

/** A pod, or the template of a Deployment, with one container. */
export function pod(image: string, place: PodPlace = {}): Subject {
  const { kind = "Pod", namespace = "team", imageID, pullSecrets = [], serviceAccount } = place;
  const spec = {
    containers: [{ name: "web", image }],
    imagePullSecrets: pullSecrets.map((name) => ({ name })),
    ...(serviceAccount === undefined ? {} : { serviceAccountName: serviceAccount }),
  };
  const status = imageID === undefined ? {} : { containerStatuses: [{ name: "web", imageID }] };
  const object = { metadata: {}, spec, status };
  return subjectOf(kind === "Pod" ? object : { spec: { template: object } }, { kind, namespace, namespaceLabels: {} });
}

export interface Engine {
  readonly evidence: Evidence;
  readonly metrics: RecordedMetrics;
  readonly defects: unknown[];
  readonly tick: (milliseconds: number) => void;
  readonly judge: (
    policies: readonly CompiledPolicy[],
    subject: Subject,
    options?: { readonly mode?: "admission" | "audit"; readonly signal?: AbortSignal },
  ) => Promise<Decision>;
  /** `verdict: action rule reason, ...` */
  readonly say: (...request: Parameters<Engine["judge"]>) => Promise<string>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/** The whole engine over registries on loopback; its clock moves only when told. */
export function engine(
  settings: Partial<RegistrySettings> = {},
  options: Partial<Omit<EvidenceOptions, "settings">> = {},
): Engine {
  let skipped = 0;
  const metrics = recordMetrics();
  const defects: unknown[] = [];
  const now = (): number => 1_700_000_000_000 + skipped;
  const evidence = createEvidence({
    settings: { ...DEFAULT_REGISTRY_SETTINGS, plainHttp: ["127.0.0.1"], ...settings },
    metrics,
    providers: [],
    report: (error) => void defects.push(error),
    clock: now,
    ...options,
  });
  const review = createReview(evidence.gather, (error) => void defects.push(error));
  const judge: Engine["judge"] = async (
    policies,
    subject,
    { mode = "admission", signal = AbortSignal.timeout(9_000) } = {},
  ) => review({ policies, subject, mode, signal, now: now(), dryRun: false });
  return {
    evidence,
    metrics,
    defects,
    tick: (milliseconds) => {
      skipped += milliseconds;
    },
    judge,
    say: async (...request) => {
      const { verdict, findings } = await judge(...request);
      return [verdict, ...findings.map(({ action, rule, reason }) => `${action} ${rule} ${reason}`)].join(", ");
    },
    [Symbol.asyncDispose]: evidence.close,
  };
}

export interface TestCluster extends ClusterReads {
  /** `namespace/name` of what was read. */
  readonly reads: string[];
}

/** A cluster's Secrets (`namespace/name` to users of a host) and ServiceAccounts (`namespace/name` to pull secrets). */
export function cluster(
  secrets: Readonly<Record<string, Readonly<Record<string, readonly [user: string, password: string]>>>>,
  accounts: Readonly<Record<string, readonly string[]>> = {},
): TestCluster {
  const reads: string[] = [];
  return {
    reads,
    readSecret: async (namespace, name) => {
      reads.push(`secret ${namespace}/${name}`);
      const hosts = secrets[`${namespace}/${name}`];
      return hosts === undefined
        ? undefined
        : { ".dockerconfigjson": Buffer.from(dockerConfig(hosts)).toString("base64") };
    },
    readServiceAccount: async (namespace, name) => {
      reads.push(`account ${namespace}/${name}`);
      return accounts[`${namespace}/${name}`];
    },
  };
}

export const dockerConfig = (hosts: Readonly<Record<string, readonly [user: string, password: string]>>): string =>
  JSON.stringify({
    auths: Object.fromEntries(
      Object.entries(hosts).map(([host, [username, password]]) => [host, { username, password }]),
    ),
  });
