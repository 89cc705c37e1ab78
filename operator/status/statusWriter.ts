import type { ExceptionStatus, PolicyStatus } from "../../crds/types.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { CompiledException } from "../../policy/exceptions/compiledException.ts";
import { canonicalJson } from "../../policy/compile/canonicalJson.ts";
import { expectStatus, getObject, MERGE_PATCH } from "../../kube/expectStatus.ts";
import type { KubeClient } from "../../kube/kubeClient.ts";
import { NotLeadingError, WRITE_TIMEOUT, type Leadership } from "../../kube/leaderElection/leadership.ts";
import type { Log } from "../../kube/log.ts";
import { projectException, projectPolicy, type ExceptionRecord, type PolicyRecord } from "../policies/policies.ts";
import type { GuardState } from "../../webhook/guard/guardState.ts";
import type { Store } from "../../kube/cache/store.ts";
import { conditionChange } from "./condition.ts";
import type { Layer } from "../admissionPolicies/layer.ts";
import { WorkQueue } from "../../kube/workQueue/workQueue.ts";
import { exceptionStatus, expiryNews } from "./exceptionStatus.ts";
import {
  authorityStatuses,
  literalFingerprints,
  policyStatus,
  trustChange,
  type Fingerprints,
  type PolicyCounts,
  type TrustChange,
} from "./policyStatus.ts";

export interface StatusWriterOptions {
  readonly client: KubeClient;
  readonly policies: Store<PolicyRecord>;
  readonly exceptions: Store<ExceptionRecord>;
  /** The policy as it is in force; undefined while it is not compiled. */
  readonly compiled: (name: string) => CompiledPolicy | undefined;
  readonly counts: (policy: CompiledPolicy) => PolicyCounts;
  /** Absent: what policies say themselves. */
  readonly fingerprints?: Fingerprints;
  readonly leadership: Leadership;
  /** The exception as it is compiled; undefined while it is not. */
  readonly exception: (name: string) => CompiledException | undefined;
  /** Pods with findings that it silences; undefined: not known yet. */
  readonly silencedBy: (exception: CompiledException) => number | undefined;
  /** An exception has come to its last days. */
  readonly onExpiring: (exception: ExceptionRecord, message: string) => void;
  /** Who is trusted now is told; `lost`: somebody is trusted no longer. */
  readonly onTrustChanged: (policy: PolicyRecord, change: TrustChange) => void;
  /** The policy has become ready or is no longer, or is not for another reason than before. */
  readonly onReadyChanged: (policy: PolicyRecord, ready: boolean, message: string) => void;
  /** Whether admission asks the webhook; absent: nobody looks. */
  readonly guard?: () => GuardState;
  /** How a policy stands in the API server itself; absent: nobody keeps it there. */
  readonly layer?: (policy: string) => Layer;
  readonly onEnforcedChanged: (policy: PolicyRecord, enforced: boolean, message: string) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Log;
  /** Milliseconds between two writes of one status; default 1,000. */
  readonly rest?: number;
}

const API = "/apis/imagesecurity.dev/v1";

/** Writes the statuses of policies and exceptions, each only when it changed, and none more than once a second. */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #queue: WorkQueue;
  readonly #unsubscribe: readonly (() => void)[];
  #leading = false;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#queue = new WorkQueue({
      name: "writing a status",
      concurrency: 4,
      process: (key, signal) => this.#write(key, signal),
      log: options.log,
      rest: options.rest ?? 1_000,
    });
    this.#unsubscribe = [
      options.policies.onChange((key, before, after) => {
        this.#add("policy", key, after);
        // Exceptions say which of the policies that they name there are.
        if (before === undefined || after === undefined) this.#addExceptions();
      }),
      options.exceptions.onChange((key, _before, after) => this.#add("exception", key, after)),
    ];
  }

  /** Begins to write: this operator leads. */
  begin(): void {
    this.#leading = true;
    this.refresh();
  }

  /** Has every status looked at: counts or keys may have changed. */
  refresh(): void {
    if (!this.#leading) return;
    for (const [key, record] of this.#options.policies.entries()) this.#add("policy", key, record);
    this.#addExceptions();
  }

  /** What is on its way was begun in time; its answer is waited for, so that it is told of. */
  reset(): void {
    this.#leading = false;
    this.#queue.forget();
  }

  settled(): Promise<void> {
    return this.#queue.settled();
  }

  /** What is being written is written, so that it is told of; the rest is for whoever leads next. */
  async close(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await this.#queue.close({ patience: WRITE_TIMEOUT });
  }

  #add(kind: "policy" | "exception", key: string, after: unknown): void {
    if (this.#leading && after !== undefined) this.#queue.add(`${kind}/${key}`);
  }

  #addExceptions(): void {
    for (const [key, record] of this.#options.exceptions.entries()) this.#add("exception", key, record);
  }

  async #write(key: string, signal: AbortSignal): Promise<void> {
    const [kind, name = ""] = key.split("/");
    if (kind === "policy") await this.#writePolicy(name, signal);
    else await this.#writeException(name, signal);
  }

  async #writePolicy(name: string, signal: AbortSignal): Promise<void> {
    const { policies, compiled, counts, fingerprints = literalFingerprints, now } = this.#options;
    const {
      guard = () => ({ status: "unknown" }),
      layer = () => "off",
      onTrustChanged,
      onReadyChanged,
      onEnforcedChanged,
    } = this.#options;
    const record = policies.get(name);
    const policy = compiled(name);
    // One that is not compiled yet, or in an older version, is looked at again when it is.
    if (record === undefined || policy === undefined) return;
    if (policy.uid !== record.uid || policy.generation !== record.generation) return;
    const before: PolicyStatus = record.policy.status ?? {};
    const sources = { fingerprints, guard: guard(), layer: layer(name) };
    const wanted = policyStatus(policy, counts(policy), before, now(), sources);
    if (isSame(wanted, before)) return;
    const path = `${API}/imagesecuritypolicies/${name}`;
    const stored = await this.#patch(path, record.resourceVersion, wanted, signal);
    takeOver(policies, name, record, stored === undefined ? undefined : projectPolicy(stored.body));
    if (stored?.written !== true) throw new Error("the policy changed meanwhile");
    const trust = trustChange(before, authorityStatuses(policy, before, fingerprints));
    if (trust !== undefined) onTrustChanged(record, trust);
    const ready = conditionChange("Ready", before.conditions ?? [], wanted.conditions ?? []);
    if (ready !== undefined) onReadyChanged(record, ready.status === "True", ready.message);
    const enforced = conditionChange("Enforced", before.conditions ?? [], wanted.conditions ?? []);
    if (enforced !== undefined) onEnforcedChanged(record, enforced.status === "True", enforced.message);
  }

  async #writeException(name: string, signal: AbortSignal): Promise<void> {
    const { policies, exceptions, silencedBy, now, onExpiring } = this.#options;
    const record = exceptions.get(name);
    const exception = this.#options.exception(name);
    if (record === undefined || exception === undefined) return;
    if (exception.uid !== record.uid || exception.generation !== record.generation) return;
    const before: ExceptionStatus = record.exception.status ?? {};
    const isPolicy = (policy: string): boolean => policies.get(policy) !== undefined;
    const wanted = exceptionStatus(exception, silencedBy(exception), before, now(), isPolicy);
    if (isSame(wanted, before)) return;
    const path = `${API}/imagesecurityexceptions/${name}`;
    const stored = await this.#patch(path, record.resourceVersion, wanted, signal);
    takeOver(exceptions, name, record, stored === undefined ? undefined : projectException(stored.body));
    if (stored?.written !== true) throw new Error("the exception changed meanwhile");
    const news = expiryNews(exception, before, wanted);
    if (news !== undefined) onExpiring(record, news);
  }

  /**
   * Patches a status on the version that it is based on. Gives the object as it stands now, and whether it was written; undefined where
   * the object is gone.
   */
  async #patch(
    path: string,
    resourceVersion: string,
    status: object,
    signal: AbortSignal,
  ): Promise<{ readonly body: unknown; readonly written: boolean } | undefined> {
    const { client, leadership } = this.#options;
    if (!leadership.mayWrite()) throw new NotLeadingError();
    const response = await expectStatus(client, [200, 404, 409], "PATCH", `${path}/status`, {
      body: { metadata: { resourceVersion }, status },
      contentType: MERGE_PATCH,
      signal,
      timeout: WRITE_TIMEOUT,
    });
    if (response.status === 200) return { body: response.body, written: true };
    const body = await getObject(client, path, { signal, timeout: WRITE_TIMEOUT });
    return body === undefined ? undefined : { body, written: false };
  }
}

/** Has the store know what stands where `before` stood; undefined: it is gone, and another may stand in its place. */
const takeOver = <T extends { readonly uid: string; readonly resourceVersion: string }>(
  store: Store<T>,
  name: string,
  before: T,
  after: T | undefined,
): void => {
  if (after !== undefined) store.learn(name, after, after.resourceVersion);
  else if (store.get(name)?.uid === before.uid) store.delete(name);
};

/** Whether a status has all that is wanted of it, and nothing that is to be taken away. */
const isSame = (wanted: object, before: object): boolean =>
  Object.entries(wanted).every(([name, value]: [string, unknown]) => {
    const old = (before as Readonly<Record<string, unknown>>)[name];
    return value === null ? old === undefined : old !== undefined && canonicalJson(value) === canonicalJson(old);
  });
