import type { Gather } from "../evidence/gather.ts";
import type { Outcome } from "../policy/outcome.ts";

const UNAVAILABLE: Outcome<never> = {
  status: "unavailable",
  cause: "serverError",
  message: "registries cannot be asked yet",
};

/** Knows nothing: every question is unavailable, which is settled by the policy's `onUnavailable`. */
export const unavailableGather: Gather = () => ({
  digest: UNAVAILABLE,
  tag: UNAVAILABLE,
  manifest: UNAVAILABLE,
  running: UNAVAILABLE,
  signatures: new Map(),
  attestations: new Map(),
  scans: new Map(),
});
