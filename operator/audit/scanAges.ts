import type { Gather, GatherRequest } from "../../evidence/provider.ts";
import type { ImageFacts } from "../../policy/facts/facts.ts";
import { staleAfter } from "../../policy/rules/scan.ts";
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

interface Seen {
  /** Milliseconds since the epoch, both. */
  readonly staleAfter: number;
  readonly at: number;
}

export interface ScanAgesOptions {
  /** Milliseconds after which an image that no audit has met any more is left out: more than one complete audit takes. */
  readonly forget: number;
  /** Whether there is still a policy of this name. */
  readonly isPolicy: (name: string) => boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Counts by policy and namespace, each image once, for a metric whose labels hold no image. */
export function createScanAges({ forget, isPolicy, now }: ScanAgesOptions): ScanAges {
  /** By policy and namespace, whose names hold no blank, then by digest. */
  const seen = new Map<string, Map<string, Seen>>();

  const saw = ({ policies, subject: { namespace } }: GatherRequest, facts: ImageFacts): void => {
    if (facts.scans.size === 0 || facts.digest?.status !== "verified") return;
    for (const { name, scan } of policies) {
      const stale = scan === undefined ? undefined : staleAfter(scan, facts);
      // What could not be told this time is as it was.
      if (stale === undefined) continue;
      const key = `${name} ${namespace}`;
      const images = seen.get(key) ?? new Map<string, Seen>();
      seen.set(key, images.set(facts.digest.value, { staleAfter: stale, at: now() }));
    }
  };

  return {
    watch: (gather) => watchGather(gather, saw),
    series: () => {
      const time = now();
      const series: ExpiringScans[] = [];
      for (const [key, images] of seen) {
        const [policy = "", namespace = ""] = key.split(" ");
        for (const [digest, { at }] of images) if (at < time - forget || !isPolicy(policy)) images.delete(digest);
        if (images.size === 0) seen.delete(key);
        const fresh = [...images.values()].map((one) => one.staleAfter - time).filter((left) => left >= 0);
        if (fresh.length === 0) continue;
        for (const [within, hours] of Object.entries(WINDOWS) as [keyof typeof WINDOWS, number][])
          series.push({ policy, namespace, within, images: fresh.filter((left) => left < hours * HOUR).length });
      }
      return series;
    },
  };
}

const HOUR = 3_600_000;
