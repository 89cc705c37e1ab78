import type { AttestationOutcome } from "./facts.ts";

/**
 * What is to be said where one of these may hide what says worse (`AttestationOutcome.buried`); undefined: none does.
 */
export function buriedAmong(outcomes: readonly AttestationOutcome[]): string | undefined {
  for (const outcome of outcomes) if (outcome.status === "invalid" && outcome.buried === true) return outcome.message;
  return undefined;
}

/** The same, where not only the newest of them is needed: none may be left out. */
export function lackingAmong(outcomes: readonly AttestationOutcome[]): string | undefined {
  return buriedAmong(outcomes) ?? (outcomes.some(({ leftOut }) => leftOut !== undefined) ? TOO_MANY : undefined);
}

const TOO_MANY = "there are more attestations of this type than are read, and all of them are needed; remove old ones";
