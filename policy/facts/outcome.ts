/**
 * Why evidence could not be had; a closed set, it is a metric label. `unauthorised` (access is refused) and
 * `overloaded` (bounds of ours) are no outages: see `unavailable.ts`.
 */
export type UnavailableCause =
  | "timeout"
  | "network"
  | "tls"
  | "unauthorised"
  | "rateLimited"
  | "serverError"
  | "overloaded"
  | "kms"
  | "trustRoot"
  | "cluster";

/**
 * Evidence that could not be had: network, service and time, and the two causes that `onUnavailable` does not settle.
 */
export interface Unavailable {
  readonly status: "unavailable";
  readonly cause: UnavailableCause;
  readonly message: string;
  /**
   * It will not pass by itself; the message says what to do. Nobody may gain by it, so `onUnavailable` does not settle
   * it.
   */
  readonly lasting?: true;
  /** The message says what to do, and asking again is not it. Who settles it is not changed by that. */
  readonly advised?: true;
}

/**
 * What became of one piece of evidence (design.md section 2). *Denied* and *could not tell* stay apart all the way:
 * content that breaks a limit or a format is `invalid`, never `unavailable`.
 * `message` is safe to show to whoever made the request: it names no address or credential of the operator.
 */
export type Outcome<T, R = string> =
  | { readonly status: "verified"; readonly value: T }
  | { readonly status: "absent"; readonly message: string }
  | { readonly status: "invalid"; readonly reason: R; readonly message: string }
  | Unavailable;
