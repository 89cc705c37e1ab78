import type { SignaturesRule } from "../compiledRules.ts";
import type { ImageFacts } from "../facts.ts";
import type { RuleFinding } from "../finding.ts";
import { settle, type Vote } from "./quorum.ts";

const BALLOT = {
  rule: "signatures",
  what: "signature",
  remedy: "sign this digest (cosign sign) as the policy demands",
  order: ["TransparencyMissing", "SignatureUntrusted", "SignatureInvalid", "SignatureMissing"],
} as const;

/** Judges who signed an image: `rule.count` authorities, each by a signer of its own, must have been proved. */
export const judgeSignatures = (
  rule: SignaturesRule,
  facts: Pick<ImageFacts, "signatures">,
): readonly RuleFinding[] => {
  const votes = rule.authorities.trusted.map(({ name, id }): Vote => {
    const outcome = facts.signatures.get(id);
    switch (outcome?.status) {
      case "verified":
        return { status: "counts", authority: name, signers: outcome.value.map(({ signer }) => signer) };
      case "absent":
        return { status: "against", authority: name, reason: "SignatureMissing", message: outcome.message };
      case "invalid":
        return { status: "against", authority: name, reason: outcome.reason, message: outcome.message };
      case "unavailable":
        return { status: "unknown", authority: name, message: outcome.message };
      case undefined:
        return { status: "unknown", authority: name, message: "was not asked for" };
    }
  });
  return settle(BALLOT, rule.count, votes, rule.authorities.faulty);
};
