import type { ViolationFinding } from "../../crds/types.ts";

/** The vocabulary of verdicts: rules, reasons, actions and findings (design.md sections 3 and 4). */

/** The rule that speaks; `reference` is the parser itself. The schema is where their names are listed. */
export type RuleName = ViolationFinding["rule"];

/** Why a rule objects, in one word; listed in the schema of Violations. */
export type Reason = ViolationFinding["reason"];

/** What a policy does about its findings. */
export type EnforcementAction = "deny" | "warn" | "dryrun";

/**
 * What a finding does to the request: the enforcement action, or `allow` where `onUnavailable: allow`
 * settled a fact that could not be had.
 */
export type FindingAction = EnforcementAction | "allow";

/** What a rule says about one image, before the policy's action is applied to it. */
export interface RuleFinding {
  readonly rule: RuleName;
  readonly reason: Reason;
  /** One line: what was found, what was expected, what to do. No timestamps, no network detail. */
  readonly detail: string;
  /**
   * Why the rule could not be judged: `evidence` (network, service, time) is settled by `onUnavailable`;
   * `configuration` (missing key, unsupported field) takes the enforcement action. Only with EvidenceUnavailable.
   */
  readonly unavailable?: "evidence" | "configuration";
  /** Rules may only soften: `warn` turns a deny into a warning (tagDrift Report, scan grace, runningImages). */
  readonly atMost?: "warn";
  /** The digest that was judged, where it is known. */
  readonly digest?: string;
}

/** One reason why one policy objects to one image of one object. */
export interface Finding {
  readonly policy: string;
  readonly rule: RuleName;
  readonly reason: Reason;
  /** Container name, or the volume's name for an image volume. */
  readonly container: string;
  /** The image as the object writes it. */
  readonly image: string;
  readonly digest?: string;
  readonly action: FindingAction;
  /** The whole line that users read: `[policy] container "c", image "i": Reason: detail`. */
  readonly message: string;
  /** Set where an exception silences the finding; it stays countable. */
  readonly exempted?: { readonly by: string; readonly expires: string };
}
