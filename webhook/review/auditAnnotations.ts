import type { Finding } from "../../policy/finding/finding.ts";

/**
 * What the API server's audit log keeps of a decision. Keys are names of at most 63 characters (the API server puts the
 * webhook's name and a slash before them and drops what is not a qualified name), values are sorted and joined by commas.
 * `dryrun` findings are not there: they are seen in audits, metrics and logs only (design.md section 3).
 */
export const auditAnnotations = (
  decision: "allow" | "warn" | "deny",
  findings: readonly Finding[],
): Readonly<Record<string, string>> | undefined => {
  if (findings.length === 0) return undefined;
  const standing = findings.filter((finding) => finding.exempted === undefined);
  const enforced = standing.filter(({ action }) => action === "deny" || action === "warn");
  const annotations = {
    policies: list(enforced.map(({ policy }) => policy)),
    reasons: list(enforced.map(({ reason }) => reason)),
    // What `onUnavailable: allow` let pass without evidence: whoever investigates will look for it.
    unproven: list(standing.filter(({ action }) => action === "allow").map(({ policy }) => policy)),
    // What an exception silenced, and which: whoever reads the audit log later has no Violation of a request.
    exempted: list(findings.map(({ exempted, reason }) => (exempted === undefined ? "" : reason))),
    exceptions: list(findings.map(({ exempted }) => exempted?.by ?? "")),
  };
  const entries = Object.entries(annotations).filter(([, value]) => value !== "");
  return entries.length === 0 ? undefined : Object.fromEntries([["decision", decision], ...entries]);
};

const list = (values: readonly string[]): string =>
  [...new Set(values)]
    .filter((value) => value !== "")
    .toSorted()
    .join(",");
