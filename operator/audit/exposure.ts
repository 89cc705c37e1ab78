import type { Gather, GatherRequest } from "../../evidence/provider.ts";
import type { ImageFacts, ScanOutcome } from "../../policy/facts/facts.ts";
import { watchGather } from "./watchGather.ts";
import { SEVERITIES, type ScanReport, type Severity } from "../../policy/facts/scanReport.ts";

type Counts = Readonly<Record<Severity, number>>;

export interface ExposureSeries {
  readonly namespace: string;
  readonly severity: Severity;
  readonly vulnerabilities: number;
}

/** What audits find out about the vulnerabilities of the images that run. */
export interface Exposure {
  /** The gatherer, watched: what audits gather of scans is counted. */
  readonly watch: (gather: Gather) => Gather;
  /** Every severity of every namespace whose images are scanned, each image once. */
  readonly series: () => readonly ExposureSeries[];
}

interface Seen {
  readonly counts: Counts;
  /** Milliseconds since the epoch. */
  at: number;
}

export interface ExposureOptions {
  /** Milliseconds after which an image that no audit has met any more is left out: more than one complete audit takes. */
  readonly forget: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const NONE: Counts = { critical: 0, high: 0, medium: 0, low: 0, unknown: 0 };

/**
 * Counts by namespace and severity, for a metric whose labels hold no image. An image counts what its reports name, whatever a policy
 * allows, excuses or limits: what one namespace owes to its updates. Of several reports and platforms the worst count, severity by severity.
 */
export function createExposure({ forget, now }: ExposureOptions): Exposure {
  const byNamespace = new Map<string, Map<string, Seen>>();

  const saw = ({ subject: { namespace } }: GatherRequest, facts: ImageFacts): void => {
    if (facts.scans.size === 0 || facts.digest?.status !== "verified") return;
    const images = byNamespace.get(namespace) ?? new Map<string, Seen>();
    const counts = worst([...facts.scans.values()].flatMap(countsOf));
    // What could not be told this time is as it was.
    if (counts === undefined) return;
    images.set(facts.digest.value, { counts, at: now() });
    byNamespace.set(namespace, images);
  };

  return {
    watch: (gather) => watchGather(gather, saw),
    series: () => {
      const oldest = now() - forget;
      const series: ExposureSeries[] = [];
      for (const [namespace, images] of byNamespace) {
        for (const [digest, { at }] of images) if (at < oldest) images.delete(digest);
        if (images.size === 0) byNamespace.delete(namespace);
        const totals = { ...NONE };
        for (const { counts } of images.values())
          for (const severity of SEVERITIES) totals[severity] += counts[severity];
        if (images.size > 0)
          for (const severity of SEVERITIES) series.push({ namespace, severity, vulnerabilities: totals[severity] });
      }
      return series;
    },
  };
}

const countsOf = (outcome: ScanOutcome): readonly Counts[] =>
  outcome.status === "verified" ? outcome.value.flatMap(({ reports }) => reports.map(countsOfReport)) : [];

/** Reports are kept and met again at every audit. */
const counted = new WeakMap<ScanReport, Counts>();

const countsOfReport = (report: ScanReport): Counts => {
  const known = counted.get(report);
  if (known !== undefined) return known;
  const counts = { ...NONE };
  for (const { severity } of report.vulnerabilities) counts[severity] += 1;
  counted.set(report, counts);
  return counts;
};

const worst = (all: readonly Counts[]): Counts | undefined => {
  if (all.length === 0) return undefined;
  const counts = { ...NONE };
  for (const one of all)
    for (const severity of SEVERITIES) counts[severity] = Math.max(counts[severity], one[severity]);
  return counts;
};
