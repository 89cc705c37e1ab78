import { createReview } from "../../../engine/review.ts";
import { fieldsOf, textOf } from "../../../json/fields.ts";
import type { KubeClient } from "../../../kube/kubeClient.ts";
import { pairOf, type AdmissionPolicyPair } from "../../../operator/admissionPolicies/generate.ts";
import { compileAdmissionRules } from "../../../policy/admissionPolicies/compile.ts";
import { compilePolicy } from "../../../policy/compile/policy.ts";
import type { CompiledPolicy } from "../../../policy/compiledPolicy.ts";
import type { CompiledException } from "../../../policy/exceptions/compiledException.ts";
import { linesOf } from "../../../policy/finding/lines.ts";
import type { Finding } from "../../../policy/finding/finding.ts";
import { subjectOf } from "../../../policy/subject/subjectOf.ts";
import type { PolicySpec } from "../../../crds/types.ts";
import { eventually } from "../harness/eventually.ts";

const COLLECTION = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic";

export const compiled = (name: string, spec: PolicySpec): CompiledPolicy =>
  compilePolicy({ apiVersion: "imagesecurity.dev/v1", kind: "ImageSecurityPolicy", metadata: { name }, spec }, () => {
    throw new Error("refers to nothing");
  });

/** What is generated for a policy among others, in one namespace alone; undefined: it refuses nothing. */
export const generated = (
  policy: CompiledPolicy,
  namespace: string,
  policies: readonly CompiledPolicy[],
  exceptions: readonly CompiledException[],
  placeholders: readonly string[] = [],
): AdmissionPolicyPair | undefined => {
  const said = compileAdmissionRules(policy, { policies, exceptions, placeholders, now: Date.now() });
  if (said.status === "unsaid") return undefined;
  const pair = pairOf(said.rules, { name: `test.${policy.name}`, labels: {}, excludeNamespaces: ["kube-system"] });
  const namespaceSelector = { matchLabels: { "kubernetes.io/metadata.name": namespace } };
  return {
    ...pair,
    binding: {
      ...pair.binding,
      spec: {
        policyName: pair.policy.metadata.name,
        validationActions: ["Deny"],
        matchResources: { namespaceSelector },
      },
    },
  };
};

/** Makes the objects, and waits until the API server goes by them: by one more, made last, that refuses a name. */
export const install = async (
  client: KubeClient,
  pairs: readonly AdmissionPolicyPair[],
): Promise<() => Promise<void>> => {
  const all = [...pairs, SENTINEL];
  for (const { policy, binding } of all) {
    for (const [path, body] of [
      [`${COLLECTION}ies`, policy],
      [`${COLLECTION}ybindings`, binding],
    ] as const) {
      const { status, body: answer } = await client.request("POST", path, { body });
      if (status !== 201)
        throw new Error(`${status} ${textOf(fieldsOf(answer)["message"])}\n${JSON.stringify(body, null, 1)}`);
    }
  }
  await eventually(
    async () =>
      (await create(client, "default", "ConfigMap", { metadata: { name: "sentinel" } })).refused !== undefined,
    { within: 30_000 },
  );
  return async () => {
    for (const { policy, binding } of all) {
      await client.request("DELETE", `${COLLECTION}ies/${policy.metadata.name}`);
      await client.request("DELETE", `${COLLECTION}ybindings/${binding.metadata.name}`);
    }
    await eventually(
      async () =>
        (await create(client, "default", "ConfigMap", { metadata: { name: "sentinel" } })).refused === undefined,
      { within: 30_000 },
    );
  };
};

const SENTINEL: AdmissionPolicyPair = {
  policy: {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: "test.sentinel" },
    spec: {
      matchConstraints: {
        resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] }],
      },
      validations: [{ expression: `object.metadata.name != "sentinel"` }],
    },
  },
  binding: {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: { name: "test.sentinel" },
    spec: { policyName: "test.sentinel", validationActions: ["Deny"] },
  },
};

export interface Answer {
  readonly status: number;
  /** What the generated policy said; undefined: it did not refuse. */
  readonly refused?: string;
  readonly reason: string;
  readonly message: string;
}

const COLLECTIONS: Readonly<Record<string, string>> = {
  Pod: "/api/v1/namespaces/NS/pods",
  ConfigMap: "/api/v1/namespaces/NS/configmaps",
  Deployment: "/apis/apps/v1/namespaces/NS/deployments",
  CronJob: "/apis/batch/v1/namespaces/NS/cronjobs",
};

/** Has the API server make an object, as a dry run. */
export const create = async (client: KubeClient, namespace: string, kind: string, object: object): Promise<Answer> => {
  const path = (COLLECTIONS[kind] ?? "").replace("NS", namespace);
  const { status, body } = await client.request("POST", path, { body: object, query: { dryRun: "All" } });
  return answerOf(status, body);
};

export const answerOf = (status: number, body: unknown): Answer => {
  const message = textOf(fieldsOf(body)["message"]);
  const [, refused] =
    /ValidatingAdmissionPolicy '[^']+' with binding '[^']+' denied request: ([^]*)$/.exec(message) ?? [];
  return { status, message, reason: textOf(fieldsOf(body)["reason"]), ...(refused === undefined ? {} : { refused }) };
};

/** What the webhook would say: findings that refuse, with nobody to ask. */
export const judged = async (
  object: unknown,
  place: {
    readonly kind: string;
    readonly namespace: string;
    readonly namespaceLabels: Readonly<Record<string, string>>;
  },
  policies: readonly CompiledPolicy[],
  exceptions: readonly CompiledException[],
): Promise<readonly Finding[]> => {
  const decision = await REVIEW({
    policies,
    exceptions,
    subject: subjectOf(object, place),
    mode: "admission",
    signal: AbortSignal.timeout(5_000),
    now: Date.now(),
    dryRun: true,
  });
  return decision.findings.filter(({ action, exempted }) => action === "deny" && exempted === undefined);
};

/** The first line that the webhook's answer has about one policy. */
export const firstLine = (findings: readonly Finding[]): string | undefined => linesOf(findings)[0]?.text;

const AWAY = { status: "unavailable", cause: "network", message: "the registry is away" } as const;
const NO_FACTS = { signatures: new Map(), attestations: new Map(), scans: new Map() } as const;
const REVIEW = createReview(
  () => ({ ...NO_FACTS, digest: AWAY, tag: AWAY, manifest: AWAY }),
  (error) => {
    throw error;
  },
);
