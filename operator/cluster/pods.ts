import { createHash } from "node:crypto";
import { fieldsOf, listOf, textOf } from "../../json/fields.ts";
import type { ImageUse, Subject } from "../../policy/subject/subject.ts";
import { subjectOf } from "../../policy/subject/subjectOf.ts";
import { createInterner } from "./interner.ts";
import { sameLabels } from "./namespaces.ts";
import { runningImagesOf, type RunningImage } from "./runningImages.ts";
import { boundedImages, boundedLabels, boundedName, boundedSecrets, type LabelBound } from "./podBounds.ts";

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
  /** Seconds since the epoch: a small integer takes no memory of its own, unlike a text. */
  readonly createdAt: number;
  /** Succeeded or Failed: no audit looks at it. */
  readonly finished: boolean;
  readonly running: boolean;
  /** What its kubelet reports of the containers that run now; shared, and empty for a pod that is not Running. */
  readonly runs: readonly RunningImage[];
  readonly controller?: PodController;
  /** Shared like the content. */
  readonly labels: Subject["labels"];
  readonly content: PodContent;
}

/** Lists come in the order of names, so that the pods of one template come together. */
const REMEMBERED = 8_192;

/**
 * Projects pods on arrival; what has not changed is what is known already, the very same object. `annotations` names those that policies
 * ask for now; when it changes, pods are to be listed anew.
 */
export function createPodProjection(
  annotations: () => ReadonlySet<string>,
  labelBound: LabelBound = { keys: new Set(), cut: false },
): (object: unknown, known?: PodRecord) => PodRecord {
  const contents = createInterner<PodContent>(REMEMBERED);
  const labels = createInterner<Subject["labels"]>(REMEMBERED);
  const controllers = createInterner<PodController>(REMEMBERED);
  const names = createInterner<string>(REMEMBERED);
  const runs = createInterner<readonly RunningImage[]>(REMEMBERED);

  return (object, known) => {
    const pod = fieldsOf(object);
    const metadata = fieldsOf(pod["metadata"]);
    const uid = textOf(metadata["uid"]);
    const name = textOf(metadata["name"]);
    if (uid === "") throw new Error("it has no uid");
    const namespace = textOf(metadata["namespace"]);
    const subject = subjectOf(object, { kind: "Pod", namespace, namespaceLabels: undefined });
    const kept = keptAnnotations(subject.annotations, annotations());
    const phase = textOf(fieldsOf(pod["status"])["phase"]);
    const running = phase === "Running";
    const reported = running ? runningImagesOf(pod) : NOTHING_RUNS;
    const controller = controllerOf(metadata["ownerReferences"]);
    const fresh = {
      annotations: kept,
      serviceAccount: subject.serviceAccount,
      imagePullSecrets: boundedSecrets(subject.imagePullSecrets),
      images: boundedImages(subject.images),
    };
    const keptLabels = boundedLabels(subject.labels, labelBound);
    const content =
      known !== undefined && sameContent(known.content, fresh)
        ? known.content
        : contents.intern(contentKey(fresh), () => fresh);
    return {
      uid,
      namespace: names.intern(namespace, () => namespace),
      name,
      createdAt: Math.floor(Date.parse(subject.createdAt ?? "") / 1_000) || 0,
      finished: phase === "Succeeded" || phase === "Failed",
      running,
      runs:
        known !== undefined && sameRuns(known.runs, reported)
          ? known.runs
          : runs.intern(shortKey(JSON.stringify(reported)), () => reported),
      ...(controller === undefined
        ? {}
        : { controller: controllers.intern(`${controller.kind}/${controller.name}`, () => controller) }),
      labels:
        known !== undefined && sameLabels(known.labels, keptLabels)
          ? known.labels
          : labels.intern(shortKey(JSON.stringify(keptLabels)), () => keptLabels),
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
  sameRuns(before.runs, after.runs) &&
  before.controller?.name === after.controller?.name &&
  before.controller?.kind === after.controller?.kind;

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
    createdAt: new Date(pod.createdAt * 1_000).toISOString(),
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

const NOTHING_RUNS: readonly RunningImage[] = Object.freeze([]);

const sameRuns = (one: readonly RunningImage[], other: readonly RunningImage[]): boolean =>
  one === other ||
  (one.length === other.length &&
    one.every(({ image, imageID }, index) => image === other[index]?.image && imageID === other[index]?.imageID));

const NO_ANNOTATIONS: Subject["annotations"] = Object.freeze({});

const sameContent = (one: PodContent, other: PodContent): boolean =>
  one.serviceAccount === other.serviceAccount &&
  one.images.length === other.images.length &&
  one.images.every((image, index) => sameImage(image, other.images[index])) &&
  one.imagePullSecrets.length === other.imagePullSecrets.length &&
  one.imagePullSecrets.every((name, index) => name === other.imagePullSecrets[index]) &&
  sameLabels(one.annotations, other.annotations);

const sameImage = (one: ImageUse, other: ImageUse | undefined): boolean =>
  one.image === other?.image &&
  one.imageID === other.imageID &&
  one.container === other.container &&
  one.path === other.path;

/** Everything of a content as text. JSON keeps the parts apart, whatever characters they hold. */
function contentKey({ annotations, serviceAccount, imagePullSecrets, images }: PodContent): string {
  const text = JSON.stringify([
    annotations,
    serviceAccount,
    imagePullSecrets,
    images.map(({ container, path, image, imageID }) => [container, path, image, imageID ?? null]),
  ]);
  return shortKey(text);
}

/** An annotation with a scan report is a quarter of a mebibyte: too much for a key. */
const shortKey = (text: string): string =>
  text.length <= LONGEST_KEY ? text : createHash("sha256").update(text).digest("hex");

const LONGEST_KEY = 2_048;

function controllerOf(references: unknown): PodController | undefined {
  for (const entry of listOf(references)) {
    const owner = fieldsOf(entry);
    if (owner["controller"] === true)
      return { kind: boundedName(textOf(owner["kind"])), name: boundedName(textOf(owner["name"])) };
  }
  return undefined;
}
