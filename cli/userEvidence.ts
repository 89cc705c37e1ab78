import { createEvidence, type Evidence, type EvidenceOptions } from "../evidence/createEvidence.ts";
import type { EvidenceMetrics } from "../evidence/metrics.ts";
import { createCloudCredentials } from "../evidence/registry/auth/cloud/cloudCredentials.ts";
import { credentialHelpers } from "./credentialHelpers.ts";
import { registrySettingsOf, type RegistryFlags } from "./registryFlags.ts";

/** Nobody scrapes a command. */
export const NO_METRICS: EvidenceMetrics = {
  registryRequest: () => undefined,
  cacheRequest: () => undefined,
  unavailable: () => undefined,
};

/** Registries as somebody at a terminal sees them: with their own credentials, helpers of Docker's included, for whatever they name. */
export const userEvidence = async (
  flags: RegistryFlags,
  options: Pick<EvidenceOptions, "providers" | "report"> = { providers: [] },
): Promise<Evidence> => {
  const settings = registrySettingsOf(flags);
  const clouds = createCloudCredentials(settings.cloudCredentials ?? []);
  return createEvidence({
    ...options,
    settings,
    metrics: NO_METRICS,
    cloud: await credentialHelpers(settings.dockerConfig ?? "", clouds),
    ownCredentials: "all",
  });
};
