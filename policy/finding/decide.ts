import { compareText } from "../compareText.ts";
import type { Decision, Verdict } from "./decision.ts";
import type { Finding } from "./finding.ts";

/**
 * The decision over all findings of an object. Findings that an exception silenced stay listed and do not count. The
 * order depends on nothing but the findings.
 */
export function decide(findings: readonly Finding[], digests: ReadonlyMap<string, string>): Decision {
  let verdict: Verdict = "allow";
  for (const { action, exempted } of findings) {
    if (exempted !== undefined) continue;
    if (action === "deny") verdict = "deny";
    else if (action === "warn" && verdict === "allow") verdict = "warn";
  }
  return { verdict, findings: findings.length > 1 ? findings.toSorted(byPlace) : findings, digests };
}

function byPlace(a: Finding, b: Finding): number {
  return (
    compareText(a.policy, b.policy) ||
    compareText(a.container, b.container) ||
    compareText(a.rule, b.rule) ||
    compareText(a.reason, b.reason) ||
    compareText(a.image, b.image) ||
    compareText(a.message, b.message)
  );
}
