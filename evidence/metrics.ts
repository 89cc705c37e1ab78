import type { UnavailableCause } from "../policy/facts/outcome.ts";

/** What evidence tells the metrics (design.md section 6); `operator/metrics.ts` implements it with prom-client. */
export interface EvidenceMetrics {
  /** `code`: HTTP status, or the cause of a failure. `registry` is bounded by the implementation. */
  readonly registryRequest: (registry: string, operation: string, code: string, seconds: number) => void;
  readonly cacheRequest: (kind: string, result: "hit" | "miss" | "stale") => void;
  readonly unavailable: (kind: string, cause: UnavailableCause) => void;
  /** Where to ask, at every scrape, which registries could not be reached a moment ago; one entry for each host. */
  readonly openCircuits?: (open: () => readonly string[]) => void;
}
