import type { Review } from "../../engine/review.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import { isInForce, type CompiledException } from "../../policy/exceptions/compiledException.ts";
import type { Subject } from "../../policy/subject/subject.ts";
import { looksAtAge, type PolicySet } from "../policies/policySet.ts";
import { podSubject, type PodRecord } from "../cluster/pods.ts";
import { exemptionsOf } from "../../policy/exceptions/exempt.ts";
import { CLEAN, judgementOf, type Judgement } from "./judgement.ts";
import { createIdentities } from "../../async/identities.ts";
import { within } from "../../async/signals.ts";

export interface JudgeOptions {
  readonly review: Review;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds that the evidence of one pod may take. */
  readonly timeout?: number;
}

/** A pod, and the policies that are about it. */
export interface PodCase {
  readonly pod: PodRecord;
  readonly subject: Subject;
  /** Those too that only admission asks. */
  readonly matching: readonly CompiledPolicy[];
  readonly set: PolicySet;
  /** Pods of the same content and key are of the same kind to every policy of the set. */
  readonly key: string;
}

const identityOf = createIdentities();

/** @param labels its namespace's; undefined where these are not known. */
export function podCase(pod: PodRecord, labels: Subject["namespaceLabels"], set: PolicySet): PodCase {
  const subject = podSubject(pod, labels);
  const matching = set.policies.filter((policy) => policy.matchesSubject(subject));
  let key = `${labels === undefined ? 0 : identityOf(labels)}|${pod.namespace}`;
  for (const policy of matching) key += `,${identityOf(policy)}`;
  return { pod, subject, matching, set, key };
}

/** Judges pods, each distinct one once: what only differs in name, or in labels that no policy asks for, shares its judgement. */
export interface Judge {
  /** Synchronous where nothing has to be fetched. Rejects only for a bug. */
  readonly judge: (pod: PodCase) => Judgement | Promise<Judgement>;
  /** Forgets what was judged: time has passed. */
  readonly forget: () => void;
}

const TIMEOUT_MS = 30_000;
/** Judgements are shared for so long at most: what a registry says may have changed. */
const MEMO_MS = 20_000;
/** An engine that does not end with its signal is a defect, and must not hold a place of the audit for ever. */
const GRACE_MS = 5_000;
const MOST_MEMOS = 100_000;

export function createJudge({ review, now, timeout = TIMEOUT_MS }: JudgeOptions): Judge {
  let memo = new Map<string, Judgement | Promise<Judgement>>();
  let memoSet: PolicySet | undefined;
  let memoUntil = 0;
  let deadline: { readonly signal: AbortSignal; readonly until: number } | undefined;

  /** One timer a second, not one a pod. */
  const signal = (): AbortSignal => {
    const time = performance.now();
    if (deadline === undefined || time > deadline.until) {
      deadline = { signal: AbortSignal.timeout(Math.max(0, timeout) + 1_000), until: time + 1_000 };
    }
    return deadline.signal;
  };

  const forget = (): void => {
    memo = new Map();
    memoSet = undefined;
  };

  const run = (
    { subject, matching }: PodCase,
    audited: readonly CompiledPolicy[],
    exceptions: readonly CompiledException[],
  ): Judgement | Promise<Judgement> => {
    const madeAnew = { policies: matching, subject, exempt: exemptionsOf(exceptions, subject, now()) };
    const decision = review({
      policies: audited,
      exceptions,
      subject,
      mode: "audit",
      signal: signal(),
      now: now(),
      dryRun: false,
    });
    return decision instanceof Promise
      ? within(decision, { milliseconds: timeout + GRACE_MS, ref: false }, overdue).then((decided) =>
          judgementOf(decided, audited, madeAnew),
        )
      : judgementOf(decision, audited, madeAnew);
  };

  return {
    forget,
    judge: (pod) => {
      const { subject, matching, set } = pod;
      const { content, createdAt } = pod.pod;
      const time = performance.now();
      if (set !== memoSet || time > memoUntil || memo.size > MOST_MEMOS) {
        forget();
        memoSet = set;
        memoUntil = time + MEMO_MS;
      }
      const audited = matching.filter((policy) => policy.audited);
      if (audited.length === 0) return CLEAN;
      let key = `${identityOf(content)}|${pod.key}`;
      if (audited.some(looksAtAge)) key += `|${createdAt}`;
      const exceptions: CompiledException[] = [];
      const at = now();
      for (const [index, exception] of set.exceptions.entries()) {
        if (!isInForce(exception, at) || !exception.matchesSubject(subject)) continue;
        exceptions.push(exception);
        // Labels and time count as well: pods of one content may be excepted or not.
        key += `;${index}`;
      }
      const known = memo.get(key);
      if (known !== undefined) return known;
      const judgement = run(pod, audited, exceptions);
      const into = memo;
      into.set(key, judgement);
      if (judgement instanceof Promise) {
        return judgement.then(
          (settled) => {
            into.set(key, settled);
            return settled;
          },
          (error: unknown) => {
            into.delete(key);
            throw error;
          },
        );
      }
      return judgement;
    },
  };
}

function overdue(): never {
  throw new Error("the engine did not answer in time");
}
