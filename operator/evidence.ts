import { createEvidence, type EvidenceOptions } from "../evidence/createEvidence.ts";
import { createCosignEvidence } from "../evidence/sigstore/cosignEvidence.ts";
import { fingerprintsOf } from "../evidence/sigstore/fingerprints.ts";
import type { ClusterReads } from "../evidence/registry/auth/clusterReads.ts";
import type { Gather, ResolveDigest } from "../evidence/provider.ts";
import { createKmsKeys } from "../evidence/trust/keys/kmsKeys.ts";
import type { EvidenceMetrics } from "../evidence/metrics.ts";
import { createAddressFilter } from "../evidence/registry/http/addresses.ts";
import { createProxyChoice } from "../evidence/registry/http/proxy.ts";
import type { ReportsByDigest } from "../evidence/scan/sources/reportSource.ts";
import { createScanProvider } from "../evidence/scan/scanProvider.ts";
import { createTrustRoots } from "../evidence/trust/trustRoots.ts";
import { createCandidateVerifier } from "../evidence/sigstore/verify/candidateVerifier.ts";
import { createNotation } from "../evidence/notation/createNotation.ts";
import { eitherSigns } from "../evidence/signatures.ts";
import { createScanReader } from "../evidence/scan/scanReader.ts";
import { messageOf } from "../kube/kubeError.ts";
import type { CompiledAuthority } from "../policy/authority.ts";
import type { Log } from "../kube/log.ts";
import type { RunningDigests } from "./cluster/runningDigests.ts";
import type { Settings } from "./settings/settings.ts";
import type { Tracing } from "./tracing/tracing.ts";

export interface OperatorEvidenceOptions {
  readonly settings: Pick<Settings, "registry" | "proofs">;
  readonly cluster: ClusterReads;
  readonly reports: ReportsByDigest;
  readonly runs: RunningDigests["runs"];
  readonly serviceRanges: () => readonly string[];
  readonly metrics: EvidenceMetrics;
  /** Told of what is proved, where anybody wants to know. */
  readonly tracing?: Pick<Tracing, "proofs">;
  readonly log: Log;
  /** What some authority trusts has changed, without a change of a policy: a key or a root that is fetched. */
  readonly onTrustChanged?: () => void;
  /** Whose credentials ask registries, where it is not the operator. */
  readonly credentials?: Pick<EvidenceOptions, "cloud" | "ownCredentials">;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface OperatorEvidence {
  readonly gather: Gather;
  readonly resolveDigest: ResolveDigest;
  /** What an authority trusts now, for statuses. */
  readonly fingerprints: (authority: CompiledAuthority) => readonly string[] | undefined;
  readonly close: () => Promise<void>;
}

/** Everything that finds and proves facts about images, with the operator's settings: registries, signatures, scans. */
export function startEvidence(options: OperatorEvidenceOptions): OperatorEvidence {
  const {
    settings,
    cluster,
    reports,
    runs,
    serviceRanges,
    metrics,
    log,
    onTrustChanged = () => undefined,
    now,
  } = options;
  const { workers, trustRootCache, publicGoodUpdates, kmsPlainHttp, vault } = settings.proofs;
  const verifier = createCandidateVerifier({ workers });
  const examiner = options.tracing?.proofs(verifier) ?? verifier;
  const read = createScanReader({ workers: Math.min(workers, 1) });
  const filter = createAddressFilter({
    allowed: settings.registry.allowedAddresses,
    serviceRanges: settings.registry.serviceRanges,
    learned: serviceRanges,
  });
  const sources = {
    kms: createKmsKeys({
      aws: { plainHttp: kmsPlainHttp },
      ...(vault === undefined ? {} : { vault }),
      clock: now,
      onChange: onTrustChanged,
      onFailure: (uri, error) => log.warn("a key could not be fetched", { key: uri, error: messageOf(error) }),
    }),
    roots: createTrustRoots({
      cacheDirectory: trustRootCache,
      publicGoodUpdates,
      filter,
      clock: now,
      onChange: onTrustChanged,
      onFailure: (mirror, error) => log.warn("a trust root could not be renewed", { mirror, error: messageOf(error) }),
    }),
  };
  const cosign = createCosignEvidence({ examiner, metrics, clock: now, ...sources });
  const notation = createNotation({
    workers: Math.min(workers, 1),
    filter,
    proxy: createProxyChoice(settings.registry.proxy),
    metrics,
    clock: now,
    onFailure: (error) => log.warn("AWS Signer could not be asked for revocations", { error: messageOf(error) }),
  });
  const evidence = createEvidence({
    ...options.credentials,
    settings: settings.registry,
    metrics,
    cluster,
    serviceRanges,
    clock: now,
    report: (error) => log.error("a provider of facts has a defect", { error: messageOf(error) }),
    providers: [
      eitherSigns(cosign.provider, notation.provider),
      createScanProvider({ prove: cosign.proveAttestations, reports, runs, read }),
    ],
  });
  return {
    gather: evidence.gather,
    resolveDigest: evidence.resolveDigest,
    fingerprints: (authority) => fingerprintsOf(authority, sources),
    close: async () => {
      await evidence.close();
      await Promise.all([examiner.close(), notation.close(), read.close()]);
    },
  };
}
