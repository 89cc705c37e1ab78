import type { Violation } from "../../crds/types.ts";
import type { Judgement, PolicyJudgement } from "../audit/judgement.ts";
import { isDecided, type PodJudgement, type PodJudgements, type Pods } from "../audit/podJudgements.ts";
import type { KubeClient } from "../../kube/kubeClient.ts";
import { KubeError } from "../../kube/kubeError.ts";
import { WRITE_TIMEOUT, type Leadership } from "../../kube/leaderElection/leadership.ts";
import type { Log } from "../../kube/log.ts";
import type { PodRecord } from "../cluster/pods.ts";
import type { Store } from "../../kube/cache/store.ts";
import { WorkQueue } from "../../kube/workQueue/workQueue.ts";
import { emptyQuota, hasRoom, type PolicyQuota } from "./quota.ts";
import { RefusedWrites } from "./refusedWrites.ts";
import { createViolationApi, type ViolationApi, type WriteResult } from "./violationApi.ts";
import { contentHash, violationBody } from "./violationBody.ts";
import { createVerdictHashes } from "./verdictHashes.ts";
import { violationName } from "./violationName.ts";
import { projectViolation, type ViolationRecord } from "./violationRecord.ts";

export interface ViolationKeeperOptions {
  readonly client: KubeClient;
  /** The Violations of the cluster, from the watch. */
  readonly store: Store<ViolationRecord>;
  /** From the watch. */
  readonly pods: Pods;
  readonly verdicts: PodJudgements;
  /** Stored Violations of one policy. */
  readonly limit: number;
  readonly leadership: Leadership;
  /** Told once for every Violation that was made. */
  readonly onCreated: (pod: PodRecord, judgement: PolicyJudgement) => void;
  readonly log: Log;
  readonly concurrency?: number;
  /** Milliseconds; for tests. */
  readonly backoffBase?: number;
}

/** What is to be stored under a key. */
interface Desired {
  readonly verdict: PodJudgement;
  readonly judgement: PolicyJudgement;
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Keeps the cluster's Violations equal to what the audit found: makes, changes and deletes them, each only when it differs, and a bounded
 * number for each policy. Never in the audit's way: it writes from a queue, and looks at the newest state when it does.
 */
export class ViolationKeeper {
  readonly #options: ViolationKeeperOptions;
  readonly #api: ViolationApi;
  readonly #queue: WorkQueue;
  /** What is to be stored: by Violation key (`namespace/name`), whose it is. */
  readonly #wanted = new Map<string, { readonly podKey: string; readonly policy: string }>();
  readonly #quotas = new Map<string, PolicyQuota>();
  /** The cluster's Violations by pod key, so that a pod's change looks only at its own. */
  readonly #byPod = new Map<string, Set<string>>();
  /** What was written last, should the API server give back something else than it was given: it is not written for ever. */
  readonly #written = new Map<string, { readonly hash: string; readonly resourceVersion: string }>();
  readonly #hashes = createVerdictHashes();
  readonly #refused: RefusedWrites;
  readonly #unsubscribe: () => void;
  #leading = false;

  constructor(options: ViolationKeeperOptions) {
    this.#options = options;
    this.#api = createViolationApi(options.client, options.leadership);
    this.#refused = new RefusedWrites(options.log);
    this.#queue = new WorkQueue({
      name: "writing a Violation",
      concurrency: options.concurrency ?? 8,
      process: (key, signal) => this.#reconcile(key, signal),
      log: options.log,
      ...(options.backoffBase === undefined ? {} : { backoffBase: options.backoffBase }),
    });
    for (const [key, record] of options.store.entries()) this.#observed(key, undefined, record);
    this.#unsubscribe = options.store.onChange((key, before, after) => this.#observed(key, before, after));
  }

  /** A pod was judged (`after`), or is judged no longer (undefined). `before` is what held until now; `verdicts` has changed already. */
  apply(podKey: string, before: PodJudgement | undefined, after: PodJudgement | undefined): void {
    const kept = new Set<string>();
    if (after !== undefined) for (const one of after.judgement) kept.add(this.#want(podKey, after.pod, one));
    if (before !== undefined) {
      for (const one of before.judgement) {
        const key = keyOf(before.pod, one);
        // A pod that was made anew under its name may go on waiting under its new uid.
        const stays = after?.judgement.some(({ policy }) => policy === one.policy) === true;
        if (!kept.has(key)) this.#unwant(podKey, key, one.policy, stays);
      }
    }
    for (const key of this.#byPod.get(podKey) ?? NONE) if (!kept.has(key)) this.check(key);
  }

  /** Begins to write: this operator leads. */
  begin(): void {
    this.#leading = true;
  }

  /** Looks at every Violation of the cluster, one a step: for what happened while no operator was there. */
  *sweep(): Generator<void, void> {
    // A CRD may have changed meanwhile: once in a sweep is seldom enough to ask again.
    this.#refused.clear();
    for (const key of this.#options.store.keys()) yield this.check(key);
  }

  /** Looks whether a Violation of the cluster is still right, and has it put right where it is not. */
  check(key: string): void {
    if (!this.#leading) return;
    const record = this.#options.store.get(key);
    const desired = this.#desired(key);
    if (record === undefined) {
      if (desired !== undefined && !this.#refused.has(key, () => this.#hashOf(desired))) this.#queue.add(key);
    } else if (desired === undefined) {
      if (this.#isDecided(record)) this.#queue.add(key);
    } else {
      const hash = this.#hashOf(desired);
      if (!this.#isRight(key, record, hash) && !this.#refused.has(key, () => hash)) this.#queue.add(key);
    }
  }

  /** How many of a policy's violations are counted but not stored. */
  notStored(policy: string): number {
    return this.#quotas.get(policy)?.waiting.size ?? 0;
  }

  /** Resolves when everything is written that was to be written. */
  settled(): Promise<void> {
    return this.#queue.settled();
  }

  pending(): number {
    return this.#queue.size();
  }

  /**
   * Forgets what is wanted, and writes no more of it: this operator leads no longer. What is on its way was begun in time and arrives in time
   * (`WRITE_TIMEOUT`); its answer is waited for, so that what it made is told of.
   */
  reset(): void {
    this.#leading = false;
    this.#queue.forget();
    this.#wanted.clear();
    this.#written.clear();
    this.#refused.clear();
    for (const quota of this.#quotas.values()) {
      quota.stored.clear();
      quota.waiting.clear();
    }
    for (const [key, { policy }] of this.#options.store.entries()) this.#quota(policy).extra.add(key);
  }

  /** What is being written is written, so that it is told of; the rest is for whoever leads next. */
  async close(): Promise<void> {
    this.#unsubscribe();
    await this.#queue.close({ patience: WRITE_TIMEOUT });
  }

  #want(podKey: string, pod: PodRecord, judgement: PolicyJudgement): string {
    const key = keyOf(pod, judgement);
    const quota = this.#quota(judgement.policy);
    if (!quota.stored.has(key)) {
      if (!hasRoom(quota, key, this.#options.limit)) {
        quota.waiting.add(podKey);
        this.check(key);
        return key;
      }
      quota.waiting.delete(podKey);
      quota.extra.delete(key);
      quota.stored.add(key);
      this.#wanted.set(key, { podKey, policy: judgement.policy });
    }
    this.check(key);
    return key;
  }

  #unwant(podKey: string, key: string, policy: string, stays: boolean): void {
    const quota = this.#quota(policy);
    if (quota.stored.delete(key)) {
      this.#wanted.delete(key);
      this.#refused.forget(key);
      if (this.#options.store.get(key) !== undefined) quota.extra.add(key);
      // Also what is not in the cache yet: it may be on its way.
      this.#queue.add(key);
      this.#promote(policy, quota);
    }
    if (!stays) quota.waiting.delete(podKey);
    if (quota.stored.size + quota.waiting.size + quota.extra.size === 0) this.#quotas.delete(policy);
  }

  /** Gives the room that came free to those that wait. */
  #promote(policy: string, quota: PolicyQuota): void {
    for (const podKey of quota.waiting) {
      if (quota.stored.size + quota.extra.size >= this.#options.limit) return;
      quota.waiting.delete(podKey);
      const verdict = this.#options.verdicts.get(podKey);
      const judgement = verdict?.judgement.find((one) => one.policy === policy);
      if (verdict !== undefined && judgement !== undefined) this.#want(podKey, verdict.pod, judgement);
    }
  }

  /** The watch, or a write of ours, has brought news of a Violation. */
  #observed(key: string, before: ViolationRecord | undefined, after: ViolationRecord | undefined): void {
    if (before !== undefined) {
      const keys = this.#byPod.get(before.pod);
      keys?.delete(key);
      if (keys?.size === 0) this.#byPod.delete(before.pod);
      this.#quotas.get(before.policy)?.extra.delete(key);
    }
    if (after !== undefined) {
      const keys = this.#byPod.get(after.pod);
      if (keys === undefined) this.#byPod.set(after.pod, new Set([key]));
      else keys.add(key);
      if (!this.#wanted.has(key)) this.#quota(after.policy).extra.add(key);
    } else {
      this.#written.delete(key);
    }
    this.check(key);
    const quota = before === undefined ? undefined : this.#quotas.get(before.policy);
    if (before !== undefined && after === undefined && quota !== undefined) this.#promote(before.policy, quota);
  }

  #quota(policy: string): PolicyQuota {
    let quota = this.#quotas.get(policy);
    if (quota === undefined) this.#quotas.set(policy, (quota = emptyQuota()));
    return quota;
  }

  #desired(key: string): Desired | undefined {
    const wanted = this.#wanted.get(key);
    const verdict = wanted === undefined ? undefined : this.#options.verdicts.get(wanted.podKey);
    const judgement = verdict?.judgement.find((one) => one.policy === wanted?.policy);
    if (verdict === undefined || judgement === undefined || keyOf(verdict.pod, judgement) !== key) return undefined;
    return { verdict, judgement };
  }

  #hashOf({ verdict, judgement }: Desired, body?: Violation): string {
    return this.#hashes(verdict, judgement.policy, () => contentHash(body ?? violationBody(verdict.pod, judgement)));
  }

  #isDecided(record: ViolationRecord): boolean {
    return isDecided(record, this.#options.pods, this.#options.verdicts);
  }

  #isRight(key: string, record: ViolationRecord, hash: string): boolean {
    if (record.hash === hash) return true;
    const written = this.#written.get(key);
    return written !== undefined && written.hash === hash && written.resourceVersion === record.resourceVersion;
  }

  /** Makes one Violation what it should be now. */
  async #reconcile(key: string, signal: AbortSignal): Promise<void> {
    const desired = this.#desired(key);
    const actual = this.#options.store.get(key);
    if (desired === undefined) {
      if (actual === undefined || !this.#isDecided(actual)) return;
      const removed = await this.#api.remove(key, actual, signal);
      if (removed.status === "done") this.#gone(key, actual);
      else await this.#refresh(key, signal);
      return;
    }
    const { judgement, verdict } = desired;
    const body = violationBody(verdict.pod, judgement);
    const hash = this.#hashOf(desired, body);
    if (actual !== undefined && this.#isRight(key, actual, hash)) return;
    if (this.#refused.has(key, () => hash)) return;
    let written: WriteResult;
    try {
      written = await (actual === undefined
        ? this.#api.create(body, signal)
        : this.#api.replace(key, body, actual, signal));
    } catch (error) {
      if (!(error instanceof KubeError) || error.refusal === undefined) throw error;
      this.#refused.add(key, hash, error);
      return;
    }
    this.#refused.forget(key);
    if (written.status === "stale") {
      await this.#refresh(key, signal);
      return;
    }
    this.#store(key, written.body, hash);
    if (actual === undefined) this.#options.onCreated(verdict.pod, judgement);
  }

  /** The cache was behind: reads the Violation, and has it looked at once more. */
  async #refresh(key: string, signal: AbortSignal): Promise<void> {
    const known = this.#options.store.get(key);
    const body = await this.#api.read(key, signal);
    if (body === undefined) this.#gone(key, known);
    else this.#store(key, body);
    // Deleted a moment ago, or a watch that has lost its place: with a pause, so that neither is asked about in a tight loop.
    if (body !== undefined && this.#options.store.get(key) === undefined)
      throw new Error("the watch says that it is gone");
    this.check(key);
  }

  #store(key: string, body: unknown, hash?: string): void {
    const record = projectViolation(body);
    if (hash !== undefined && record.hash !== hash) {
      this.#options.log.error("the API server changed a Violation as it was written", { key });
      this.#written.set(key, { hash, resourceVersion: record.resourceVersion });
    }
    this.#options.store.learn(key, record, record.resourceVersion);
  }

  /** The Violation that was known is no more. Meanwhile another may stand in its place. */
  #gone(key: string, known: ViolationRecord | undefined): void {
    if (this.#options.store.get(key)?.uid === known?.uid) this.#options.store.delete(key);
  }
}

const keyOf = (pod: PodRecord, { policy, policyUid }: Pick<Judgement[number], "policy" | "policyUid">): string =>
  `${pod.namespace}/${violationName({ pod: pod.name, podUid: pod.uid, policy, policyUid })}`;
