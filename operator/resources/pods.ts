import { createHash } from "node:crypto";
import { asList, asObject, asText } from "../kube/object.ts";
import type { ImageUse, Subject } from "../../policy/subject.ts";
import { subjectOf } from "../../policy/subjectOf.ts";
import { createInterner } from "./interner.ts";

/** What decides about a pod besides its labels. Shared: equal contents are the same object, whatever the pods' labels are. */
export interface PodContent {
  /** Only those that a policy's podAnnotation source asks for. */
  readonly annotations: Subject["annotations"];
  readonly serviceAccount: string;
  readonly imagePullSecrets: readonly string[];
  readonly images: readonly ImageUse[];
}

export interface PodController {
  readonly kind: string;
  readonly name: string;
}

/** A pod as far as the engine and its Violations need it: well under 1 KiB, most of it shared. */
export interface PodRecord {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** RFC 3339. */
  readonly createdAt: string;
  /** Succeeded or Failed: no audit looks at it. */
  readonly finished: boolean;
  readonly running: boolean;
  readonly controller?: PodController;
  /** Shared like the content. */
  readonly labels: Subject["labels"];
  readonly content: PodContent;
}

/** Projects pods on arrival. `annotations` names those that policies ask for now; when it changes, pods are to be listed anew. */
export function createPodProjection(annotations: () => ReadonlySet<string>): (object: unknown) => PodRecord {
  const contents = createInterner<PodContent>();
  const labels = createInterner<Subject["labels"]>();
  const controllers = createInterner<PodController>();
  const names = createInterner<string>();

  return (object) => {
    const pod = asObject(object);
    const metadata = asObject(pod["metadata"]);
    const uid = asText(metadata["uid"]);
    const name = asText(metadata["name"]);
    if (uid === "") throw new Error("it has no uid");
    const namespace = asText(metadata["namespace"]);
    const subject = subjectOf(object, { kind: "Pod", namespace, namespaceLabels: undefined });
    const kept = keptAnnotations(subject.annotations, annotations());
    const phase = asText(asObject(pod["status"])["phase"]);
    const controller = controllerOf(metadata["ownerReferences"]);
    const content = contents.intern(contentKey(subject, kept), () => ({
      annotations: kept,
      serviceAccount: subject.serviceAccount,
      imagePullSecrets: subject.imagePullSecrets,
      images: subject.images,
    }));
    return {
      uid,
      namespace: names.intern(namespace, () => namespace),
      name,
      createdAt: subject.createdAt ?? "",
      finished: phase === "Succeeded" || phase === "Failed",
      running: phase === "Running",
      ...(controller === undefined
        ? {}
        : { controller: controllers.intern(`${controller.kind}/${controller.name}`, () => controller) }),
      labels: labels.intern(JSON.stringify(subject.labels), () => subject.labels),
      content,
    };
  };
}

/** Whether a newer projection changes nothing for audits: most events of a pod are about its status. */
export const samePod = (before: PodRecord, after: PodRecord): boolean =>
  before.uid === after.uid &&
  before.labels === after.labels &&
  before.content === after.content &&
  before.finished === after.finished &&
  before.running === after.running &&
  before.controller === after.controller;

/** The pod as policies see it. `labels` are its namespace's; undefined where these are not known. */
export function podSubject(pod: PodRecord, labels: Subject["namespaceLabels"]): Subject {
  return {
    kind: "Pod",
    namespace: pod.namespace,
    namespaceLabels: labels,
    template: false,
    labels: pod.labels,
    annotations: pod.content.annotations,
    serviceAccount: pod.content.serviceAccount,
    imagePullSecrets: pod.content.imagePullSecrets,
    images: pod.content.images,
    createdAt: pod.createdAt,
  };
}

function keptAnnotations(all: Subject["annotations"], wanted: ReadonlySet<string>): Subject["annotations"] {
  if (wanted.size === 0) return NO_ANNOTATIONS;
  const kept: Record<string, string> = {};
  for (const key of wanted) {
    const text = Object.hasOwn(all, key) ? all[key] : undefined;
    if (text !== undefined) kept[key] = text;
  }
  return kept;
}

const NO_ANNOTATIONS: Subject["annotations"] = Object.freeze({});

/** Everything of a content as text. JSON keeps the parts apart, whatever characters they hold. */
function contentKey(subject: Subject, annotations: Subject["annotations"]): string {
  const text = JSON.stringify([
    annotations,
    subject.serviceAccount,
    subject.imagePullSecrets,
    subject.images.map(({ container, path, image, imageID }) => [container, path, image, imageID ?? null]),
  ]);
  // An annotation with a scan report is a quarter of a mebibyte: too much for a key.
  return text.length <= LONGEST_KEY ? text : createHash("sha256").update(text).digest("hex");
}

const LONGEST_KEY = 2_048;

function controllerOf(references: unknown): PodController | undefined {
  for (const entry of asList(references)) {
    const owner = asObject(entry);
    if (owner["controller"] === true) return { kind: asText(owner["kind"]), name: asText(owner["name"]) };
  }
  return undefined;
}
