import {
  fromInterval,
  merge,
  reactive,
  sidechainPartition,
  stream,
  sync,
  type State,
  type Stream,
} from "@thi.ng/rstream";
import { comp, dedupe, mapcat } from "@thi.ng/transducers";
import type { PolicySet } from "./policies/policySet.ts";

/** Told of every error in a stream's function; the stream goes on. */
export type OnStreamError = (id: string, error: unknown) => void;

/** A cache as the graph sees it: it tells that it changed, not what. */
export interface PingSource {
  readonly synced: () => boolean;
  readonly onPing: (listener: () => void) => () => void;
}

export interface GraphSources {
  /** Whatever compiling reads: policies, the Secrets and ConfigMaps that they refer to, and exceptions. */
  readonly policyInputs: Readonly<Record<string, PingSource>>;
  /** What audits read besides; they wait until all of it is synced. */
  readonly auditInputs: Readonly<Record<string, PingSource>>;
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

export interface Graph {
  /** The policy set in force; undefined until the first one is compiled. */
  readonly policies: () => PolicySet | undefined;
  /** Told of every policy set that comes into force, the present one included. */
  readonly onPolicies: (listener: (set: PolicySet) => void) => void;
  /** Told of every snapshot. */
  readonly onSnapshot: (listener: (snapshot: Snapshot) => void) => void;
  /** Whether this operator leads; audits begin and end with it. */
  readonly leading: (value: boolean) => void;
  /** Has a complete audit done now. */
  readonly auditNow: () => void;
  readonly stop: () => void;
  /** Every long-lived stream, for tests: one in an error state drops values in silence. */
  readonly streams: readonly { readonly id: string; readonly getState: () => State }[];
}

/** Long-lived streams never close by themselves, whoever comes and goes. */
const OPEN = { closeIn: "never", closeOut: "never" } as const;

/**
 * The reconcile side as a graph of streams (design.md section 2). Change streams carry no objects, only "changed": readers ask the caches,
 * so that a lost ping heals. `sync` is silent until every input has spoken, which makes it the gate of "caches are synced".
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

  const inputs = Object.entries(sources.policyInputs).map(([id, source]) => changes(id, source));
  const policyChanges$ = merge<null, null>({ src: inputs, ...guarded("policyChanges") });
  const allSynced = (): boolean => Object.values(sources.policyInputs).every((source) => source.synced());
  const policies$ = policyChanges$.transform(
    comp(
      mapcat<null, PolicySet>(() => (allSynced() ? some(sources.compile()) : [])),
      dedupe<PolicySet>((a, b) => a.key === b.key),
    ),
    guarded("policies"),
  );

  const audits = Object.fromEntries(
    Object.entries(sources.auditInputs).map(([id, source]) => [id, changes(id, source)]),
  );
  const tick$ = fromInterval(sources.auditInterval, guarded("tick"));
  const clock$ = fromInterval(sources.clockInterval, guarded("clock"));
  const extra$ = reactive(0, guarded("extra"));
  const leading$ = reactive(false, guarded("leading"));
  const due$ = sync({
    src: { policies: policies$, tick: tick$, clock: clock$, extra: extra$, leading: leading$, ...audits },
    ...guarded("due"),
  });
  const settle$ = fromInterval(sources.settle, guarded("settle"));
  const settled$ = sidechainPartition<DueTuple, number>(due$, settle$, guarded("settled"));
  const snapshot$ = settled$.transform(
    mapcat<DueTuple[], Snapshot>((batch) => some(batch.at(-1)).map(snapshotOf)),
    guarded("snapshot"),
  );

  let extra = 0;
  return {
    policies: () => policies$.deref(),
    onPolicies: (listener) =>
      void policies$.subscribe({ next: listener, error: guarded("onPolicies").error }, guarded("onPolicies")),
    onSnapshot: (listener) =>
      void snapshot$.subscribe({ next: listener, error: guarded("onSnapshot").error }, guarded("onSnapshot")),
    leading: (value) => leading$.next(value),
    auditNow: () => extra$.next((extra += 1)),
    stop: () => {
      for (const cancel of cancels) cancel();
      for (const timer of [tick$, clock$, settle$]) timer.cancel();
    },
    streams: [
      ...inputs,
      policyChanges$,
      policies$,
      ...Object.values(audits),
      tick$,
      clock$,
      extra$,
      leading$,
      due$,
      settle$,
      settled$,
      snapshot$,
    ],
  };
}

const some = <T>(value: T | undefined): readonly T[] => (value === undefined ? [] : [value]);

const snapshotOf = ({ policies, tick, clock, extra, leading }: DueTuple): Snapshot => ({
  set: policies,
  tick: tick + extra,
  clock,
  leading,
});

interface DueTuple {
  readonly policies: PolicySet;
  readonly tick: number;
  readonly clock: number;
  readonly extra: number;
  readonly leading: boolean;
}
