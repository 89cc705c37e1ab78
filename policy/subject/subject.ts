import type { ParsedReference } from "../image/reference.ts";

/** The image-bearing fields of a pod specification. */
export type ImageField = "containers" | "initContainers" | "ephemeralContainers" | "volumes";

/**
 * Places of one object whose text is judged, in the order of the object. Each costs time under every policy, and nobody
 * else's request is answered meanwhile.
 */
export const MOST_USES = 1_024;

/** One place in an object that names an image. */
export interface ImageUse {
  /** Container name; the volume's name for an image volume. */
  readonly container: string;
  readonly field: ImageField;
  /** JSON pointer to the image string, for patches and for the reader. */
  readonly path: string;
  /** As written. */
  readonly image: string;
  readonly parsed: ParsedReference;
  /** What the runtime reports for this container (`status.*ContainerStatuses[].imageID`); pods only, may be empty. */
  readonly imageID?: string;
}

/**
 * What a policy can see of one Kubernetes object. Made by `subjectOf` from an admission object, a cached pod or a file.
 */
export interface Subject {
  readonly kind: string;
  readonly namespace: string;
  /** undefined: the namespace could not be read, so that every policy with a namespace selector matches. */
  readonly namespaceLabels: Readonly<Record<string, string>> | undefined;
  /** Of the pod, or of the pod template. */
  readonly labels: Readonly<Record<string, string>>;
  /** Of the pod, or of the pod template. */
  readonly annotations: Readonly<Record<string, string>>;
  /** true: images stand in a workload's pod template, not in a Pod. */
  readonly template: boolean;
  /** A ReplicaSet that a controller made, and compares with the template that it made it from. */
  readonly compared?: true;
  readonly serviceAccount: string;
  /** Names of Secrets in `namespace`. */
  readonly imagePullSecrets: readonly string[];
  readonly images: readonly ImageUse[];
  /** When the object was made (RFC 3339), for grace periods; absent on CREATE. */
  readonly createdAt?: string;
}
