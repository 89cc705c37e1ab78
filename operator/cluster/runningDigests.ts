import type { Maybe } from "../../async/maybe.ts";
import { chain } from "../../async/maybe.ts";
import { readImageId } from "../../evidence/gather/reportedImage.ts";
import type { Store } from "../../kube/cache/store.ts";
import { parseReference } from "../../policy/image/reference.ts";
import type { PodRecord } from "./pods.ts";

/** Repositories whose containers run by an image's ID alone: which manifest it is, only configs tell. */
const BY_ID = "by ID";

/**
 * What a pod's kubelet reports to run, as `registry/repository@digest`. A node that has one content from two repositories gives the imageID
 * of either, so that the name that it reports beside it counts as well.
 */
const imagesOf = ({ runs }: PodRecord): ReadonlySet<string> => {
  const images = new Set<string>();
  for (const { image, imageID } of runs) {
    const reported = readImageId(imageID);
    if (reported === undefined) continue;
    const called = parseReference(image);
    const name = called.status === "ok" ? called.reference.name : undefined;
    for (const one of [name, reported.name]) if (one !== undefined) images.add(`${one}@${reported.digest}`);
    if (reported.name === undefined && name !== undefined) images.add(`${name}@${BY_ID}`);
  }
  return images;
};

/** Whether one of these digests is what the pod runs or asks for: what is known of them concerns it. */
export const podRuns = ({ content }: PodRecord, digests: ReadonlySet<string>): boolean =>
  content.images.some(({ parsed, imageID }) => {
    const written = parsed.status === "ok" ? parsed.reference.digest : undefined;
    const reported = imageID === undefined ? undefined : readImageId(imageID)?.digest;
    return (written !== undefined && digests.has(written)) || (reported !== undefined && digests.has(reported));
  });

/** Which images the Running pods of each namespace run, for `scan.runningImages: Warn`. Kept from the first question on. */
export interface RunningDigests {
  /**
   * Whether the namespace runs one of these manifests (an image and its platform children) of a repository.
   * @param name `registry/repository` in its canonical form.
   * @param configs the digests of their configs; asked for only where a runtime reports nothing else.
   */
  readonly runs: (
    namespace: string,
    name: string,
    digests: readonly string[],
    configs: () => Maybe<readonly string[]>,
  ) => Maybe<boolean>;
}

/**
 * Counts images by namespace as pods change. Built from the store at the first question, so that a cluster without such a
 * policy pays nothing.
 */
export const createRunningDigests = (pods: Pick<Store<PodRecord>, "values" | "onChange">): RunningDigests => {
  let counts: Map<string, Map<string, number>> | undefined;

  const add = (to: Map<string, Map<string, number>>, pod: PodRecord | undefined, by: 1 | -1): void => {
    if (pod === undefined) return;
    const inNamespace = to.get(pod.namespace) ?? new Map<string, number>();
    for (const image of imagesOf(pod)) {
      const count = (inNamespace.get(image) ?? 0) + by;
      if (count > 0) inNamespace.set(image, count);
      else inNamespace.delete(image);
    }
    if (inNamespace.size > 0) to.set(pod.namespace, inNamespace);
    else to.delete(pod.namespace);
  };

  const counted = (): Map<string, Map<string, number>> => {
    if (counts !== undefined) return counts;
    const built = new Map<string, Map<string, number>>();
    for (const pod of pods.values()) add(built, pod, 1);
    pods.onChange((_, before, after) => {
      add(built, before, -1);
      add(built, after, 1);
    });
    counts = built;
    return built;
  };

  return {
    runs: (namespace, name, digests, configs) => {
      const running = counted().get(namespace);
      if (running === undefined) return false;
      const anyOf = (list: readonly string[]): boolean => list.some((digest) => running.has(`${name}@${digest}`));
      if (anyOf(digests)) return true;
      return running.has(`${name}@${BY_ID}`) ? chain(configs(), anyOf) : false;
    },
  };
};
