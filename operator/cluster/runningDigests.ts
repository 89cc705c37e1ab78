import type { Store } from "../../kube/watch/store.ts";
import type { PodRecord } from "./pods.ts";

/** The manifest digest in what a runtime reports; a bare `sha256:` is a config digest and names no manifest. */
const REPORTED = /@(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

const digestsOf = (pod: PodRecord): Set<string> => {
  const digests = new Set<string>();
  if (!pod.running) return digests;
  for (const { parsed, imageID } of pod.content.images) {
    const reported = imageID === undefined ? undefined : REPORTED.exec(imageID)?.[1];
    const written = parsed.status === "ok" ? parsed.reference.digest : undefined;
    if (reported !== undefined) digests.add(reported);
    if (written !== undefined) digests.add(written);
  }
  return digests;
};

/** Whether one of these digests is what the pod runs or asks for. */
export const podRuns = ({ content }: PodRecord, digests: ReadonlySet<string>): boolean =>
  content.images.some(({ parsed, imageID }) => {
    const written = parsed.status === "ok" ? parsed.reference.digest : undefined;
    const reported = imageID === undefined ? undefined : REPORTED.exec(imageID)?.[1];
    return (written !== undefined && digests.has(written)) || (reported !== undefined && digests.has(reported));
  });

/** Which digests the Running pods of each namespace run, for `scan.runningImages: Warn`. Kept only while a policy asks. */
export interface RunningDigests {
  readonly runs: (namespace: string, digests: readonly string[]) => boolean;
}

/**
 * Counts digests by namespace as pods change. Built from the store at the first question, so that a cluster without such a
 * policy pays nothing.
 */
export const createRunningDigests = (pods: Pick<Store<PodRecord>, "values" | "onChange">): RunningDigests => {
  let counts: Map<string, Map<string, number>> | undefined;

  const add = (to: Map<string, Map<string, number>>, pod: PodRecord | undefined, by: 1 | -1): void => {
    if (pod === undefined) return;
    const inNamespace = to.get(pod.namespace) ?? new Map<string, number>();
    for (const digest of digestsOf(pod)) {
      const count = (inNamespace.get(digest) ?? 0) + by;
      if (count > 0) inNamespace.set(digest, count);
      else inNamespace.delete(digest);
    }
    if (inNamespace.size > 0) to.set(pod.namespace, inNamespace);
    else to.delete(pod.namespace);
  };

  return {
    runs: (namespace, digests) => {
      if (counts === undefined) {
        const built = new Map<string, Map<string, number>>();
        for (const pod of pods.values()) add(built, pod, 1);
        pods.onChange((_, before, after) => {
          add(built, before, -1);
          add(built, after, 1);
        });
        counts = built;
      }
      const inNamespace = counts.get(namespace);
      return inNamespace !== undefined && digests.some((digest) => inNamespace.has(digest));
    },
  };
};
