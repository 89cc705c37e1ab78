import {
  fromInterval,
  merge,
  reactive,
  sidechainPartition,
  stream,
  sync,
  type CommonOpts,
  type ISubscribable,
  type State,
  type Stream,
} from "@thi.ng/rstream";
import { comp, dedupe, filter, mapcat } from "@thi.ng/transducers";
import type { VerdictChange } from "./audit/podJudgements.ts";
import type { PolicySet } from "./policies/policySet.ts";

/** Told of every error in a stream's function; the stream goes on. */
export type OnStreamError = (id: string, error: unknown) => void;

/** A cache as the graph sees it: it tells that it changed, not what. */
export interface PingSource {
  readonly synced: () => boolean;
  readonly onPing: (listener: () => void) => () => void;
}

/** The caches, and how to read them. */
export interface GraphSources {
  readonly policies: PingSource;
  /** The Secrets and ConfigMaps that policies refer to. */
  readonly references: PingSource;
  readonly exceptions: PingSource;
  readonly violations: PingSource;
  readonly namespaces: PingSource;
  readonly pods: PingSource;
  /** Generated ValidatingAdmissionPolicies; absent: none are kept. */
  readonly admissionPolicies?: PingSource;
  /** Compiles the policies as they are now; undefined while something that they refer to is still being read. */
  readonly compile: () => PolicySet | undefined;
  /** Milliseconds between complete audits. */
  readonly auditInterval: number;
  /** Milliseconds between looks at what time alone changes. */
  readonly clockInterval: number;
  /** Milliseconds in which changes are gathered. */
  readonly settle: number;
  readonly onError: OnStreamError;
}

/** The newest state that audits are to look at. */
export interface Snapshot {
  readonly set: PolicySet;
  readonly tick: number;
  readonly clock: number;
  readonly leading: boolean;
}

/** Digests whose reports came, changed or went; "all" when they are known for the first time. */
export type ReportChange = ReadonlySet<string> | "all";

/** What comes of it. Each is told of every value as it comes, and of the newest one that came before it was joined. */
export interface Effects {
  /** A policy set has come into force. */
  readonly inForce: (set: PolicySet) => void;
  /** With the first policy set, the evidence of what runs is fetched before this replica is ready. */
  readonly warmUp: (set: PolicySet) => void;
  /** Whether reports are to be watched may have changed with it. */
  readonly reportWatch: (set: PolicySet) => void;
  /** Whether this replica serves, and whether a policy pins, may have changed. */
  readonly serving: () => void;
  /** What statuses say may have changed. */
  readonly statuses: () => void;
  /** Pods that the reports are about are to be judged again. */
  readonly judgeAgain: (reports: ReportChange) => void;
  /** Generated ValidatingAdmissionPolicies may not be as they should: policies, objects, the leader or the time are others. */
  readonly keepAdmissionPolicies: () => void;
  /** There is a newer state to audit by. */
  readonly audit: (snapshot: Snapshot) => void;
  /** This operator does not lead: nothing is written from now on. Called before `leading(false)` returns. */
  readonly stepDown: () => void;
  /** A pod was judged, or is judged no longer: its Violations are to follow. Called before `verdict` returns. */
  readonly keepViolations: (change: VerdictChange) => void;
  /** As before: its Report is to follow. */
  readonly keepReports: (change: VerdictChange) => void;
}

export interface Graph {
  /** The policy set in force; undefined until the first one is compiled. */
  readonly policies: () => PolicySet | undefined;
  /** Whether this operator leads; audits begin and end with it. */
  readonly leading: (value: boolean) => void;
  /** Has a complete audit done now. */
  readonly auditNow: () => void;
  /** What some authority trusts has changed without a change of a policy: a key or a root that is fetched. */
  readonly trust: () => void;
  /** The webhook configurations were seen in another state than before. */
  readonly guard: () => void;
  /** What stands of a policy in the API server itself has changed. */
  readonly layer: () => void;
  /** Something that this replica's readiness waits for has come. */
  readonly gates: () => void;
  readonly reports: (changed: ReportChange) => void;
  readonly verdict: (change: VerdictChange) => void;
  /** Totals of the audit may have changed. */
  readonly progress: () => void;
  /** Joins what comes of it; once all of it has been made. */
  readonly connect: (effects: Effects) => void;
  readonly stop: () => void;
  /** Every long-lived stream, for tests: one in an error state drops values in silence. */
  readonly streams: readonly { readonly id: string; readonly getState: () => State }[];
}

/** What is not watched never changes. */
const NEVER: PingSource = { synced: () => false, onPing: () => () => undefined };

/** Long-lived streams never close by themselves, whoever comes and goes. */
const OPEN = { closeIn: "never", closeOut: "never" } as const;

/**
 * What causes what in the operator, as a graph of streams (docs/graph.md shows it). Streams of caches carry no objects,
 * only "changed": readers ask the caches, so that a lost ping heals. `sync` is silent until every input has spoken,
 * which makes it the gate of "caches are synced". Before the effects are joined a cause is told for nobody.
 */
export function createGraph(sources: GraphSources): Graph {
  const { onError } = sources;
  const guarded = (id: string): { id: string; error: (error: unknown) => boolean } & typeof OPEN => ({
    id,
    ...OPEN,
    // true: the error is dealt with. Anything else would end the stream in silence.
    error: (error) => {
      onError(id, error);
      return true;
    },
  });
  const cancels: (() => void)[] = [];

  const changes = (id: string, source: PingSource): Stream<null> => {
    const out = stream<null>(guarded(id));
    let told = false;
    const ping = (): void => {
      if (told || !source.synced()) return;
      told = true;
      // A relist tells of thousands of changes in one go: one ping stands for them all.
      setImmediate(() => {
        told = false;
        out.next(null);
      });
    };
    cancels.push(source.onPing(ping));
    ping();
    return out;
  };

  const caches = {
    policies: changes("policies", sources.policies),
    references: changes("references", sources.references),
    exceptions: changes("exceptions", sources.exceptions),
    violations: changes("violations", sources.violations),
    namespaces: changes("namespaces", sources.namespaces),
    pods: changes("pods", sources.pods),
    admissionPolicies: changes("admissionPolicies", sources.admissionPolicies ?? NEVER),
  };
  const leading$ = reactive(false, guarded("leading"));
  const trust$ = stream<null>(guarded("trust"));
  const guard$ = stream<null>(guarded("guard"));
  const layer$ = stream<null>(guarded("layer"));
  const gates$ = stream<null>(guarded("gates"));
  const reports$ = stream<ReportChange>(guarded("reports"));
  const verdicts$ = stream<VerdictChange>(guarded("verdicts"));
  const progress$ = stream<null>(guarded("progress"));
  const tick$ = fromInterval(sources.auditInterval, guarded("tick"));
  const clock$ = fromInterval(sources.clockInterval, guarded("clock"));
  const settle$ = fromInterval(sources.settle, guarded("settle"));
  const extra$ = reactive(0, guarded("extra"));

  const compiledFrom = [sources.policies, sources.references, sources.exceptions];
  const policyChanges$ = merge<null, null>({
    src: [caches.policies, caches.references, caches.exceptions],
    ...guarded("policyChanges"),
  });
  const policies$ = policyChanges$.transform(
    comp(
      mapcat<null, PolicySet>(() => (compiledFrom.every((source) => source.synced()) ? some(sources.compile()) : [])),
      dedupe<PolicySet>((a, b) => a.key === b.key),
    ),
    guarded("policySet"),
  );
  const policySets$ = policies$.map(() => null, guarded("policySetChanges"));
  const serving$ = merge<null, null>({ src: [policySets$, caches.namespaces, gates$], ...guarded("servingChanges") });
  const statuses$ = merge<null, null>({
    src: [policySets$, trust$, guard$, layer$, progress$],
    ...guarded("statusChanges"),
  });
  const leadingChanges$ = leading$.map(() => null, guarded("leadingChanges"));
  const clockTicks$ = clock$.map(() => null, guarded("clockTicks"));
  const layers$ = merge<null, null>({
    src: [policySets$, caches.admissionPolicies, leadingChanges$, clockTicks$],
    ...guarded("layerChanges"),
  });
  const notLeading$ = leading$.transform(
    filter((leading) => !leading),
    guarded("notLeading"),
  );

  const due$ = sync({
    src: {
      policies: policies$,
      tick: tick$,
      clock: clock$,
      extra: extra$,
      leading: leading$,
      violations: caches.violations,
      namespaces: caches.namespaces,
      pods: caches.pods,
    },
    // Audits hear of every pod and namespace themselves: once these are known, their news is no other state to audit by.
    xform: dedupe<DueTuple>(isSameState),
    ...guarded("due"),
  });
  const settled$ = sidechainPartition<DueTuple, number>(due$, settle$, guarded("settled"));
  const snapshot$ = settled$.transform(
    mapcat<DueTuple[], Snapshot>((batch) => some(batch.at(-1)).map(snapshotOf)),
    guarded("snapshot"),
  );

  const streams: Graph["streams"][number][] = [
    Object.values(caches),
    [leading$, trust$, guard$, layer$, gates$, reports$, verdicts$, progress$, tick$, clock$, settle$, extra$],
    [policyChanges$, policies$, policySets$, serving$, statuses$, leadingChanges$, clockTicks$, layers$],
    [notLeading$, due$, settled$, snapshot$],
  ].flat();
  const effect = <T>(from: ISubscribable<T>, id: keyof Effects, listener: (value: T) => void): void => {
    const opts = guarded(id);
    streams.push(from.subscribe({ next: listener, error: opts.error }, opts as Partial<CommonOpts>));
  };

  let extra = 0;
  return {
    policies: () => policies$.deref(),
    leading: (value) => leading$.next(value),
    auditNow: () => extra$.next((extra += 1)),
    trust: () => trust$.next(null),
    guard: () => guard$.next(null),
    layer: () => layer$.next(null),
    gates: () => gates$.next(null),
    reports: (changed) => reports$.next(changed),
    verdict: (change) => verdicts$.next(change),
    progress: () => progress$.next(null),
    connect: (effects) => {
      effect(policies$, "inForce", effects.inForce);
      effect(policies$, "reportWatch", effects.reportWatch);
      effect(policies$, "warmUp", effects.warmUp);
      effect(serving$, "serving", effects.serving);
      effect(statuses$, "statuses", effects.statuses);
      effect(layers$, "keepAdmissionPolicies", effects.keepAdmissionPolicies);
      effect(reports$, "judgeAgain", effects.judgeAgain);
      effect(snapshot$, "audit", effects.audit);
      effect(notLeading$, "stepDown", effects.stepDown);
      effect(verdicts$, "keepViolations", effects.keepViolations);
      effect(verdicts$, "keepReports", effects.keepReports);
    },
    stop: () => {
      for (const cancel of cancels) cancel();
      for (const timer of [tick$, clock$, settle$]) timer.cancel();
    },
    streams,
  };
}

const some = <T>(value: T | undefined): readonly T[] => (value === undefined ? [] : [value]);

const snapshotOf = ({ policies, tick, clock, extra, leading }: DueTuple): Snapshot => ({
  set: policies,
  tick: tick + extra,
  clock,
  leading,
});

const isSameState = (one: DueTuple, other: DueTuple): boolean =>
  one.policies === other.policies &&
  one.tick === other.tick &&
  one.clock === other.clock &&
  one.extra === other.extra &&
  one.leading === other.leading;

interface DueTuple {
  readonly violations: null;
  readonly namespaces: null;
  readonly pods: null;
  readonly policies: PolicySet;
  readonly tick: number;
  readonly clock: number;
  readonly extra: number;
  readonly leading: boolean;
}
