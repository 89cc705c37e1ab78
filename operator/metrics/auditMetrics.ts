import type { Registry } from "prom-client";
import { isInForce } from "../../policy/exceptions/compiledException.ts";
import type { AuditReport } from "../audit/completeAudits.ts";
import type { Coverage } from "../audit/coverage.ts";
import type { Exposure } from "../audit/exposure.ts";
import type { ScanAges } from "../audit/scanAges.ts";
import type { ViolationCounts } from "../audit/violationCounts.ts";
import type { PolicySet } from "../policies/policySet.ts";
import { addScrapedGauge, type ScrapedGauge, type Series } from "./scrapedGauge.ts";

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

/** What a gauge says of what audits have found. */
interface AuditGauge extends Omit<ScrapedGauge, "series"> {
  readonly series: (audits: AuditSources) => Iterable<Series>;
}

const FOUND: readonly AuditGauge[] = [
  {
    name: "image_security_violations",
    help: "Pods that violate a rule of a policy now.",
    labelNames: ["policy", "namespace", "rule", "action"],
    series: ({ tally }) => Array.from(tally.series(), ({ pods, ...labels }) => [labels, pods]),
  },
  {
    name: "image_security_exempted",
    help: "Pods that would violate a policy if exceptions did not silence every finding.",
    labelNames: ["policy"],
    series: ({ policies, tally }) => {
      const none = (policies()?.audited ?? []).map(({ name }) => [name, 0] as const);
      return [...none, ...tally.exempted()].map(([policy, pods]) => [{ policy }, pods]);
    },
  },
  {
    name: "image_security_exception_expiry_timestamp_seconds",
    help: `When an exception that is in force ends; the ${MOST_EXPIRIES} that end first.`,
    labelNames: ["exception"],
    series: ({ policies, now }) =>
      (policies()?.exceptions ?? [])
        .filter((one) => isInForce(one, now()))
        .toSorted((a, b) => a.expires - b.expires)
        .slice(0, MOST_EXPIRIES)
        .map(({ name, expires }) => [{ exception: name }, expires / 1_000]),
  },
  {
    name: "image_security_image_vulnerabilities",
    help: "Vulnerabilities that the scans of running images name, each image once in its namespace.",
    labelNames: ["namespace", "severity"],
    series: ({ exposure }) => exposure.series().map(({ vulnerabilities, ...labels }) => [labels, vulnerabilities]),
  },
  {
    name: "image_security_expiring_scans",
    help: "Images of a namespace whose scan gets too old for a policy (maxAge) within so many hours; longer times count what shorter ones count.",
    labelNames: ["policy", "namespace", "within"],
    series: ({ scanAges }) => scanAges.series().map(({ images, ...labels }) => [labels, images]),
  },
  {
    name: "image_security_reschedule_refused_pods",
    help: "Pods that admission would refuse if they were made anew, such as after a node drain.",
    labelNames: ["namespace"],
    series: ({ tally, leftOut }) =>
      [...tally.refusedAnew()]
        .filter(([namespace]) => !leftOut.has(namespace))
        .map(([namespace, pods]) => [{ namespace }, pods]),
  },
];

/** Before the first audit is complete nobody knows: 0 would read as all covered. */
const COVERED: readonly AuditGauge[] = [
  {
    name: "image_security_uncovered_images",
    help: "Distinct images of pods that no deny policy covers by this layer (registries, digest, scan, signatures).",
    labelNames: ["layer"],
    series: ({ coverage }) => Array.from(coverage.images(), ([layer, images]) => [{ layer }, images]),
  },
  {
    name: "image_security_namespace_uncovered_images",
    help: "The same by namespace: an image that several namespaces run counts in each.",
    labelNames: ["namespace", "layer"],
    series: ({ coverage }) => coverage.byNamespace().map(({ images, ...labels }) => [labels, images]),
  },
  {
    name: "image_security_left_out_images",
    help: "Distinct images of pods in namespaces that admission leaves out, whatever policies say; not among the uncovered.",
    series: ({ coverage }) => [[{}, coverage.notAsked()]],
  },
];

/** The last complete audit itself. */
const REPORTED: readonly (Omit<ScrapedGauge, "series"> & { readonly value: (report: AuditReport) => number })[] = [
  {
    name: "image_security_audit_duration_seconds",
    help: "Time that the last complete audit took.",
    value: ({ duration }) => duration / 1_000,
  },
  {
    name: "image_security_audit_last_success_timestamp_seconds",
    help: "End of the last complete audit.",
    value: ({ endedAt }) => endedAt / 1_000,
  },
  { name: "image_security_audit_pods", help: "Pods in the last complete audit.", value: ({ pods }) => pods },
  {
    name: "image_security_audit_images",
    help: "Distinct images in the last complete audit.",
    value: ({ images }) => images,
  },
];

/**
 * Gauges of what audits find.
 * @param leading undefined where another operator leads.
 */
export function addAuditMetrics(registers: Registry[], leading: () => AuditSources | undefined): void {
  const add = ({ help, series, ...gauge }: AuditGauge): void =>
    addScrapedGauge(registers, {
      ...gauge,
      help: `${help} Exported by the leader only.`,
      series: () => {
        const audits = leading();
        return audits === undefined ? [] : series(audits);
      },
    });
  for (const gauge of FOUND) add(gauge);
  for (const { series, ...gauge } of COVERED)
    add({ ...gauge, series: (audits) => (audits.report() === undefined ? [] : series(audits)) });
  for (const { value, ...gauge } of REPORTED)
    add({
      ...gauge,
      series: ({ report }) => {
        const last = report();
        return last === undefined ? [] : [[{}, value(last)]];
      },
    });
}
