import type { OperatorEvidence } from "../operator/evidence.ts";
import type { RegistryFlags } from "./registryFlags.ts";
import type { UserEvidenceOptions } from "./userEvidence.ts";

/**
 * What is asked of registries, started when something is: a verdict over texts alone comes before all that it takes to prove a signature
 * would have loaded.
 */
export const lazyEvidence = (
  flags: RegistryFlags,
  known: () => UserEvidenceOptions | Promise<UserEvidenceOptions>,
): Pick<OperatorEvidence, "gather" | "resolveDigest" | "close"> => {
  let started: Promise<OperatorEvidence> | undefined;
  const start = (): Promise<OperatorEvidence> =>
    (started ??= import("./userEvidence.ts").then(async ({ userEvidence }) => userEvidence(flags, await known())));
  return {
    gather: async (request) => (await start()).gather(request),
    resolveDigest: async (...request) => (await start()).resolveDigest(...request),
    close: async () => (await started)?.close(),
  };
};
