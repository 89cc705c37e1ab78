import type {
  AdmissionregistrationV1WebhookClientConfig,
  V1LabelSelector,
  V1MutatingWebhook,
  V1ValidatingWebhook,
} from "@kubernetes/client-node";
import { NAME_LABEL } from "../../policy/subject/subjectOf.ts";
import { mutateCondition, validateCondition } from "./matchConditions.ts";
import { PROBE_CONDITION, PROBE_ENTRY, PROBE_RULE } from "./probe.ts";
import { SHAPES } from "./shapes.ts";

/** Name of both configurations. */
export const CONFIGURATION_NAME = "image-security";

export const LABELS: Readonly<Record<string, string>> = {
  "app.kubernetes.io/name": "image-security",
  "app.kubernetes.io/component": "admission",
};

/** How the API server reaches the webhook: the Service in the operator's namespace, or a base URL such as `https://127.0.0.1:9443`. */
export type WebhookTarget =
  | { readonly type: "service"; readonly namespace: string; readonly name: string; readonly port: number }
  | { readonly type: "url"; readonly url: string };

export interface GenerateOptions {
  readonly target: WebhookTarget;
  /** The operator's own, in which the probe is made. */
  readonly namespace: string;
  /** Left out of admission, by `kubernetes.io/metadata.name`: the operator's own namespace and kube-system among them. */
  readonly excludeNamespaces: readonly string[];
  /** PEM. */
  readonly caBundle: string;
}

/** The entries for `/validate`, one for each shape: what refuses images. */
export const guardEntries = (options: GenerateOptions): readonly V1ValidatingWebhook[] =>
  SHAPES.map((shape) => ({
    name: `${shape.name}${VALIDATING}`,
    ...entry(options, "/validate"),
    rules: [...shape.rules],
    namespaceSelector: excluding(options.excludeNamespaces),
    matchConditions: [validateCondition(shape)],
  }));

/** The entry by which the operator sees that the API server reaches the webhook (`probe.ts`). It concerns nobody else. */
export const probeEntry = (options: GenerateOptions): V1ValidatingWebhook => ({
  name: PROBE_ENTRY,
  ...entry(options, "/probe"),
  rules: [PROBE_RULE],
  namespaceSelector: { matchExpressions: [{ key: NAME_LABEL, operator: "In", values: [options.namespace] }] },
  matchConditions: [PROBE_CONDITION],
  timeoutSeconds: 5,
});

/** The entries for `/mutate`. */
export const pinningEntries = (options: GenerateOptions): readonly V1MutatingWebhook[] =>
  SHAPES.map((shape) => ({
    name: `${shape.name}${MUTATING}`,
    ...entry(options, "/mutate"),
    rules: [...shape.rules],
    namespaceSelector: excluding(options.excludeNamespaces),
    matchConditions: [mutateCondition(shape)],
    // Another webhook may add a container after us.
    reinvocationPolicy: "IfNeeded",
  }));

/** Whether an entry of a configuration is one of those that the operator keeps: also one of another version's. */
export const isOwnEntry = ({ name }: { readonly name: string }): boolean =>
  name.endsWith(VALIDATING) || name.endsWith(MUTATING);

const VALIDATING = ".validate.imagesecurity.dev";
const MUTATING = ".mutate.imagesecurity.dev";

const entry = (options: GenerateOptions, path: string): Omit<V1ValidatingWebhook, "name"> => ({
  admissionReviewVersions: ["v1"],
  clientConfig: clientConfig(options, path),
  // An object written in another version of its API is converted to the one of the rules, not left out.
  matchPolicy: "Equivalent",
  failurePolicy: "Fail",
  sideEffects: "None",
  timeoutSeconds: 10,
});

const clientConfig = (
  { target, caBundle }: GenerateOptions,
  path: string,
): AdmissionregistrationV1WebhookClientConfig => ({
  caBundle: Buffer.from(caBundle).toString("base64"),
  ...(target.type === "service"
    ? { service: { namespace: target.namespace, name: target.name, port: target.port, path } }
    : { url: `${target.url.replace(/\/+$/, "")}${path}` }),
});

export const excluding = (namespaces: readonly string[]): V1LabelSelector => ({
  matchExpressions: [{ key: NAME_LABEL, operator: "NotIn", values: [...new Set(namespaces)].toSorted() }],
});
