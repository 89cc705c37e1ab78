import type { Attestation } from "../../../crds/types.ts";
import type { Quorum } from "../../authority.ts";
import type { Compiling } from "../compiling.ts";
import { compileCondition, type CompiledCondition } from "../cel/condition.ts";
import { compileDuration } from "../duration.ts";
import type { FieldFaults } from "../faults.ts";
import { compileQuorum } from "./quorum.ts";

export interface AttestationRule extends Quorum {
  /** Full URI; short names are expanded by the compiler. */
  readonly predicateType: string;
  /** Milliseconds. */
  readonly maxAge?: number;
  readonly conditions: readonly CompiledCondition[];
  /**
   * What is wrong with the rule itself (an expression that does not compile): it then answers as a configuration fault.
   */
  readonly fault?: string;
}

/** Cosign's short names (`cosign attest --type`), as `cmd/cosign/cli/options/predicate.go` maps them. */
const SHORT_NAMES = new Map([
  ["custom", "https://cosign.sigstore.dev/attestation/v1"],
  ["slsaprovenance", "https://slsa.dev/provenance/v0.2"],
  ["slsaprovenance02", "https://slsa.dev/provenance/v0.2"],
  ["slsaprovenance1", "https://slsa.dev/provenance/v1"],
  ["spdx", "https://spdx.dev/Document"],
  ["spdxjson", "https://spdx.dev/Document"],
  ["cyclonedx", "https://cyclonedx.org/bom"],
  ["link", "https://in-toto.io/Link/v1"],
  ["vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"],
  ["openvex", "https://openvex.dev/ns"],
]);

/** cosign 1 wrote `cosign.sigstore.dev/attestation/v1`. */
const WITHOUT_SCHEME = /^[a-z0-9-]+([.][a-z0-9-]+)+\/[^ :]+$/;

/**
 * Compiles `spec.attestations`. A condition that does not compile stays as one that never holds: the rule then answers
 * as a configuration fault instead of passing what the condition was to refuse.
 */
export function compileAttestations(
  specs: readonly Attestation[],
  { authorities, faults }: Pick<Compiling, "authorities" | "faults">,
): readonly AttestationRule[] {
  return specs.map((spec, index) => compileOne(spec, authorities, faults.at(index)));
}

function compileOne(spec: Attestation, authorities: Compiling["authorities"], faults: FieldFaults): AttestationRule {
  const predicateType = fullPredicateType(spec.predicateType);
  if (!predicateType.includes(":") && !WITHOUT_SCHEME.test(predicateType)) {
    const known = [...SHORT_NAMES.keys()].join(", ");
    faults
      .at("predicateType")
      .add("InvalidSpec", `${JSON.stringify(predicateType)} is neither a URI nor one of ${known}`);
  }
  const maxAge = compileDuration(spec.maxAge, faults.at("maxAge"));
  const conditions: CompiledCondition[] = [];
  for (const [at, { expression, message }] of (spec.conditions ?? []).entries()) {
    const result = compileCondition(expression, message);
    if (result.status === "ok") conditions.push(result.condition);
    else faults.at("conditions", at, "expression").add("ExpressionInvalid", result.message);
  }
  return {
    predicateType,
    ...compileQuorum(spec, { authorities, faults }),
    ...(maxAge === undefined ? {} : { maxAge }),
    conditions,
    ...faults.asField(),
  };
}

/** The predicate type that a policy means: a URI as it stands, a short name in full. */
function fullPredicateType(written: string): string {
  return SHORT_NAMES.get(written) ?? written;
}
