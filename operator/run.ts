import type { Settings } from "./settings.ts";

/** An operator at work in this process. */
export interface RunningOperator {
  /** Base URL of the admission server, such as `https://127.0.0.1:9443`. */
  readonly webhookUrl: string;
  /** The whole URL of the metrics, such as `http://127.0.0.1:8080/metrics`; absent without a metrics server. */
  readonly metricsUrl?: string;
  /**
   * Resolves when the caches are synced, the first policy set is compiled and the webhook configurations are written:
   * from then on admission is judged. Never rejects; it waits for as long as the API server is away.
   */
  readonly ready: Promise<void>;
  /** Stops cleanly: readyz false, requests drained, lease released, watches and servers closed. Idempotent. */
  readonly stop: () => Promise<void>;
}

/**
 * Starts the operator in this process: the servers listen when the promise resolves, everything else heals in the background.
 * Rejects where it cannot start at all: a port that is taken, a kubeconfig that cannot be read.
 */
export function runOperator(settings: Settings): Promise<RunningOperator> {
  return Promise.reject(new Error(`not wired yet for ${settings.namespace}`));
}
