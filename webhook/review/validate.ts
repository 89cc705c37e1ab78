import { overdueDecision } from "../../engine/overdue.ts";
import type { Review, ReviewRequest } from "../../engine/review.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { CompiledException } from "../../policy/exceptions/compiledException.ts";
import type { Decision } from "../../policy/finding/decision.ts";
import { shown } from "../../policy/finding/message.ts";
import { newFindings } from "../../policy/finding/newFindings.ts";
import type { Subject } from "../../policy/subject/subject.ts";
import { subjectOf } from "../../policy/subject/subjectOf.ts";
import { classifyRequest } from "./admissionKinds.ts";
import { allowed, unjudgeable } from "./admissionResponse.ts";
import type { AdmissionRequest } from "./admissionReview.ts";
import type { Handler } from "./handler.ts";
import { chain } from "../../async/maybe.ts";
import { within } from "../../async/signals.ts";
import { isMirrorPod } from "./mirrorPod.ts";
import { readLabels, type NamespaceLabels } from "./namespaceLabels.ts";
import { NotReadyError } from "./notReady.ts";
import { isDenial, place, respond, type Listeners } from "./respond.ts";
import { sameToPolicies } from "./sameToPolicies.ts";
import { brief } from "./told.ts";

export interface ValidateOptions extends Listeners {
  /** The newest compiled set; undefined until there is a first one. */
  readonly policies: () => readonly CompiledPolicy[] | undefined;
  /** Those that belong to that set. Absent: none. */
  readonly exceptions?: () => readonly CompiledException[];
  readonly review: Review;
  readonly namespaceLabels: NamespaceLabels;
  /** What is no image in a template; `SubjectPlace.placeholders`. Absent: nothing. */
  readonly placeholders?: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Milliseconds after the deadline in which a review has to turn what it lacks into `unavailable`; then it is answered without it. */
const GRACE = 500;

/**
 * `/validate` (design.md section 4): a request becomes a subject, the engine judges it, and what it finds becomes the
 * answer.
 */
export const createValidate =
  (options: ValidateOptions): Handler =>
  (request, signal) => {
    const started = performance.now();
    const policies = options.policies();
    if (policies === undefined) throw new NotReadyError();

    const found = classifyRequest(request);
    if (found.type === "unjudgeable") return unjudgeable(request.uid, found.message);
    if (found.type === "notOurs") return allowed(request.uid, { auditAnnotations: { "not-judged": shown(found.why) } });
    // Refusing it would only hide a pod that runs anyway; audits judge it.
    if (isMirrorPod(request, found.object, found.oldObject))
      return allowed(request.uid, { auditAnnotations: { "mirror-pod": "admitted" } });

    const exceptions = options.exceptions?.() ?? [];
    const judge = (subject: Subject): Decision | Promise<Decision> => {
      const asked: ReviewRequest = {
        policies,
        exceptions,
        subject,
        mode: "admission",
        signal,
        now: options.now(),
        dryRun: request.dryRun,
      };
      const overdue = (): Decision => {
        options.logger.warn("a review was not done by its deadline", { ...place(request) });
        return overdueDecision(asked);
      };
      const decision = options.review(asked);
      return decision instanceof Promise
        ? within(decision, { signal, milliseconds: GRACE }, overdue).then(sound)
        : sound(decision);
    };

    return chain(labelsOf(options, request, signal), (namespaceLabels) => {
      const { placeholders = [] } = options;
      const where = { kind: request.kind.kind, namespace: request.namespace, namespaceLabels, placeholders };
      const subject = subjectOf(found.object, where);
      const before = found.oldObject && subjectOf(found.oldObject, where);
      // Nothing that a policy can see has changed: nothing can be new, and no registry has to be there to say so.
      if (before !== undefined && sameToPolicies(before, subject)) return allowed(request.uid);

      return chain(judge(subject), ({ findings, partial }) =>
        // Of what was judged in part nobody knows what is new.
        before === undefined || findings.length === 0 || partial === true
          ? respond(options, request, findings, started)
          : chain(judge(before), (old) => respond(options, request, newFindings(findings, old.findings), started)),
      );
    });
  };

const labelsOf = (
  { namespaceLabels, logger }: ValidateOptions,
  { namespace }: AdmissionRequest,
  signal: AbortSignal,
): Subject["namespaceLabels"] | Promise<Subject["namespaceLabels"]> =>
  readLabels(namespaceLabels, namespace, signal, (error) =>
    logger.warn("a namespace's labels could not be read: every policy with a namespace selector applies", {
      namespace: brief(namespace),
      error: String(error),
    }),
  );

const ACTIONS: ReadonlySet<unknown> = new Set(["deny", "warn", "dryrun", "allow"]);
const VERDICTS: ReadonlySet<unknown> = new Set(["deny", "warn", "allow"]);

/** A decision that is none is a bug in the engine, and must not pass for one without findings. */
const sound = (decision: Decision): Decision => {
  const { verdict, findings } = decision;
  if (!findings.every(({ action, message }) => ACTIONS.has(action) && typeof message === "string"))
    throw new TypeError("the engine gave a finding that says nothing");
  if (!VERDICTS.has(verdict) || findings.some(isDenial) !== (verdict === "deny"))
    throw new TypeError(`the engine's verdict is ${verdict}, its findings say otherwise`);
  return decision;
};
