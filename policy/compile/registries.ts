import type { Registries } from "../../crds/types.ts";
import type { PolicyFault } from "../compiledPolicy.ts";
import type { PatternList, RegistriesRule } from "../compiledRules.ts";
import { compileGlobs } from "../image/glob.ts";
import { compilePatterns } from "./patterns.ts";

export interface CompiledRegistries {
  readonly rule: RegistriesRule;
  readonly faults: readonly PolicyFault[];
}

/** Compiles `spec.registries`. Patterns that cannot be read stay in the rule as such: what no other decides is not judged. */
export function compileRegistries(spec: Registries): CompiledRegistries {
  const path = "spec.registries";
  const faults: PolicyFault[] = [];
  const compile = (texts: readonly string[], where: string): PatternList => {
    const { list, faults: found } = compilePatterns(texts, where);
    faults.push(...found);
    return list;
  };
  const { allow, deny, namespaces } = spec;
  const rule: RegistriesRule = {
    allow: allow === undefined ? undefined : compile(allow, `${path}.allow`),
    deny: compile(deny ?? [], `${path}.deny`),
    namespaces: (namespaces ?? []).map((entry, index) => ({
      names: compileGlobs(entry.names),
      allow: compile(entry.allow, `${path}.namespaces[${index}].allow`),
    })),
  };
  return { rule, faults };
}
