import type { RuleFinding } from "../finding.ts";
import type { ParsedReference } from "../reference.ts";

/**
 * What the parser found wrong. Every policy that could be about the image says so, also one without a `digest` rule: a runtime that takes
 * the text would take it for something that no rule here has judged.
 */
export function judgeReference(parsed: ParsedReference): readonly RuleFinding[] {
  if (parsed.status === "ok") return [];
  const detail = `${parsed.message}; write registry/repository@sha256:<64 hex>`;
  return parsed.reason === "ImageMalformed"
    ? [{ rule: "reference", reason: "ImageMalformed", detail }]
    : [{ rule: "digest", reason: "DigestMalformed", detail: `${parsed.message} (${parsed.reference.name})` }];
}
