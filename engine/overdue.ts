import { decide } from "../policy/finding/decide.ts";
import type { Decision } from "../policy/finding/decision.ts";
import type { Finding } from "../policy/finding/finding.ts";
import { policiesFor, unaskedFinding } from "../policy/judge.ts";
import type { ReviewRequest } from "./review.ts";

/** Images of an object that are looked at; where it has more, a policy is taken to be about one of them. */
const MOST_LOOKED_AT = 64;

/**
 * What is decided of an object that admission has not judged by its deadline. What took the time was a crowd of others or a defect, both faults of ours:
 * a finding under the enforcement action of every policy that is about one of its images, which `onUnavailable` does not soften.
 */
export function overdueDecision({ policies, subject }: Pick<ReviewRequest, "policies" | "subject">): Decision {
  const { images } = subject;
  const looked = images.slice(0, MOST_LOOKED_AT);
  const findings: Finding[] = [];
  for (const policy of policies) {
    if (!policy.matchesSubject(subject)) continue;
    const image =
      looked.find((one) => policiesFor([policy], one).length > 0) ??
      (images.length > looked.length ? images[looked.length] : undefined);
    if (image !== undefined) findings.push(unaskedFinding(policy, subject, image, OVERDUE));
  }
  return { ...decide(findings, new Map()), partial: true };
}

const OVERDUE = "could not be judged in time, for too much was asked at once; try again";
