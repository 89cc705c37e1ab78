import type { CompiledAuthority } from "../../policy/authority.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { AttestationOutcome, ImageFacts, SignatureOutcome } from "../../policy/facts/facts.ts";
import { judgeAttestations } from "../../policy/rules/attestations.ts";
import { judgeSignatures } from "../../policy/rules/signatures.ts";
import { distinctWants, factKey } from "../attestations.ts";
import type { FactContext } from "../provider.ts";

/** One question to one authority: did it sign, or (with a predicate type) what did it attest? */
export interface SignatureQuery {
  readonly authority: CompiledAuthority;
  /** Absent: an image signature. */
  readonly predicateType?: string;
}

export type CosignFacts = Pick<ImageFacts, "signatures" | "attestations">;

/** What some policies' rules ask, each question once. */
export const queriesOf = (policies: readonly CompiledPolicy[]): readonly SignatureQuery[] => {
  const [first, ...others] = policies;
  if (first === undefined) return [];
  if (others.length === 0) return wantsOfOne(first);
  return distinctWants(policies.flatMap(wantsOfOne));
};

/** A policy asks the same for as long as it lives. */
const asked = new WeakMap<CompiledPolicy, readonly SignatureQuery[]>();

const wantsOfOne = (policy: CompiledPolicy): readonly SignatureQuery[] => {
  const known = asked.get(policy);
  if (known !== undefined) return known;
  const { signatures, attestations } = policy;
  const wants = distinctWants([
    ...(signatures?.authorities.trusted ?? []).filter(isSigstore).map((authority): SignatureQuery => ({ authority })),
    ...(attestations ?? []).flatMap(({ predicateType, authorities }) =>
      authorities.trusted.map((authority): SignatureQuery => ({ authority, predicateType })),
    ),
  ]);
  asked.set(policy, wants);
  return wants;
};

/** Signatures of notation are found and proved in a place of their own (`evidence/notation`). */
const isSigstore = ({ type }: CompiledAuthority): boolean => type !== "notation";

/**
 * Whether the rules of these policies hold already with what is known, or all that these signatures could add to them is there, so that
 * nothing more needs to be read.
 */
export const satisfies = (facts: CosignFacts, { request, reference, digest }: FactContext): boolean => {
  const judged = { ...facts, digest: { status: "verified", value: digest } } as const;
  const { now } = request;
  return request.policies.every(
    ({ signatures, attestations }) =>
      (signatures === undefined ||
        judgeSignatures(signatures, facts).length === 0 ||
        isExhausted(signatures.authorities.trusted, facts)) &&
      (attestations ?? []).every((rule) => judgeAttestations(rule, judged, { reference, now }).length === 0),
  );
};

/** Where others of the rule's authorities are notation's, and each of ours has signed. */
const isExhausted = (trusted: readonly CompiledAuthority[], { signatures }: CosignFacts): boolean =>
  trusted.some(({ type }) => type === "notation") &&
  trusted.filter(isSigstore).every(({ id }) => signatures.get(id)?.status === "verified");

/** Answers as they come in; handed out as facts. */
export class GatheredOutcomes implements CosignFacts {
  readonly signatures: Map<string, SignatureOutcome> = new Map();
  readonly attestations: Map<string, AttestationOutcome> = new Map();

  /** Takes over what others have found, and gives itself. */
  add({ signatures, attestations }: CosignFacts): this {
    for (const [key, outcome] of signatures) this.signatures.set(key, outcome);
    for (const [key, outcome] of attestations) this.attestations.set(key, outcome);
    return this;
  }

  has(want: SignatureQuery): boolean {
    return (want.predicateType === undefined ? this.signatures : this.attestations).has(factKey(want));
  }
}
