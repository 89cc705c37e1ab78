import type { Quorum } from "../authority.ts";
import { compileQuorum } from "../compile/rules/quorum.ts";
import type { ImageFacts, SignatureOutcome, SignatureProof } from "../facts/facts.ts";
import type { RuleFinding } from "../finding/finding.ts";
import { countVotes, type Ballot } from "./quorum.ts";
import { defineRule, type Rule } from "./rule.ts";

/** Who signed the image. */
export const signatures: Rule<"signatures", Quorum> = defineRule({
  name: "signatures",
  compile: compileQuorum,
  needs: () => "content",
  judge: judgeSignatures,
});

const BALLOT: Ballot = {
  rule: "signatures",
  what: "signature",
  remedy: "sign this digest (cosign sign) as the policy demands",
  order: ["TransparencyMissing", "SignatureUntrusted", "SignatureInvalid"],
  missing: "SignatureMissing",
};

/** What somebody has to do who signs with the Notary Project's client alone. */
const NOTATION_BALLOT: Ballot = { ...BALLOT, remedy: "sign this digest (notation sign) as the policy demands" };

/**
 * Judges who signed an image: the rule's authorities, each by a signer of its own, must have been proved. What a level
 * of notation only logs is a warning, where the rule would not hold without it.
 */
export function judgeSignatures(rule: Quorum, facts: Pick<ImageFacts, "signatures">): readonly RuleFinding[] {
  const found = count(rule, facts, (proofs) => proofs);
  if (found.length > 0 || !rule.authorities.trusted.some(({ id }) => isDoubtful(facts.signatures.get(id))))
    return found;
  return count(rule, facts, (proofs) => proofs.filter(({ warnings }) => warnings === undefined)).length === 0
    ? found
    : rule.authorities.trusted.flatMap(({ id, name }) => warningsOf(name, facts.signatures.get(id)));
}

function count(
  rule: Quorum,
  { signatures: outcomes }: Pick<ImageFacts, "signatures">,
  counted: (proofs: readonly SignatureProof[]) => readonly SignatureProof[],
): readonly RuleFinding[] {
  const { trusted } = rule.authorities;
  const ballot = trusted.length > 0 && trusted.every(({ type }) => type === "notation") ? NOTATION_BALLOT : BALLOT;
  return countVotes(
    ballot,
    rule,
    ({ id }) => outcomes.get(id),
    (proofs) => {
      const signers = counted(proofs).map(({ signer }) => signer);
      return signers.length > 0
        ? { status: "counts", signers }
        : { status: "against", reason: "SignatureUntrusted", message: "counts with a warning only" };
    },
  );
}

function isDoubtful(outcome: SignatureOutcome | undefined): boolean {
  return outcome?.status === "verified" && outcome.value.some(({ warnings }) => warnings !== undefined);
}

function warningsOf(name: string, outcome: SignatureOutcome | undefined): readonly RuleFinding[] {
  if (outcome?.status !== "verified" || !isDoubtful(outcome)) return [];
  const said = [...new Set(outcome.value.flatMap(({ warnings = [] }) => warnings))].toSorted();
  const detail = `${name}: a signature counts that ${said.join(", and ")}; the authority's level only warns of it`;
  return [{ rule: "signatures", reason: "SignatureUntrusted", detail, atMost: "warn" }];
}
