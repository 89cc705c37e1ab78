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
    compare(a.policy, b.policy) ||
    compare(a.container, b.container) ||
    compare(a.rule, b.rule) ||
    compare(a.reason, b.reason) ||
    compare(a.image, b.image) ||
    compare(a.message, b.message)
  );
}

/** By code units: the same order everywhere, whatever the locale. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
