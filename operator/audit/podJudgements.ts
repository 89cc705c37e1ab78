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

/** By pod key (`namespace/name`). A pod that was not judged yet, or that no audit looks at, has none. */
export type PodJudgements = ReadonlyMap<string, PodJudgement>;
