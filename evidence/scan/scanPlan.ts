import { LRUCache } from "lru-cache";
import type { CompiledAuthority } from "../../policy/authority.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { ScanSource } from "../../policy/compile/rules/scan.ts";
import { PROVENANCE_PREDICATES } from "../../policy/rules/provenance.ts";
import { OPENVEX_PREDICATES } from "../../policy/rules/vex.ts";
import { distinctWants, type AttestationWant } from "../attestations.ts";
import { SCAN_PREDICATES } from "./formats/attestedScan.ts";

/** What a set of policies wants to know of an image's scans and base. */
export interface ScanPlan {
  /** Each once, by id. */
  readonly sources: readonly ScanSource[];
  /** About the judged digest: scans, VEX and provenance. */
  readonly wants: readonly AttestationWant[];
  /** Those of them that a platform child may be asked for as well, where its index does not say enough. */
  readonly vex: readonly AttestationWant[];
  readonly provenance: readonly AttestationWant[];
  readonly bases: boolean;
  readonly runsAlready: boolean;
}

const wantsOf = (authorities: readonly CompiledAuthority[], predicateTypes: readonly string[]): AttestationWant[] =>
  authorities.flatMap((authority) => predicateTypes.map((predicateType) => ({ predicateType, authority })));

/** The attestations that one source asks of a digest. */
export const wantsOfSource = (source: ScanSource): AttestationWant[] =>
  source.type === "attestation" ? wantsOf(source.authorities.trusted, SCAN_PREDICATES) : [];

const planOf = (policies: readonly CompiledPolicy[]): ScanPlan => {
  const sources = new Map(policies.flatMap(({ scan }) => scan?.sources ?? []).map((source) => [source.id, source]));
  const vex = distinctWants(
    wantsOf(
      policies.flatMap(({ scan }) => scan?.vex?.trusted ?? []),
      OPENVEX_PREDICATES,
    ),
  );
  const provenance = distinctWants(
    wantsOf(
      policies.flatMap(({ baseImages }) => baseImages?.authorities?.trusted ?? []),
      PROVENANCE_PREDICATES,
    ),
  );
  const wants = [...[...sources.values()].flatMap(wantsOfSource), ...vex, ...provenance];
  return {
    sources: [...sources.values()],
    wants: distinctWants(wants),
    vex,
    provenance,
    bases: policies.some(({ baseImages }) => baseImages !== undefined && baseImages.authorities === undefined),
    runsAlready: policies.some(({ scan }) => scan?.runningImages === "Warn"),
  };
};

/** Gives the plan of a set of policies; each set is worked out once. */
export const createPlanner = (): ((policies: readonly CompiledPolicy[]) => ScanPlan) => {
  const plans = new LRUCache<string, ScanPlan>({ max: 1_000 });
  return (policies) => {
    const concerned = policies.filter(({ scan, baseImages }) => scan !== undefined || baseImages !== undefined);
    // Policies of equal keys ask for the same.
    const key = concerned.map((policy) => policy.key).join(" ");
    const known = plans.get(key);
    if (known !== undefined) return known;
    const plan = planOf(concerned);
    plans.set(key, plan);
    return plan;
  };
};
