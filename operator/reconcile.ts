import type { Review } from "../engine/review.ts";
import { Auditor } from "./audit/auditor.ts";
import type { AuditReport } from "./audit/completeAudits.ts";
import { createJudge } from "./audit/judge.ts";
import { createCoverage, type Coverage } from "./audit/coverage.ts";
import { createTally, type ViolationCounts } from "./audit/violationCounts.ts";
import type { PolicyJudgement } from "./audit/judgement.ts";
import type { PodJudgement, VerdictChange } from "./audit/podJudgements.ts";
import type { Caches } from "./cluster/caches.ts";
import { createEventRecorder, type ObjectReference } from "../kube/record/eventRecorder.ts";
import type { Snapshot } from "./graph.ts";
import type { KubeClient } from "../kube/kubeClient.ts";
import { messageOf } from "../kube/kubeError.ts";
import type { Leadership } from "../kube/leaderElection/leadership.ts";
import type { Log } from "../kube/log.ts";
import { byName } from "./policies/byName.ts";
import { annotationKeys, type PolicySet } from "./policies/policySet.ts";
import type { PodRecord } from "./cluster/pods.ts";
import type { PolicyRecord } from "./policies/policies.ts";
import { selectedLabels } from "./policies/selectedLabels.ts";
import type { Settings } from "./settings/settings.ts";
import type { GuardState } from "../webhook/guard/guardState.ts";
import type { EventReason } from "./status/eventReasons.ts";
import type { Fingerprints } from "./status/policyStatus.ts";
import type { Layer } from "./admissionPolicies/layer.ts";
import { ReportKeeper } from "./reports/reportKeeper.ts";
import { StatusWriter } from "./status/statusWriter.ts";
import { ViolationKeeper } from "./violations/violationKeeper.ts";
import { within } from "../async/signals.ts";

export interface ReconcilerOptions {
  readonly client: KubeClient;
  readonly caches: Caches;
  readonly review: Review;
  /** The newest compiled set. */
  readonly policies: () => PolicySet | undefined;
  /** Absent: what policies say themselves. */
  readonly fingerprints?: Fingerprints;
  /** Whether admission asks the webhook, as it was seen last; absent: nobody looks. */
  readonly guard?: () => GuardState;
  /** How a policy stands in the API server itself; absent: nobody keeps it there. */
  readonly layer?: (policy: string) => Layer;
  readonly leadership: Leadership;
  /** Resolves when the evidence that is kept in caches is known; audits wait a few seconds for it. */
  readonly prepared: () => Promise<void>;
  /** Told of every verdict that changed; leads to `keepViolations`. */
  readonly onVerdict: (change: VerdictChange) => void;
  /** Told when totals may have changed; leads to `refreshStatuses`. */
  readonly onProgress: () => void;
  /** A watch gave a sign of life. */
  readonly onAlive: (resource: string, now: number) => void;
  readonly settings: Pick<Settings, "maxViolations" | "auditConcurrency" | "openReports">;
  /** Namespaces that admission leaves out. */
  readonly leftOut: ReadonlySet<string>;
  /** The name of this operator among others. */
  readonly instance: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Log;
}

/** Everything that only the leader does: audits, Violations, statuses, Events. */
export interface Reconciler {
  /** Works on a snapshot: begins to lead with the first one that says so. Resolves when its work is known, not done. */
  readonly observe: (snapshot: Snapshot) => Promise<void>;
  /** Ends leading, at once. Resolves when nothing is under way any more. */
  readonly reset: () => Promise<void>;
  /** Has every status looked at: what they say may have changed. */
  readonly refreshStatuses: () => void;
  /** Has the Violations of a pod follow its verdict. */
  readonly keepViolations: (change: VerdictChange) => void;
  /** Has the Report of a pod follow it, where Reports are wanted. */
  readonly keepReports: (change: VerdictChange) => void;
  /** Pods that evidence from elsewhere is about are judged again. */
  readonly concern: (about: (pod: PodRecord) => boolean) => void;
  readonly tally: ViolationCounts;
  readonly coverage: Coverage;
  readonly report: () => AuditReport | undefined;
  readonly stop: () => Promise<void>;
}

/** Milliseconds that a stop waits for what is being written and for the Events of it, each of which has a bound of its own. */
const STOP_PATIENCE_MS = 8_000;
/** Milliseconds that an audit waits for evidence to be listed for the first time. */
const PREPARATION_MS = 5_000;

export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { client, caches, leadership, settings, now, log } = options;
  const tally = createTally();
  const coverage = createCoverage(options.leftOut);
  const events = createEventRecorder<EventReason>({
    client,
    component: "image-security",
    instance: options.instance,
    now,
    log,
  });
  const verdicts = new Map<string, PodJudgement>();
  const keeper = new ViolationKeeper({
    client,
    store: caches.violations.store,
    pods: caches.pods.store,
    verdicts,
    limit: settings.maxViolations,
    leadership,
    onCreated: (pod, judgement) => events.record({ involved: podOf(pod), ...violationNote(judgement) }),
    log,
  });
  const reports = !settings.openReports
    ? undefined
    : new ReportKeeper({
        client,
        pods: caches.pods.store,
        verdicts,
        limit: settings.maxViolations,
        leadership,
        now,
        log,
        onAlive: (at) => options.onAlive("reports", at),
      });
  reports?.start();
  const auditor = new Auditor({
    pods: caches.pods.store,
    namespaces: caches.namespaces.store,
    judge: createJudge({ review: options.review, now }),
    tally,
    coverage,
    verdicts,
    onVerdict: options.onVerdict,
    *sweep() {
      yield* keeper.sweep();
      if (reports !== undefined) yield* reports.sweep();
    },
    concurrency: settings.auditConcurrency,
    onProgress: options.onProgress,
    now,
    log,
  });
  const statuses = new StatusWriter({
    client,
    policies: caches.policies.store,
    exceptions: caches.exceptions.store,
    compiled: byName(options.policies, ({ policies }) => policies),
    counts: (policy) => ({
      ...tally.totals(policy.name),
      notStored: keeper.notStored(policy.name),
      auditedAt: auditor.auditedAt(policy),
    }),
    ...(options.fingerprints && { fingerprints: options.fingerprints }),
    ...(options.guard && { guard: options.guard }),
    ...(options.layer && { layer: options.layer }),
    exception: byName(options.policies, ({ exceptions }) => exceptions),
    silencedBy: (exception) => auditor.silencedBy(exception),
    onExpiring: ({ name, uid }, message) =>
      events.record({
        involved: customResource("ImageSecurityException", name, uid),
        type: "Warning",
        reason: "ExceptionExpiring",
        message,
      }),
    leadership,
    onTrustChanged: (policy, { message, lost }) =>
      events.record({ involved: policyOf(policy), type: lost ? "Warning" : "Normal", reason: "TrustChanged", message }),
    onReadyChanged: (policy, ready, message) =>
      events.record({
        involved: policyOf(policy),
        type: ready ? "Normal" : "Warning",
        reason: ready ? "Ready" : "NotReady",
        message,
      }),
    onEnforcedChanged: (policy, enforced, message) =>
      events.record({
        involved: policyOf(policy),
        type: enforced ? "Normal" : "Warning",
        reason: enforced ? "Enforced" : "NotEnforced",
        message,
      }),
    now,
    log,
  });

  let stopping = false;
  return {
    observe: async (snapshot) => {
      // Whoever goes keeps the lease until its writes are done, and begins nothing anew.
      if (stopping || !snapshot.leading || !leadership.mayWrite()) return;
      await caches.keepAnnotations(annotationKeys(snapshot.set.audited));
      await caches.keepLabels(selectedLabels(caches.policies.store.values(), caches.exceptions.store.values()));
      await within(options.prepared(), { milliseconds: PREPARATION_MS, ref: false }, () => undefined);
      if (stopping || !leadership.mayWrite()) return;
      auditor.begin();
      keeper.begin();
      reports?.begin();
      statuses.begin();
      await auditor.observe(snapshot);
    },
    reset: async () => {
      keeper.reset();
      reports?.reset();
      statuses.reset();
      await auditor.reset();
    },
    refreshStatuses: () => statuses.refresh(),
    keepViolations: ({ podKey, before, after }) => keeper.apply(podKey, before, after),
    keepReports: (change) => reports?.apply(change),
    concern: (about) =>
      void auditor
        .concern(about)
        .catch((error: unknown) => log.error("pods could not be judged again", { error: messageOf(error) })),
    tally,
    coverage,
    report: () => auditor.report,
    stop: async () => {
      stopping = true;
      const written = Promise.all([auditor.reset(), keeper.close(), reports?.close(), statuses.close()]);
      // Last, for what was written a moment ago is told of as well.
      const told = written.then(() => events.close());
      await within(told, { milliseconds: STOP_PATIENCE_MS }, () => undefined);
    },
  };
}

const policyOf = ({ name, uid }: PolicyRecord): ObjectReference => customResource("ImageSecurityPolicy", name, uid);

const customResource = (kind: string, name: string, uid: string): ObjectReference => ({
  apiVersion: "imagesecurity.dev/v1",
  kind,
  namespace: "",
  name,
  uid,
});

const podOf = ({ namespace, name, uid }: PodRecord): ObjectReference => ({
  apiVersion: "v1",
  kind: "Pod",
  namespace,
  name,
  uid,
});

function violationNote({ policy, action, findings }: PolicyJudgement): {
  type: "Normal" | "Warning";
  reason: EventReason;
  message: string;
} {
  const more = findings.length > 1 ? `, and ${findings.length - 1} more` : "";
  return {
    type: action === "exempted" || action === "dryrun" ? "Normal" : "Warning",
    reason: "ImageSecurityViolation",
    message: `${findings[0]?.message ?? policy} (${action}${more})`,
  };
}
