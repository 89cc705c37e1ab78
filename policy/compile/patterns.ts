import type { PolicyFault } from "../compiledPolicy.ts";
import type { PatternList } from "../compiledRules.ts";
import { parsePattern, type ImagePattern } from "../image/pattern.ts";

/** Compiles a list of image patterns; each that cannot be read is a fault of its own, and the others stay. */
export function compilePatterns(
  texts: readonly string[],
  path: string,
): { readonly list: PatternList; readonly faults: readonly PolicyFault[] } {
  const patterns: ImagePattern[] = [];
  const faults: PolicyFault[] = [];
  for (const [index, text] of texts.entries()) {
    const parsed = parsePattern(text);
    if (parsed.status === "ok") patterns.push(parsed.pattern);
    else faults.push({ reason: "PatternInvalid", path: `${path}[${index}]`, message: `"${text}" ${parsed.message}` });
  }
  const faulty = faults.map(({ message }) => message).join("; ");
  return { list: faulty === "" ? { patterns } : { patterns, faulty }, faults };
}
