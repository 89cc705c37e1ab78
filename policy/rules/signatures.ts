import type { Quorum } from "../authority.ts";
import { compileQuorum } from "../compile/quorum.ts";
import type { ImageFacts } from "../facts/facts.ts";
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

/** Judges who signed an image: the rule's authorities, each by a signer of its own, must have been proved. */
export function judgeSignatures(rule: Quorum, facts: Pick<ImageFacts, "signatures">): readonly RuleFinding[] {
  return countVotes(
    BALLOT,
    rule,
    ({ id }) => facts.signatures.get(id),
    (proofs) => ({ status: "counts", signers: proofs.map(({ signer }) => signer) }),
  );
}
