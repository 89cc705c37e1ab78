import type { CompiledAuthority } from "../policy/authority.ts";
import { attestationKey } from "../policy/facts/attestationKey.ts";
import type { AttestationOutcome } from "../policy/facts/facts.ts";
import type { FactContext } from "./provider.ts";

/** A question about a digest: which statements of this type did this authority sign? */
export interface AttestationWant {
  /** Full URI, exact. */
  readonly predicateType: string;
  readonly authority: CompiledAuthority;
}

/** A question to an authority; without a predicate type it is about image signatures. */
type Want = Pick<AttestationWant, "authority"> & Partial<AttestationWant>;

/** The key of an answer among the facts; of signatures and attestations together it is unambiguous. */
export const factKey = ({ authority, predicateType }: Want): string =>
  predicateType === undefined ? authority.id : attestationKey(predicateType, authority.id);

/** Each question once. */
export const distinctWants = <W extends Want>(wants: readonly W[]): readonly W[] => [
  ...new Map(wants.map((want) => [factKey(want), want])).values(),
];

/**
 * How new an answer must be. `kept`: some seconds old, of what was there and of what was not: good for a verdict that
 * passes, which a newer attestation overturns within a minute. `fresh`: as if it were asked for the first
 * time, for a verdict that does not: somebody may have attested a newer scan just now. `audited`: as old as audits let it grow where very
 * many digests run (`sigstore/auditPace.ts`).
 */
export type AnswerAge = "kept" | "fresh" | "audited";

/**
 * Finds and proves the in-toto statements about `digest`, which is the judged one or, for an index, one of its children;
 * all signatures in reach are fetched once for all wants. By `attestationKey(predicateType, authority.id)`, one outcome for
 * every want: `verified` holds every statement found, the other outcomes say why there is none. Never rejects; ends with
 * the request's signal; synchronous where everything is cached.
 */
export type ProveAttestations = (
  context: FactContext,
  digest: string,
  wanted: readonly AttestationWant[],
  age: AnswerAge,
) => ReadonlyMap<string, AttestationOutcome> | Promise<ReadonlyMap<string, AttestationOutcome>>;
