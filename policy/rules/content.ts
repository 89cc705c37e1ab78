import type { CompiledPolicy } from "../compiledPolicy.ts";
import type { ScanRule } from "../compiledRules.ts";
import type { ImageFacts } from "../facts/facts.ts";
import type { RuleFinding, RuleName } from "../finding/finding.ts";
import type { Reference } from "../image/reference.ts";
import type { Subject } from "../subject/subject.ts";
import { judgeAttestations } from "./attestations.ts";
import { judgeBaseImages } from "./baseImages.ts";
import { contentReason } from "./digest.ts";
import { judgeScan } from "./scan.ts";
import { judgeSignatures } from "./signatures.ts";
import type { TagState } from "./tagState.ts";

/** What a judgement depends on beside the policy, the image and the facts. */
export interface JudgingContext {
  readonly mode: "admission" | "audit";
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Only for references without a digest. */
  readonly tags: TagState;
}

/** The rules of a policy that bind to a digest and so cannot judge a tag. */
export function contentRules(
  { scan, signatures, attestations, baseImages }: CompiledPolicy,
  subject: Subject,
): RuleName[] {
  const rules: RuleName[] = [];
  if (scan !== undefined && !(subject.template && onlyReports(scan))) rules.push("scan");
  if (signatures !== undefined) rules.push("signatures");
  if (attestations.length > 0) rules.push("attestations");
  if (baseImages !== undefined) rules.push("baseImages");
  return rules;
}

/** trivy-operator scans what already exists, so no template is judged by it. What a rule with a fault asks besides is not known. */
function onlyReports({ sources, fault }: ScanRule): boolean {
  return fault === undefined && sources.every(({ type }) => type === "vulnerabilityReport");
}

/** The verdict would hold for bytes that the node may never pull. */
export function tagNotPinned(rule: RuleName, reference: Reference): RuleFinding {
  const found = reference.tag === undefined ? "has neither tag nor digest" : "uses a tag";
  const detail = `${found}, and ${rule} can only judge a digest; write ${reference.name}@sha256:... (crane digest ${reference.original})`;
  return { rule, reason: "TagNotPinned", detail };
}

/** Judges scan, signatures, attestations and base images on the digest that the facts are about. */
export function judgeContent(
  policy: CompiledPolicy,
  subject: Subject,
  reference: Reference,
  facts: ImageFacts,
  context: JudgingContext,
): readonly RuleFinding[] {
  const rules = contentRules(policy, subject);
  if (rules.length === 0) return [];
  const { mode, now, tags } = context;
  if (reference.digest === undefined) {
    // TagNotPinned is all there is to say: what the tag names now, the node may never pull.
    if (mode === "admission" && tags === "bare") return [];
    const stopped = rules.flatMap((rule) => judgeDigestOf(rule, reference, facts, mode, tags));
    if (stopped.length > 0 || facts.digest?.status !== "verified") return stopped;
  }
  const created = subject.createdAt === undefined ? NaN : Date.parse(subject.createdAt);
  const createdAt = Number.isNaN(created) ? now : created;
  const findings: RuleFinding[] = [];
  for (const rule of rules) {
    if (rule === "scan" && policy.scan !== undefined) {
      findings.push(...judgeScan(policy.scan, facts, { mode, template: subject.template, reference, now, createdAt }));
    }
    if (rule === "signatures" && policy.signatures !== undefined)
      findings.push(...judgeSignatures(policy.signatures, facts));
    if (rule === "attestations") {
      for (const attestation of policy.attestations)
        findings.push(...judgeAttestations(attestation, facts, { reference, now }));
    }
    if (rule === "baseImages" && policy.baseImages !== undefined)
      findings.push(...judgeBaseImages(policy.baseImages, facts));
  }
  return findings;
}

/** Why a tag's content cannot be judged; nothing where its digest is known and may stand for it. */
function judgeDigestOf(
  rule: RuleName,
  reference: Reference,
  { digest }: ImageFacts,
  mode: "admission" | "audit",
  tags: TagState,
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
      return [{ rule, reason: "EvidenceUnavailable", detail: `${digest.message}; try again`, unavailable: "evidence" }];
  }
}
