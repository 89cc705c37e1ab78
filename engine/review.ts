import { all, chain, type Maybe } from "../async/maybe.ts";
import { createTurns, type Steps, type Turns } from "../async/turns.ts";
import type { CompiledPolicy } from "../policy/compiledPolicy.ts";
import type { CompiledException } from "../policy/exceptions/compiledException.ts";
import { exemptionsOf, type Exempt } from "../policy/exceptions/exempt.ts";
import { decide } from "../policy/finding/decide.ts";
import type { Decision } from "../policy/finding/decision.ts";
import {
  asksForFacts,
  boundDigest,
  cleanUntil,
  defectFinding,
  judgedDigest,
  judgeFacts,
  judgeText,
  policiesFor,
  unaskedFinding,
} from "../policy/judge.ts";
import type { ImageFacts } from "../policy/facts/facts.ts";
import type { EnforcementAction, Finding } from "../policy/finding/finding.ts";
import type { TagState } from "../policy/rules/rule.ts";
import { tagState } from "../policy/tagState.ts";
import { MOST_USES, type ImageUse, type Subject } from "../policy/subject/subject.ts";
import type { Gather } from "../evidence/provider.ts";
import { FindingList, MOST_FINDINGS } from "./findingList.ts";
import { ALWAYS, type Lasting, type RecentlyClean } from "./recentlyClean.ts";

/** One object to be judged. */
export interface ReviewRequest {
  readonly policies: readonly CompiledPolicy[];
  /** Absent: none. Those that are not in force are passed over. */
  readonly exceptions?: readonly CompiledException[];
  readonly subject: Subject;
  /** Audits judge dryrun policies too, and what really runs. */
  readonly mode: "admission" | "audit";
  /** The one deadline of this request. */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly dryRun: boolean;
}

/**
 * The one engine that admission, audit and CLI share. Never rejects; synchronous when nothing has to be fetched and nobody would have to
 * wait for long.
 * Made by `createReview(gather)`.
 */
export type Review = (request: ReviewRequest) => Decision | Promise<Decision>;

/** An image that some policies ask the registry about. */
interface Question {
  readonly image: ImageUse;
  /** All policies that are about the image, and those of them that ask. */
  readonly concerned: readonly CompiledPolicy[];
  readonly policies: readonly CompiledPolicy[];
  readonly tags: TagState;
  /** Its text is clean: if its content is too, the image is. */
  readonly clean: boolean;
}

type Gathered =
  | { readonly status: "ok"; readonly facts: ImageFacts }
  | { readonly status: "failed" }
  /** The object names so many images that this one was not looked at. */
  | { readonly status: "passedOver" };

/**
 * Different images of one object that are looked at. The API server lets an object of 3 MiB name 30,000 of them, each of which would be
 * questions to a registry: one request would make the registry unavailable to everybody. Pods have a handful.
 */
export const MOST_IMAGES = 256;

/** Places that are judged also after the deadline, whose answer is late anyway: more than an ordinary object has. */
const ALWAYS_JUDGED = 8;

/** What one review has found so far. */
interface Progress {
  readonly request: ReviewRequest;
  /** The policies that match the object. */
  readonly policies: readonly CompiledPolicy[];
  readonly findings: FindingList;
  /** What exceptions silence of them. What stands for images or rules that nobody looked at never goes through it. */
  readonly exempt: Exempt;
  readonly digests: Map<string, string>;
  readonly isClean: (image: ImageUse) => boolean;
  /** Remembers an image without findings. */
  readonly remember: (image: ImageUse, concerned: readonly CompiledPolicy[], lasting: Lasting) => void;
  /** Something was not judged, and a finding says so. */
  partial: boolean;
}

/**
 * Joins the pure rules with what is gathered. Static rules come first: once a deny policy refuses an image, its registry is not contacted.
 *
 * @param report is told of defects (a gatherer that throws, a rule that does): they are findings, never a pass.
 * @param clean remembers clean answers for as long as they stand; absent: every image is looked at each time.
 * @param turns has large objects judged in slices.
 */
export function createReview(
  gather: Gather,
  report: (error: unknown) => void = () => {},
  clean?: RecentlyClean,
  turns: Turns = createTurns(),
): Review {
  return (request) => {
    const progress = begin(request, clean);
    if (progress.policies.length === 0) return decision(progress);
    return chain(turns.run(judgeTexts(progress)), (questions) => {
      if (questions.length === 0) return decision(progress);
      return chain(turns.run(gatherAll(gather, report, questions, request)), (answers) =>
        chain(all(answers), (gathered) => turns.run(judgeAnswers(progress, questions, gathered, report))),
      );
    });
  };
}

function begin(request: ReviewRequest, clean: RecentlyClean | undefined): Progress {
  const { subject, mode, now } = request;
  const policies: CompiledPolicy[] = [];
  let matched = "";
  let index = -1;
  for (const policy of request.policies) {
    index += 1;
    if ((mode === "audit" && !policy.audited) || !policy.matchesSubject(subject)) continue;
    policies.push(policy);
    matched += ` ${index}`;
  }
  const asked = mode === "admission" && policies.length > 0;
  const place = asked ? clean?.placeOf(request.policies, matched, subject) : undefined;
  return {
    request,
    policies,
    findings: new FindingList(),
    exempt: exemptionsOf(request.exceptions ?? [], subject, now),
    digests: new Map(),
    isClean: (image) => place !== undefined && clean?.has(place, image, now) === true,
    remember: (image, concerned, lasting) => {
      if (place !== undefined) clean?.add(place, image, concerned, now, lasting);
    },
    partial: false,
  };
}

function decision({ findings, digests, partial }: Progress): Decision {
  const decided = decide(findings.all, digests);
  return partial ? { ...decided, partial } : decided;
}

/** What the images' texts say, and what is left to ask about them. */
function* judgeTexts(progress: Progress): Steps<readonly Question[]> {
  const { request, findings, digests } = progress;
  const { subject, signal } = request;
  const questions: Question[] = [];
  let place = -1;
  for (const image of subject.images) {
    place += 1;
    const ended = place >= ALWAYS_JUDGED && signal.aborted;
    if (place >= MOST_USES || ended || findings.full) {
      leaveOut(progress, image, ended ? "late" : findings.full ? "findings" : "images");
      break;
    }
    const written = judgedDigest(image, undefined);
    if (written !== undefined) digests.set(image.image, written);
    if (progress.isClean(image)) continue;
    const concerned = policiesFor(progress.policies, image);
    const before = findings.all.length;
    const question = yield* judgeWritten(concerned, image, progress);
    if (question !== undefined) questions.push(question);
    else if (findings.all.length === before) progress.remember(image, concerned, ALWAYS);
  }
  return questions;
}

const LEFT_OUT = {
  images: `is one of more than ${MOST_USES} images of the object, and was not judged; use fewer containers`,
  findings: `was not judged: the object has more than ${MOST_FINDINGS} findings already; use fewer containers`,
  late: "was not judged in time, for the object has very many images; use fewer containers",
};

/** From this image on nobody looked, also not whether a policy is about one of them: a finding for every policy that matches the object. */
function leaveOut(progress: Progress, image: ImageUse, why: keyof typeof LEFT_OUT): void {
  const { policies, request, findings } = progress;
  for (const policy of policies)
    findings.addWhole(unaskedFinding(policy, request.subject, image, LEFT_OUT[why], "reference"));
  progress.partial = true;
}

/** The static findings of one image, and what is left to ask about it. */
function* judgeWritten(
  concerned: readonly CompiledPolicy[],
  image: ImageUse,
  { request: { subject, mode }, exempt, findings }: Progress,
): Steps<Question | undefined> {
  const before = findings.all.length;
  const tags = tagState(concerned, subject, mode, { image, exempt });
  let refused = false;
  const content: CompiledPolicy[] = [];
  for (const policy of concerned) {
    const action = policy.actionIn(subject.namespace, subject.namespaceLabels);
    let answered = false;
    for (const found of judgeText(policy, subject, image, { mode, tags })) {
      const finding = exempt(found, image, boundDigest(image, undefined, { mode, tags }));
      findings.add(finding);
      if (!refuses(finding, action, mode)) continue;
      answered = true;
      refused ||= action === "deny";
    }
    if (!answered) content.push(policy);
    yield;
  }
  if (refused) return undefined;
  const asking = content.filter(
    (policy) => asksForFacts(policy, subject, image, { mode, tags }) && (mode === "audit" || enforced(policy, subject)),
  );
  return asking.length === 0
    ? undefined
    : { image, concerned, policies: asking, tags, clean: findings.all.length === before };
}

/**
 * Whether a finding is all that its policy has to say of the image, so that it need not ask the registry; one that refuses spares it to all. At
 * admission every finding of the text is; an audit still wants to know about the content that runs under a tag, and stays away only from
 * registries that nothing may come from. What is softer than the policy's action is none, or it would take away what refuses; nor is a
 * fault of a policy that only warns: what it can judge it still judges. What an
 * exception silences answers nothing: the content of what is let in is left to the other rules.
 */
function refuses(
  { action, reason, rule, exempted }: Finding,
  own: EnforcementAction,
  mode: "admission" | "audit",
): boolean {
  if (action !== own || exempted !== undefined) return false;
  if (own !== "deny" && reason === "EvidenceUnavailable") return false;
  return mode === "admission" || rule === "registries" || rule === "reference";
}

/** Content rules in dryrun are judged by the audit only, so that they cost admission nothing. */
function enforced(policy: CompiledPolicy, { namespace, namespaceLabels }: Subject): boolean {
  return policy.actionIn(namespace, namespaceLabels) !== "dryrun";
}

const FAILED: Gathered = { status: "failed" };
const PASSED_OVER: Gathered = { status: "passedOver" };
const TOO_MANY = `is one of more than ${MOST_IMAGES} different images of the object, and was not looked at; use fewer images`;

/** Containers of one image share one answer; in audits they may run different digests of a tag. */
function* gatherAll(
  gather: Gather,
  report: (error: unknown) => void,
  questions: readonly Question[],
  { subject, mode, signal, now, dryRun }: ReviewRequest,
): Steps<readonly Maybe<Gathered>[]> {
  const failed = (error: unknown): Gathered => {
    report(error);
    return FAILED;
  };
  const ask = ({ image, concerned, policies }: Question): Maybe<Gathered> => {
    try {
      const facts = gather({ subject, image, policies, concerned, mode, signal, now, dryRun });
      return facts instanceof Promise
        ? facts.then((found): Gathered => ({ status: "ok", facts: found }), failed)
        : { status: "ok", facts };
    } catch (error) {
      return failed(error);
    }
  };
  const known = new Map<string, Maybe<Gathered>>();
  const answers: Maybe<Gathered>[] = [];
  for (const question of questions) {
    const { image } = question;
    const key = `${image.image} ${mode === "audit" ? (image.imageID ?? "") : ""}`;
    const answer = known.get(key) ?? (known.size >= MOST_IMAGES ? PASSED_OVER : ask(question));
    if (answer !== PASSED_OVER) known.set(key, answer);
    answers.push(answer);
    yield;
  }
  return answers;
}

function* judgeAnswers(
  progress: Progress,
  questions: readonly Question[],
  gathered: readonly Gathered[],
  report: (error: unknown) => void,
): Steps<Decision> {
  const { findings } = progress;
  for (const [index, question] of questions.entries()) {
    if (findings.full) {
      leaveOut(progress, question.image, "findings");
      break;
    }
    const before = findings.all.length;
    const facts = gathered[index] ?? FAILED;
    yield* judgeGathered(question, facts, progress, report);
    if (question.clean && findings.all.length === before && facts.status === "ok")
      progress.remember(question.image, question.concerned, lastingOf(question, facts.facts, progress.request.now));
  }
  return decision(progress);
}

function lastingOf({ policies }: Question, facts: ImageFacts, now: number): Lasting {
  let clock = Infinity;
  for (const policy of policies) clock = Math.min(clock, cleanUntil(policy, facts, now));
  return { evidence: facts.standsUntil ?? -Infinity, clock };
}

function* judgeGathered(
  { image, policies, tags }: Question,
  gathered: Gathered,
  { request: { subject, mode, now }, exempt, findings, digests }: Progress,
  report: (error: unknown) => void,
): Steps<void> {
  const digest = gathered.status === "ok" ? judgedDigest(image, gathered.facts) : undefined;
  if (digest !== undefined) digests.set(image.image, digest);
  for (const policy of policies) {
    for (const finding of factFindings(policy)) findings.add(finding);
    yield;
  }

  function factFindings(policy: CompiledPolicy): readonly Finding[] {
    try {
      if (gathered.status === "failed") return [defectFinding(policy, subject, image)];
      if (gathered.status === "passedOver") return [unaskedFinding(policy, subject, image, TOO_MANY)];
      const { facts } = gathered;
      const bound = boundDigest(image, facts, { mode, tags });
      return judgeFacts(policy, subject, image, facts, { mode, now, tags }).map((one) => exempt(one, image, bound));
    } catch (error) {
      report(error);
      return [defectFinding(policy, subject, image)];
    }
  }
}
