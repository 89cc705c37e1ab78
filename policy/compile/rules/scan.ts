import type { Scan, ScanSource as ScanSourceSpec } from "../../../crds/types.ts";
import type { AuthoritySet } from "../../authority.ts";
import type { Severity } from "../../facts/scanReport.ts";
import { compileGlobs } from "../../image/glob.ts";
import { parseRfc3339 } from "../../rfc3339.ts";
import type { Compiling } from "../compiling.ts";
import { compileDuration } from "../duration.ts";
import type { FieldFaults } from "../faults.ts";

export type ScanSource =
  | { readonly type: "attestation"; readonly id: string; readonly authorities: AuthoritySet }
  | { readonly type: "imageAnnotation"; readonly id: string; readonly key: string }
  | {
      readonly type: "vulnerabilityReport";
      readonly id: string;
      readonly namespaces: (namespace: string) => boolean;
      /** Milliseconds. */
      readonly grace: number;
    }
  | { readonly type: "podAnnotation"; readonly id: string; readonly key: string };

export interface ScanRule {
  readonly sources: readonly ScanSource[];
  readonly maxVulnerabilities: Readonly<Partial<Record<Severity, number>>>;
  readonly onlyFixable: boolean;
  /** Milliseconds. */
  readonly maxAge?: number;
  readonly minScore?: number;
  readonly maxCVSS?: number;
  /** Ids in upper case. */
  readonly denyCVEs: ReadonlySet<string>;
  /** By id in upper case; `expires` in milliseconds since the epoch. */
  readonly allowCVEs: ReadonlyMap<string, { readonly reason: string; readonly expires?: number }>;
  readonly vex?: AuthoritySet;
  readonly runningImages: "Deny" | "Warn";
  /** A part that did not compile: the rule answers EvidenceUnavailable (configuration). */
  readonly fault?: string;
}

/** Where Trivy's JSON stands on an image, unless the policy names another annotation. */
const DEFAULT_KEY = "trivy.scan.result";

/**
 * Compiles `spec.scan`. Without signatures everybody who can push can say what a scan found, which its author is told.
 */
export function compileScan(spec: Scan, compiling: Compiling): ScanRule {
  const { authorities, faults } = compiling;
  const sources = (spec.sources ?? [{ imageAnnotation: {} }]).flatMap((source, index) =>
    compileSource(source, compiling, faults.at("sources", index)),
  );
  if (sources.length === 0) faults.at("sources").add("InvalidSpec", "has no source");
  advise(sources, compiling);
  const maxAge = compileDuration(spec.maxAge, faults.at("maxAge"));
  const allowCVEs = (spec.allowCVEs ?? []).map(
    ({ id, reason, expires }, index): [string, { reason: string; expires?: number }] => {
      const time = compileTime(expires, faults.at("allowCVEs", index, "expires"));
      return [id.toUpperCase(), { reason, ...(time === undefined ? {} : { expires: time }) }];
    },
  );
  return {
    sources,
    maxVulnerabilities: spec.maxVulnerabilities ?? {},
    onlyFixable: spec.onlyFixable ?? false,
    denyCVEs: new Set((spec.denyCVEs ?? []).map((id) => id.toUpperCase())),
    allowCVEs: new Map(allowCVEs),
    runningImages: spec.runningImages ?? "Deny",
    ...(maxAge === undefined ? {} : { maxAge }),
    ...(spec.minScore === undefined ? {} : { minScore: spec.minScore }),
    ...(spec.maxCVSS === undefined ? {} : { maxCVSS: spec.maxCVSS }),
    ...(spec.vex === undefined ? {} : { vex: authorities(spec.vex.authorities, faults.at("vex", "authorities")) }),
    ...faults.asField(),
  };
}

function compileSource(
  spec: ScanSourceSpec,
  { authorities: named }: Compiling,
  faults: FieldFaults,
): readonly ScanSource[] {
  const kinds = [spec.attestation, spec.imageAnnotation, spec.vulnerabilityReport, spec.podAnnotation];
  if (kinds.filter((kind) => kind !== undefined).length !== 1) {
    faults.add(
      "InvalidSpec",
      "must be exactly one of attestation, imageAnnotation, vulnerabilityReport and podAnnotation",
    );
    return [];
  }
  if (spec.attestation !== undefined) {
    const authorities = named(spec.attestation.authorities, faults.at("attestation", "authorities"));
    const ids = [...authorities.trusted.map(({ id }) => id), ...authorities.faulty.map(({ name }) => `!${name}`)];
    return [{ type: "attestation", id: `attestation:${ids.join(",")}`, authorities }];
  }
  if (spec.vulnerabilityReport !== undefined) {
    const { namespaces = ["*"], grace } = spec.vulnerabilityReport;
    return [
      {
        type: "vulnerabilityReport",
        id: `vulnerabilityReport:${JSON.stringify(namespaces)}`,
        namespaces: compileGlobs(namespaces),
        grace: compileDuration(grace, faults.at("vulnerabilityReport", "grace")) ?? 0,
      },
    ];
  }
  if (spec.podAnnotation !== undefined) {
    const { key } = spec.podAnnotation;
    return [{ type: "podAnnotation", id: `podAnnotation:${key}`, key }];
  }
  const key = spec.imageAnnotation?.key ?? DEFAULT_KEY;
  return [{ type: "imageAnnotation", id: `imageAnnotation:${key}`, key }];
}

function compileTime(text: string | undefined, faults: FieldFaults): number | undefined {
  if (text === undefined) return undefined;
  const time = parseRfc3339(text);
  if (time === undefined)
    faults.add("InvalidSpec", `${JSON.stringify(text)} is no RFC 3339 time, such as 2026-01-31T00:00:00Z`);
  return time;
}

function advise(sources: readonly ScanSource[], { spec, advise: say }: Compiling): void {
  if (sources.some(({ type }) => type === "podAnnotation")) {
    say({
      type: "ForgeableSource",
      message: "podAnnotation: whoever writes the pod writes the scan report; prefer attestations",
    });
  } else if (spec.signatures === undefined && sources.some(({ type }) => type === "imageAnnotation")) {
    say({
      type: "ForgeableSource",
      message:
        "imageAnnotation: whoever pushes the image writes the scan report; ask for signatures as well, or prefer attestations",
    });
  }
  if (sources.length > 0 && sources.every(({ type }) => type === "vulnerabilityReport")) {
    say({
      type: "ScanAfterAdmission",
      message:
        "VulnerabilityReports are made of what already runs: pod templates are not judged, and a new image is let in until its grace has passed",
    });
  }
}
