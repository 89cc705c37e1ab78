import type { RuleFinding } from "../finding/finding.ts";
import { digestAdvice } from "../image/digestAdvice.ts";
import type { ParsedReference } from "../image/reference.ts";

/**
 * What the parser found wrong. Every policy that could be about the image says so, also one without a `digest` rule: a
 * runtime that takes the text would take it for something that no rule here has judged.
 */
export function judgeReference(parsed: ParsedReference): readonly RuleFinding[] {
  if (parsed.status === "ok") return [];
  const detail =
    "reference" in parsed && parsed.reason === "ImageMalformed"
      ? `${parsed.message}; write hosts in ASCII`
      : `${parsed.message}; ${digestAdvice(parsed)}`;
  return parsed.reason === "DigestMalformed"
    ? [{ rule: "digest", reason: "DigestMalformed", detail }]
    : [{ rule: "reference", reason: "ImageMalformed", detail }];
}
