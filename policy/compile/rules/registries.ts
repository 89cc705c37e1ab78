import type { Registries } from "../../../crds/types.ts";
import { compileGlobs } from "../../image/glob.ts";
import type { Compiling } from "../compiling.ts";
import { compilePatterns, type PatternList } from "../patterns.ts";

export interface RegistriesRule {
  /** undefined: no allowlist; empty: nothing is allowed. */
  readonly allow: PatternList | undefined;
  readonly deny: PatternList;
  readonly namespaces: readonly {
    readonly names: (namespace: string) => boolean;
    readonly allow: PatternList;
  }[];
}

/**
 * Compiles `spec.registries`. Patterns that cannot be read stay in the rule as such: what no other decides is not
 * judged.
 */
export function compileRegistries(
  { allow, deny, namespaces }: Registries,
  { faults }: Pick<Compiling, "faults">,
): RegistriesRule {
  return {
    allow: allow === undefined ? undefined : compilePatterns(allow, faults.at("allow")),
    deny: compilePatterns(deny ?? [], faults.at("deny")),
    namespaces: (namespaces ?? []).map((entry, index) => ({
      names: compileGlobs(entry.names),
      allow: compilePatterns(entry.allow, faults.at("namespaces", index, "allow")),
    })),
  };
}
