import { compileDigest, type DigestRule } from "../compile/rules/digest.ts";
import type { ImageFacts } from "../facts/facts.ts";
import { settledBy, withAdvice } from "../facts/unavailable.ts";
import { ADVICE_ON_DRIFT } from "../finding/lines.ts";
import type { Reason, RuleFinding } from "../finding/finding.ts";
import type { Outcome, Unavailable } from "../facts/outcome.ts";
import type { Reference } from "../image/reference.ts";
import { digestAdvice } from "../image/digestAdvice.ts";
import { defineRule, type ImageContext, type JudgingContext, type Rule } from "./rule.ts";

/** Whether it is the very image that was approved: the form of the reference, and what the registry says of it. */
export const digest: Rule<"digest", DigestRule> = defineRule({
  name: "digest",
  compile: compileDigest,
  needs: (rule, image) => (asks(rule, image) ? "registry" : "nothing"),
  judgeText: (rule, { parsed, tags }) => (parsed.status === "ok" ? judgeForm(rule, parsed.reference, tags) : []),
  judge: judgeContent,
  dependsOn: ({ tagDrift }) => ({ tag: tagDrift !== "Ignore" }),
});

/** A manifest that hashes right and cannot be used is malformed, whatever else a reader calls it. */
export function contentReason(reason: string): "DigestMismatch" | "ImageMalformed" {
  return reason === "DigestMismatch" ? "DigestMismatch" : "ImageMalformed";
}

/** What the text of a reference tells: whether it has a digest, and a tag beside it. */
function judgeForm(rule: DigestRule, reference: Reference, tags: ImageContext["tags"]): readonly RuleFinding[] {
  if (reference.digest !== undefined) {
    if (reference.tag === undefined || rule.allowTag) return [];
    return [finding("TagForbidden", `has a tag beside its digest; ${digestAdvice({ status: "ok", reference })}`)];
  }
  // With a pin that should have happened the registry decides what to say: see judgeContent.
  return rule.required && tags === "bare" ? [digestRequired(reference)] : [];
}

/** Whether the rule asks the registry about this image. */
function asks(
  rule: DigestRule,
  { reference, tags, mode }: Pick<JudgingContext, "reference" | "tags" | "mode">,
): boolean {
  if (rule.verify) return true;
  if (reference.digest === undefined) {
    return (rule.required && tags === "pinned") || (mode === "audit" && rule.tagDrift !== "Ignore");
  }
  return reference.tag !== undefined && rule.tagDrift !== "Ignore";
}

/**
 * What the registry tells: that the digest or the tag is there, that its bytes hash to it, that the tag still names it.
 */
function judgeContent(
  rule: DigestRule,
  facts: ImageFacts,
  { reference, tags, mode }: JudgingContext,
): readonly RuleFinding[] {
  const findings: RuleFinding[] = [];
  if (reference.digest !== undefined) {
    if (rule.verify) findings.push(...judgePresence(facts.manifest, `digest ${reference.digest}`));
    if (reference.tag !== undefined && rule.tagDrift !== "Ignore") {
      findings.push(...judgeDrift(rule, reference, facts.tag, reference.digest, "this digest"));
    }
    return findings;
  }
  const tag = facts.tag ?? facts.digest;
  if (rule.required && tags === "pinned") {
    // A pin is lost where the tag exists after all: the object was written past the mutating webhook.
    findings.push(
      ...(tag?.status === "verified" ? [digestRequired(reference)] : judgePresence(tag, tagName(reference))),
    );
  } else if (rule.verify) {
    findings.push(...judgePresence(tag, tagName(reference)));
  }
  if (mode === "audit" && rule.tagDrift !== "Ignore") {
    const { running } = facts;
    if (running?.status === "verified")
      findings.push(...judgeDrift(rule, reference, facts.tag, running.value, "what runs"));
    // It is known not to be what the tag names, though not which manifest it is.
    else if (running?.status === "absent")
      findings.push(...judgeDrift(rule, reference, facts.tag, undefined, "what runs"));
    else if (running?.status === "unavailable")
      findings.push({
        ...unavailable("what runs could not be told", running),
        ...(rule.tagDrift === "Report" ? { atMost: "warn" } : {}),
      });
  }
  return dropRepeated(findings);
}

function judgePresence(outcome: Outcome<unknown> | undefined, what: string): readonly RuleFinding[] {
  if (outcome === undefined) return [unasked(what)];
  switch (outcome.status) {
    case "verified":
      return [];
    case "absent":
      return [finding("DigestNotFound", `${outcome.message}; push the image or correct the reference`)];
    case "invalid":
      return [finding(contentReason(outcome.reason), `${what}: ${outcome.message}`)];
    case "unavailable":
      return [unavailable(`${what} could not be looked up`, outcome)];
  }
}

/** Report only tells: at admission a warning; audits list it either way. */
function judgeDrift(
  rule: DigestRule,
  reference: Reference,
  tag: Outcome<string> | undefined,
  judged: string | undefined,
  what: string,
): readonly RuleFinding[] {
  const known = judged === undefined ? {} : { digest: judged };
  const soften = rule.tagDrift === "Report" ? ({ atMost: "warn" } as const) : {};
  if (tag?.status === "verified") {
    if (tag.value === judged) return [];
    const detail = `${tagName(reference)} no longer names ${what}, but ${tag.value}; ${ADVICE_ON_DRIFT}`;
    return [{ ...finding("TagDrift", detail), ...known, ...soften }];
  }
  if (tag?.status === "absent") {
    return [
      {
        ...finding("TagDrift", `${tagName(reference)} no longer exists, so it does not name ${what}`),
        ...known,
        ...soften,
      },
    ];
  }
  return judgePresence(tag, tagName(reference)).map((one) => ({ ...one, ...soften }));
}

function digestRequired(reference: Reference): RuleFinding {
  const found = reference.tag === undefined ? "has neither tag nor digest" : "uses a tag";
  return finding("DigestRequired", `${found}; ${digestAdvice({ status: "ok", reference })}`);
}

function tagName({ tag }: Reference): string {
  return `tag ${tag ?? "latest"}`;
}

function unavailable(what: string, outcome: Unavailable): RuleFinding {
  return { ...finding("EvidenceUnavailable", `${what}: ${withAdvice(outcome)}`), unavailable: settledBy(outcome) };
}

/** Nobody looked: a defect of ours, which must not be settled by `onUnavailable`. */
function unasked(what: string): RuleFinding {
  return { ...finding("EvidenceUnavailable", `${what} was not looked up`), unavailable: "configuration" };
}

/** Presence and drift ask the same question of the tag: one answer is enough, and the stricter one comes first. */
function dropRepeated(findings: readonly RuleFinding[]): readonly RuleFinding[] {
  const seen = new Set<string>();
  return findings.filter(({ reason, detail }) => {
    const key = `${reason} ${detail}`;
    return !seen.has(key) && seen.add(key);
  });
}

function finding(reason: Reason, detail: string): RuleFinding {
  return { rule: "digest", reason, detail };
}
