import type { WeaknessReason } from "./weaknesses.ts";

/** Why images get in without being judged, or why nothing gets in. */
export type GapReason =
  | WeaknessReason
  /** The annotation on the configuration, or the operator's namespace, says that it is to stay away. */
  | "Suspended"
  | "Leaving"
  /** The operator has no right to read the configurations. */
  | "NotSeen"
  /** Nothing is installed before the API server was seen to reach the webhook. */
  | "NotInstalled"
  /** The API server was told to ask, and gets no answer. */
  | "Unreachable"
  /** The API server was told to ask, and does not. */
  | "NotAsked";

/** Whether admission asks the webhook about every image, as this replica saw it last. */
export type GuardState =
  /** Not looked at yet. */
  | { readonly status: "unknown" }
  | { readonly status: "enforced"; readonly message: string; readonly pinning: PinningState }
  /** The message says what was found and what to do. */
  | { readonly status: "gap"; readonly reason: GapReason; readonly message: string; readonly pinning: PinningState };

/** What keeps tags from being pinned although a policy wants it; undefined where nothing does. */
export type PinningState = string | undefined;

/** Answer to the question whether the API server reaches the webhook. */
export type Reach =
  | { readonly status: "reached" }
  /** It made the object that the webhook refuses. */
  | { readonly status: "notAsked" }
  /** In the API server's own words. */
  | { readonly status: "unreachable"; readonly cause: string }
  /** It could not be tried. */
  | { readonly status: "unknown"; readonly cause: string };
