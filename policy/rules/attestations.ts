import { attestationKey } from "../facts/attestationKey.ts";
import { compileAttestations, type AttestationRule } from "../compile/rules/attestations.ts";
import type { CompiledCondition } from "../compile/cel/condition.ts";
import type { ImageFacts, ProvedStatement } from "../facts/facts.ts";
import { durationText } from "../duration.ts";
import type { RuleFinding } from "../finding/finding.ts";
import type { Reference } from "../image/reference.ts";
import { parseRfc3339 } from "../rfc3339.ts";
import { finishedAt } from "./finishedAt.ts";
import { countVotes, type Ballot, type Vote } from "./quorum.ts";
import { defineRule, type JudgingContext, type Rule } from "./rule.ts";

/** What was attested about the image, one rule for each predicate type. */
export const attestations: Rule<"attestations", readonly AttestationRule[]> = defineRule({
  name: "attestations",
  compile: compileAttestations,
  needs: (rules) => (rules.length === 0 ? "nothing" : "content"),
  judge: (rules, facts, context) => rules.flatMap((rule) => judgeAttestations(rule, facts, context)),
  dependsOn: (rules) => ({ time: rules.some(({ maxAge }) => maxAge !== undefined) }),
  cleanUntil: (rules, facts, now) => Math.min(...rules.map((rule) => youngUntil(rule, facts, now))),
});

/**
 * How far a time may lie ahead of our clock, in milliseconds; the same tolerance as for scans (design.md section 9).
 */
const SKEW = 5 * 60_000;

/**
 * Judges what was attested about an image: each counted authority must have signed a statement of the type that is
 * young enough and for which every condition holds. All conditions hold on one statement; parts of two never combine.
 */
export function judgeAttestations(
  rule: AttestationRule,
  facts: Pick<ImageFacts, "attestations" | "digest">,
  context: Pick<JudgingContext, "reference" | "now">,
): readonly RuleFinding[] {
  const ballot = ballotOf(rule);
  if (rule.fault !== undefined) {
    const detail = `${ballot.what} cannot be judged: ${rule.fault}`;
    return [{ rule: "attestations", reason: "EvidenceUnavailable", detail, unavailable: "configuration" }];
  }
  const image = imageOf(context.reference, facts.digest?.status === "verified" ? facts.digest.value : undefined);
  return countVotes(
    ballot,
    rule,
    ({ id }) => facts.attestations.get(attestationKey(rule.predicateType, id)),
    (statements) => vote(rule, statements, image, context.now),
  );
}

function ballotOf({ predicateType }: AttestationRule): Ballot {
  return {
    rule: "attestations",
    what: `attestation ${predicateType}`,
    remedy: "attest this digest (cosign attest) as the policy demands",
    order: ["AttestationRejected", "AttestationUntrusted", "AttestationInvalid"],
    missing: "AttestationMissing",
  };
}

/** What `image` is in an expression; the fields are declared in `compile/condition.ts`. */
interface ConditionImage {
  readonly reference: string;
  readonly name: string;
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

function imageOf(reference: Reference, digest: string | undefined): ConditionImage {
  return {
    reference: reference.canonical,
    name: reference.name,
    registry: reference.registry,
    repository: reference.repository,
    tag: reference.tag ?? "",
    digest: digest ?? reference.digest ?? "",
  };
}

function vote(rule: AttestationRule, statements: readonly ProvedStatement[], image: ConditionImage, now: number): Vote {
  const signers = new Set<string>();
  const reasons = new Set<string>();
  for (const statement of statements) {
    const rejected = rejection(rule, statement, image, now);
    if (rejected === undefined) signers.add(statement.proof.signer);
    else reasons.add(rejected);
  }
  if (signers.size > 0) return { status: "counts", signers: [...signers] };
  const number = statements.length === 1 ? "" : `${statements.length} statements: `;
  const message = `${number}${[...reasons].toSorted().join("; ")}`;
  return { status: "against", reason: "AttestationRejected", message };
}

/** Why a proved statement does not satisfy the rule; undefined where it does. */
function rejection(
  rule: AttestationRule,
  proved: ProvedStatement,
  image: ConditionImage,
  now: number,
): string | undefined {
  const age = rule.maxAge === undefined ? undefined : tooOld(rule.maxAge, proved, now);
  if (age !== undefined) return age;
  for (const condition of rule.conditions) {
    const failed = checked(condition, proved, image);
    if (failed !== undefined) return failed;
  }
  return undefined;
}

/**
 * The older of the signed time and the predicate's own finishing time counts (design.md section 9): a timestamp
 * authority stamps whatever it is sent, so anybody can give an old statement a signed time of today, but nobody else
 * can change what it says.
 */
function tooOld(maxAge: number, { proof, predicate }: ProvedStatement, now: number): string | undefined {
  const finished = finishedAt(predicate);
  const written = [proof.signedAt, finished].filter((time) => time !== undefined);
  if (written.length === 0) return "has no signed time and no finishing time, and maxAge needs one";
  const times = written.map(parseRfc3339);
  if (times.includes(undefined))
    return "has a finishing time that is not RFC 3339; write one such as 2026-01-31T00:00:00Z";
  const known = times.filter((time) => time !== undefined);
  if (Math.max(...known) > now + SKEW) return "is dated in the future";
  if (Math.min(...known) + maxAge >= now) return undefined;
  return `is older than maxAge allows (${durationText(maxAge)}); attest anew, with a finishing time in the predicate`;
}

/** A statement that was proved stays the same object while it is cached, and an expression's answer with it. */
const answers = new WeakMap<CompiledCondition, WeakMap<ProvedStatement, Map<string, string | undefined>>>();
const MAX_ANSWERS = 64;

function checked(condition: CompiledCondition, proved: ProvedStatement, image: ConditionImage): string | undefined {
  const byStatement = answers.get(condition) ?? new WeakMap<ProvedStatement, Map<string, string | undefined>>();
  const byImage = byStatement.get(proved) ?? new Map<string, string | undefined>();
  const key = `${image.reference}\n${image.digest}`;
  if (byImage.has(key)) return byImage.get(key);
  const answer = condition.check({ predicate: proved.predicate, statement: proved.statement, image });
  if (byImage.size >= MAX_ANSWERS) byImage.clear();
  byImage.set(key, answer);
  byStatement.set(proved, byImage);
  answers.set(condition, byStatement);
  return answer;
}

/** When the first statement that may count is too old. That one dated ahead counts some day takes nothing away. */
function youngUntil({ predicateType, authorities, maxAge }: AttestationRule, facts: ImageFacts, now: number): number {
  if (maxAge === undefined) return Infinity;
  const statements = authorities.trusted.flatMap(({ id }) => {
    const outcome = facts.attestations.get(attestationKey(predicateType, id));
    return outcome?.status === "verified" ? outcome.value : [];
  });
  const ends = statements.map(({ proof: { signedAt }, predicate }) => {
    const times = [signedAt, finishedAt(predicate)].map((time) =>
      time === undefined ? undefined : parseRfc3339(time),
    );
    // Too old in the millisecond after.
    return Math.min(...times.filter((time) => time !== undefined)) + maxAge + 1;
  });
  return Math.min(...ends.filter((end) => end > now));
}
