import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { EvidenceMetrics } from "../../evidence/metrics.ts";
import type { Finding } from "../../policy/finding/finding.ts";
import { isInForce } from "../../policy/exceptions/compiledException.ts";
import { deferMetrics } from "../../webhook/server/deferredMetrics.ts";
import type { CallerRecord } from "../../webhook/callers/callerRecord.ts";
import type { AdmissionMetrics } from "../../webhook/metrics.ts";
import type { AuditReport } from "../audit/completeAudits.ts";
import type { Exposure } from "../audit/exposure.ts";
import type { ViolationCounts } from "../audit/violationCounts.ts";
import type { PolicySet } from "../policies/policySet.ts";
import { addCallerMetrics } from "./callerMetrics.ts";
import { createRefusalMetrics, type NamespaceNames } from "./refusals.ts";
import type { GuardState } from "../../webhook/guard/guardState.ts";

/** What gauges ask at every scrape. */
export interface MetricSources {
  readonly policies: () => PolicySet | undefined;
  /** Only who leads exports the audit's gauges: two would be added up. */
  readonly leading: () => boolean;
  readonly tally: Pick<ViolationCounts, "series" | "exempted">;
  readonly report: () => AuditReport | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly exposure: Pick<Exposure, "series">;
  /** Absent: no metric names the namespace of a request. */
  readonly namespaces?: NamespaceNames;
  /** Whether admission asks the webhook, as this replica saw it last. */
  readonly guard: () => GuardState;
}

export interface OperatorMetrics {
  readonly admission: AdmissionMetrics;
  readonly evidence: EvidenceMetrics;
  /** A watch gave a sign of life, in milliseconds since the epoch. */
  readonly watchAlive: (resource: string, now: number) => void;
  /** Which program this is. */
  readonly buildInfo: (version: string) => void;
  /** When the webhook's certificate expires, in milliseconds since the epoch. */
  readonly certificateExpiry: (expires: number) => void;
  /** Who posts reviews is told from this record from now on. */
  readonly observeCallers: (record: Pick<CallerRecord, "counts" | "expiries">) => void;
  /** Gauges are computed from these from now on; until then there are none. */
  readonly observe: (sources: MetricSources) => void;
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
    help: "Findings at admission, without those of dry runs and those that an exception silences.",
    labelNames: ["policy", "rule", "reason", "action"],
    registers,
  });
  const refusals = createRefusalMetrics(registers);
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
  const watch = new Gauge({
    name: "image_security_watch_last_event_timestamp_seconds",
    help: "Last event, bookmark or list of a watched resource.",
    labelNames: ["resource"],
    registers,
  });
  addGauges(registers, () => sources);

  const named = namedRegistries(() => sources?.policies());
  let circuits: () => readonly string[] = () => [];
  const circuitOpen = new Gauge({
    name: "image_security_registry_circuit_open",
    help: "Hosts of a registry that could not be reached a moment ago and are left alone for some seconds.",
    labelNames: ["registry"],
    registers,
    collect: () => {
      circuitOpen.reset();
      for (const host of circuits()) circuitOpen.inc({ registry: named(host) });
    },
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
    watchAlive: (resource, now) => watch.set({ resource }, now / 1_000),
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
    observe: (given) => {
      sources = given;
    },
    text: async () => {
      admission.flush();
      await refusals.forget(sources?.namespaces);
      return register.metrics();
    },
    contentType: register.contentType,
  };
}

/** Whoever may write exceptions may write many: each would be a series of its own. */
const MOST_EXPIRIES = 100;

const kindOf = ({ policy, rule, reason, action }: Finding): string => `${policy} ${rule} ${reason} ${action}`;

/** Gauges that are read from the operator's state at every scrape. */
function addGauges(registers: Registry[], sources: () => MetricSources | undefined): void {
  const leading = (): MetricSources | undefined => {
    const current = sources();
    return current?.leading() === true ? current : undefined;
  };

  const violations = new Gauge({
    name: "image_security_violations",
    help: "Pods that violate a rule of a policy now. Exported by the leader only.",
    labelNames: ["policy", "namespace", "rule", "action"],
    registers,
    collect: () => {
      violations.reset();
      for (const { pods, ...labels } of leading()?.tally.series() ?? []) violations.set(labels, pods);
    },
  });
  const exempted = new Gauge({
    name: "image_security_exempted",
    help: "Pods that would violate a policy if exceptions did not silence every finding. Exported by the leader only.",
    labelNames: ["policy"],
    registers,
    collect: () => {
      exempted.reset();
      const current = leading();
      for (const { name } of current?.policies()?.audited ?? []) exempted.set({ policy: name }, 0);
      for (const [policy, pods] of current?.tally.exempted() ?? []) exempted.set({ policy }, pods);
    },
  });
  const expiries = new Gauge({
    name: "image_security_exception_expiry_timestamp_seconds",
    help: `When an exception that is in force ends; the ${MOST_EXPIRIES} that end first. Exported by the leader only.`,
    labelNames: ["exception"],
    registers,
    collect: () => {
      expiries.reset();
      const current = leading();
      if (current === undefined) return;
      const ending = (current.policies()?.exceptions ?? [])
        .filter((one) => isInForce(one, current.now()))
        .toSorted((a, b) => a.expires - b.expires);
      for (const { name, expires } of ending.slice(0, MOST_EXPIRIES))
        expiries.set({ exception: name }, expires / 1_000);
    },
  });
  const vulnerabilities = new Gauge({
    name: "image_security_image_vulnerabilities",
    help: "Vulnerabilities that the scans of running images name, each image once in its namespace. Exported by the leader only.",
    labelNames: ["namespace", "severity"],
    registers,
    collect: () => {
      vulnerabilities.reset();
      for (const { vulnerabilities: count, ...labels } of leading()?.exposure.series() ?? [])
        vulnerabilities.set(labels, count);
    },
  });
  const policies = new Gauge({
    name: "image_security_policies",
    help: "Policies that are compiled without a fault (ready) and with one (notready).",
    labelNames: ["state"],
    registers,
    collect: () => {
      const all = sources()?.policies()?.policies ?? [];
      const ready = all.filter(({ faults }) => faults.length === 0).length;
      policies.set({ state: "ready" }, ready);
      policies.set({ state: "notready" }, all.length - ready);
    },
  });
  const enforced: Gauge = new Gauge({
    name: "image_security_enforced",
    help: "1 while admission asks the webhook about every image, 0 while it does not, as this replica sees it.",
    registers,
    collect: () => {
      enforced.remove();
      const state = sources()?.guard() ?? { status: "unknown" };
      if (state.status !== "unknown") enforced.set(state.status === "enforced" && state.pinning === undefined ? 1 : 0);
    },
  });
  const leader: Gauge = new Gauge({
    name: "image_security_leader",
    help: "1 for the operator that audits and writes, 0 for the others.",
    registers,
    collect: () => {
      leader.set(leading() === undefined ? 0 : 1);
    },
  });
  const ofReport = (name: string, help: string, value: (report: AuditReport) => number): void => {
    // Without a label a gauge reads 0 before it is set; with an empty list of values it is left out.
    const gauge = new Gauge({
      name,
      help: `${help} Exported by the leader only.`,
      registers,
      collect: () => {
        gauge.remove();
        const report = leading()?.report();
        if (report !== undefined) gauge.set(value(report));
      },
    });
  };
  ofReport(
    "image_security_audit_duration_seconds",
    "Time that the last complete audit took.",
    ({ duration }) => duration / 1_000,
  );
  ofReport(
    "image_security_audit_last_success_timestamp_seconds",
    "End of the last complete audit.",
    ({ endedAt }) => endedAt / 1_000,
  );
  ofReport("image_security_audit_pods", "Pods in the last complete audit.", ({ pods }) => pods);
  ofReport("image_security_audit_images", "Distinct images in the last complete audit.", ({ images }) => images);
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
