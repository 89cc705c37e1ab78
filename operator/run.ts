import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { KubeConfig } from "@kubernetes/client-node";
import type { Gather } from "../evidence/provider.ts";
import { RecentlyClean } from "../engine/recentlyClean.ts";
import { createReview } from "../engine/review.ts";
import type { CompiledPolicy } from "../policy/compiledPolicy.ts";
import { namespacesLeftOut, startAdmission } from "./admission.ts";
import { keepAdmissionPolicies, watchAdmissionPolicies } from "./admissionPolicies/start.ts";
import { startDenialSink } from "./denials/startDenialSink.ts";
import { createExposure } from "./audit/exposure.ts";
import { createScanAges } from "./audit/scanAges.ts";
import { createJudge } from "./audit/judge.ts";
import { createWarmUp } from "./audit/warmUp.ts";
import { createCaches } from "./cluster/caches.ts";
import { startEvidence } from "./evidence.ts";
import { createGraph } from "./graph.ts";
import { fitHeap } from "./metrics/heap.ts";
import { createKubeClient } from "../kube/kubeClient.ts";
import { messageOf } from "../kube/kubeError.ts";
import { LeaderElector } from "../kube/leaderElection/leaderElector.ts";
import type { Log } from "../kube/log.ts";
import { namesCluster } from "../kube/namesCluster.ts";
import { createEventRecorder } from "../kube/record/eventRecorder.ts";
import { createRefusalEvents, type RefusalEvents } from "./status/refusalEvents.ts";
import type { AdmissionMetrics } from "../webhook/metrics.ts";
import { bridgeStreamLogger, createWinston } from "./metrics/logging.ts";
import { createMetrics } from "./metrics/metrics.ts";
import { startMetricsServer } from "./metrics/metricsServer.ts";
import { byName } from "./policies/byName.ts";
import { createExceptionCompiler } from "./policies/exceptionCompiler.ts";
import { createPolicyCompiler } from "./policies/policyCompiler.ts";
import { waitsFor, type Gate } from "./readiness.ts";
import { createReconciler } from "./reconcile.ts";
import { createClusterReads } from "./cluster/clusterReads.ts";
import { createReferences } from "./policies/references.ts";
import { createRunningDigests, podRuns } from "./cluster/runningDigests.ts";
import { createScanReports } from "./cluster/scanReports.ts";
import { createServiceRanges } from "./cluster/serviceRanges.ts";
import type { Settings } from "./settings/settings.ts";
import { startTracing } from "./tracing/tracing.ts";
import { coalesce } from "../async/coalesce.ts";

/** An operator at work in this process. */
export interface RunningOperator {
  /** Base URL of the admission server, such as `https://127.0.0.1:9443`. */
  readonly webhookUrl: string;
  /** The whole URL of the metrics, such as `http://127.0.0.1:8080/metrics`; absent without a metrics server. */
  readonly metricsUrl?: string;
  /**
   * Resolves when the caches are synced, the first policy set is compiled, the evidence of what runs is at hand or its time over, and the
   * webhook configurations are written: from then on admission is judged. Never rejects; it waits for as long as the API server is away.
   */
  readonly ready: Promise<void>;
  /** Stops cleanly: readyz false, requests drained, lease released, watches and servers closed. Idempotent. */
  readonly stop: () => Promise<void>;
}

/** What tests and the sandbox may give instead of what the operator makes for itself. */
export interface RunOptions {
  readonly log?: Log;
  readonly gather?: Gather;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Of the program, for `image_security_build_info`. */
  readonly version?: string;
}

/** Milliseconds. What time alone changes is to show within a minute. */
const CLOCK_MS = 45_000;
/** Milliseconds in which changes are gathered before an audit looks at them. */
const SETTLE_MS = 100;
/** Milliseconds that an image counts after the complete audit that should have met it. */
const EXPOSURE_MS = 60_000;

/**
 * Starts the operator in this process: the servers listen when the promise resolves, everything else heals in the
 * background. Rejects where it cannot start at all: a port that is taken, a kubeconfig that cannot be read. Everything
 * is made after what it needs; what it causes later it tells the graph, to which the effects are joined at the end.
 */
export async function runOperator(settings: Settings, options: RunOptions = {}): Promise<RunningOperator> {
  const log = options.log ?? createWinston(settings);
  bridgeStreamLogger(log);
  fitHeap();
  const now = options.now ?? Date.now;
  await using stack = new AsyncDisposableStack();

  const client = createKubeClient(loadKubeConfig(settings.kubeconfig), "image-security");
  stack.defer(() => client.close());
  const metrics = createMetrics();
  metrics.buildInfo(options.version ?? "unknown");
  const metricsServer =
    settings.metricsPort === "off"
      ? undefined
      : await startMetricsServer(metrics, { host: settings.metricsHost, port: settings.metricsPort }, log);
  stack.defer(() => metricsServer?.close());

  const caches = createCaches({ client, log, onAlive: metrics.watchAlive });
  stack.defer(() => caches.stop());
  const references = createReferences({
    client,
    namespace: settings.namespace,
    trustNamespaces: settings.trustNamespaces,
    log,
    onAlive: metrics.watchAlive,
    onEnded: metrics.watchEnded,
  });
  stack.defer(() => references.stop());
  const { policies, exceptions, violations, namespaces, pods } = caches;
  const namespaceNames = { has: (name: string) => namespaces.store.get(name) !== undefined };
  const admissionPolicies = watchAdmissionPolicies(settings, { client, log, onAlive: metrics.watchAlive });
  stack.defer(() => admissionPolicies?.stop());
  const graph = createGraph({
    policies,
    references,
    exceptions,
    violations,
    namespaces,
    pods,
    ...(admissionPolicies === undefined ? {} : { admissionPolicies }),
    compile: createPolicyCompiler({
      policies: () => policies.store.values(),
      exceptions: createExceptionCompiler({
        exceptions: () => exceptions.store.values(),
        maxDuration: settings.maxExceptionDuration,
        now,
      }),
      references,
    }),
    auditInterval: settings.auditInterval,
    clockInterval: CLOCK_MS,
    settle: SETTLE_MS,
    onError: (stream, error) => log.error("a stream failed", { stream, error: messageOf(error) }),
  });
  stack.defer(() => graph.stop());

  const reports = createScanReports({
    client,
    log,
    onAlive: (at) => metrics.watchAlive("vulnerabilityreports", at),
    onEnded: () => metrics.watchEnded("vulnerabilityreports"),
    onChange: (digests) => graph.reports(new Set(digests)),
    onKnown: () => graph.reports("all"),
  });
  stack.defer(() => reports.stop());
  const serviceRanges = createServiceRanges({
    client,
    log,
    onAlive: (at) => metrics.watchAlive("servicecidrs", at),
  });
  stack.defer(() => serviceRanges.stop());
  const tracing = await startTracing(settings, options.version ?? "unknown", log);
  stack.defer(() => tracing.close());
  const evidence = startEvidence({
    settings,
    serviceRanges: serviceRanges.current,
    cluster: createClusterReads(client),
    reports: reports.byDigest,
    runs: createRunningDigests(pods.store).runs,
    metrics: tracing.requests(metrics.evidence),
    tracing,
    log,
    onTrustChanged: graph.trust,
    now,
  });
  stack.defer(() => evidence.close());
  const exposure = createExposure({ forget: settings.auditInterval + EXPOSURE_MS, now });
  const auditedPolicy = byName(graph.policies, ({ audited }) => audited);
  const scanAges = createScanAges({
    forget: settings.auditInterval + EXPOSURE_MS,
    isPolicy: (name) => auditedPolicy(name) !== undefined,
    now,
  });
  const review = createReview(
    scanAges.watch(exposure.watch(options.gather ?? evidence.gather)),
    (error) =>
      log.error("the engine has a defect", {
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      }),
    new RecentlyClean(),
  );
  const refusals = createRefusalEvents({
    events: createEventRecorder({
      client,
      component: "image-security",
      instance: hostname(),
      now,
      log,
    }),
    policies: () => graph.policies()?.policies ?? [],
    namespaces: namespaceNames,
  });
  stack.defer(() => refusals.close());
  const sink = await startDenialSink(settings, { now, log });
  stack.defer(() => sink?.close());
  if (sink !== undefined) metrics.observeSink(sink.counts);
  const warmUp = createWarmUp({
    pods,
    namespaces: namespaces.store,
    judge: createJudge({ review, now, timeout: settings.warmUp }),
    prepared: () => Promise.all([pods.untilSynced(), namespaces.untilSynced(), reports.untilKnown()]),
    limit: settings.warmUp,
    log,
    onOver: graph.gates,
  });
  stack.defer(() => warmUp.stop());
  const gates: readonly Gate[] = [
    { name: "policies", open: () => graph.policies() !== undefined },
    { name: "namespaces", open: () => namespaces.synced() },
    { name: "pods", open: () => pods.synced() || graph.policies()?.policies.some(asksWhatRuns) !== true },
    { name: "the evidence of what runs", open: () => warmUp.over() },
  ];
  void pods.untilSynced().then(graph.gates);
  const admission = await startAdmission({
    settings,
    client,
    review,
    resolveDigest: evidence.resolveDigest,
    policies: graph.policies,
    namespaces: namespaces.store,
    waitsFor: () => waitsFor(gates),
    onGuard: graph.guard,
    ...(sink === undefined ? {} : { onDenied: sink.push }),
    metrics: { ...metrics, admission: telling(metrics.admission, refusals) },
    tracing,
    log,
    now,
  });

  const identity = `${hostname()}_${randomUUID().slice(0, 8)}`;
  const elector = new LeaderElector({
    client,
    namespace: settings.namespace,
    name: settings.leaseName,
    identity,
    duration: settings.leaseDuration,
    renewDeadline: settings.leaseRenewDeadline,
    retry: settings.leaseRetry,
    onChange: graph.leading,
    log,
  });
  const leftOut = new Set(namespacesLeftOut(settings));
  const layer = keepAdmissionPolicies(admissionPolicies, {
    client,
    policies: graph.policies,
    excludeNamespaces: namespacesLeftOut(settings),
    placeholders: settings.templatePlaceholders,
    leadership: elector,
    onChange: graph.layer,
    now,
    log,
  });
  const reconciler = createReconciler({
    client,
    caches,
    review,
    policies: graph.policies,
    leadership: elector,
    fingerprints: evidence.fingerprints,
    guard: admission.guard,
    layer: layer.layer,
    prepared: reports.untilKnown,
    onVerdict: graph.verdict,
    onProgress: graph.progress,
    onAlive: metrics.watchAlive,
    settings,
    leftOut,
    instance: hostname(),
    now,
    log,
  });
  metrics.observe({
    policies: graph.policies,
    leading: () => elector.mayWrite(),
    guard: admission.guard,
    reviewsInHand: admission.inHand,
    now,
    tally: reconciler.tally,
    report: reconciler.report,
    coverage: reconciler.coverage,
    leftOut,
    exposure,
    scanAges,
    ...(settings.metricsNamespaces ? { namespaces: namespaceNames } : {}),
  });

  const ready = Promise.withResolvers<void>();
  const consumer = coalesce(reconciler.observe, (error) =>
    log.error("an audit could not be planned", { error: messageOf(error) }),
  );
  const sayPolicies = policyTeller(log);
  graph.connect({
    inForce: (set) => {
      sayPolicies(set.policies);
    },
    reportWatch: (set) =>
      void reports
        .want(set.policies.some(asksForReports))
        .catch((error: unknown) => log.error("VulnerabilityReports", { error: messageOf(error) })),
    // After the reports' watch has begun, which it waits for.
    warmUp: warmUp.begin,
    serving: () => {
      admission.servingChanged();
      if (waitsFor(gates).length === 0) ready.resolve();
    },
    statuses: reconciler.refreshStatuses,
    keepAdmissionPolicies: layer.refresh,
    judgeAgain: (changed) => reconciler.concern((pod) => changed === "all" || podRuns(pod, changed)),
    audit: consumer.push,
    stepDown: () => {
      layer.reset();
      void reconciler.reset().catch((error: unknown) => log.error("stepping down failed", { error: messageOf(error) }));
    },
    keepViolations: reconciler.keepViolations,
    keepReports: reconciler.keepReports,
  });
  // In this order at the end: no new requests, no new writes, the lease given back, then all that they need.
  stack.defer(async () => {
    await Promise.all([admission.stop(), Promise.all([reconciler.stop(), layer.stop()]).then(() => elector.stop())]);
  });
  caches.start();
  admissionPolicies?.start();
  serviceRanges.start();
  elector.start();

  const running = stack.move();
  let stopped: Promise<void> | undefined;
  return {
    webhookUrl: admission.url,
    ...(metricsServer === undefined ? {} : { metricsUrl: metricsServer.url }),
    ready: Promise.all([ready.promise, admission.installed]).then(() => undefined),
    stop: () => (stopped ??= running.disposeAsync()),
  };
}

/** What refuses a request is counted and told of. */
const telling = (metrics: AdmissionMetrics, refusals: Pick<RefusalEvents, "note">): AdmissionMetrics => ({
  ...metrics,
  findings: (found, namespace) => {
    metrics.findings(found, namespace);
    refusals.note(found, namespace);
  },
});

/** What runs already is only warned about: whoever does not know the pods would refuse a node drain. */
const asksWhatRuns = ({ scan }: CompiledPolicy): boolean => scan?.runningImages === "Warn";

const asksForReports = ({ scan }: CompiledPolicy): boolean =>
  scan?.sources.some(({ type }) => type === "vulnerabilityReport") === true;

/** Tells how many policies are in force, whenever that changes. */
function policyTeller(log: Log): (policies: readonly CompiledPolicy[]) => void {
  let told = "";
  return (policies) => {
    const counts = { policies: policies.length, notReady: policies.filter(({ faults }) => faults.length > 0).length };
    const now = JSON.stringify(counts);
    if (now !== told) log.info("policies are in force", counts);
    told = now;
  };
}

/** As kubectl finds it, where no path is given. */
function loadKubeConfig(path: string | undefined): KubeConfig {
  const config = new KubeConfig();
  try {
    if (path === undefined) config.loadFromDefault();
    else config.loadFromFile(path);
  } catch (error) {
    const found = path ?? "that KUBECONFIG names, or ~/.kube/config,";
    throw new Error(`the kubeconfig ${found} cannot be read; see --kubeconfig`, { cause: error });
  }
  if (!namesCluster(config))
    throw new Error("there is no cluster: give --kubeconfig, or set KUBECONFIG or a current context");
  return config;
}
