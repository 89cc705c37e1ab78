import type { ExceptionSpec } from "../../crds/types.ts";
import type { ImagePattern } from "../image/pattern.ts";
import type { RuleName } from "../finding/finding.ts";
import type { ImageUse, Subject } from "../subject/subject.ts";

/** The rule whose findings are about a revocation, not about a policy. */
export const REVOCATION = "revocation";

/** An exception, ready to be compared with findings. Frozen; made by `compileException`. */
export interface CompiledException {
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  /** What it was compiled from; absent where that could not be read. */
  readonly spec?: ExceptionSpec;
  /** Equal keys silence the same for as long. */
  readonly key: string;
  /** Milliseconds since the epoch: from then on it silences nothing. */
  readonly expires: number;
  /** Why it silences nothing, whatever the time; absent: it does, until it expires. */
  readonly refused?: { readonly reason: "InvalidSpec" | "NotPermitted" | "TooLong"; readonly message: string };
  readonly coversPolicy: (policy: string) => boolean;
  readonly coversRule: (rule: RuleName | typeof REVOCATION) => boolean;
  /** Namespace and labels. */
  readonly matchesSubject: (subject: Subject) => boolean;
  /**
   * @param digest the one that a verdict binds to; undefined: none does, so that nothing can be said of digests.
   */
  readonly matchesImage: (image: ImageUse, digest: string | undefined) => boolean;
  /** The image patterns; undefined: any image. */
  readonly images: readonly ImagePattern[] | undefined;
}

/** Whether an exception may be about an image of the object; digests are not known here. */
export function mayConcern({ matchesSubject, images }: CompiledException, subject: Subject): boolean {
  if (!matchesSubject(subject)) return false;
  return (
    images === undefined ||
    subject.images.some(({ parsed }) => "reference" in parsed && images.some((one) => one.matches(parsed.reference)))
  );
}

/** Whether an exception silences what it covers. `now` in milliseconds since the epoch. */
export function isInForce({ refused, expires }: CompiledException, now: number): boolean {
  return refused === undefined && now < expires;
}
