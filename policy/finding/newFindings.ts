import type { Finding } from "./finding.ts";

/**
 * The findings of an updated object that the old one, judged with its own labels and annotations, did not have
 * (design.md section 4). They are compared by policy, rule and image: an image that only moves between containers is
 * not new. A finding that an exception silenced was none: who leaves the exception's reach is judged. That the old
 * object could not be judged does not tell that it had a finding: it excuses only what cannot be judged now either.
 */
export function newFindings(current: readonly Finding[], old: readonly Finding[]): readonly Finding[] {
  if (current.length === 0 || old.length === 0) return current;
  const had = new Set<string>();
  const unproven = new Set<string>();
  for (const finding of old) {
    if (finding.exempted === undefined) (isUnproven(finding) ? unproven : had).add(identity(finding));
  }
  return current.filter((finding) => {
    const known = identity(finding);
    return !had.has(known) && !(isUnproven(finding) && unproven.has(known));
  });
}

function isUnproven({ reason }: Finding): boolean {
  return reason === "EvidenceUnavailable";
}

/** Neither policies nor rules have blanks in their names, so that no two findings run together. */
function identity({ policy, rule, image }: Finding): string {
  return `${policy} ${rule} ${image}`;
}
