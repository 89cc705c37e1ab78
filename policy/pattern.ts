import type { Reference } from "./reference.ts";

/** A compiled image pattern (design.md section 3); `parsePattern` is the only maker. */
export interface ImagePattern {
  /** As the policy writes it. */
  readonly text: string;
  /** The host, where it has no wildcard: for lookalikes and metrics. */
  readonly literalHost?: string;
  readonly matches: (reference: Reference) => boolean;
}
