import type { Attestation } from "../../crds/types.ts";
import type { PolicyFault } from "../compiledPolicy.ts";
import type { AttestationRule, CompiledCondition } from "../compiledRules.ts";
import { parseDuration } from "../duration.ts";
import type { CompiledAuthorities } from "./authorities.ts";
import { compileCondition } from "./condition.ts";
import { compileQuorum } from "./quorum.ts";

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

/** The predicate type that a policy means: a URI as it stands, a short name in full. */
const fullPredicateType = (written: string): string => SHORT_NAMES.get(written) ?? written;

export interface CompiledAttestations {
  readonly rules: readonly AttestationRule[];
  readonly faults: readonly PolicyFault[];
}

/**
 * Compiles `spec.attestations`. A condition that does not compile stays as one that never holds: the rule then answers as
 * a configuration fault instead of passing what the condition was to refuse.
 */
export const compileAttestations = (
  specs: readonly Attestation[],
  compiled: CompiledAuthorities,
): CompiledAttestations => {
  const faults: PolicyFault[] = [];
  const rules = specs.map((spec, index): AttestationRule => {
    const path = `spec.attestations[${index}]`;
    const faulty: string[] = [];
    const refuse = (reason: PolicyFault["reason"], where: string, message: string): void => {
      faults.push({ reason, path: where, message });
      faulty.push(`${where}: ${message}`);
    };

    const predicateType = fullPredicateType(spec.predicateType);
    if (!predicateType.includes(":"))
      refuse(
        "InvalidSpec",
        `${path}.predicateType`,
        `${JSON.stringify(predicateType)} is neither a URI nor one of ${[...SHORT_NAMES.keys()].join(", ")}`,
      );
    const maxAge = spec.maxAge === undefined ? undefined : parseDuration(spec.maxAge);
    if (spec.maxAge !== undefined && maxAge === undefined)
      refuse("InvalidSpec", `${path}.maxAge`, `${JSON.stringify(spec.maxAge)} is not a duration such as 90d or 12h`);
    const conditions: CompiledCondition[] = [];
    for (const [at, { expression, message }] of (spec.conditions ?? []).entries()) {
      const result = compileCondition(expression, message);
      if (result.status === "ok") conditions.push(result.condition);
      else refuse("ExpressionInvalid", `${path}.conditions[${at}].expression`, result.message);
    }
    return {
      predicateType,
      ...compileQuorum(spec, compiled),
      ...(maxAge === undefined ? {} : { maxAge }),
      conditions,
      ...(faulty.length === 0 ? {} : { fault: faulty.join("; ") }),
    };
  });
  return { rules, faults };
};
