import type { Condition, ExceptionStatus } from "../../crds/types.ts";
import type { CompiledException } from "../../policy/exceptions/compiledException.ts";
import { standingOf } from "../../policy/exceptions/standing.ts";
import { conditionsOf, type ConditionNow } from "./condition.ts";
import { timestamp } from "../../kube/timestamp.ts";

const EXPIRING = "Expiring";

/**
 * The status that an exception should have.
 *
 * @param silenced pods with findings that it silences; undefined: not known yet, so that what was said of its use stays.
 * @param now Milliseconds since the epoch.
 * @param isPolicy whether there is a policy of a name.
 */
export function exceptionStatus(
  exception: CompiledException,
  silenced: number | undefined,
  before: ExceptionStatus,
  now: number,
  isPolicy: (name: string) => boolean,
): Required<ExceptionStatus> {
  const { generation } = exception;
  const unused = before.observedGeneration === generation && conditionIn(before, "Active")?.reason === "Unused";
  const { active, reason, message, expiring } = standingOf(
    exception,
    now,
    silenced ?? (unused ? 0 : undefined),
    isPolicy,
  );
  const wanted: ConditionNow[] = [{ type: "Active", status: active ? "True" : "False", reason, message }];
  if (expiring) wanted.push({ type: EXPIRING, status: "True", reason: EXPIRING, message: expiryNote(exception) });
  return {
    observedGeneration: generation,
    conditions: conditionsOf(wanted, before.conditions ?? [], generation, timestamp(now)),
  };
}

/** What is to be told once, when an exception comes to its last days; undefined: that is not now. */
export function expiryNews(
  exception: CompiledException,
  before: ExceptionStatus,
  after: ExceptionStatus,
): string | undefined {
  const told = before.observedGeneration === exception.generation && conditionIn(before, EXPIRING) !== undefined;
  return told || conditionIn(after, EXPIRING) === undefined ? undefined : expiryNote(exception);
}

function expiryNote({ expires }: CompiledException): string {
  return `expires at ${timestamp(expires)}; what it silences counts again from then on`;
}

function conditionIn({ conditions = [] }: ExceptionStatus, type: string): Condition | undefined {
  return conditions.find((condition) => condition.type === type);
}
