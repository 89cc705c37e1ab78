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
  readonly vulnerabilities: readonly Vulnerability[];
}
