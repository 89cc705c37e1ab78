import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { EvidenceMetrics } from "../../evidence/metrics.ts";
import type { Finding } from "../../policy/finding/finding.ts";
import { deferMetrics } from "../../webhook/server/deferredMetrics.ts";
import type { CallerRecord } from "../../webhook/callers/callerRecord.ts";
import type { AdmissionMetrics, TurnedAway } from "../../webhook/metrics.ts";
import type { PolicySet } from "../policies/policySet.ts";
import { addAuditMetrics, type AuditSources } from "./auditMetrics.ts";
import type { SinkCounts } from "../denials/denialSink.ts";
import { addCallerMetrics } from "./callerMetrics.ts";
import { addReviewMetrics } from "./reviewMetrics.ts";
import { createRefusalMetrics, forgetPolicies, type NamespaceNames } from "./refusals.ts";
import { addScrapedGauge } from "./scrapedGauge.ts";
import { addSinkMetrics } from "./sinkMetrics.ts";
import type { GuardState } from "../../webhook/guard/guardState.ts";

/** What gauges ask at every scrape. */
export interface MetricSources extends AuditSources {
  /** Only who leads exports the audit's gauges: two would be added up. */
  readonly leading: () => boolean;
  /** Absent: no metric names the namespace of a request. */
  readonly namespaces?: NamespaceNames;
  /** Reviews that wait for something. */
  readonly reviewsInHand: () => number;
  /** Whether admission asks the webhook, as this replica saw it last. */
  readonly guard: () => GuardState;
}

/** A metric, for its documentation. */
export interface MetricDescription {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly help: string;
}

export interface OperatorMetrics {
  readonly admission: AdmissionMetrics;
  readonly evidence: EvidenceMetrics;
  /** A review was not taken. */
  readonly turnedAway: (why: TurnedAway) => void;
  /** A watch gave a sign of life, its start among them, in milliseconds since the epoch. `of`: which one, where a resource has several. */
  readonly watchAlive: (resource: string, now: number, of?: string) => void;
  /** What nobody watches any more has nothing to be alive for. */
  readonly watchEnded: (resource: string, of?: string) => void;
  /** Which program this is. */
  readonly buildInfo: (version: string) => void;
  /** When the webhook's certificate expires, in milliseconds since the epoch. */
  readonly certificateExpiry: (expires: number) => void;
  /** Who posts reviews is told from this record from now on. */
  readonly observeCallers: (record: Pick<CallerRecord, "counts" | "expiries">) => void;
  /** What becomes of the denials for a collector is told from now on. */
  readonly observeSink: (counts: () => SinkCounts) => void;
  /** Gauges are computed from these from now on; until then there are none. */
  readonly observe: (sources: MetricSources) => void;
  /** Each by its name, in order. */
  readonly describe: () => readonly MetricDescription[];
  /** The exposition format. */
  readonly text: () => Promise<string>;
  readonly contentType: string;
}

const ADMISSION_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const REGISTRY_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * Every metric of design.md section 6, in a registry of its own, so that operators in one process do not mix. No label carries an image,
 * a digest or a pod; `registry` is one that a policy names, else `other`.
 */
export function createMetrics(): OperatorMetrics {
  const registers = [new Registry()];
  const [register] = registers;
  if (register === undefined) throw new Error("there is no registry");
  collectDefaultMetrics({ register });
  let sources: MetricSources | undefined;

  const requests = new Counter({
    name: "image_security_admission_requests_total",
    help: "Admission requests by the kind of object, the operation and what was decided.",
    labelNames: ["kind", "operation", "decision"],
    registers,
  });
  const duration = new Histogram({
    name: "image_security_admission_duration_seconds",
    help: "Time from the request's arrival to its decision.",
    labelNames: ["decision"],
    buckets: ADMISSION_BUCKETS,
    registers,
  });
  const findings = new Counter({
    name: "image_security_findings_total",
    help: "Findings at admission, without those of dry runs and those that an exception silences; policies that are gone are left out.",
    labelNames: ["policy", "rule", "reason", "action"],
    registers,
  });
  const refusals = createRefusalMetrics(registers);
  const turnedAway = addReviewMetrics(registers, () => sources?.reviewsInHand());
  const registryRequests = new Counter({
    name: "image_security_registry_requests_total",
    help: "Requests to registries; code is the HTTP status or why there was none.",
    labelNames: ["registry", "operation", "code"],
    registers,
  });
  const registryDuration = new Histogram({
    name: "image_security_registry_request_duration_seconds",
    help: "Time of a request to a registry, its body included.",
    labelNames: ["registry", "operation"],
    buckets: REGISTRY_BUCKETS,
    registers,
  });
  const cacheRequests = new Counter({
    name: "image_security_evidence_cache_requests_total",
    help: "Questions to the evidence cache: hit, miss, or stale (an expired answer that could not be refreshed).",
    labelNames: ["kind", "result"],
    registers,
  });
  const unavailable = new Counter({
    name: "image_security_evidence_unavailable_total",
    help: "Evidence that could not be had, by what was asked and why.",
    labelNames: ["kind", "cause"],
    registers,
  });
  const certificate = new Gauge({
    name: "image_security_certificate_expiry_timestamp_seconds",
    help: "When the webhook's certificate expires.",
    registers: [],
  });
  const watches = new Map<string, Map<string, number>>();
  addScrapedGauge(registers, {
    name: "image_security_watch_last_event_timestamp_seconds",
    help: "Last event, bookmark or list of a watched resource, or the start of its watch; of several watches the one of which nothing was heard for longest.",
    labelNames: ["resource"],
    series: () => Array.from(watches, ([resource, of]) => [{ resource }, Math.min(...of.values()) / 1_000]),
  });
  addGauges(registers, () => sources);
  // Only who leads has them: those of two would be added up.
  addAuditMetrics(registers, () => (sources?.leading() === true ? sources : undefined));

  const named = namedRegistries(() => sources?.policies());
  let circuits: () => readonly string[] = () => [];
  addScrapedGauge(registers, {
    name: "image_security_registry_circuit_open",
    help: "Hosts of a registry that could not be reached a moment ago and are left alone for some seconds.",
    labelNames: ["registry"],
    series: () => Array.from(Map.groupBy(circuits(), named), ([registry, hosts]) => [{ registry }, hosts.length]),
  });
  const admission = deferMetrics({
    admission: (kind, operation, decision, seconds) => {
      requests.inc({ kind, operation, decision });
      duration.observe({ decision }, seconds);
    },
    findings: (found, namespace) => {
      refusals.count(found, namespace, sources?.namespaces);
      // One object may have thousands, of few kinds.
      for (const alike of Map.groupBy(found, kindOf).values()) {
        for (const { policy, rule, reason, action } of alike.slice(0, 1))
          findings.inc({ policy, rule, reason, action }, alike.length);
      }
    },
  });
  return {
    admission,
    evidence: {
      registryRequest: (host, operation, code, seconds) => {
        const registry = named(host);
        registryRequests.inc({ registry, operation, code });
        registryDuration.observe({ registry, operation }, seconds);
      },
      cacheRequest: (kind, result) => cacheRequests.inc({ kind, result }),
      unavailable: (kind, cause) => unavailable.inc({ kind, cause }),
      openCircuits: (open) => {
        circuits = open;
      },
    },
    turnedAway,
    watchAlive: (resource, now, of = "") => {
      const known = watches.get(resource) ?? new Map<string, number>();
      watches.set(resource, known.set(of, now));
    },
    watchEnded: (resource, of = "") => {
      const known = watches.get(resource);
      known?.delete(of);
      if (known?.size === 0) watches.delete(resource);
    },
    buildInfo: (version) =>
      new Gauge({
        name: "image_security_build_info",
        help: "Always 1: the version of the operator, and of Node.js.",
        labelNames: ["version", "node"],
        registers,
      }).set({ version, node: process.version }, 1),
    certificateExpiry: (expires) => {
      // Registered with its first value: a zero would read as expired in 1970.
      register.registerMetric(certificate);
      certificate.set(expires / 1_000);
    },
    observeCallers: (record) => addCallerMetrics(registers, record),
    observeSink: (counts) => addSinkMetrics(registers, counts),
    observe: (given) => {
      sources = given;
    },
    text: async () => {
      admission.flush();
      const known = sources?.policies();
      if (known !== undefined) {
        const names = new Set(known.policies.map(({ name }) => name));
        await refusals.forget(sources?.namespaces, names);
        await forgetPolicies(findings, names);
      }
      return register.metrics();
    },
    describe: () =>
      register
        .getMetricsAsArray()
        .map((metric) => descriptionOf(metric))
        .filter(({ name }) => name.startsWith("image_security_"))
        .toSorted((one, other) => (one.name < other.name ? -1 : 1)),
    contentType: register.contentType,
  };
}

/** The library keeps the names of labels on every metric, and its type as a word; its types say neither. */
const descriptionOf = (metric: {
  readonly name: string;
  readonly help: string;
  readonly type: unknown;
  readonly labelNames?: readonly string[];
}): MetricDescription => ({
  name: metric.name,
  type: String(metric.type),
  labels: metric.labelNames ?? [],
  help: metric.help,
});

const kindOf = ({ policy, rule, reason, action }: Finding): string => `${policy} ${rule} ${reason} ${action}`;

/** Gauges that are read from the operator's state at every scrape. */
function addGauges(registers: Registry[], sources: () => MetricSources | undefined): void {
  addScrapedGauge(registers, {
    name: "image_security_policies",
    help: "Policies that are compiled without a fault (ready) and with one (notready).",
    labelNames: ["state"],
    series: () => {
      const all = sources()?.policies()?.policies ?? [];
      const ready = all.filter(({ faults }) => faults.length === 0).length;
      return [
        [{ state: "ready" }, ready],
        [{ state: "notready" }, all.length - ready],
      ];
    },
  });
  addScrapedGauge(registers, {
    name: "image_security_enforced",
    help: "1 while admission asks the webhook about every image, 0 while it does not, as this replica sees it.",
    series: () => {
      const state = sources()?.guard() ?? { status: "unknown" };
      if (state.status === "unknown") return [];
      return [[{}, state.status === "enforced" && state.pinning === undefined ? 1 : 0]];
    },
  });
  addScrapedGauge(registers, {
    name: "image_security_leader",
    help: "1 for the operator that audits and writes, 0 for the others.",
    series: () => [[{}, sources()?.leading() === true ? 1 : 0]],
  });
}

/** The registry label of a host: itself where a policy names it literally, else `other`. */
function namedRegistries(policies: () => PolicySet | undefined): (host: string) => string {
  let of: PolicySet | undefined;
  let hosts: ReadonlySet<string> = new Set();
  return (host) => {
    const current = policies();
    if (current !== of) {
      of = current;
      hosts = new Set(current?.policies.flatMap(({ registryHosts }) => [...registryHosts]));
    }
    return hosts.has(host) ? host : "other";
  };
}
