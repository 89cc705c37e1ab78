import { Gauge, type Registry } from "prom-client";
import { isInForce } from "../../policy/exceptions/compiledException.ts";
import type { AuditReport } from "../audit/completeAudits.ts";
import type { Coverage } from "../audit/coverage.ts";
import type { Exposure } from "../audit/exposure.ts";
import type { ScanAges } from "../audit/scanAges.ts";
import type { ViolationCounts } from "../audit/violationCounts.ts";
import type { PolicySet } from "../policies/policySet.ts";

/** What the audit's gauges ask at every scrape. */
export interface AuditSources {
  readonly policies: () => PolicySet | undefined;
  readonly tally: Pick<ViolationCounts, "series" | "exempted" | "refusedAnew">;
  readonly coverage: Pick<Coverage, "images" | "byNamespace" | "notAsked">;
  /** Namespaces that admission leaves out. */
  readonly leftOut: ReadonlySet<string>;
  readonly report: () => AuditReport | undefined;
  readonly exposure: Pick<Exposure, "series">;
  readonly scanAges: Pick<ScanAges, "series">;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Whoever may write exceptions may write many: each would be a series of its own. */
const MOST_EXPIRIES = 100;

/**
 * Gauges of what audits find.
 * @param leading undefined where another operator leads.
 */
export function addAuditMetrics(registers: Registry[], leading: () => AuditSources | undefined): void {
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
  const expiring = new Gauge({
    name: "image_security_expiring_scans",
    help: "Images of a namespace whose scan gets too old for a policy (maxAge) within so many hours; longer times count what shorter ones count. Exported by the leader only.",
    labelNames: ["policy", "namespace", "within"],
    registers,
    collect: () => {
      expiring.reset();
      for (const { images, ...labels } of leading()?.scanAges.series() ?? []) expiring.set(labels, images);
    },
  });
  const refused = new Gauge({
    name: "image_security_reschedule_refused_pods",
    help: "Pods that admission would refuse if they were made anew, such as after a node drain. Exported by the leader only.",
    labelNames: ["namespace"],
    registers,
    collect: () => {
      refused.reset();
      const current = leading();
      for (const [namespace, pods] of current?.tally.refusedAnew() ?? [])
        if (current?.leftOut.has(namespace) === false) refused.set({ namespace }, pods);
    },
  });
  addCoverage(registers, () => {
    const current = leading();
    // Before its first audit is complete nobody knows: 0 would read as all covered.
    return current?.report() === undefined ? undefined : current.coverage;
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

function addCoverage(registers: Registry[], coverage: () => AuditSources["coverage"] | undefined): void {
  const uncovered = new Gauge({
    name: "image_security_uncovered_images",
    help: "Distinct images of pods that no deny policy covers by this layer (registries, digest, scan, signatures). Exported by the leader only.",
    labelNames: ["layer"],
    registers,
    collect: () => {
      uncovered.reset();
      for (const [layer, images] of coverage()?.images() ?? []) uncovered.set({ layer }, images);
    },
  });
  const byNamespace = new Gauge({
    name: "image_security_namespace_uncovered_images",
    help: "The same by namespace: an image that several namespaces run counts in each. Exported by the leader only.",
    labelNames: ["namespace", "layer"],
    registers,
    collect: () => {
      byNamespace.reset();
      for (const { images, ...labels } of coverage()?.byNamespace() ?? []) byNamespace.set(labels, images);
    },
  });
  const notAsked = new Gauge({
    name: "image_security_left_out_images",
    help: "Distinct images of pods in namespaces that admission leaves out, whatever policies say; not among the uncovered. Exported by the leader only.",
    registers,
    collect: () => {
      notAsked.remove();
      const current = coverage();
      if (current !== undefined) notAsked.set(current.notAsked());
    },
  });
}
