import type { CredentialSource } from "../../../../../evidence/registry/auth/credential.ts";
import { ANONYMOUS } from "../../../../../evidence/registry/auth/credential.ts";
import type { EvidenceMetrics } from "../../../../../evidence/metrics.ts";
import type { CachedRepository } from "../../../../../evidence/registry/cache/cachedRepository.ts";
import type { Network } from "../../../../../evidence/registry/http/network.ts";
import { createRegistry, type Registry } from "../../../../../evidence/registry/registry.ts";
import { DEFAULT_REGISTRY_SETTINGS, type RegistrySettings } from "../../../../../evidence/registry/settings.ts";

export interface RecordedMetrics extends EvidenceMetrics {
  readonly requests: { registry: string; operation: string; code: string }[];
  readonly cache: { kind: string; result: string }[];
  readonly failures: { kind: string; cause: string }[];
}

export function recordMetrics(): RecordedMetrics {
  const requests: RecordedMetrics["requests"] = [];
  const cache: RecordedMetrics["cache"] = [];
  const failures: RecordedMetrics["failures"] = [];
  return {
    requests,
    cache,
    failures,
    registryRequest: (registry, operation, code) => void requests.push({ registry, operation, code }),
    cacheRequest: (kind, result) => void cache.push({ kind, result }),
    unavailable: (kind, cause) => void failures.push({ kind, cause }),
  };
}

export interface Readers {
  readonly registry: Registry;
  readonly metrics: RecordedMetrics;
  /** A repository of the place that the test started, without credentials unless some are given. */
  readonly open: (name: string, ...sources: readonly CredentialSource[]) => CachedRepository;
  readonly tick: (milliseconds: number) => void;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/** Readers that speak plain HTTP to 127.0.0.1, and whose clock moves only when told. */
export function openReaders(
  settings: Partial<RegistrySettings> = {},
  options: { readonly network?: Network; readonly realTime?: boolean } = {},
): Readers {
  let skipped = 0;
  const metrics = recordMetrics();
  const registry = createRegistry({
    settings: { ...DEFAULT_REGISTRY_SETTINGS, plainHttp: ["127.0.0.1"], ...settings },
    metrics,
    clock: () => 1_700_000_000_000 + skipped,
    random: () => 0,
    ...(options.network === undefined ? {} : { network: options.network }),
  });
  return {
    registry,
    metrics,
    tick: (milliseconds) => {
      skipped += milliseconds;
    },
    open: (name, ...sources) => {
      const endpoint = registry.endpoint(name);
      if (endpoint === undefined) throw new Error(`${name} is no repository`);
      return registry.repository(endpoint, sources.length === 0 ? [ANONYMOUS] : sources);
    },
    [Symbol.asyncDispose]: registry.close,
  };
}

/** Long enough for everything that is to succeed. */
export const patient = (): AbortSignal => AbortSignal.timeout(9_000);
