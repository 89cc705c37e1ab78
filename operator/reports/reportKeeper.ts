import {
  isDecided,
  type PodJudgement,
  type PodJudgements,
  type Pods,
  type VerdictChange,
} from "../audit/podJudgements.ts";
import type { KubeClient } from "../../kube/kubeClient.ts";
import { KubeError } from "../../kube/kubeError.ts";
import { isDefinitionAbsent } from "../../kube/definition.ts";
import { Reflector, type ReflectorTiming } from "../../kube/cache/reflector.ts";
import type { Leadership } from "../../kube/leaderElection/leadership.ts";
import type { Log } from "../../kube/log.ts";
import { isSameVersion } from "../../kube/object.ts";
import { WorkQueue } from "../../kube/workQueue/workQueue.ts";
import { MANAGED_BY_LABEL, MANAGER } from "../cluster/managedBy.ts";
import { RefusedWrites } from "../violations/refusedWrites.ts";
import { createVerdictHashes } from "../violations/verdictHashes.ts";
import { createViolationApi, type ViolationApi } from "../violations/violationApi.ts";
import { reportBody, reportHash, reportName, REPORTS } from "./reportBody.ts";
import { projectReport, type ReportRecord } from "./reportRecord.ts";

export interface ReportKeeperOptions {
  readonly client: KubeClient;
  /** From the watch. */
  readonly pods: Pods;
  readonly verdicts: PodJudgements;
  /** Reports at most; of pods beyond that there are Violations alone. */
  readonly limit: number;
  readonly leadership: Leadership;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Log;
  readonly onAlive?: (now: number) => void;
  readonly timing?: Partial<ReflectorTiming>;
  /** Milliseconds; for tests. */
  readonly backoffBase?: number;
}

const DEFINITION = "reports.openreports.io";

/**
 * Keeps a Report of OpenReports for each pod that violates something, from the verdicts that Violations come from.
 * Where the type is not there nothing is written; when it appears, all that is known is.
 */
export class ReportKeeper {
  readonly #options: ReportKeeperOptions;
  readonly #watch: Reflector<ReportRecord>;
  readonly #api: ViolationApi;
  readonly #queue: WorkQueue;
  readonly #hashes = createVerdictHashes();
  readonly #refused: RefusedWrites;
  /** By Report key (`namespace/name`), the pod's key. */
  readonly #wanted = new Map<string, string>();
  /** What was written last, should the API server give back something else: an older CRD prunes fields. */
  readonly #written = new Map<string, { readonly hash: string; readonly resourceVersion: string }>();
  #leading = false;
  #there = false;
  #full = false;

  constructor(options: ReportKeeperOptions) {
    this.#options = options;
    const { client, leadership, log, onAlive, timing, backoffBase } = options;
    this.#api = createViolationApi(client, leadership, REPORTS);
    this.#refused = new RefusedWrites(log, "Report");
    this.#watch = new Reflector<ReportRecord>({
      resource: DEFINITION,
      client,
      path: `${REPORTS.api}/${REPORTS.resource}`,
      labelSelector: `${MANAGED_BY_LABEL}=${MANAGER}`,
      project: projectReport,
      same: isSameVersion,
      absent: (signal) => isDefinitionAbsent(client, DEFINITION, signal),
      log,
      ...(onAlive === undefined ? {} : { onAlive }),
      ...(timing === undefined ? {} : { timing }),
    });
    this.#watch.onChange((key, _before, after) => {
      if (after === undefined) this.#written.delete(key);
      this.#check(key);
    });
    this.#watch.onPing(() => this.#seen());
    this.#queue = new WorkQueue({
      name: "writing a Report",
      concurrency: 4,
      process: (key, signal) => this.#reconcile(key, signal),
      log,
      ...(backoffBase === undefined ? {} : { backoffBase }),
    });
  }

  start(): void {
    this.#watch.start();
  }

  /** A pod was judged, or is judged no longer; `verdicts` has changed already. */
  apply({ podKey, before, after }: VerdictChange): void {
    const [old, wanted] = [before && keyOf(before), after && after.judgement.length > 0 ? keyOf(after) : undefined];
    if (old !== undefined && old !== wanted && this.#wanted.delete(old)) this.#check(old);
    if (wanted === undefined) return;
    if (!this.#wanted.has(wanted)) {
      if (this.#wanted.size >= this.#options.limit) {
        if (!this.#full) this.#options.log.warn("there are more pods to report than --max-violations", {});
        this.#full = true;
        return;
      }
      this.#wanted.set(wanted, podKey);
    }
    this.#check(wanted);
  }

  /** Begins to write: this operator leads. */
  begin(): void {
    if (this.#leading) return;
    this.#leading = true;
    this.#checkAll();
  }

  /** Looks at every Report, one a step: for what happened while no operator was there, and for those that had no room. */
  *sweep(): Generator<void, void> {
    this.#refused.clear();
    for (const key of this.#watch.store.keys()) yield this.#check(key);
    if (!this.#full) return;
    this.#full = false;
    for (const [podKey, after] of this.#options.verdicts) yield this.apply({ podKey, before: undefined, after });
  }

  /** Resolves when everything is written that was to be written. */
  settled(): Promise<void> {
    return this.#queue.settled();
  }

  /** Writes no more: this operator leads no longer. */
  reset(): void {
    this.#leading = false;
    this.#full = false;
    this.#queue.clear();
    this.#wanted.clear();
    this.#written.clear();
    this.#refused.clear();
  }

  async close(): Promise<void> {
    await Promise.all([this.#queue.close(), this.#watch.stop()]);
  }

  /** The type may have appeared. */
  #seen(): void {
    const there = this.#watch.synced() && !this.#watch.absent();
    const appeared = there && !this.#there;
    this.#there = there;
    if (appeared) this.#checkAll();
  }

  #checkAll(): void {
    for (const key of new Set([...this.#wanted.keys(), ...this.#watch.store.keys()])) this.#check(key);
  }

  #check(key: string): void {
    if (this.#leading && this.#there && !this.#isRight(key, this.#desired(key)?.hash)) this.#queue.add(key);
  }

  /** The verdict that is to be told under the key, and the hash of its Report. */
  #desired(key: string): { readonly verdict: PodJudgement; readonly hash: string } | undefined {
    const verdict = this.#options.verdicts.get(this.#wanted.get(key) ?? "");
    if (verdict === undefined || keyOf(verdict) !== key) return undefined;
    const hash = this.#hashes(verdict, "", () => {
      const body = reportBody(verdict, this.#options.now());
      return body === undefined ? NO_REPORT : reportHash(body);
    });
    return hash === NO_REPORT ? undefined : { verdict, hash };
  }

  /** @param hash of what is desired; undefined: nothing is. */
  #isRight(key: string, hash: string | undefined): boolean {
    const actual = this.#watch.store.get(key);
    if (hash === undefined)
      return actual === undefined || !isDecided(actual, this.#options.pods, this.#options.verdicts);
    if (this.#refused.has(key, () => hash)) return true;
    const written = this.#written.get(key);
    return (
      actual !== undefined &&
      (actual.hash === hash || (written?.hash === hash && written.resourceVersion === actual.resourceVersion))
    );
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<void> {
    const desired = this.#desired(key);
    const actual = this.#watch.store.get(key);
    if (!this.#there || this.#isRight(key, desired?.hash)) return;
    const body = desired === undefined ? undefined : reportBody(desired.verdict, this.#options.now());
    if (desired === undefined || body === undefined) {
      if (actual === undefined) return;
      const removed = await this.#api.remove(key, actual, signal);
      if (removed.status === "stale") throw new Error("it is another one by now");
      this.#watch.store.delete(key);
      return;
    }
    const { hash } = desired;
    try {
      const written = await (actual === undefined
        ? this.#api.create(body, signal)
        : this.#api.replace(key, body, actual, signal));
      const stored = written.status === "done" ? written.body : await this.#api.read(key, signal);
      if (stored === undefined) {
        if (actual !== undefined) this.#watch.store.delete(key);
        throw new Error("it is gone by now");
      }
      const record = projectReport(stored);
      if (written.status === "done" && record.hash !== hash)
        this.#written.set(key, { hash, resourceVersion: record.resourceVersion });
      this.#watch.store.learn(key, record, record.resourceVersion);
      this.#check(key);
    } catch (error) {
      if (!(error instanceof KubeError) || error.refusal === undefined) throw error;
      this.#refused.add(key, hash, error);
    }
  }
}

/** In place of a hash: all that was found is settled. */
const NO_REPORT = "";

const keyOf = ({ pod }: PodJudgement): string => `${pod.namespace}/${reportName(pod)}`;
