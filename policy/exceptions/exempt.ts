import type { Finding } from "../finding/finding.ts";
import type { ImageUse, Subject } from "../subject/subject.ts";
import { isInForce, type CompiledException } from "./compiledException.ts";

/**
 * The finding as it counts: with `exempted` where one exception alone covers it whole.
 *
 * @param digest the one that the finding's verdict binds to; undefined: none does.
 */
export type Exempt = (finding: Finding, image: ImageUse, digest: string | undefined) => Finding;

/**
 * Compares the findings about one object with the exceptions. A finding is silenced by one exception that covers its
 * policy, rule, namespace, labels and image; parts of two never combine. Of several that do, the one that ends last is
 * named, so that what is told changes only when the finding counts again.
 *
 * @param now Milliseconds since the epoch.
 */
export function exemptionsOf(exceptions: readonly CompiledException[], subject: Subject, now: number): Exempt {
  if (exceptions.length === 0) return (finding) => finding;
  let applicable: readonly CompiledException[] | undefined;
  const byImage = new Map<string, readonly CompiledException[]>();
  const about = (image: ImageUse, digest: string | undefined): readonly CompiledException[] => {
    // Most objects have no findings, and no exception is looked at.
    applicable ??= exceptions.filter((one) => isInForce(one, now) && one.matchesSubject(subject));
    if (applicable.length === 0) return applicable;
    const key = `${digest ?? ""} ${image.image}`;
    const known = byImage.get(key);
    if (known !== undefined) return known;
    const found = applicable.filter((one) => one.matchesImage(image, digest));
    byImage.set(key, found);
    return found;
  };
  return (finding, image, digest) => {
    if (standsForMore(finding)) return finding;
    const by = about(image, digest)
      .filter((one) => one.coversPolicy(finding.policy) && one.coversRule(finding.rule))
      .toSorted((a, b) => b.expires - a.expires || (a.name < b.name ? -1 : 1))[0];
    if (by === undefined) return finding;
    return { ...finding, exempted: { by: by.name, expires: timeText(by.expires) } };
  };
}

/**
 * A part of a policy, or of an object, that nobody could read or looked at: what it hides is not the parser's alone.
 */
function standsForMore({ rule, reason }: Finding): boolean {
  return rule === "reference" && reason === "EvidenceUnavailable";
}

function timeText(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.000Z$/, "Z");
}
