import { MOST_USES, type ImageUse, type Subject } from "../../policy/subject/subject.ts";

/** No image that is longer parses: what is kept of it is for the reader. */
const LONGEST_IMAGE = 1_024;
const SHOWN_IMAGE = 512;
/** What counts in an imageID is its end, the digest. */
const LONGEST_IMAGE_ID = 512;
/** Names of Kubernetes' objects end here; those in owner references are not checked. */
const LONGEST_NAME = 253;
/** More than anybody asks a registry with. */
const MOST_SECRETS = 64;
/** Pods with more labels are kept with those that selectors ask for. */
const MOST_LABELS = 100;

/**
 * The images of a pod that are kept. The API server bounds a pod by what a request may hold, which is thousands of times what a pod needs:
 * one tenant's pods must not take the memory that admission needs. What is judged stays the same.
 */
export const boundedImages = (images: readonly ImageUse[]): readonly ImageUse[] =>
  // One more than are judged: that there were more is a finding.
  (images.length > MOST_USES + 1 ? images.slice(0, MOST_USES + 1) : images).map((use) => {
    const { image, imageID } = use;
    if (image.length <= LONGEST_IMAGE && (imageID ?? "").length <= LONGEST_IMAGE_ID) return use;
    return {
      ...use,
      image: image.length <= LONGEST_IMAGE ? image : copyOf(`${image.slice(0, SHOWN_IMAGE)}...`),
      ...(imageID === undefined ? {} : { imageID: copyOf(imageID.slice(-LONGEST_IMAGE_ID)) }),
    };
  });

export const boundedSecrets = (names: readonly string[]): readonly string[] =>
  names.length > MOST_SECRETS ? [...new Set(names)].slice(0, MOST_SECRETS) : names;

export const boundedName = (name: string): string =>
  name.length > LONGEST_NAME ? copyOf(name.slice(0, LONGEST_NAME)) : name;

/** Which labels are kept of pods that have very many, and whether there was such a pod. */
export interface LabelBound {
  keys: ReadonlySet<string>;
  cut: boolean;
}

export const boundedLabels = (labels: Subject["labels"], bound: LabelBound): Subject["labels"] => {
  let count = 0;
  for (const _ in labels) count += 1;
  if (count <= MOST_LABELS) return labels;
  bound.cut = true;
  return Object.fromEntries(Object.entries(labels).filter(([key]) => bound.keys.has(key)));
};

/** A part of a text holds the whole of it in memory: this one does not. */
const copyOf = (part: string): string => Buffer.from(part).toString();
