import type { Outcome, Unavailable } from "../../../policy/facts/outcome.ts";
import type { ContentReason } from "../../registry/repository.ts";

/** A candidate whose bytes were fetched, or why there is none. */
export type Loaded<Candidate> =
  | { readonly status: "loaded"; readonly candidate: Candidate }
  | { readonly status: "broken"; readonly message: string }
  | { readonly status: "gone" }
  | UnreadPlace;

/** A place that could not be read: something may be there. */
export type UnreadPlace = Unavailable;

/** What the reading of a blob came to, for the candidate that its bytes make. */
export const loadedAs = <Candidate>(
  outcome: Outcome<Uint8Array, ContentReason>,
  candidateOf: (bytes: Uint8Array) => Candidate,
): Loaded<Candidate> => {
  switch (outcome.status) {
    case "verified":
      return { status: "loaded", candidate: candidateOf(outcome.value) };
    case "absent":
      return { status: "gone" };
    case "invalid":
      return { status: "broken", message: outcome.message };
    case "unavailable":
      return outcome;
  }
};
