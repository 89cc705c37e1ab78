import { asObject, fieldsOf, type JsonObject } from "../../json/fields.ts";
import { imagesOf } from "./imagesOf.ts";
import type { ImageUse, Subject } from "./subject.ts";

/** The kinds whose images are judged: Pods and what makes them. */
export const WORKLOAD_KINDS: ReadonlySet<string> = new Set([
  "Pod",
  "Deployment",
  "ReplicaSet",
  "StatefulSet",
  "DaemonSet",
  "ReplicationController",
  "Job",
  "CronJob",
]);

/** What an object does not say of itself. */
export interface SubjectPlace {
  /** One of WORKLOAD_KINDS; any other kind is read as an object with `spec.template`. */
  readonly kind: string;
  readonly namespace: string;
  /** undefined: the namespace could not be read. */
  readonly namespaceLabels: Subject["namespaceLabels"];
  /**
   * Texts that stand for an image in a template until an injector writes one into its Pods (Istio's `image: auto`):
   * there they are no images. In a Pod they are, for the injector has had its turn. Absent: none.
   */
  readonly placeholders?: readonly string[];
}

const NO_ENTRIES: Readonly<Record<string, string>> = Object.freeze({});
const NO_NAMES: readonly string[] = Object.freeze([]);
/** The API server labels every namespace with its name, whatever is written there; manifests do not. */
export const NAME_LABEL = "kubernetes.io/metadata.name";

/**
 * What policies can see of a Kubernetes object, whole or projected to the fields that are read here. Never throws: an
 * object that is not of its kind's shape has no images, or malformed ones.
 */
export function subjectOf(object: unknown, place: SubjectPlace): Subject {
  const { kind, namespace, namespaceLabels, placeholders = NO_NAMES } = place;
  const whole = fieldsOf(object);
  const isPod = kind === "Pod";
  const spec = asObject(whole["spec"]);
  const maker = kind === "CronJob" ? asObject(asObject(spec?.["jobTemplate"])?.["spec"]) : spec;
  const pod = isPod ? whole : fieldsOf(maker?.["template"]);
  const podSpec = fieldsOf(pod["spec"]);
  const path = isPod ? "/spec" : kind === "CronJob" ? "/spec/jobTemplate/spec/template/spec" : "/spec/template/spec";
  const metadata = fieldsOf(pod["metadata"]);
  const own = asObject(whole["metadata"]);
  const createdAt = own?.["creationTimestamp"];
  return {
    kind,
    namespace,
    namespaceLabels: withName(namespaceLabels, namespace),
    labels: entriesOf(metadata["labels"]),
    annotations: entriesOf(metadata["annotations"]),
    template: !isPod,
    ...(kind === "ReplicaSet" && hasController(own?.["ownerReferences"]) ? { compared: true } : {}),
    serviceAccount: serviceAccountOf(podSpec),
    imagePullSecrets: secretNames(podSpec["imagePullSecrets"]),
    images: isPod
      ? imagesOf(podSpec, path, fieldsOf(whole["status"]))
      : withoutWords(imagesOf(podSpec, path, undefined), placeholders),
    ...(typeof createdAt === "string" ? { createdAt } : {}),
  };
}

function hasController(owners: unknown): boolean {
  return Array.isArray(owners) && owners.some((owner: unknown) => asObject(owner)?.["controller"] === true);
}

function withoutWords(uses: readonly ImageUse[], words: readonly string[]): readonly ImageUse[] {
  return words.length === 0 ? uses : uses.filter(({ image }) => !words.includes(image));
}

function withName(labels: Subject["namespaceLabels"], namespace: string): Subject["namespaceLabels"] {
  if (labels === undefined || Object.hasOwn(labels, NAME_LABEL)) return labels;
  return { ...labels, [NAME_LABEL]: namespace };
}

/** Used as it is where all values are strings, which the API server sees to. */
function entriesOf(value: unknown): Readonly<Record<string, string>> {
  const object = asObject(value);
  if (object === undefined) return NO_ENTRIES;
  for (const key in object) {
    if (typeof object[key] !== "string") {
      return Object.fromEntries(
        Object.entries(object).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
      );
    }
  }
  // Checked just now.
  return object as Readonly<Record<string, string>>;
}

function serviceAccountOf(spec: JsonObject): string {
  const name = spec["serviceAccountName"] ?? spec["serviceAccount"];
  return typeof name === "string" && name !== "" ? name : "default";
}

function secretNames(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length === 0) return NO_NAMES;
  return (value as readonly unknown[]).flatMap((entry) => {
    const name = asObject(entry)?.["name"];
    return typeof name === "string" && name !== "" ? [name] : [];
  });
}
