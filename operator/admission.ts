import { isDeepStrictEqual } from "node:util";
import type { ResolveDigest } from "../evidence/provider.ts";
import type { Review } from "../engine/review.ts";
import { Callers, type CallersOptions } from "../webhook/callers/callers.ts";
import { exemptionsOf } from "../policy/exceptions/exempt.ts";
import { mayPin } from "../policy/tagState.ts";
import { CertificateFiles } from "../webhook/certificates/certificateFiles.ts";
import { CertificateStore } from "../webhook/certificates/certificateStore.ts";
import type { WebhookTarget } from "../webhook/configurations/generate.ts";
import type { GuardState } from "../webhook/guard/guardState.ts";
import { createLeaving } from "../webhook/guard/leaving.ts";
import { WebhookInstallation } from "../webhook/installation.ts";
import type { OnDenied } from "../webhook/review/denial.ts";
import { createDenialLog } from "../webhook/review/denialLog.ts";
import { createMutate } from "../webhook/review/mutate.ts";
import { AdmissionServer } from "../webhook/server/server.ts";
import { createValidate } from "../webhook/review/validate.ts";
import { measured } from "../webhook/server/measured.ts";
import type { NamespaceLabels } from "../webhook/review/namespaceLabels.ts";
import type { KubeClient } from "../kube/kubeClient.ts";
import { createWebhookWatch } from "./cluster/webhookWatch.ts";
import { createReachProbe } from "./status/reachProbe.ts";
import type { Log } from "../kube/log.ts";
import type { OperatorMetrics } from "./metrics/metrics.ts";
import type { PolicySet } from "./policies/policySet.ts";
import type { Tracing } from "./tracing/tracing.ts";
import { NamespaceReads } from "./cluster/namespaceReads.ts";
import type { NamespaceRecord } from "./cluster/namespaces.ts";
import type { Settings } from "./settings/settings.ts";

export interface AdmissionOptions {
  readonly settings: Settings;
  readonly client: KubeClient;
  readonly review: Review;
  readonly resolveDigest: ResolveDigest;
  readonly policies: () => PolicySet | undefined;
  readonly namespaces: { readonly get: (name: string) => NamespaceRecord | undefined };
  /** What this replica still waits for before it is ready. */
  readonly waitsFor: () => readonly string[];
  /** Told what was seen of the webhook configurations whenever it is another state than before. */
  readonly onGuard: (state: GuardState) => void;
  /** Told of every denial besides the log. */
  readonly onDenied?: OnDenied;
  readonly metrics: OperatorMetrics;
  readonly tracing: Pick<Tracing, "reviews">;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface Admission {
  /** Base URL, as this process would reach it. */
  readonly url: string;
  /** Resolves when the API server has our configurations and trusts the certificate that is served. */
  readonly installed: Promise<void>;
  /** The policies in force have changed, or this replica has become ready: whether one pins, and whether it serves, may have, too. */
  readonly servingChanged: () => void;
  /** Whether admission asks the webhook, as it was seen last. */
  readonly guard: () => GuardState;
  /** Reviews that wait for something. */
  readonly inHand: () => number;
  /** Takes no new requests, answers those in hand, closes. */
  readonly stop: () => Promise<void>;
}

/** Starts the admission server and has it installed. Rejects where its address or the file of client authorities cannot be had. */
export async function startAdmission(options: AdmissionOptions): Promise<Admission> {
  const { settings, client, metrics, tracing, log, now } = options;
  const policies = () => options.policies()?.policies;
  const exceptions = () => options.policies()?.exceptions ?? [];
  const namespaceLabels = labelsFrom(options.namespaces, client);
  const callers = await callersOf(settings, { logger: log, now });
  if (callers !== undefined) metrics.observeCallers(callers.record);
  else if (!settings.acceptAnyWebhookCaller)
    log.warn("whoever reaches the webhook can ask it about images: see --webhook-client-ca and --webhook-callers");
  const ready = (): boolean => options.waitsFor().length === 0;
  let guard: GuardState = { status: "unknown" };
  const logDenial = createDenialLog(log);
  const server = new AdmissionServer({
    validate: tracing.reviews(
      "validate",
      measured(
        createValidate({
          policies,
          exceptions,
          review: options.review,
          namespaceLabels,
          placeholders: settings.templatePlaceholders,
          metrics: metrics.admission,
          logger: log,
          onDenied: (denial) => {
            logDenial(denial);
            options.onDenied?.(denial);
          },
          now,
        }),
        metrics.admission,
      ),
    ),
    mutate: tracing.reviews(
      "mutate",
      createMutate({
        policies,
        exemptions: (subject) => exemptionsOf(exceptions(), subject, now()),
        namespaceLabels,
        placeholders: settings.templatePlaceholders,
        resolveDigest: options.resolveDigest,
        logger: log,
      }),
    ),
    ready,
    unreadyText: () => `waits for ${options.waitsFor().join(", ")}`,
    readyText: () => (guard.status === "gap" ? `ok, but admission is not enforced: ${guard.message}` : "ok"),
    logger: log,
    deadline: settings.admissionDeadline,
    onTurnedAway: metrics.turnedAway,
    ...(callers === undefined ? {} : { callers }),
  });
  const port = await server.listen(settings.webhookHost, settings.webhookPort);
  const url = `https://${hostInUrl(settings.webhookHost)}:${port}`;
  const target = targetOf(settings, url);
  const installation = new WebhookInstallation({
    target,
    namespace: settings.namespace,
    excludeNamespaces: namespacesLeftOut(settings),
    store: certificatesOf(options, certificateNames(target)),
    client,
    manage: settings.manageWebhooks,
    pins: () => pins(options.policies()),
    serves: ready,
    leaving: createLeaving({ client, namespace: settings.namespace, now: options.now, log }),
    probe: createReachProbe(client, settings.namespace),
    onGuard: (state) => {
      const before = guard;
      guard = state;
      if (isDeepStrictEqual(before, state)) return;
      tellOfGuard(log, before, state);
      options.onGuard(state);
    },
    use: (pair) => server.use(pair),
    certificateExpiry: (seconds) => metrics.certificateExpiry(seconds * 1_000),
    logger: log,
  });
  installation.start();
  const watch = createWebhookWatch({
    client,
    log,
    onAlive: metrics.watchAlive,
    onChange: () => installation.poke(),
  });
  watch.start();
  let before = { pins: pins(options.policies()), ready: ready() };
  return {
    url,
    installed: installation.ready,
    guard: () => guard,
    inHand: () => server.inHand,
    servingChanged: () => {
      const current = { pins: pins(options.policies()), ready: ready() };
      if (!isDeepStrictEqual(current, before)) installation.poke();
      before = current;
    },
    stop: async () => {
      // Unready before anything else: nothing that hangs may keep requests coming.
      const drained = server.drain(leaveTime(settings));
      await Promise.all([watch.stop(), installation.stop(), drained]);
      callers?.close();
    },
  };
}

/** A line where it begins and where it ends to be enforced. */
function tellOfGuard(log: Log, before: GuardState, state: GuardState): void {
  if (state.status === "gap") log.warn(`admission is not enforced: ${state.message}`, { reason: state.reason });
  else if (state.status === "enforced" && before.status !== "enforced")
    log.info(`admission is enforced: ${state.message}`);
}

/** Namespaces about which admission is not asked, so that the cluster and the operator can always restart. */
export const namespacesLeftOut = ({ namespace, excludeNamespaces }: Settings): readonly string[] => [
  ...new Set([namespace, ...excludeNamespaces]),
];

/**
 * Milliseconds for which a replica that is going away still takes requests: what EndpointSlices, or a load balancer behind a URL that was
 * given, take to leave it out, and API servers to give up their connections. Nobody but us stands behind our own address.
 */
export const leaveTime = ({
  webhookAddress,
  shutdownDelay,
}: Pick<Settings, "webhookAddress" | "shutdownDelay">): number =>
  webhookAddress.type === "url" && webhookAddress.url === undefined ? 0 : shutdownDelay;

/** Whether a Ready policy pins; undefined while that is not known. */
const pins = (set: PolicySet | undefined): boolean | undefined => set?.policies.some(mayPin);

/** The certificates, which somebody else renews in files, or the operator in a Secret. */
function certificatesOf(
  { settings, client, log, now }: AdmissionOptions,
  names: readonly [string, ...(readonly string[])],
): Pick<CertificateStore, "sync"> {
  const { certificateFiles: directory, namespace, certificateSecret: name } = settings;
  return directory === undefined
    ? new CertificateStore({ client, namespace, name, names, now })
    : // The first name is the one that the API server asks for.
      new CertificateFiles({ directory, name: names[0], logger: log, now });
}

/** Undefined where nothing is asked of callers. */
async function callersOf({ webhookCallers }: Settings, options: CallersOptions): Promise<Callers | undefined> {
  const { clientCa, addresses } = webhookCallers;
  return clientCa === undefined && addresses.length === 0 ? undefined : Callers.open(webhookCallers, options);
}

/** Labels from the cache, else read live: a namespace may be newer than the cache. */
function labelsFrom(namespaces: AdmissionOptions["namespaces"], client: KubeClient): NamespaceLabels {
  const reads = new NamespaceReads(client);
  return (name) => namespaces.get(name) ?? reads.get(name);
}

const targetOf = ({ webhookAddress, namespace }: Settings, url: string): WebhookTarget =>
  webhookAddress.type === "service"
    ? { type: "service", namespace, name: webhookAddress.name, port: webhookAddress.port }
    : { type: "url", url: webhookAddress.url ?? url };

function certificateNames(target: WebhookTarget): readonly [string, ...(readonly string[])] {
  if (target.type === "url") return [new URL(target.url).hostname.replace(/^\[(.*)\]$/, "$1")];
  const { name, namespace } = target;
  return [`${name}.${namespace}.svc`, `${name}.${namespace}`, name, `${name}.${namespace}.svc.cluster.local`];
}

/** Where this process reaches itself: listening on every address includes loopback. */
function hostInUrl(host: string): string {
  if (host === "0.0.0.0" || host === "") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
