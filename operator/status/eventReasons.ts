/** The reasons of the operator's Events: tools match them, so they stay. docs/reporting.md has the table. */
export const EVENT_REASONS = {
  ImageSecurityViolation: {
    on: "the Pod",
    type: "Warning, Normal for dryrun and exempted",
    when: "a Violation was made",
  },
  Refused: {
    on: "the policy",
    type: "Warning",
    when: "admission refuses; one for each namespace and reason, whose count grows",
  },
  NotReady: { on: "the policy", type: "Warning", when: "the policy could not be compiled whole" },
  Ready: { on: "the policy", type: "Normal", when: "it could be again" },
  NotEnforced: { on: "the policy", type: "Warning", when: "admission does not ask the webhook" },
  Enforced: { on: "the policy", type: "Normal", when: "it does again" },
  TrustChanged: {
    on: "the policy",
    type: "Normal, Warning where something is trusted no longer",
    when: "an authority trusts other keys or certificates than before",
  },
  ExceptionExpiring: { on: "the exception", type: "Warning", when: "it ends within 7 days" },
} as const;

export type EventReason = keyof typeof EVENT_REASONS;
