import type { AttestationOutcome } from "./facts.ts";

/** What is to be said where one of these may hide what says worse (`AttestationOutcome.buried`); undefined: none does. */
export const buriedAmong = (outcomes: readonly AttestationOutcome[]): string | undefined => {
  for (const outcome of outcomes) if (outcome.status === "invalid" && outcome.buried === true) return outcome.message;
  return undefined;
};
