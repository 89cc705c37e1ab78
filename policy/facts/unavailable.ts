import type { RuleFinding } from "../finding/finding.ts";
import type { Unavailable, UnavailableCause } from "./outcome.ts";

/**
 * Causes that are nothing for `onUnavailable` to settle (design.md sections 2 and 9): whoever asks brings them about
 * himself, by asking for more than his share or by a pull secret that is refused, and must not gain by it.
 */
const OURS: ReadonlySet<UnavailableCause> = new Set(["overloaded", "unauthorised"]);

/**
 * Whether it is no outage of a network or a service, but bounds of the operator itself, access that was refused, or
 * what will not pass by itself. It takes the enforcement action, as a fault of the configuration does.
 */
export function isOurs(outcome: { readonly status: string } & Partial<Unavailable>): boolean {
  return (
    outcome.status === "unavailable" &&
    (outcome.lasting === true || (outcome.cause !== undefined && OURS.has(outcome.cause)))
  );
}

/** The one of several that stands for all that could not be had: what `onUnavailable` does not settle comes first. */
export function unavailableAmong<O extends { readonly status: string }>(
  outcomes: readonly O[],
): Extract<O, { readonly status: "unavailable" }> | undefined {
  type Open = Extract<O, { readonly status: "unavailable" }>;
  const open = outcomes.filter((outcome): outcome is Open => outcome.status === "unavailable");
  return open.find(isOurs) ?? open[0];
}

/** What settles evidence that could not be had. */
export function settledBy(outcome: Unavailable): NonNullable<RuleFinding["unavailable"]> {
  return isOurs(outcome) ? "configuration" : "evidence";
}

/** The message with what to do: asking again helps where time alone does. */
export function withAdvice({ cause, message, lasting, advised }: Unavailable): string {
  if (lasting === true || advised === true) return message;
  switch (cause) {
    case "unauthorised":
      return `${message}; name one that may read it in the policy's registryCredentials or, where pull secrets are read (--read-pull-secrets), the pod's imagePullSecrets`;
    case "overloaded":
      return `${message}; try again when fewer images of this namespace are being looked at`;
    case "tls":
      return message;
    case "timeout":
    case "network":
    case "rateLimited":
    case "serverError":
    case "kms":
    case "trustRoot":
    case "cluster":
      return `${message}; try again`;
  }
}
