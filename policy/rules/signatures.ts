import type { SignaturesRule } from "../compiledRules.ts";
import type { ImageFacts } from "../facts/facts.ts";
import type { RuleFinding } from "../finding/finding.ts";
import { countVotes, type Ballot } from "./quorum.ts";

const BALLOT: Ballot = {
  rule: "signatures",
  what: "signature",
  remedy: "sign this digest (cosign sign) as the policy demands",
  order: ["TransparencyMissing", "SignatureUntrusted", "SignatureInvalid"],
  missing: "SignatureMissing",
};

/** Judges who signed an image: the rule's authorities, each by a signer of its own, must have been proved. */
export const judgeSignatures = (rule: SignaturesRule, facts: Pick<ImageFacts, "signatures">): readonly RuleFinding[] =>
  countVotes(
    BALLOT,
    rule,
    ({ id }) => facts.signatures.get(id),
    (proofs) => ({ status: "counts", signers: proofs.map(({ signer }) => signer) }),
  );
