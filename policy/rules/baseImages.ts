import { attestationKey } from "../facts/attestationKey.ts";
import { lackingAmong } from "../facts/buried.ts";
import type { AuthoritySet } from "../authority.ts";
import { compileBaseImages, type BaseImagesRule } from "../compile/rules/baseImages.ts";
import type { AttestationOutcome, BaseClaim, BasesOutcome, ImageFacts } from "../facts/facts.ts";
import type { Reason, RuleFinding } from "../finding/finding.ts";
import { settledBy, unavailableAmong, withAdvice } from "../facts/unavailable.ts";
import { shown } from "../finding/message.ts";
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
  const judged = claimsIn(outcome).flatMap((claim) => judgeClaim(rule, claim));
  if (outcome?.status === "verified" || faults.length > 0) return [...judged, ...faults];
  if (outcome === undefined) {
    // A defect of ours, which `onUnavailable` must not settle.
    return [finding("EvidenceUnavailable", "the base image was not asked for", { unavailable: "configuration" })];
  }
  switch (outcome.status) {
    case "unavailable":
      return [...judged, finding("EvidenceUnavailable", withAdvice(outcome), { unavailable: settledBy(outcome) })];
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

/** Whether the provenance of an index names no base, so that each of its platforms has to have some. */
export function looksAtPlatforms({ authorities }: BaseImagesRule, { allAttested }: ImageFacts): boolean {
  return authorities !== undefined && basesIn(authorities, allAttested).status === "absent";
}

function finding(reason: Reason, detail: string, extra: Partial<RuleFinding> = {}): RuleFinding {
  return {
    rule: "baseImages",
    reason,
    detail,
    ...extra,
  };
}

/**
 * What the authorities' verified provenance says the image was built from: that of an index covers it, else every
 * platform needs its own.
 */
function attestedBases(authorities: AuthoritySet, { allAttested, platforms }: ImageFacts): BasesOutcome {
  const whole = basesIn(authorities, allAttested);
  if (whole.status !== "absent" || platforms === undefined || platforms.status === "absent") return whole;
  if (platforms.status !== "verified") return platforms;
  const found = platforms.value.map(({ platform, attested }) => ({
    platform,
    outcome: basesOfPlatform(authorities, attested),
  }));
  // What is wrong before what could not be told: nothing that happens to one platform softens another's.
  for (const { platform, outcome } of found)
    if (outcome.status === "invalid") return { ...outcome, message: `${platform}: ${outcome.message}` };
  if (found.every(({ outcome }) => outcome.status === "absent")) return whole;
  const claims = found.flatMap(({ platform, outcome }): readonly BaseClaim[] =>
    outcome.status === "absent" ? [{ platform }] : claimsIn(outcome).map((claim) => ({ ...claim, platform })),
  );
  const unavailable = unavailableAmong(found.map(({ outcome }) => outcome));
  return unavailable === undefined ? { status: "verified", value: claims } : { ...unavailable, rest: claims };
}

/** What is known whatever could not be told. */
function claimsIn(outcome: BasesOutcome | undefined): readonly BaseClaim[] {
  return outcome?.status === "verified" ? outcome.value : (outcome?.rest ?? []);
}

function basesOfPlatform(authorities: AuthoritySet, attested: ReadonlyMap<string, AttestationOutcome>): BasesOutcome {
  // A defect of ours, which `onUnavailable` must not settle.
  return keysOf(authorities.trusted).every((key) => attested.has(key))
    ? basesIn(authorities, attested)
    : { status: "unavailable", cause: "overloaded", message: "its provenance was not asked for", lasting: true };
}

function keysOf(trusted: AuthoritySet["trusted"]): readonly string[] {
  return trusted.flatMap(({ id }) => PROVENANCE_PREDICATES.map((type) => attestationKey(type, id)));
}

/** What was attested about one digest names these bases. One authority that says it is enough. */
function basesIn(
  { trusted }: AuthoritySet,
  attested: ReadonlyMap<string, AttestationOutcome> | undefined,
): BasesOutcome {
  const outcomes = keysOf(trusted).flatMap((key) => attested?.get(key) ?? []);
  const lacking = lackingAmong(outcomes);
  if (lacking !== undefined) return { status: "invalid", reason: "BaseImageUnknown", message: lacking };
  const proved = outcomes.flatMap((outcome) =>
    outcome.status === "verified" ? outcome.value : (outcome.proved ?? []),
  );
  const images = [...new Set(proved.flatMap(imagesInProvenance))].sort();
  const claims = images.map((name): BaseClaim => ({ name }));
  // What could not be had may name a base that the others do not, and takes none of theirs away.
  const unavailable = unavailableAmong(outcomes);
  if (unavailable !== undefined) return { ...unavailable, rest: claims };
  if (claims.length > 0) return { status: "verified", value: claims };
  if (proved.length > 0)
    return { status: "absent", message: "its attested provenance names no image among the materials" };
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
