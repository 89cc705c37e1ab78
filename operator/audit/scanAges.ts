import type { Gather, GatherRequest } from "../../evidence/provider.ts";
import type { ImageFacts } from "../../policy/facts/facts.ts";
import { staleAfter } from "../../policy/rules/scan.ts";
import { createMetImages, type MetImagesOptions } from "./metImages.ts";
import { watchGather } from "./watchGather.ts";

/** How soon a scan gets too old: hours by the metric's label; the longer ones count what the shorter ones count. */
const WINDOWS = { "24h": 24, "72h": 72, "168h": 168 } as const;

export interface ExpiringScans {
  readonly policy: string;
  readonly namespace: string;
  readonly within: keyof typeof WINDOWS;
  readonly images: number;
}

/** What audits find out about when scans get too old (maxAge). */
export interface ScanAges {
  readonly watch: (gather: Gather) => Gather;
  /** Every window of every policy and namespace whose images have a scan that is fresh. */
  readonly series: () => readonly ExpiringScans[];
}

export interface ScanAgesOptions extends Omit<MetImagesOptions, "isWanted"> {
  /** Whether there is still a policy of this name. */
  readonly isPolicy: (name: string) => boolean;
}

/** Counts by policy and namespace, each image once, for a metric whose labels hold no image. */
export function createScanAges({ forget, isPolicy, now }: ScanAgesOptions): ScanAges {
  /** By policy and namespace, whose names hold no blank: when scans get too old, in milliseconds since the epoch. */
  const images = createMetImages<number>({
    forget,
    now,
    isWanted: (group) => isPolicy(group.slice(0, group.indexOf(" "))),
  });

  const saw = ({ policies, subject: { namespace } }: GatherRequest, facts: ImageFacts): void => {
    if (facts.scans.size === 0 || facts.digest?.status !== "verified") return;
    for (const { name, scan } of policies) {
      const stale = scan === undefined ? undefined : staleAfter(scan, facts);
      // What could not be told this time is as it was.
      if (stale !== undefined) images.met(`${name} ${namespace}`, facts.digest.value, stale);
    }
  };

  return {
    watch: (gather) => watchGather(gather, saw),
    series: () => {
      const time = now();
      const series: ExpiringScans[] = [];
      for (const [group, stale] of images.groups()) {
        const [policy = "", namespace = ""] = group.split(" ");
        const fresh = stale.map((one) => one - time).filter((left) => left >= 0);
        if (fresh.length === 0) continue;
        for (const [within, hours] of Object.entries(WINDOWS) as [keyof typeof WINDOWS, number][])
          series.push({ policy, namespace, within, images: fresh.filter((left) => left < hours * HOUR).length });
      }
      return series;
    },
  };
}

const HOUR = 3_600_000;
