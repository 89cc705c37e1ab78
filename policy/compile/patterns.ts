import { parsePattern, type ImagePattern } from "../image/pattern.ts";
import type { FieldFaults } from "./faults.ts";

/** A list of image patterns; `faulty` says which of them could not be read. */
export interface PatternList {
  readonly patterns: readonly ImagePattern[];
  /** Absent: all could. What none of the others matches cannot be judged then. */
  readonly faulty?: string;
}

/** Compiles a list of image patterns; each that cannot be read is a fault of its own, and the others stay. */
export function compilePatterns(texts: readonly string[], faults: FieldFaults): PatternList {
  const patterns: ImagePattern[] = [];
  const unread: FieldFaults[] = [];
  for (const [index, text] of texts.entries()) {
    const entry = faults.at(index);
    const pattern = compilePattern(text, entry);
    if (pattern === undefined) unread.push(entry);
    else patterns.push(pattern);
  }
  if (unread.length === 0) return { patterns };
  return { patterns, faulty: unread.flatMap(({ list }) => list.map(({ message }) => message)).join("; ") };
}

/** undefined, and a fault: it cannot be read. */
export function compilePattern(text: string, faults: FieldFaults): ImagePattern | undefined {
  const parsed = parsePattern(text);
  if (parsed.status === "ok") return parsed.pattern;
  faults.add("PatternInvalid", `"${text}" ${parsed.message}`);
  return undefined;
}
