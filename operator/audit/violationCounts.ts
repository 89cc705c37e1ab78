import type { Judgement } from "./judgement.ts";

/** How many pods violate now, kept up to date with every change, so that no scrape has to count the cluster. */
export interface ViolationCounts {
  /** Adds (1) or takes away (-1) what a pod's judgement counts for. */
  readonly change: (namespace: string, judgement: Judgement, by: 1 | -1) => void;
  readonly totals: (policy: string) => { readonly violations: number; readonly exempted: number };
  /** Each combination that is not zero: pods that violate a rule of a policy in a namespace. */
  readonly series: () => IterableIterator<ViolationSeries>;
  readonly exempted: () => IterableIterator<readonly [policy: string, pods: number]>;
  /** Pods, by namespace, that would be refused if they were made anew. */
  readonly refusedAnew: () => IterableIterator<readonly [namespace: string, pods: number]>;
  /** Pods with a finding that the exception of this name silences. */
  readonly silencedBy: (exception: string) => number;
  readonly reset: () => void;
}

export interface ViolationSeries {
  readonly policy: string;
  readonly namespace: string;
  readonly rule: string;
  readonly action: string;
  readonly pods: number;
}

export function createTally(): ViolationCounts {
  const series = new Map<string, { -readonly [Name in keyof ViolationSeries]: ViolationSeries[Name] }>();
  const violations = new Map<string, number>();
  const exempted = new Map<string, number>();
  const silenced = new Map<string, number>();
  const refused = new Map<string, number>();

  const add = (counts: Map<string, number>, key: string, by: number): void => {
    const count = (counts.get(key) ?? 0) + by;
    if (count > 0) counts.set(key, count);
    else counts.delete(key);
  };

  return {
    change: (namespace, judgement, by) => {
      for (const exception of exceptionsIn(judgement)) add(silenced, exception, by);
      if (judgement.some(({ refusesAnew }) => refusesAnew)) add(refused, namespace, by);
      for (const { policy, action, findings } of judgement) {
        if (action === "exempted") {
          add(exempted, policy, by);
          continue;
        }
        add(violations, policy, by);
        const rules = new Set(findings.flatMap((finding) => (finding.exempted === undefined ? [finding.rule] : [])));
        for (const rule of rules) {
          // Neither names nor rules hold a blank.
          const key = `${policy} ${namespace} ${rule} ${action}`;
          const one = series.get(key) ?? { policy, namespace, rule, action, pods: 0 };
          one.pods += by;
          if (one.pods > 0) series.set(key, one);
          else series.delete(key);
        }
      }
    },
    totals: (policy) => ({ violations: violations.get(policy) ?? 0, exempted: exempted.get(policy) ?? 0 }),
    series: () => series.values(),
    exempted: () => exempted.entries(),
    refusedAnew: () => refused.entries(),
    silencedBy: (exception) => silenced.get(exception) ?? 0,
    reset: () => {
      series.clear();
      violations.clear();
      exempted.clear();
      silenced.clear();
      refused.clear();
    },
  };
}

/** Hardly any judgement has one: nothing is made for the others. */
function exceptionsIn(judgement: Judgement): Iterable<string> {
  let names: Set<string> | undefined;
  for (const { findings } of judgement)
    for (const { exempted } of findings) if (exempted !== undefined) (names ??= new Set()).add(exempted.by);
  return names ?? [];
}
