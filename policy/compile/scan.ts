import type { Scan, ScanSource as ScanSourceSpec } from "../../crds/types.ts";
import type { PolicyAdvice, PolicyFault } from "../compiledPolicy.ts";
import type { ScanRule, ScanSource } from "../compiledRules.ts";
import { compileGlobs } from "../image/glob.ts";
import { authoritySet, type CompiledAuthorities } from "./authorities.ts";
import { ruleFaults, type RuleFaults } from "./ruleFaults.ts";

/** Where Trivy's JSON stands on an image, unless the policy names another annotation. */
const DEFAULT_KEY = "trivy.scan.result";

const compileSource = (
  spec: ScanSourceSpec,
  path: string,
  compiled: CompiledAuthorities,
  faults: RuleFaults,
): ScanSource[] => {
  const kinds = [spec.attestation, spec.imageAnnotation, spec.vulnerabilityReport, spec.podAnnotation];
  if (kinds.filter((kind) => kind !== undefined).length !== 1) {
    faults.add(
      "InvalidSpec",
      path,
      "must be exactly one of attestation, imageAnnotation, vulnerabilityReport and podAnnotation",
    );
    return [];
  }
  if (spec.attestation !== undefined) {
    const authorities = authoritySet(spec.attestation.authorities, compiled);
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
        grace: faults.duration(grace, `${path}.vulnerabilityReport.grace`) ?? 0,
      },
    ];
  }
  if (spec.podAnnotation !== undefined) {
    const { key } = spec.podAnnotation;
    return [{ type: "podAnnotation", id: `podAnnotation:${key}`, key }];
  }
  const key = spec.imageAnnotation?.key ?? DEFAULT_KEY;
  return [{ type: "imageAnnotation", id: `imageAnnotation:${key}`, key }];
};

const adviceOn = (sources: readonly ScanSource[], signed: boolean): PolicyAdvice[] => {
  const advice: PolicyAdvice[] = [];
  if (sources.some(({ type }) => type === "podAnnotation")) {
    advice.push({
      type: "ForgeableSource",
      message: "podAnnotation: whoever writes the pod writes the scan report; prefer attestations",
    });
  } else if (!signed && sources.some(({ type }) => type === "imageAnnotation")) {
    advice.push({
      type: "ForgeableSource",
      message:
        "imageAnnotation: whoever pushes the image writes the scan report; ask for signatures as well, or prefer attestations",
    });
  }
  if (sources.length > 0 && sources.every(({ type }) => type === "vulnerabilityReport")) {
    advice.push({
      type: "ScanAfterAdmission",
      message:
        "VulnerabilityReports are made of what already runs: pod templates are not judged, and a new image is let in until its grace has passed",
    });
  }
  return advice;
};

export interface CompiledScan {
  readonly rule: ScanRule;
  readonly faults: readonly PolicyFault[];
  readonly advice: readonly PolicyAdvice[];
}

/**
 * Compiles `spec.scan`.
 * @param signed The policy also asks for signatures, so that not everybody who can push can say what a scan found.
 */
export const compileScan = (spec: Scan, compiled: CompiledAuthorities, signed: boolean): CompiledScan => {
  const faults = ruleFaults();
  const specs = spec.sources ?? [{ imageAnnotation: {} }];
  const sources = specs.flatMap((source, index) =>
    compileSource(source, `spec.scan.sources[${index}]`, compiled, faults),
  );
  if (sources.length === 0) faults.add("InvalidSpec", "spec.scan.sources", "has no source");
  const maxAge = faults.duration(spec.maxAge, "spec.scan.maxAge");
  const allowCVEs = (spec.allowCVEs ?? []).map(
    ({ id, reason, expires }, index): [string, { reason: string; expires?: number }] => {
      const time = expires === undefined ? undefined : Date.parse(expires);
      if (Number.isNaN(time))
        faults.add(
          "InvalidSpec",
          `spec.scan.allowCVEs[${index}].expires`,
          `${JSON.stringify(expires)} is no date-time`,
        );
      return [id.toUpperCase(), { reason, ...(time === undefined ? {} : { expires: time }) }];
    },
  );
  return {
    rule: {
      sources,
      maxVulnerabilities: spec.maxVulnerabilities ?? {},
      onlyFixable: spec.onlyFixable ?? false,
      denyCVEs: new Set((spec.denyCVEs ?? []).map((id) => id.toUpperCase())),
      allowCVEs: new Map(allowCVEs),
      runningImages: spec.runningImages ?? "Deny",
      ...(maxAge === undefined ? {} : { maxAge }),
      ...(spec.minScore === undefined ? {} : { minScore: spec.minScore }),
      ...(spec.maxCVSS === undefined ? {} : { maxCVSS: spec.maxCVSS }),
      ...(spec.vex === undefined ? {} : { vex: authoritySet(spec.vex.authorities, compiled) }),
      ...faults.asField(),
    },
    faults: faults.faults,
    advice: adviceOn(sources, signed),
  };
};
