import { softer } from "./finding/action.ts";
import type { CompiledPolicy } from "./compiledPolicy.ts";
import type { ImageFacts } from "./facts/facts.ts";
import type { EnforcementAction, Finding, FindingAction, RuleFinding, RuleName } from "./finding/finding.ts";
import { message } from "./finding/message.ts";
import { contentRules, judgeContent, tagNotPinned, type JudgingContext } from "./rules/content.ts";
import { digestAsks, judgeDigestContent, judgeDigestForm } from "./rules/digest.ts";
import { judgeReference } from "./rules/reference.ts";
import { judgeRegistries } from "./rules/registries.ts";
import type { ImageUse, Subject } from "./subject/subject.ts";

export type { JudgingContext };

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
export function staticFindings(
  policy: CompiledPolicy,
  subject: Subject,
  image: ImageUse,
  { tags }: Pick<JudgingContext, "tags">,
): readonly Finding[] {
  const { parsed } = image;
  const found: RuleFinding[] = [];
  if (parsed.status === "malformed") found.push(...judgeReference(parsed));
  if ("reference" in parsed && policy.registries !== undefined) {
    found.push(...judgeRegistries(policy.registries, subject.namespace, parsed.reference));
  }
  if (parsed.status === "ok") {
    const { reference } = parsed;
    if (policy.digest !== undefined) found.push(...judgeDigestForm(policy.digest, reference, tags));
    if (reference.digest === undefined && tags === "bare") {
      for (const rule of contentRules(policy, subject)) found.push(tagNotPinned(rule, reference));
    }
  }
  for (const { rule, message: detail } of policy.unjudged) {
    found.push({ rule, reason: "EvidenceUnavailable", detail, unavailable: "configuration" });
  }
  return found.length === 0 ? NONE : toFindings(policy, subject, image, found, undefined);
}

/** Whether the policy has something to ask about the image that its text does not tell. */
export function asksForFacts(
  policy: CompiledPolicy,
  subject: Subject,
  image: ImageUse,
  { mode, tags }: Pick<JudgingContext, "mode" | "tags">,
): boolean {
  if (image.parsed.status !== "ok") return false;
  const { reference } = image.parsed;
  if (policy.digest !== undefined && digestAsks(policy.digest, reference, tags, mode)) return true;
  const judgeable =
    reference.digest !== undefined ||
    tags !== "bare" ||
    (mode === "audit" && image.imageID !== undefined && image.imageID !== "");
  return judgeable && contentRules(policy, subject).length > 0;
}

/** What the facts about an image say under one policy that asked for them. */
export function contentFindings(
  policy: CompiledPolicy,
  subject: Subject,
  image: ImageUse,
  facts: ImageFacts,
  context: JudgingContext,
): readonly Finding[] {
  if (image.parsed.status !== "ok") return NONE;
  const { reference } = image.parsed;
  const found: RuleFinding[] = [];
  if (policy.digest !== undefined) {
    found.push(...judgeDigestContent(policy.digest, reference, context.tags, context.mode, facts));
  }
  found.push(...judgeContent(policy, subject, reference, facts, context));
  return found.length === 0 ? NONE : toFindings(policy, subject, image, found, judgedDigest(image, facts));
}

/** The digest that a decision is about, where it is known. */
export function judgedDigest({ parsed }: ImageUse, facts: ImageFacts | undefined): string | undefined {
  if (parsed.status === "ok" && parsed.reference.digest !== undefined) return parsed.reference.digest;
  return facts?.digest?.status === "verified" ? facts.digest.value : undefined;
}

/** What stands where judging itself failed, a defect of ours: never a pass, and nothing that `onUnavailable` settles. */
export function defectFinding(policy: CompiledPolicy, subject: Subject, image: ImageUse): Finding {
  return unaskedFinding(
    policy,
    subject,
    image,
    "could not be judged because of a defect of the operator; its log says more",
  );
}

/** What stands where nobody looked, and not for want of time: never a pass, and nothing that `onUnavailable` settles. */
export function unaskedFinding(
  policy: CompiledPolicy,
  subject: Subject,
  image: ImageUse,
  detail: string,
  rule: RuleName = contentRules(policy, subject)[0] ?? "digest",
): Finding {
  const found: RuleFinding = { rule, reason: "EvidenceUnavailable", detail, unavailable: "configuration" };
  return toFinding(policy, policy.actionIn(subject.namespace, subject.namespaceLabels), image, found, undefined);
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
    message: message(policy.name, image, found.reason, found.detail),
  };
}

/**
 * A rule may only soften what the policy does. Evidence that could not be had is settled by `onUnavailable`, which never makes a lenient
 * policy strict; a fault of the configuration, or one whose kind is not told, takes the policy's own action.
 */
function actionOf({ onUnavailable }: CompiledPolicy, action: EnforcementAction, found: RuleFinding): FindingAction {
  const settled = found.unavailable === "evidence" ? softer(action, onUnavailable) : action;
  return found.atMost === undefined ? settled : softer(settled, found.atMost);
}
