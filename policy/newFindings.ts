import type { Finding } from "./finding.ts";

/**
 * The findings of an updated object that the old one, judged with its own labels and annotations, did not have (design.md section 4). They
 * are compared by policy, rule and image: an image that only moves between containers is not new. A finding that an exception silenced
 * was none: who leaves the exception's reach is judged.
 */
export function newFindings(current: readonly Finding[], old: readonly Finding[]): readonly Finding[] {
  if (current.length === 0 || old.length === 0) return current;
  const had = new Set(old.filter(({ exempted }) => exempted === undefined).map(identity));
  return current.filter((finding) => !had.has(identity(finding)));
}

/** Neither policies nor rules have blanks in their names, so that no two findings run together. */
function identity({ policy, rule, image }: Finding): string {
  return `${policy} ${rule} ${image}`;
}
