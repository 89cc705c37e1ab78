import { attestationKey } from "../facts/attestationKey.ts";
import { lackingAmong } from "../facts/buried.ts";
import type { AuthoritySet } from "../authority.ts";
import { compileBaseImages, type BaseImagesRule } from "../compile/rules/baseImages.ts";
import type { BaseClaim, ImageFacts } from "../facts/facts.ts";
import type { Reason, RuleFinding } from "../finding/finding.ts";
import { isOurs, settledBy, withAdvice } from "../facts/unavailable.ts";
import { shown } from "../finding/message.ts";
import type { Outcome } from "../facts/outcome.ts";
import { parseReference } from "../image/reference.ts";
import { contentReason } from "./digest.ts";
import { PROVENANCE_PREDICATES, imagesInProvenance } from "./provenance.ts";
import { authorityName, faultsOf } from "./quorum.ts";
import { defineRule, type Rule } from "./rule.ts";

/** What the image was built on. */
export const baseImages: Rule<"baseImages", BaseImagesRule> = defineRule({
  name: "baseImages",
  compile: compileBaseImages,
  needs: () => "content",
  judge: judgeBaseImages,
  // Provenance may be attested that names another base.
  dependsOn: ({ authorities }) => ({ time: authorities !== undefined }),
  // That is for the evidence to tell: the rule itself looks at no clock.
  cleanUntil: () => Infinity,
});

/**
 * Judges what an image was built on: by its own declaration (`org.opencontainers.image.base.*`), or, where the rule
 * names authorities, only by provenance that one of them attested. Every image among the materials counts: provenance
 * does not say which stage became the base.
 */
export function judgeBaseImages(rule: BaseImagesRule, facts: ImageFacts): RuleFinding[] {
  const { authorities } = rule;
  if (rule.fault !== undefined) return [finding("EvidenceUnavailable", rule.fault, { unavailable: "configuration" })];
  const outcome = authorities === undefined ? facts.bases : attestedBases(authorities, facts);
  const faults = authorities === undefined ? [] : faultsOf("baseImages", authorities);
  if (outcome?.status === "verified") return [...outcome.value.flatMap((claim) => judgeClaim(rule, claim)), ...faults];
  if (faults.length > 0) return faults;
  if (outcome === undefined) {
    // A defect of ours, which `onUnavailable` must not settle.
    return [finding("EvidenceUnavailable", "the base image was not asked for", { unavailable: "configuration" })];
  }
  switch (outcome.status) {
    case "unavailable":
      return [finding("EvidenceUnavailable", withAdvice(outcome), { unavailable: settledBy(outcome) })];
    case "invalid":
      // Somebody buried the provenance, or the image itself could not be looked at: a claim that cannot be read is
      // judged above.
      return [
        finding(
          outcome.reason === "BaseImageUnknown" ? "BaseImageUnknown" : contentReason(outcome.reason),
          outcome.message,
        ),
      ];
    case "absent":
      return unknown(rule, outcome.message);
  }
}

function finding(reason: Reason, detail: string, extra: Partial<RuleFinding> = {}): RuleFinding {
  return {
    rule: "baseImages",
    reason,
    detail,
    ...extra,
  };
}

/** What the authorities' verified provenance says the image was built from. One authority that says it is enough. */
function attestedBases({ trusted }: AuthoritySet, facts: ImageFacts): Outcome<readonly BaseClaim[]> {
  const outcomes = trusted.flatMap(({ id }) =>
    PROVENANCE_PREDICATES.flatMap((type) => facts.allAttested?.get(attestationKey(type, id)) ?? []),
  );
  const lacking = lackingAmong(outcomes);
  if (lacking !== undefined) return { status: "invalid", reason: "BaseImageUnknown", message: lacking };
  // What could not be had may name a base that the others do not.
  const unavailable = outcomes.filter((outcome) => outcome.status === "unavailable");
  const [first] = unavailable;
  if (first !== undefined) return unavailable.find(isOurs) ?? first;
  const proved = outcomes.flatMap((outcome) => (outcome.status === "verified" ? outcome.value : []));
  if (proved.length > 0) {
    const images = [...new Set(proved.flatMap(({ predicate }) => imagesInProvenance(predicate)))].sort();
    return images.length > 0
      ? { status: "verified", value: images.map((name) => ({ name })) }
      : { status: "absent", message: "its attested provenance names no image among the materials" };
  }
  const said = [...new Set(outcomes.flatMap((outcome) => ("message" in outcome ? [outcome.message] : [])))].sort();
  return {
    status: "absent",
    message: `no provenance by ${trusted.map(authorityName).join(", ") || "a trusted authority"}${said.length > 0 ? ` (${said.join("; ")})` : ""}`,
  };
}

function unknown({ required, authorities }: BaseImagesRule, why: string): RuleFinding[] {
  if (!required) return [];
  // What the image says of itself does not help where authorities are asked.
  const todo = authorities === undefined ? "set org.opencontainers.image.base.name" : "attest its provenance";
  return [finding("BaseImageUnknown", `${why}; ${todo}`)];
}

function judgeClaim(rule: BaseImagesRule, claim: BaseClaim): RuleFinding[] {
  if (claim.name === undefined)
    return unknown(rule, `${claim.platform ?? "the image"} does not say what it is built on`);
  const part = claim.platform === undefined ? "" : `${claim.platform}: `;
  const written = claim.digest === undefined || claim.name.includes("@") ? claim.name : `${claim.name}@${claim.digest}`;
  const parsed = parseReference(written);
  if (parsed.status === "malformed") {
    return [
      finding(
        "BaseImageUnknown",
        `${part}names the base "${shown(written)}", which is no image reference (${parsed.message})`,
      ),
    ];
  }
  const { reference } = parsed;
  const findings: RuleFinding[] = [];
  const old = rule.deprecated.find(({ image }) => image.matches(reference));
  if (old !== undefined) {
    findings.push(
      finding(
        "BaseImageDeprecated",
        `${part}built on ${shown(written)}, which is deprecated; rebuild on ${old.replacement}`,
      ),
    );
  }
  if (rule.allow !== undefined && !rule.allow.some((pattern) => pattern.matches(reference))) {
    const allowed = rule.allow.map(({ text }) => text).join(", ");
    findings.push(finding("BaseImageNotAllowed", `${part}built on ${shown(written)}; allowed are ${allowed}`));
  }
  return findings;
}
