import { compareText } from "../compareText.ts";

/** Worst first. */
export const SEVERITIES = ["critical", "high", "medium", "low", "unknown"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** One vulnerability of one package. */
export interface Vulnerability {
  /** CVE, GHSA or distribution id. */
  readonly id: string;
  /** Other ids of the same vulnerability (a GHSA's CVE): allow and deny lists may name any of them. */
  readonly aliases?: readonly string[];
  readonly severity: Severity;
  readonly package: string;
  readonly installedVersion: string;
  /** Absent: no fix known. */
  readonly fixedVersion?: string;
  /** Highest CVSS base score that the report gives, 0 to 10. */
  readonly cvss?: number;
  /** Package URL, for VEX. */
  readonly purl?: string;
}

/** The one internal form of Trivy, Grype, SARIF and VulnerabilityReport. */
export interface ScanReport {
  /** Name of the scanner, for messages. */
  readonly scanner: string;
  /** RFC 3339; absent where the format has no date. */
  readonly scannedAt?: string;
  /** Each once for a package and version, worst first: made by `orderVulnerabilities`. */
  readonly vulnerabilities: readonly Vulnerability[];
  /**
   * Found, and taken off the count by whoever ran the scanner (an ignore file, a VEX document); in order, none of them
   * among the others. Absent: the report names none. Only denyCVEs counts them.
   */
  readonly suppressed?: readonly Vulnerability[];
}

const RANK: Readonly<Record<Severity, number>> = { critical: 0, high: 1, medium: 2, low: 3, unknown: 4 };

/**
 * One entry for each vulnerability of a package and version: scanners repeat it for every path that it is found under.
 */
export function orderVulnerabilities(found: readonly Vulnerability[]): readonly Vulnerability[] {
  const once = new Map<string, Vulnerability>();
  for (const vulnerability of found) {
    const key = keyOf(vulnerability);
    const known = once.get(key);
    once.set(key, known === undefined ? vulnerability : merged(known, vulnerability));
  }
  return [...once.values()].sort(worstFirst);
}

/** Suppressed ones in the same order, without what the report counts beside: that is not suppressed. */
export function orderSuppressed(
  suppressed: readonly Vulnerability[],
  counted: readonly Vulnerability[],
): readonly Vulnerability[] {
  if (suppressed.length === 0) return [];
  const keys = new Set(counted.map(keyOf));
  return orderVulnerabilities(suppressed.filter((one) => !keys.has(keyOf(one))));
}

function worstFirst(a: Vulnerability, b: Vulnerability): number {
  return (
    RANK[a.severity] - RANK[b.severity] ||
    (b.cvss ?? 0) - (a.cvss ?? 0) ||
    compareText(a.id, b.id) ||
    compareText(a.package, b.package) ||
    compareText(a.installedVersion, b.installedVersion)
  );
}

/** Package URLs tell packages of one name in two ecosystems apart; their qualifiers do not. */
function keyOf({ id, package: name, installedVersion, purl = "" }: Vulnerability): string {
  return `${id}\n${name}\n${installedVersion}\n${/^[^?#]*/.exec(purl)?.[0] ?? ""}`;
}

/** What two entries of one vulnerability say together: the worse of both, and every fix and other name. */
function merged(a: Vulnerability, b: Vulnerability): Vulnerability {
  const [worse, other] = worstFirst(a, b) <= 0 ? [a, b] : [b, a];
  const fixedVersion = worse.fixedVersion ?? other.fixedVersion;
  const cvss = Math.max(worse.cvss ?? 0, other.cvss ?? 0);
  const aliases = [...new Set([...(worse.aliases ?? []), ...(other.aliases ?? [])])];
  return {
    ...worse,
    ...(fixedVersion === undefined ? {} : { fixedVersion }),
    ...(cvss === 0 ? {} : { cvss }),
    ...(aliases.length === 0 ? {} : { aliases }),
  };
}
