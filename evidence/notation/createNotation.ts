import type { EvidenceMetrics } from "../metrics.ts";
import type { FactProvider } from "../provider.ts";
import type { AddressFilter } from "../registry/http/addresses.ts";
import type { Network } from "../registry/http/network.ts";
import type { ProxyChoice } from "../registry/http/proxy.ts";
import { createNotationEvidence } from "./notationEvidence.ts";
import { createAwsRevocations } from "./revocation/awsRevocations.ts";
import { createRevocationFetcher } from "./revocation/fetcher.ts";
import { KeptLists } from "./revocation/keptLists.ts";
import { createRevocations } from "./revocation/revocations.ts";
import { createNotationVerifier } from "./verify/notationVerifier.ts";

export interface NotationOptions {
  /** Threads; 0: in place. */
  readonly workers: number;
  /** Which addresses may not be asked for revocations. */
  readonly filter: AddressFilter;
  readonly proxy: ProxyChoice;
  readonly metrics: EvidenceMetrics;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** AWS could not be asked, for the log. */
  readonly onFailure: (error: unknown) => void;
  /** The system's by default. */
  readonly network?: Network;
}

/** Signatures of the Notary Project's clients, wired: from registries to revocations. */
export const createNotation = (
  options: NotationOptions,
): { readonly provider: FactProvider; readonly close: () => Promise<void> } => {
  const { workers, metrics, clock, onFailure, ...network } = options;
  const examiner = createNotationVerifier({ workers });
  const fetcher = createRevocationFetcher(network);
  const revocations = createRevocations({
    fetcher,
    examiner,
    lists: new KeptLists(fetcher, clock),
    aws: createAwsRevocations({ clock, onFailure }),
    metrics,
    clock,
  });
  return {
    provider: createNotationEvidence({ examiner, revocations, metrics, clock }),
    close: async () => {
      await Promise.all([examiner.close(), fetcher.close()]);
    },
  };
};
