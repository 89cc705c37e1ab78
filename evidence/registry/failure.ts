import { wasHeldUp } from "../../async/shares/party.ts";
import type { Flight } from "../../async/singleFlight.ts";
import type { Outcome, UnavailableCause } from "../../policy/facts/outcome.ts";
import type { ContentReason } from "./repository.ts";

/** Every end of a question to a registry but the good one. */
export type Failure = Exclude<Outcome<never, ContentReason>, { readonly status: "verified" }>;
export type Unavailable = Extract<Failure, { readonly status: "unavailable" }>;

/** A question to a registry under way. `last`: what the newest attempt came to, while it is still tried. */
export type RegistryFlight = Flight<Unavailable>;

export const absent = (message: string): Failure => ({ status: "absent", message });

/** Content that breaks a limit, a form or a rule of where a registry may send us: never settled by `onUnavailable`. */
export const malformed = (message: string): Failure => ({ status: "invalid", reason: "ImageMalformed", message });

export const mismatch = (message: string): Failure => ({ status: "invalid", reason: "DigestMismatch", message });

export const unavailable = (cause: UnavailableCause, message: string): Unavailable => ({
  status: "unavailable",
  cause,
  message,
});

/** For the caller whose time is over: an outage of whom he asked, unless it was our own queues that took a noticeable part of his time. */
export const late = (message: string): Unavailable =>
  wasHeldUp()
    ? unavailable("overloaded", `${message}: too much is being asked on behalf of this namespace`)
    : unavailable("timeout", message);

/** Access that is refused, or cannot be asked for, and `message` says what to do. */
export const closed = (message: string): Unavailable => ({ ...unavailable("unauthorised", message), lasting: true });

export const isUnauthorised = (outcome: { readonly status: string; readonly cause?: UnavailableCause }): boolean =>
  outcome.status === "unavailable" && outcome.cause === "unauthorised";

/** A credential could not be had, so that the registry was not asked with it: another may be let in, and a refusal of that one is no answer. */
export const isUnread = (outcome: { readonly status: string; readonly cause?: UnavailableCause }): boolean =>
  outcome.status === "unavailable" && outcome.cause === "cluster";
