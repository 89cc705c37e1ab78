import type {
  AdmissionregistrationV1WebhookClientConfig,
  V1LabelSelector,
  V1MutatingWebhook,
  V1MutatingWebhookConfiguration,
  V1ValidatingWebhook,
  V1ValidatingWebhookConfiguration,
} from "@kubernetes/client-node";
import { mutateCondition, validateCondition } from "./matchConditions.ts";
import { SHAPES, type Shape } from "./shapes.ts";

/** Name of both configurations. */
export const CONFIGURATION_NAME = "image-security";

/** How the API server reaches the webhook: the Service in the operator's namespace, or a base URL such as `https://127.0.0.1:9443`. */
export type WebhookTarget =
  | { readonly type: "service"; readonly namespace: string; readonly name: string; readonly port: number }
  | { readonly type: "url"; readonly url: string };

export interface GenerateOptions {
  readonly target: WebhookTarget;
  /** Left out of admission, by `kubernetes.io/metadata.name`: the operator's own namespace and kube-system among them. */
  readonly excludeNamespaces: readonly string[];
  /** PEM; undefined leaves it out, for manifests that are applied before there is a certificate. */
  readonly caBundle: string | undefined;
}

const LABELS = {
  "app.kubernetes.io/name": "image-security",
  "app.kubernetes.io/component": "admission",
};

/** The configuration for `/validate`, whole. */
export const validatingConfiguration = (options: GenerateOptions): V1ValidatingWebhookConfiguration => ({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration",
  metadata: { name: CONFIGURATION_NAME, labels: LABELS },
  webhooks: SHAPES.map((shape) => validatingWebhook(shape, options)),
});

/**
 * The configuration for `/mutate`, whole. Which namespaces are left out was decided when the validating entries were
 * installed: where `installed` is given, its selectors are taken over.
 */
export const mutatingConfiguration = (
  options: GenerateOptions,
  installed?: V1ValidatingWebhookConfiguration,
): V1MutatingWebhookConfiguration => ({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "MutatingWebhookConfiguration",
  metadata: { name: CONFIGURATION_NAME, labels: LABELS },
  webhooks: SHAPES.map((shape) => mutatingWebhook(shape, options, installed)),
});

/** Whether an entry of a configuration is one of those that the operator keeps. */
export const isOwnEntry = (name: string): boolean =>
  SHAPES.some((shape) => name === validatingName(shape) || name === mutatingName(shape));

const mutatingName = (shape: Shape): string => `${shape.name}.mutate.imagesecurity.dev`;
const validatingName = (shape: Shape): string => `${shape.name}.validate.imagesecurity.dev`;

const validatingWebhook = (shape: Shape, options: GenerateOptions): V1ValidatingWebhook => ({
  name: validatingName(shape),
  ...entry(shape, options, "/validate"),
  namespaceSelector: excluding(options.excludeNamespaces),
  matchConditions: [validateCondition(shape)],
});

const mutatingWebhook = (
  shape: Shape,
  options: GenerateOptions,
  installed: V1ValidatingWebhookConfiguration | undefined,
): V1MutatingWebhook => ({
  name: mutatingName(shape),
  ...entry(shape, options, "/mutate"),
  namespaceSelector:
    installed?.webhooks?.find(({ name }) => name === validatingName(shape))?.namespaceSelector ??
    excluding(options.excludeNamespaces),
  matchConditions: [mutateCondition(shape)],
  // Another webhook may add a container after us.
  reinvocationPolicy: "IfNeeded",
});

const entry = (shape: Shape, options: GenerateOptions, path: string): Omit<V1ValidatingWebhook, "name"> => ({
  admissionReviewVersions: ["v1"],
  clientConfig: clientConfig(options, path),
  rules: [...shape.rules],
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
  ...(caBundle === undefined ? {} : { caBundle: Buffer.from(caBundle).toString("base64") }),
  ...(target.type === "service"
    ? { service: { namespace: target.namespace, name: target.name, port: target.port, path } }
    : { url: `${target.url.replace(/\/+$/, "")}${path}` }),
});

const excluding = (namespaces: readonly string[]): V1LabelSelector => ({
  matchExpressions: [
    { key: "kubernetes.io/metadata.name", operator: "NotIn", values: [...new Set(namespaces)].toSorted() },
  ],
});
