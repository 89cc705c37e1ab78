import { LRUCache } from "lru-cache";
import type { CompiledAuthority } from "../../policy/authority.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { ScanSource } from "../../policy/compile/rules/scan.ts";
import { PROVENANCE_PREDICATES } from "../../policy/rules/provenance.ts";
import { OPENVEX_PREDICATES } from "../../policy/rules/vex.ts";
import type { AttestationWant } from "../attestations.ts";
import { SCAN_PREDICATES } from "./formats/attestedScan.ts";

/** What a set of policies wants to know of an image's scans and base. */
export interface ScanPlan {
  /** Each once, by id. */
  readonly sources: readonly ScanSource[];
  /** About the judged digest: scans, VEX and provenance. */
  readonly wants: readonly AttestationWant[];
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
  const vex = policies.flatMap(({ scan }) => scan?.vex?.trusted ?? []);
  const provenance = policies.flatMap(({ baseImages }) => baseImages?.authorities?.trusted ?? []);
  const wants = [
    ...[...sources.values()].flatMap(wantsOfSource),
    ...wantsOf(vex, OPENVEX_PREDICATES),
    ...wantsOf(provenance, PROVENANCE_PREDICATES),
  ];
  return {
    sources: [...sources.values()],
    wants: [...new Map(wants.map((want) => [`${want.predicateType}\n${want.authority.id}`, want])).values()],
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
