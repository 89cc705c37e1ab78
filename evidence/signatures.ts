import { untilEnough } from "../async/untilEnough.ts";
import type { CompiledPolicy } from "../policy/compiledPolicy.ts";
import { judgeSignatures } from "../policy/rules/signatures.ts";
import type { FactContext, FactProvider, ProvidedFacts } from "./provider.ts";

/**
 * Signatures of cosign and of notation, looked for at the same time: authorities of both kinds count together. Where those of one kind are
 * enough by themselves nobody waits for the other, who may be asking a timestamp authority's or a CA's servers; what it finds is kept.
 */
export const eitherSigns = (cosign: FactProvider, notation: FactProvider): FactProvider => ({
  name: "signatures",
  ...(cosign.tellsStanding === true && notation.tellsStanding === true ? { tellsStanding: true } : {}),
  wanted: (policies) => cosign.wanted(policies) || notation.wanted(policies),
  gather: (context) => {
    const { policies } = context.request;
    if (!notation.wanted(policies)) return cosign.gather(context);
    const parts = [cosign, notation].map((provider) => provider.gather(context));
    if (parts.every(isKnown)) return parts.reduce(joined, {});
    return first(parts, context);
  },
});

const isKnown = (part: ProvidedFacts | Promise<ProvidedFacts>): part is ProvidedFacts => !(part instanceof Promise);

const first = async (
  parts: readonly (ProvidedFacts | Promise<ProvidedFacts>)[],
  { request: { policies } }: FactContext,
): Promise<ProvidedFacts> => {
  let facts: ProvidedFacts = {};
  await untilEnough(
    parts.map(async (part) => {
      const found = await part;
      facts = joined(facts, found);
      return policies.every((policy) => isSatisfied(policy, facts));
    }),
  );
  return facts;
};

/** Attestations come from cosign alone: a policy that asks for some waits for it. */
const isSatisfied = ({ signatures, attestations = [] }: CompiledPolicy, facts: ProvidedFacts): boolean =>
  (attestations.length === 0 || facts.attestations !== undefined) &&
  (signatures === undefined || judgeSignatures(signatures, { signatures: facts.signatures ?? new Map() }).length === 0);

const joined = (a: ProvidedFacts, b: ProvidedFacts): ProvidedFacts => ({
  ...a,
  ...b,
  signatures: new Map([...(a.signatures ?? []), ...(b.signatures ?? [])]),
});
