import { setImmediate as turn } from "node:timers/promises";
import { messageOf } from "../../kube/kubeError.ts";
import type { Log } from "../../kube/log.ts";
import { changedPolicies, changesWithTime, type PolicySet } from "../policies/policySet.ts";
import type { NamespaceRecord } from "../cluster/namespaces.ts";
import { podSubject, type PodRecord } from "../cluster/pods.ts";
import type { Coverage, Gaps } from "./coverage.ts";
import type { Store } from "../../kube/cache/store.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import { isInForce, mayConcern, type CompiledException } from "../../policy/exceptions/compiledException.ts";
import { podCase, type Judge } from "./judge.ts";
import { CompleteAudits, type AuditReport } from "./completeAudits.ts";
import { CLEAN, type Judgement } from "./judgement.ts";
import { inSlices, SLICE_MS } from "./slices.ts";
import type { ViolationCounts } from "./violationCounts.ts";
import type { PodJudgement, VerdictChange } from "./podJudgements.ts";
import { Workload } from "./workload.ts";

/** Everything an audit depends on that is not in a cache: what the graph's snapshots say. */
export interface AuditSnapshot {
  readonly set: PolicySet;
  /** Counts complete audits that are due. */
  readonly tick: number;
  /** Counts looks at what time alone changes. */
  readonly clock: number;
}

export interface AuditorOptions {
  readonly pods: Store<PodRecord>;
  readonly namespaces: Store<NamespaceRecord>;
  readonly judge: Judge;
  readonly tally: ViolationCounts;
  readonly coverage: Coverage;
  /** What is known of each pod; the auditor alone writes it. */
  readonly verdicts: Map<string, PodJudgement>;
  /** Told of every verdict that changed, when `verdicts` has changed already. */
  readonly onVerdict: (change: VerdictChange) => void;
  /** Looks at every Violation of the cluster, one a step, at the end of a complete audit. */
  readonly sweep: () => Iterable<void>;
  /** Pods judged at once while evidence is fetched. */
  readonly concurrency: number;
  /** Totals may have changed: after a round of work, and now and then during a long one. */
  readonly onProgress: () => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Log;
}

/** Milliseconds between two reports of progress. */
const PROGRESS_MS = 1_000;
/** Milliseconds that a pod waits for its namespace, whose event may come after its own. */
const NAMESPACE_PATIENCE_MS = 3_000;
const NAMESPACE_RETRY_MS = 250;

/**
 * Judges the pods of the cluster by the newest policies: at once what changed, in proportion to the change; everything when a complete
 * audit is due; now and then what time alone changes. Works in small slices and never holds the event loop.
 */
export class Auditor {
  readonly #options: AuditorOptions;
  readonly #work = new Workload();
  readonly #audits = new CompleteAudits();
  readonly #inHand = new Set<string>();
  readonly #patience = new Map<string, number>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #snapshot: AuditSnapshot | undefined;
  /** The exceptions that were in force when the newest snapshot came. */
  #excepting: ReadonlySet<CompiledException> = new Set();
  #draining: Promise<void> | undefined;
  #handDone: (() => void) | undefined;
  /** There may be work that came while the last of it was done. */
  #woken = false;
  #unsubscribe: (() => void)[] = [];
  #leading = false;
  /** What a snapshot means is still being worked out: what waits is not all there is. */
  #planning = false;
  #epoch = 0;
  #lastProgress = 0;

  constructor(options: AuditorOptions) {
    this.#options = options;
  }

  /** The last complete audit of this operator; undefined before its first. */
  get report(): AuditReport | undefined {
    return this.#audits.report;
  }

  /** When the last complete audit under this version of a policy ended, in milliseconds since the epoch. */
  auditedAt(policy: CompiledPolicy): number | undefined {
    return this.#audits.endedAt(policy);
  }

  /** Pods with findings that an exception silences; undefined while not all that it may be about has been looked at. */
  silencedBy(exception: CompiledException): number | undefined {
    const known = this.#audits.report !== undefined && this.#excepting.has(exception);
    return known && !this.#planning && this.pending() === 0
      ? this.#options.tally.silencedBy(exception.name)
      : undefined;
  }

  /** Pods that wait or are in hand. */
  pending(): number {
    return this.#work.size() + this.#inHand.size;
  }

  /** Begins to audit: this operator leads. The caches are synced. */
  begin(): void {
    if (this.#leading) return;
    this.#leading = true;
    this.#unsubscribe = [
      this.#options.pods.onChange((key) => {
        this.#work.changed(key);
        this.#wake();
      }),
      this.#options.namespaces.onChange((name) => this.#namespaceChanged(name)),
    ];
  }

  /** Takes in what is new. Resolves when the work that it means is known, which is before it is done. */
  async observe(snapshot: AuditSnapshot): Promise<void> {
    if (!this.#leading) return;
    const before = this.#snapshot;
    this.#snapshot = snapshot;
    const exceptionsBefore = this.#excepting;
    const now = this.#options.now();
    this.#excepting = new Set(snapshot.set.exceptions.filter((one) => isInForce(one, now)));
    const epoch = this.#epoch;
    this.#planning = true;
    if (before === undefined || before.tick !== snapshot.tick) {
      this.#audits.begin();
      this.#options.judge.forget();
      await this.#eachPod((key) => this.#work.pass(key));
    } else {
      const concerned = [...changedPolicies(before.set, snapshot.set)];
      if (before.clock !== snapshot.clock) concerned.push(...snapshot.set.audited.filter(changesWithTime));
      // Those that came, went, changed or, by time alone, expired.
      const excepting = changedExceptions(exceptionsBefore, this.#excepting);
      if (concerned.length > 0 || excepting.length > 0) {
        await this.concern((pod) => {
          const subject = podSubject(pod, this.#options.namespaces.get(pod.namespace));
          return (
            concerned.some((policy) => policy.matchesSubject(subject)) ||
            excepting.some((exception) => mayConcern(exception, subject))
          );
        });
      }
    }
    if (this.#epoch !== epoch) return;
    this.#planning = false;
    this.#wake();
  }

  /** Looks again at the pods that something from elsewhere is about. */
  async concern(about: (pod: PodRecord) => boolean): Promise<void> {
    if (!this.#leading) return;
    this.#options.judge.forget();
    await this.#eachPod((key, pod) => {
      if (about(pod)) this.#work.concerned(key);
    });
    this.#wake();
  }

  /** Stops auditing and forgets everything at once: this operator leads no longer. Resolves when nothing is under way. */
  async reset(): Promise<void> {
    this.#leading = false;
    this.#planning = false;
    this.#epoch += 1;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#unsubscribe = [];
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#work.clear();
    this.#options.verdicts.clear();
    this.#patience.clear();
    this.#inHand.clear();
    this.#audits.reset();
    this.#options.tally.reset();
    this.#options.coverage.reset();
    this.#snapshot = undefined;
    this.#excepting = new Set();
    // The next term may begin before the last slice of this one has noticed.
    this.#handDone?.();
    await this.#draining;
  }

  /** Resolves when everything known to be due is done. */
  async settled(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining;
  }

  /** Every pod that audits look at. */
  #eachPod(visit: (key: string, pod: PodRecord) => void): Promise<void> {
    const epoch = this.#epoch;
    return inSlices(
      this.#options.pods.entries(),
      ([key, pod]) => {
        if (!pod.finished) visit(key, pod);
      },
      () => this.#epoch === epoch,
    );
  }

  #namespaceChanged(name: string): void {
    const prefix = `${name}/`;
    for (const key of this.#options.pods.keys()) if (key.startsWith(prefix)) this.#work.concerned(key);
    this.#wake();
  }

  #wake(): void {
    if (!this.#leading || this.#snapshot === undefined) return;
    this.#woken = true;
    // It may be waiting for evidence about other pods.
    this.#handDone?.();
    this.#draining ??= this.#drainAll()
      .catch((error: unknown) => void this.#options.log.error("the audit failed", { error: messageOf(error) }))
      .finally(() => {
        this.#draining = undefined;
        if (this.#woken) this.#wake();
      });
  }

  async #drainAll(): Promise<void> {
    while (this.#woken) {
      this.#woken = false;
      await this.#drain();
    }
  }

  async #drain(): Promise<void> {
    const epoch = this.#epoch;
    const ready = (key: string): boolean => !this.#inHand.has(key);
    while (this.#epoch === epoch) {
      const sliceEnd = performance.now() + SLICE_MS;
      let key: string | undefined;
      while (this.#inHand.size < this.#options.concurrency && performance.now() < sliceEnd) {
        key = this.#work.take(ready);
        if (key === undefined) break;
        this.#judgeOne(key);
      }
      this.#progress();
      if (key !== undefined) await turn();
      else if (this.#inHand.size > 0) await this.#handFree();
      else break;
    }
    if (this.#epoch === epoch) {
      await this.#complete(epoch);
      this.#options.onProgress();
    }
  }

  #handFree(): Promise<void> {
    return new Promise((resolve) => {
      this.#handDone = resolve;
    });
  }

  #judgeOne(key: string): void {
    const pod = this.#options.pods.get(key);
    const set = this.#snapshot?.set;
    if (pod === undefined || pod.finished || set === undefined) {
      this.#record(key, undefined);
      return;
    }
    const labels = this.#options.namespaces.get(pod.namespace);
    if (labels === undefined && this.#awaitsNamespace(key)) return;
    this.#audits.met(pod.content);
    try {
      const one = podCase(pod, labels, set);
      const gaps = this.#options.coverage.gapsOf(one);
      const judgement = this.#options.judge.judge(one);
      if (judgement instanceof Promise) void this.#judgeLater(key, pod, gaps, judgement);
      else this.#record(key, { pod, judgement, gaps });
    } catch (error) {
      this.#failed(key, error);
    }
  }

  /** Never rejects. */
  async #judgeLater(key: string, pod: PodRecord, gaps: Gaps, later: Promise<Judgement>): Promise<void> {
    const epoch = this.#epoch;
    this.#inHand.add(key);
    try {
      const judgement = await later;
      if (this.#epoch !== epoch) return;
      // What was judged may be gone or another pod by now; its own event has it judged again.
      if (this.#options.pods.get(key)?.uid === pod.uid) this.#record(key, { pod, judgement, gaps });
    } catch (error) {
      if (this.#epoch === epoch) this.#failed(key, error);
    } finally {
      if (this.#epoch === epoch) this.#inHand.delete(key);
      this.#handDone?.();
    }
  }

  /** The engine has a bug: what was known of the pod stays, and the next complete audit tries again. */
  #failed(key: string, error: unknown): void {
    this.#options.log.error("a pod could not be judged", { pod: key, error: messageOf(error) });
  }

  #awaitsNamespace(key: string): boolean {
    const time = performance.now();
    const since = this.#patience.get(key) ?? time;
    if (time - since > NAMESPACE_PATIENCE_MS) return false;
    this.#patience.set(key, since);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#work.changed(key);
      this.#wake();
    }, NAMESPACE_RETRY_MS);
    this.#timers.add(timer);
    return true;
  }

  #record(key: string, after: PodJudgement | undefined): void {
    if (this.#patience.size > 0) this.#patience.delete(key);
    const before = this.#options.verdicts.get(key);
    // Most pods are clean and stay so.
    const clean = before?.judgement === CLEAN && after?.judgement === CLEAN;
    if (clean && before.pod === after.pod && before.gaps === after.gaps) return;
    if (after === undefined) this.#options.verdicts.delete(key);
    else this.#options.verdicts.set(key, after);
    if (before !== undefined) this.#options.coverage.change(before.pod.namespace, before.gaps, -1);
    if (after !== undefined) this.#options.coverage.change(after.pod.namespace, after.gaps, 1);
    if (clean && before.pod.uid === after.pod.uid) return;
    if (before !== undefined) this.#options.tally.change(before.pod.namespace, before.judgement, -1);
    if (after !== undefined) this.#options.tally.change(after.pod.namespace, after.judgement, 1);
    this.#options.onVerdict({ podKey: key, before, after });
  }

  #progress(): void {
    const time = performance.now();
    if (time - this.#lastProgress < PROGRESS_MS) return;
    this.#lastProgress = time;
    this.#options.onProgress();
  }

  /** Nothing waits any more: a complete audit that was under way is over. */
  async #complete(epoch: number): Promise<void> {
    const snapshot = this.#snapshot;
    if (snapshot === undefined || this.#planning || this.#work.size() > 0) return;
    if (this.#audits.isUnderWay()) {
      await inSlices(
        this.#options.sweep(),
        () => undefined,
        () => this.#epoch === epoch,
      );
      // What came meanwhile is part of it.
      if (this.#epoch !== epoch || this.#planning || this.#work.size() > 0) return;
    }
    const report = this.#audits.complete(snapshot.set, this.#options.verdicts.size, this.#options.now());
    if (report !== undefined)
      this.#options.log.debug("a complete audit ended", { ...report, duration: Math.round(report.duration) });
  }
}

function changedExceptions(
  before: ReadonlySet<CompiledException>,
  after: ReadonlySet<CompiledException>,
): readonly CompiledException[] {
  return [...[...before].filter((one) => !after.has(one)), ...[...after].filter((one) => !before.has(one))];
}
