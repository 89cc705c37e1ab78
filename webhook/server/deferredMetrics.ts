import type { AdmissionMetrics } from "../metrics.ts";

/** Observations that are held back at most. */
const BATCH = 256;

export interface DeferredMetrics extends AdmissionMetrics {
  /** Hands on what is held back: before every scrape. */
  readonly flush: () => void;
}

/**
 * Hands observations on in batches. One prom-client observation in the middle of a request costs 3 us, because its code and its tables
 * have left the processor's caches; the same in a row cost 1 us each.
 */
export const deferMetrics = ({ admission, findings }: AdmissionMetrics): DeferredMetrics => {
  const kinds: string[] = [];
  const operations: string[] = [];
  const decisions: string[] = [];
  const seconds: number[] = [];
  const flush = (): void => {
    for (const [index, kind] of kinds.entries()) {
      admission(kind, operations[index] ?? "", decisions[index] ?? "", seconds[index] ?? 0);
    }
    for (const list of [kinds, operations, decisions, seconds]) list.length = 0;
  };
  return {
    admission: (kind, operation, decision, time) => {
      kinds.push(kind);
      operations.push(operation);
      decisions.push(decision);
      if (seconds.push(time) >= BATCH) flush();
    },
    findings,
    flush,
  };
};
