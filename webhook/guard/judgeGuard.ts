import type { V1MutatingWebhook, V1ValidatingWebhook } from "@kubernetes/client-node";
import { CONFIGURATION_NAME } from "../configurations/generate.ts";
import type { LiveConfigurations } from "../configurations/webhookConfigurations.ts";
import type { GapReason, GuardState, PinningState, Reach } from "./guardState.ts";
import { REMOVAL } from "./leaving.ts";
import { SUSPENDED } from "./suspension.ts";
import { weaknesses } from "./weaknesses.ts";

export interface GuardSeen {
  readonly seen:
    /** Why nothing is installed. */
    | { readonly stays: "leaving" | "starting" }
    | { readonly stays: "suspended" | "unseen"; readonly why: string }
    | { readonly stays: "unreached"; readonly answer: Reach; readonly authority: string }
    /** Everything should be: `refused`, why it could not be written. */
    | { readonly authority: string; readonly refused?: string };
  readonly live: LiveConfigurations;
  readonly guard: readonly V1ValidatingWebhook[];
  readonly pinning: readonly V1MutatingWebhook[];
  readonly manage: boolean;
  /** What is certain to be wrong on the way. */
  readonly trouble: Extract<Reach, { status: "notAsked" | "unreachable" }> | undefined;
  /** Whether the API server was seen to reach the webhook a moment ago. */
  readonly proven: boolean;
}

const IT = `the ValidatingWebhookConfiguration ${CONFIGURATION_NAME}`;
const OPEN = "images get in without being judged";

/** What a round saw, as a state that policies show: what was found, what it means, what to do. */
export function judgeGuard({ seen, live, guard, pinning, manage, trouble, proven }: GuardSeen): GuardState {
  const pins = pinningState(live, pinning, manage);
  const gap = (reason: GapReason, message: string): GuardState => ({ status: "gap", reason, message, pinning: pins });
  if ("stays" in seen)
    switch (seen.stays) {
      case "leaving":
        return gap(
          "Leaving",
          `the operator is being removed (its namespace is deleted, or the ConfigMap ${REMOVAL} in it says so), so it has ` +
            `taken its webhook away: ${OPEN}`,
        );
      case "starting":
        return gap("NotInstalled", `${IT} is empty until the operator has read policies and namespaces: ${OPEN}`);
      case "unseen":
        return gap(
          "NotSeen",
          `the webhook configurations could not be read (${seen.why}): whether images are judged is not known; ` +
            "apply config/ again, with its ClusterRole",
        );
      case "suspended":
        return gap(
          "Suspended",
          `suspended by the annotation ${SUSPENDED}${seen.why === "" ? "" : ` (${seen.why})`} of ${IT}: ${OPEN}; ` +
            `go on with: kubectl annotate validatingwebhookconfiguration ${CONFIGURATION_NAME} ${SUSPENDED}-`,
        );
      case "unreached":
        return gap(
          "NotInstalled",
          `not installed, because the API server was not seen to reach the webhook (${causeOf(seen.answer)}), and every ` +
            `pod would be refused: ${OPEN}; see docs/operations.md, "The API server does not reach the webhook"`,
        );
    }
  const [first, ...more] = weaknesses(live.validating, guard, seen.authority, manage);
  if (first !== undefined) {
    const found = [first, ...more].map(({ message }) => message).join("; ");
    const mend = !manage
      ? "the operator does not write it (--manage-webhooks=false): whoever does must put it right"
      : seen.refused === undefined
        ? "the operator puts it right"
        : `the operator could not put it right (${seen.refused}); apply config/ again, with its ClusterRole`;
    return gap(first.reason, `${IT} ${found}: ${OPEN}; ${mend}`);
  }
  if (trouble?.status === "unreachable")
    return gap(
      "Unreachable",
      `the API server does not reach the webhook (${causeOf(trouble)}): pods are refused whatever their images; ` +
        'see docs/operations.md, "The API server does not reach the webhook"',
    );
  if (trouble?.status === "notAsked")
    return gap(
      "NotAsked",
      `${IT} is as it should be, but the API server did not ask the webhook about a probe: ${OPEN}; ` +
        "look at the API servers' --disable-admission-plugins and at their logs",
    );
  return {
    status: "enforced",
    message: proven
      ? "admission asks the webhook, and the API server was seen to reach it"
      : "admission asks the webhook; whether the API server reaches it was not seen",
    pinning: pins,
  };
}

/** Without its entries nothing is pinned: a tag gets in where the policy does not refuse it. */
const pinningState = (
  { mutating }: LiveConfigurations,
  pinning: readonly V1MutatingWebhook[],
  manage: boolean,
): PinningState => {
  const found = pinning.length === 0 ? [] : weaknesses(mutating, pinning, undefined, manage);
  return found.length === 0
    ? undefined
    : `tags are not pinned: the MutatingWebhookConfiguration ${CONFIGURATION_NAME} ` +
        `${found.map(({ message }) => message).join("; ")}; apply config/ again`;
};

const causeOf = (reach: Reach): string =>
  reach.status === "reached"
    ? "it is reached now"
    : reach.status === "notAsked"
      ? "it did not ask about a probe"
      : reach.cause;
