/** Scan reports in the shapes that the tools write; the fields that nothing reads are left out or kept to one example. */

export interface Found {
  readonly id: string;
  readonly severity: string;
  readonly package?: string;
  readonly version?: string;
  readonly fixed?: string;
  readonly score?: number;
  readonly purl?: string;
  readonly path?: string;
}

export interface About {
  readonly diffIds?: readonly string[];
  readonly imageId?: string;
  readonly repoDigests?: readonly string[];
  readonly createdAt?: string;
}

export const SCANNED_AT = "2026-11-20T10:00:00.123456789Z";

/** `trivy image --format json` (0.50 to 0.60): OS packages and language packages are results of their own. */
export const trivyReport = (found: readonly Found[], about: About = {}): Record<string, unknown> => ({
  SchemaVersion: 2,
  CreatedAt: about.createdAt ?? SCANNED_AT,
  ArtifactName: "registry.company.com/web:1",
  ArtifactType: "container_image",
  Metadata: {
    OS: { Family: "alpine", Name: "3.19.1" },
    ...(about.imageId === undefined ? {} : { ImageID: about.imageId }),
    ...(about.diffIds === undefined ? {} : { DiffIDs: about.diffIds }),
    ...(about.repoDigests === undefined ? {} : { RepoDigests: about.repoDigests }),
  },
  Results: [
    { Target: "registry.company.com/web:1 (alpine 3.19.1)", Class: "os-pkgs", Type: "alpine" },
    {
      Target: "Java",
      Class: "lang-pkgs",
      Type: "jar",
      ...(found.length === 0
        ? {}
        : {
            Vulnerabilities: found.map((one) => ({
              VulnerabilityID: one.id,
              PkgName: one.package ?? "pkg",
              ...(one.path === undefined ? {} : { PkgPath: one.path }),
              InstalledVersion: one.version ?? "1.0.0",
              ...(one.fixed === undefined ? { Status: "affected" } : { FixedVersion: one.fixed, Status: "fixed" }),
              ...(one.purl === undefined ? {} : { PkgIdentifier: { PURL: one.purl } }),
              Severity: one.severity,
              ...(one.score === undefined
                ? {}
                : { CVSS: { nvd: { V2Score: 10, V3Score: one.score }, redhat: { V3Score: 1.1 } } }),
            })),
          }),
    },
  ],
});

/** `grype -o json` (0.7x to 0.9x). */
export const grypeReport = (
  found: readonly Found[],
  about: About & { readonly manifestDigest?: string } = {},
): Record<string, unknown> => ({
  matches: found.map((one) => ({
    vulnerability: {
      id: one.id,
      severity: one.severity,
      cvss: one.score === undefined ? [] : [{ version: "3.1", metrics: { baseScore: one.score } }],
      fix: one.fixed === undefined ? { versions: [], state: "not-fixed" } : { versions: [one.fixed], state: "fixed" },
    },
    relatedVulnerabilities: one.id.startsWith("GHSA-")
      ? [{ id: "CVE-2021-44228", cvss: [{ version: "3.1", metrics: { baseScore: 10 } }] }]
      : [],
    artifact: {
      name: one.package ?? "pkg",
      version: one.version ?? "1.0.0",
      type: "java-archive",
      purl: one.purl ?? "",
    },
  })),
  source: {
    type: "image",
    target: {
      imageID: about.imageId ?? "",
      manifestDigest: about.manifestDigest ?? "",
      repoDigests: about.repoDigests ?? [],
    },
  },
  descriptor: { name: "grype", version: "0.92.0", timestamp: about.createdAt ?? SCANNED_AT },
});

/** `trivy image --format sarif`: one rule for a CVE, the result's message names package and severity. */
export const trivySarif = (found: readonly Found[], imageID = ""): Record<string, unknown> => ({
  version: "2.1.0",
  runs: [
    {
      tool: {
        driver: {
          name: "Trivy",
          rules: [...new Map(found.map((one) => [one.id, one])).values()].map((one) => ({
            id: one.id,
            name: "OsPackageVulnerability",
            help: {
              text: `Vulnerability ${one.id}\nSeverity: ${one.severity}\nPackage: ${one.package}\nFixed Version: ${one.fixed ?? ""}\n`,
            },
            properties: {
              "security-severity": String(one.score ?? 5.5),
              tags: ["vulnerability", "security", one.severity],
            },
          })),
        },
      },
      results: found.map((one) => ({
        ruleId: one.id,
        level: "error",
        message: {
          text: `Package: ${one.package}\nInstalled Version: ${one.version}\nVulnerability ${one.id}\nSeverity: ${one.severity}\nFixed Version: ${one.fixed ?? ""}\nLink: [x](y)`,
        },
      })),
      properties: { imageID, imageName: "web", repoDigests: null, repoTags: [] },
    },
  ],
});

/** `grype -o sarif`: rule ids end in the package, the rule's help text says the rest. */
export const grypeSarif = (found: readonly Found[]): Record<string, unknown> => ({
  version: "2.1.0",
  runs: [
    {
      tool: {
        driver: {
          name: "grype",
          rules: found.map((one) => ({
            id: `${one.id}-${one.package}`,
            name: "DpkgMatcherExactDirectMatch",
            help: {
              text: `Vulnerability ${one.id}\nSeverity: ${one.severity}\nPackage: ${one.package}\nVersion: ${one.version}\nFix Version: ${one.fixed ?? ""}\nType: deb\nLocation: /x\nData Namespace: \nLink: ${one.id}`,
            },
            properties: { "security-severity": String(one.score ?? 5.5) },
          })),
        },
      },
      results: found.map((one) => ({
        ruleId: `${one.id}-${one.package}`,
        level: "note",
        message: { text: `A vulnerability in ${one.package}` },
      })),
    },
  ],
});

/** `trivy image --format cosign-vuln`, or what `cosign attest --type vuln` signs. */
export const cosignVuln = (result: unknown, scanFinishedOn: string = SCANNED_AT): Record<string, unknown> => ({
  invocation: { parameters: null, uri: "", event_id: "", "builder.id": "" },
  scanner: { uri: "pkg:github/aquasecurity/trivy@0.60.0", version: "0.60.0", db: { uri: "", version: "" }, result },
  metadata: { scanStartedOn: scanFinishedOn, scanFinishedOn },
});

export interface ReportOptions {
  readonly digest: string;
  readonly namespace?: string;
  readonly updated?: string;
  readonly ttl?: string;
}

/** A trivy-operator VulnerabilityReport. */
export const vulnerabilityReportObject = (
  found: readonly Found[],
  { digest, namespace = "default", updated = SCANNED_AT, ttl }: ReportOptions,
): Record<string, unknown> => ({
  apiVersion: "aquasecurity.github.io/v1alpha1",
  kind: "VulnerabilityReport",
  metadata: {
    name: "replicaset-web-web",
    namespace,
    creationTimestamp: updated,
    ...(ttl === undefined ? {} : { annotations: { "trivy-operator.aquasecurity.github.io/report-ttl": ttl } }),
  },
  report: {
    updateTimestamp: updated,
    scanner: { name: "Trivy", vendor: "Aqua Security", version: "0.60.0" },
    registry: { server: "registry.company.com" },
    artifact: { repository: "web", tag: "1", digest },
    summary: { criticalCount: 0 },
    vulnerabilities: found.map((one) => ({
      vulnerabilityID: one.id,
      resource: one.package ?? "pkg",
      installedVersion: one.version ?? "1.0.0",
      fixedVersion: one.fixed ?? "",
      severity: one.severity,
      ...(one.score === undefined ? {} : { score: one.score }),
      ...(one.purl === undefined ? {} : { packagePURL: one.purl }),
    })),
  },
});
