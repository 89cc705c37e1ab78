import type { ClusterReads } from "./registry/auth/clusterReads.ts";
import { createCloudCredentials, type CloudCredentials } from "./registry/auth/cloud/cloudCredentials.ts";
import { createKeychains } from "./registry/auth/keychain.ts";
import { LookAgain } from "./lookAgain.ts";
import { createGather, type GatherOptions, type Gathering } from "./gather/createGather.ts";
import type { FactProvider } from "./provider.ts";
import type { EvidenceMetrics } from "./metrics.ts";
import type { Network } from "./registry/http/network.ts";
import { createRegistry } from "./registry/registry.ts";
import { CLOUD_PROVIDERS, type RegistrySettings } from "./registry/settings.ts";

export interface EvidenceOptions {
  readonly settings: RegistrySettings;
  readonly metrics: EvidenceMetrics;
  readonly providers: readonly FactProvider[];
  /** Absent: no cluster, so no pull secrets of pods. */
  readonly cluster?: ClusterReads;
  /** Credentials that are asked for when a registry wants one; the clouds' by default. */
  readonly cloud?: CloudCredentials;
  readonly ownCredentials?: GatherOptions["ownCredentials"];
  /** What the cluster says of its own service ranges; see `RegistryOptions`. */
  readonly serviceRanges?: () => readonly string[];
  /** Told of defects, which are findings and never a pass. */
  readonly report?: (error: unknown) => void;
  /** The system's by default. */
  readonly network?: Network;
  /** Milliseconds since the epoch. */
  readonly clock?: () => number;
}

export interface Evidence extends Gathering {
  /** Ends what is under way. */
  readonly close: () => Promise<void>;
}

/**
 * Registries, credentials and the gatherer, wired: what the operator and the CLI start from. Throws where the settings make
 * no sense: a CA file that cannot be read, a range that is none, a mirror that is no URL.
 */
export function createEvidence(options: EvidenceOptions): Evidence {
  const { settings, metrics, providers, cluster, report, network, clock, serviceRanges, ownCredentials } = options;
  const { cloud = createCloudCredentials(settings.cloudCredentials ?? CLOUD_PROVIDERS) } = options;
  const time = clock === undefined ? {} : { clock };
  const registry = createRegistry({
    settings,
    metrics,
    ...time,
    ...(network === undefined ? {} : { network }),
    ...(serviceRanges === undefined ? {} : { serviceRanges }),
  });
  const keychains = createKeychains({
    settings,
    cloud,
    ...time,
    ...(cluster === undefined ? {} : { cluster }),
  });
  const gathering = createGather({
    registry,
    keychains,
    providers,
    lookAgain: new LookAgain(clock ?? Date.now, registry.renew),
    ...(ownCredentials === undefined ? {} : { ownCredentials }),
    ...(report === undefined ? {} : { report }),
  });
  return { ...gathering, close: registry.close };
}
