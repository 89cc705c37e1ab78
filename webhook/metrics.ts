import type { Finding } from "../policy/finding/finding.ts";

/** What admission tells the metrics (design.md section 6); `operator/metrics.ts` implements it with prom-client. */
export interface AdmissionMetrics {
  readonly admission: (kind: string, operation: string, decision: string, seconds: number) => void;
  /** Not called for dryRun requests. */
  readonly findings: (findings: readonly Finding[], namespace: string) => void;
}

/** Why a review was not taken: the bound that it met. */
export const TURNED_AWAY = ["reviews", "namespace", "address", "bytes", "slow"] as const;
export type TurnedAway = (typeof TURNED_AWAY)[number];
