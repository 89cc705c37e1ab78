import { homedir } from "node:os";
import { join } from "node:path";
import type { EvidenceOptions } from "../evidence/createEvidence.ts";
import type { EvidenceMetrics } from "../evidence/metrics.ts";
import type { ClusterReads } from "../evidence/registry/auth/clusterReads.ts";
import { createCloudCredentials } from "../evidence/registry/auth/cloud/cloudCredentials.ts";
import type { RegistrySettings } from "../evidence/registry/settings.ts";
import type { ReportsByDigest } from "../evidence/scan/sources/reportSource.ts";
import { SILENT } from "../kube/log.ts";
import { startEvidence, type OperatorEvidence } from "../operator/evidence.ts";
import type { ProofSettings } from "../operator/settings/compose.ts";
import { readSettings } from "../operator/settings/settings.ts";
import { credentialHelpers } from "./credentialHelpers.ts";
import { UsageError } from "./exitCode.ts";
import { registrySettingsOf, type RegistryFlags } from "./registryFlags.ts";

/** Nobody scrapes a command. */
export const NO_METRICS: EvidenceMetrics = {
  registryRequest: () => undefined,
  cacheRequest: () => undefined,
  unavailable: () => undefined,
};

/** The credentials of whoever runs the command, helpers of Docker's included, for whatever they name. */
export const userCredentials = async (
  settings: RegistrySettings,
): Promise<Required<Pick<EvidenceOptions, "cloud" | "ownCredentials">>> => ({
  cloud: await credentialHelpers(settings.dockerConfig ?? "", createCloudCredentials(settings.cloudCredentials ?? [])),
  ownCredentials: "all",
});

/** What a command knows of a cluster, from files or from its API server. */
export interface UserEvidenceOptions {
  readonly cluster: ClusterReads;
  readonly reports: ReportsByDigest;
}

/** Everything that the operator finds and proves, as somebody at a terminal asks for it. */
export const userEvidence = async (
  flags: RegistryFlags,
  { cluster, reports }: UserEvidenceOptions,
): Promise<OperatorEvidence> => {
  const registry = { ...registrySettingsOf(flags), readPullSecrets: true };
  return startEvidence({
    settings: { registry, proofs: proofSettings() },
    cluster,
    reports,
    runs: () => false,
    serviceRanges: () => [],
    metrics: NO_METRICS,
    log: SILENT,
    credentials: await userCredentials(registry),
    now: Date.now,
  });
};

/** Vault's own variables count, as they do for the operator. A thread would take longer to start than most checks take. */
const proofSettings = (): ProofSettings => {
  const vault = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(?:VAULT|BAO)_/.test(name)));
  const read = readSettings([], vault);
  if (read.status !== "ok") throw new UsageError(read.messages.join("\n"));
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return { ...read.settings.proofs, workers: 0, trustRootCache: join(cache, "image-security", "trust-roots") };
};
