import type { Log } from "../../kube/log.ts";
import type { EvidenceMetrics } from "../../evidence/metrics.ts";
import type { CandidateVerifier } from "../../evidence/sigstore/verify/candidateVerifier.ts";
import type { Handler } from "../../webhook/review/handler.ts";

/** Puts what becomes of a review into spans: the admission itself, what is asked of registries, what is proved. */
export interface Tracing {
  readonly reviews: (endpoint: "validate" | "mutate", handle: Handler) => Handler;
  readonly requests: (metrics: EvidenceMetrics) => EvidenceMetrics;
  readonly proofs: (verifier: CandidateVerifier) => CandidateVerifier;
  /** Sends what waits, for a few seconds at most. */
  readonly close: () => Promise<void>;
}

/** What costs nothing: everything as it is given. */
const OFF: Tracing = {
  reviews: (_, handle) => handle,
  requests: (metrics) => metrics,
  proofs: (verifier) => verifier,
  close: () => Promise.resolve(),
};

/** The packages of OpenTelemetry are loaded only where spans are wanted. */
export const startTracing = async (
  { tracing }: { readonly tracing: boolean },
  version: string,
  log: Pick<Log, "warn" | "info">,
): Promise<Tracing> => {
  if (!tracing) return OFF;
  const { startOpenTelemetry } = await import("./openTelemetry.ts");
  return startOpenTelemetry(version, log) ?? OFF;
};
