import type { PodRecord } from "../cluster/pods.ts";
import type { Gaps } from "./coverage.ts";
import type { Judgement } from "./judgement.ts";

/** What the audit found out about one pod last. */
export interface PodJudgement {
  readonly pod: PodRecord;
  readonly judgement: Judgement;
  readonly gaps: Gaps;
}

/** A pod was judged (`after`), or is judged no longer (undefined). `before` is what held until now. */
export interface VerdictChange {
  /** `namespace/name` */
  readonly podKey: string;
  readonly before: PodJudgement | undefined;
  readonly after: PodJudgement | undefined;
}

/** The pods of the cluster, by pod key. */
export interface Pods {
  readonly get: (key: string) => PodRecord | undefined;
}

/** Whether audits can tell if what is stored about a pod is wanted or not: the pod is gone, finished or judged. */
export function isDecided(
  { pod: podKey, podUid }: { readonly pod: string; readonly podUid: string },
  pods: Pods,
  verdicts: PodJudgements,
): boolean {
  const pod = pods.get(podKey);
  return pod === undefined || pod.uid !== podUid || pod.finished || verdicts.get(podKey)?.pod.uid === podUid;
}

/** By pod key (`namespace/name`). A pod that was not judged yet, or that no audit looks at, has none. */
export type PodJudgements = ReadonlyMap<string, PodJudgement>;
