import type { CompiledPolicy } from "../policy/compiledPolicy.ts";
import { decide } from "../policy/finding/decide.ts";
import type { Decision } from "../policy/finding/decision.ts";
import {
  asksForFacts,
  defectFinding,
  judgedDigest,
  judgeFacts,
  judgeText,
  policiesFor,
  unaskedFinding,
} from "../policy/judge.ts";
import type { ImageFacts } from "../policy/facts/facts.ts";
import type { Finding } from "../policy/finding/finding.ts";
import type { TagState } from "../policy/rules/rule.ts";
import { tagState } from "../policy/tagState.ts";
import { MOST_USES, type ImageUse, type Subject } from "../policy/subject/subject.ts";
import type { Gather } from "../evidence/provider.ts";
import type { RecentlyClean } from "./recentlyClean.ts";

/** One object to be judged. */
export interface ReviewRequest {
  readonly policies: readonly CompiledPolicy[];
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
 * The one engine that admission, audit and CLI share. Never rejects; synchronous when nothing has to be fetched.
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

/**
 * Joins the pure rules with what is gathered. Static rules come first: once a deny policy refuses an image, its registry is not contacted.
 *
 * @param report is told of defects (a gatherer that throws, a rule that does): they are findings, never a pass.
 * @param clean remembers clean answers for a moment; absent: every image is looked at each time.
 */
export function createReview(
  gather: Gather,
  report: (error: unknown) => void = () => {},
  clean?: RecentlyClean,
): Review {
  return (request) => {
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
    const findings: Finding[] = [];
    const digests = new Map<string, string>();
    if (policies.length === 0) return decide(findings, digests);
    const place = mode === "admission" ? clean?.placeOf(request.policies, matched, subject) : undefined;
    const remember = (image: ImageUse, concerned: readonly CompiledPolicy[]): void => {
      if (place !== undefined) clean?.add(place, image, concerned, now);
    };

    const questions: Question[] = [];
    for (const image of subject.images.slice(0, MOST_USES)) {
      const written = judgedDigest(image, undefined);
      if (written !== undefined) digests.set(image.image, written);
      if (place !== undefined && clean?.has(place, image, now) === true) continue;
      const concerned = policiesFor(policies, image);
      const before = findings.length;
      const question = judgeWritten(concerned, image, request, findings);
      if (question !== undefined) questions.push(question);
      else if (findings.length === before) remember(image, concerned);
    }
    const first = subject.images[MOST_USES];
    if (first !== undefined) {
      // Every policy that matches the object: nobody looked whether it is about one of those images.
      const detail = `is one of more than ${MOST_USES} images of the object, and was not judged; use fewer containers`;
      findings.push(...policies.map((policy) => unaskedFinding(policy, subject, first, detail, "reference")));
    }
    if (questions.length === 0) return decide(findings, digests);

    const answers = gatherAll(gather, report, questions, request);
    const finish = (gathered: readonly Gathered[]): Decision => {
      for (const [index, question] of questions.entries()) {
        const before = findings.length;
        judgeGathered(question, gathered[index] ?? FAILED, request, findings, digests, report);
        if (question.clean && findings.length === before) remember(question.image, question.concerned);
      }
      return decide(findings, digests);
    };
    const here = answers.filter((answer): answer is Gathered => !(answer instanceof Promise));
    return here.length === answers.length
      ? finish(here)
      : Promise.all(answers.map((answer) => Promise.resolve(answer))).then(finish);
  };
}

/** The static findings of one image, and what is left to ask about it. */
function judgeWritten(
  concerned: readonly CompiledPolicy[],
  image: ImageUse,
  { subject, mode }: ReviewRequest,
  findings: Finding[],
): Question | undefined {
  const before = findings.length;
  const tags = tagState(concerned, subject, mode);
  let refused = false;
  for (const policy of concerned) {
    for (const finding of judgeText(policy, subject, image, { mode, tags })) {
      findings.push(finding);
      refused ||= refuses(finding, mode);
    }
  }
  if (refused) return undefined;
  const asking = concerned.filter(
    (policy) => asksForFacts(policy, subject, image, { mode, tags }) && (mode === "audit" || enforced(policy, subject)),
  );
  return asking.length === 0
    ? undefined
    : { image, concerned, policies: asking, tags, clean: findings.length === before };
}

/**
 * Whether a finding spares the registry. At admission every refusal does; an audit still wants to know about the content that runs under a
 * tag, and stays away only from registries that nothing may come from.
 */
function refuses({ action, rule, exempted }: Finding, mode: "admission" | "audit"): boolean {
  if (action !== "deny" || exempted !== undefined) return false;
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
function gatherAll(
  gather: Gather,
  report: (error: unknown) => void,
  questions: readonly Question[],
  { subject, mode, signal, now, dryRun }: ReviewRequest,
): readonly (Gathered | Promise<Gathered>)[] {
  const failed = (error: unknown): Gathered => {
    report(error);
    return FAILED;
  };
  const known = new Map<string, Gathered | Promise<Gathered>>();
  return questions.map(({ image, concerned, policies }) => {
    const key = `${image.image} ${mode === "audit" ? (image.imageID ?? "") : ""}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    if (known.size >= MOST_IMAGES) return PASSED_OVER;
    let answer: Gathered | Promise<Gathered>;
    try {
      const facts = gather({ subject, image, policies, concerned, mode, signal, now, dryRun });
      answer =
        facts instanceof Promise
          ? facts.then((found): Gathered => ({ status: "ok", facts: found }), failed)
          : { status: "ok", facts };
    } catch (error) {
      answer = failed(error);
    }
    known.set(key, answer);
    return answer;
  });
}

function judgeGathered(
  { image, policies, tags }: Question,
  gathered: Gathered,
  { subject, mode, now }: ReviewRequest,
  findings: Finding[],
  digests: Map<string, string>,
  report: (error: unknown) => void,
): void {
  const digest = gathered.status === "ok" ? judgedDigest(image, gathered.facts) : undefined;
  if (digest !== undefined) digests.set(image.image, digest);
  for (const policy of policies) {
    try {
      if (gathered.status === "failed") findings.push(defectFinding(policy, subject, image));
      else if (gathered.status === "passedOver") findings.push(unaskedFinding(policy, subject, image, TOO_MANY));
      else findings.push(...judgeFacts(policy, subject, image, gathered.facts, { mode, now, tags }));
    } catch (error) {
      report(error);
      findings.push(defectFinding(policy, subject, image));
    }
  }
}
