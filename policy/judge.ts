import { softer } from "./finding/action.ts";
import type { CompiledPolicy } from "./compiledPolicy.ts";
import { settledBy, withAdvice } from "./facts/unavailable.ts";
import type { Exempt } from "./exceptions/exempt.ts";
import type { ImageFacts } from "./facts/facts.ts";
import type { EnforcementAction, Finding, FindingAction, RuleFinding, RuleName } from "./finding/finding.ts";
import { message, notReady } from "./finding/message.ts";
import { digestAdvice } from "./image/digestAdvice.ts";
import type { Reference } from "./image/reference.ts";
import { contentReason } from "./rules/digest.ts";
import { judgeReference } from "./rules/reference.ts";
import type { ImageContext, JudgingContext, PolicyRule } from "./rules/rule.ts";
import type { ImageUse, Subject } from "./subject/subject.ts";

/** What a judgement of an image depends on beside the policy, the object and the facts. */
export type JudgingTime = Pick<JudgingContext, "mode" | "now" | "tags">;

const NONE: readonly Finding[] = Object.freeze([]);

/** The policies that are about this image of this object. `policies` are those whose `matchesSubject` holds. */
export function policiesFor(policies: readonly CompiledPolicy[], { parsed }: ImageUse): readonly CompiledPolicy[] {
  // What is malformed but for its digest could be read as anything, also as what a policy is about.
  const reference = parsed.status === "malformed" && parsed.reason === "ImageMalformed" ? undefined : parsed.reference;
  return policies.every(({ matchesImage }) => matchesImage(reference))
    ? policies
    : policies.filter(({ matchesImage }) => matchesImage(reference));
}

/** What can be said without asking anybody: the reference itself, where it comes from, whether it has a digest. */
export function judgeText(
  policy: CompiledPolicy,
  subject: Subject,
  image: ImageUse,
  { mode, tags }: Pick<JudgingTime, "mode" | "tags">,
): readonly Finding[] {
  const { parsed } = image;
  const found: RuleFinding[] = [];
  if (parsed.status === "malformed") found.push(...judgeReference(parsed));
  const context = contextOf(subject, image, mode, tags);
  for (const rule of policy.rules) found.push(...rule.judgeText(context));
  if (parsed.status === "ok" && parsed.reference.digest === undefined && tags === "bare") {
    for (const rule of contentRules(policy, { ...context, reference: parsed.reference }))
      found.push(tagNotPinned(rule, parsed.reference));
  }
  for (const { rule, message: detail } of policy.unjudged) {
    found.push({ rule, reason: "EvidenceUnavailable", detail, unavailable: "configuration" });
  }
  return found.length === 0 ? NONE : toFindings(policy, subject, image, found, undefined);
}

/** Whether the policy's own registries rule refuses the image, and no exception lets it in. */
export function refusesRegistry(policy: CompiledPolicy, subject: Subject, image: ImageUse, exempt: Exempt): boolean {
  const registries = policy.rules.find(({ name }) => name === "registries");
  const found = registries?.judgeText(contextOf(subject, image, "admission", "bare")) ?? [];
  if (found.length === 0) return false;
  return toFindings(policy, subject, image, found, undefined).some(
    (finding) => exempt(finding, image, undefined).exempted === undefined,
  );
}

/** Whether the policy has something to ask about the image that its text does not tell. */
export function asksForFacts(
  policy: CompiledPolicy,
  subject: Subject,
  image: ImageUse,
  { mode, tags }: Pick<JudgingTime, "mode" | "tags">,
): boolean {
  if (image.parsed.status !== "ok") return false;
  const { reference } = image.parsed;
  const context = { ...contextOf(subject, image, mode, tags), reference };
  const judgeable =
    reference.digest !== undefined ||
    tags !== "bare" ||
    (mode === "audit" && image.imageID !== undefined && image.imageID !== "");
  return policy.rules.some((rule) => {
    const need = rule.needs(context);
    return need === "registry" || (need === "content" && judgeable);
  });
}

/** What the facts about an image say under one policy that asked for them. */
export function judgeFacts(
  policy: CompiledPolicy,
  subject: Subject,
  image: ImageUse,
  facts: ImageFacts,
  { mode, now, tags }: JudgingTime,
): readonly Finding[] {
  if (image.parsed.status !== "ok") return NONE;
  const { reference } = image.parsed;
  const created = subject.createdAt === undefined ? NaN : Date.parse(subject.createdAt);
  const createdAt = Number.isNaN(created) ? now : created;
  const context: JudgingContext = { ...contextOf(subject, image, mode, tags), reference, now, createdAt };
  const found: RuleFinding[] = [];
  const content: PolicyRule[] = [];
  for (const rule of policy.rules) {
    const need = rule.needs(context);
    if (need === "registry") found.push(...rule.judge(facts, context));
    else if (need === "content") content.push(rule);
  }
  const stopped = reference.digest === undefined ? judgeTag(content, facts, context) : undefined;
  if (stopped !== undefined) found.push(...stopped);
  else for (const rule of content) found.push(...rule.judge(facts, context));
  return found.length === 0 ? NONE : toFindings(policy, subject, image, found, judgedDigest(image, facts));
}

/**
 * Of an image that a policy has nothing to say about: milliseconds since the epoch before which the clock alone does
 * not change that, with the same facts.
 */
export function cleanUntil({ rules }: CompiledPolicy, facts: ImageFacts, now: number): number {
  let until = Infinity;
  for (const rule of rules) until = Math.min(until, rule.cleanUntil(facts, now));
  return until;
}

/** The digest that a decision is about, where it is known. */
export function judgedDigest({ parsed }: ImageUse, facts: ImageFacts | undefined): string | undefined {
  if (parsed.status === "ok" && parsed.reference.digest !== undefined) return parsed.reference.digest;
  return facts?.digest?.status === "verified" ? facts.digest.value : undefined;
}

/**
 * The digest that a verdict binds to, for exceptions by digest: the one that is written, or, in audits, the one that
 * runs. What a tag names is nobody's promise to a node; only where its pods are pinned, and judged anew, does a
 * template's tag stand for its digest.
 */
export function boundDigest(
  image: ImageUse,
  facts: ImageFacts | undefined,
  { mode, tags }: Pick<JudgingTime, "mode" | "tags">,
): string | undefined {
  const { parsed } = image;
  const written = parsed.status === "ok" ? parsed.reference.digest : undefined;
  if (written !== undefined) return written;
  return mode === "audit" || tags === "excused" ? judgedDigest(image, facts) : undefined;
}

/**
 * What stands where judging itself failed, a defect of ours: never a pass, and nothing that `onUnavailable` settles.
 */
export function defectFinding(policy: CompiledPolicy, subject: Subject, image: ImageUse): Finding {
  return unaskedFinding(
    policy,
    subject,
    image,
    "could not be judged because of a defect of the operator; its log says more",
  );
}

/**
 * What stands where nobody looked, and not for want of time: never a pass, and nothing that `onUnavailable` settles.
 */
export function unaskedFinding(
  policy: CompiledPolicy,
  subject: Subject,
  image: ImageUse,
  detail: string,
  rule?: RuleName,
): Finding {
  const { parsed } = image;
  // Neither what a tag becomes nor who asks says which rules bind to a digest.
  const asked =
    rule ??
    (parsed.status === "ok"
      ? contentRules(policy, { ...contextOf(subject, image, "audit", "bare"), reference: parsed.reference })[0]
      : undefined);
  const found: RuleFinding = {
    rule: asked ?? "digest",
    reason: "EvidenceUnavailable",
    detail,
    unavailable: "configuration",
  };
  return toFinding(policy, policy.actionIn(subject.namespace, subject.namespaceLabels), image, found, undefined);
}

function contextOf(
  { namespace, template }: Subject,
  { parsed }: ImageUse,
  mode: ImageContext["mode"],
  tags: ImageContext["tags"],
): ImageContext {
  return { mode, namespace, template, parsed, tags };
}

/** The rules of a policy that bind to a digest and so cannot judge a tag. */
function contentRules(
  { rules }: CompiledPolicy,
  context: ImageContext & { readonly reference: Reference },
): RuleName[] {
  return rules.filter((rule) => rule.needs(context) === "content").map(({ name }) => name);
}

/** The verdict would hold for bytes that the node may never pull. */
function tagNotPinned(rule: RuleName, reference: Reference): RuleFinding {
  const found = reference.tag === undefined ? "has neither tag nor digest" : "uses a tag";
  const detail = `${found}, and ${rule} can only judge a digest; ${digestAdvice({ status: "ok", reference })}`;
  return { rule, reason: "TagNotPinned", detail };
}

/** What these content rules say of a tag; undefined: its digest is known, and they may judge that. */
function judgeTag(
  rules: readonly PolicyRule[],
  { digest }: ImageFacts,
  { mode, tags, reference }: JudgingContext,
): readonly RuleFinding[] | undefined {
  // TagNotPinned is all there is to say: what the tag names now, the node may never pull.
  if (mode === "admission" && tags === "bare") return [];
  const stopped = rules.flatMap(({ name }) => judgeDigestOf(name, reference, digest, mode, tags));
  return stopped.length > 0 || digest?.status !== "verified" ? stopped : undefined;
}

/** Why a tag's content cannot be judged; nothing where its digest is known and may stand for it. */
function judgeDigestOf(
  rule: RuleName,
  reference: Reference,
  digest: ImageFacts["digest"],
  mode: JudgingContext["mode"],
  tags: JudgingContext["tags"],
): readonly RuleFinding[] {
  // An audit has said TagNotPinned already; what it knows of the digest that runs comes on top.
  if (mode === "audit" && (digest === undefined || digest.status === "absent")) return [];
  if (digest === undefined) {
    return [
      { rule, reason: "EvidenceUnavailable", detail: "the digest was not looked up", unavailable: "configuration" },
    ];
  }
  switch (digest.status) {
    case "verified":
      // A pin that is not there although the tag exists: the object was written past the mutating webhook.
      return tags === "pinned" ? [tagNotPinned(rule, reference)] : [];
    case "absent":
      return [{ rule, reason: "DigestNotFound", detail: `${digest.message}; push the image or correct the reference` }];
    case "invalid":
      return [{ rule, reason: contentReason(digest.reason), detail: digest.message }];
    case "unavailable":
      return [{ rule, reason: "EvidenceUnavailable", detail: withAdvice(digest), unavailable: settledBy(digest) }];
  }
}

function toFindings(
  policy: CompiledPolicy,
  subject: Subject,
  image: ImageUse,
  found: readonly RuleFinding[],
  digest: string | undefined,
): readonly Finding[] {
  const action = policy.actionIn(subject.namespace, subject.namespaceLabels);
  return found.map((one) => toFinding(policy, action, image, one, digest));
}

function toFinding(
  policy: CompiledPolicy,
  action: EnforcementAction,
  image: ImageUse,
  found: RuleFinding,
  judged: string | undefined,
): Finding {
  const written = "reference" in image.parsed ? image.parsed.reference.digest : undefined;
  const digest = found.digest ?? judged ?? written;
  return {
    policy: policy.name,
    rule: found.rule,
    reason: found.reason,
    container: image.container,
    image: image.image,
    ...(digest === undefined ? {} : { digest }),
    action: actionOf(policy, action, found),
    message: `${message(policy.name, image, found.reason, found.detail)}${notReady(policy)}`,
  };
}

/**
 * A rule may only soften what the policy does. Evidence that could not be had is settled by `onUnavailable`, which
 * never makes a lenient policy strict; a fault of the configuration, or one whose kind is not told, takes the policy's
 * own action.
 */
function actionOf({ onUnavailable }: CompiledPolicy, action: EnforcementAction, found: RuleFinding): FindingAction {
  const settled = found.unavailable === "evidence" ? softer(action, onUnavailable) : action;
  return found.atMost === undefined ? settled : softer(settled, found.atMost);
}
