import type { ScanCoverage, ScanOutcome } from "../../../policy/facts/facts.ts";
import type { StoredReport } from "../formats/vulnerabilityReport.ts";

/** The VulnerabilityReports that name a manifest digest; undefined while they could not be listed. */
export type ReportsByDigest = (digest: string) => readonly StoredReport[] | undefined;

/** A platform child that is to be covered where no report is about the index. */
interface Child {
  readonly digest: string;
  readonly platform: string;
}

/**
 * The trivy-operator reports about an image, matched by digest and never by tag. An expired report is absent. Of several
 * all are given, so that the worst counts: a writer of another namespace cannot outvote a worse report.
 * @param now Milliseconds since the epoch.
 */
export const vulnerabilityReports = (
  digest: string,
  children: readonly Child[],
  inNamespace: (namespace: string) => boolean,
  reports: ReportsByDigest,
  now: number,
): ScanOutcome => {
  const about = (wanted: string): ScanCoverage["reports"] | "unlisted" | { readonly broken: string } => {
    const listed = reports(wanted);
    if (listed === undefined) return "unlisted";
    const current = listed.filter(
      ({ namespace, expiresAt }) => inNamespace(namespace) && (expiresAt === undefined || now < expiresAt),
    );
    const usable = current.flatMap(({ content }) => (content.status === "ok" ? [content.report] : []));
    const broken = current.flatMap(({ content }) => (content.status === "broken" ? [content.message] : []))[0];
    return usable.length === 0 && broken !== undefined ? { broken } : usable;
  };
  const unlisted: ScanOutcome = {
    status: "unavailable",
    cause: "cluster",
    message: "VulnerabilityReports could not be listed",
  };

  const whole = about(digest);
  if (whole === "unlisted") return unlisted;
  if ("broken" in whole) return { status: "invalid", reason: "ScanInvalid", message: whole.broken };
  const covered: ScanCoverage[] = [];
  for (const child of children) {
    const found = about(child.digest);
    if (found === "unlisted") return unlisted;
    if ("broken" in found && whole.length === 0)
      return { status: "invalid", reason: "ScanInvalid", message: `${child.platform}: ${found.broken}` };
    if (!("broken" in found) && found.length > 0) covered.push({ ...child, reports: found });
  }
  // A report about the index covers all of it; what is known of its children counts all the same, or a clean report
  // that somebody wrote about the index would outvote theirs.
  if (whole.length > 0)
    return { status: "verified", value: [{ reports: [...whole, ...covered.flatMap(({ reports }) => reports)] }] };
  if (children.length > 0 && covered.length === children.length) return { status: "verified", value: covered };
  const missing = children
    .filter((child) => !covered.some((one) => one.digest === child.digest))
    .map(({ platform }) => platform);
  return {
    status: "absent",
    message: covered.length === 0 ? "none for this digest" : `none for ${missing.join(", ")}`,
  };
};
