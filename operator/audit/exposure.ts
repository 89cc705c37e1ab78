import type { Gather, GatherRequest } from "../../evidence/provider.ts";
import type { ImageFacts, ScanOutcome } from "../../policy/facts/facts.ts";
import { createMetImages, type MetImagesOptions } from "./metImages.ts";
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

const NONE: Counts = { critical: 0, high: 0, medium: 0, low: 0, unknown: 0 };

/**
 * Counts by namespace and severity, for a metric whose labels hold no image. An image counts what its reports name, whatever a policy
 * allows, excuses or limits: what one namespace owes to its updates. Of several reports and platforms the worst count, severity by severity.
 */
export function createExposure(options: Omit<MetImagesOptions, "isWanted">): Exposure {
  const images = createMetImages<Counts>(options);

  const saw = ({ subject: { namespace } }: GatherRequest, facts: ImageFacts): void => {
    if (facts.scans.size === 0 || facts.digest?.status !== "verified") return;
    const counts = worst([...facts.scans.values()].flatMap(countsOf));
    // What could not be told this time is as it was.
    if (counts !== undefined) images.met(namespace, facts.digest.value, counts);
  };

  return {
    watch: (gather) => watchGather(gather, saw),
    series: () =>
      images.groups().flatMap(([namespace, all]) =>
        SEVERITIES.map((severity) => ({
          namespace,
          severity,
          vulnerabilities: all.reduce((sum, counts) => sum + counts[severity], 0),
        })),
      ),
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
