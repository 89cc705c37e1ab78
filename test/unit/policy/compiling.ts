import type { PolicySpec } from "../../../crds/types.ts";
import { authoritySet, type CompiledAuthorities } from "../../../policy/compile/authorities/authorities.ts";
import type { PolicyAdvice } from "../../../policy/compile/compiling.ts";
import { FieldFaults, type PolicyFault } from "../../../policy/compile/faults.ts";
import type { Rule, SpecRule } from "../../../policy/rules/rule.ts";

/** Compiles one rule of a specification by its row of the table, with these authorities. */
export function compileRule<Name extends SpecRule, Compiled>(
  row: Rule<Name, Compiled>,
  spec: PolicySpec,
  authorities: CompiledAuthorities = { authorities: new Map(), faulty: new Map() },
): { readonly rule: Compiled; readonly faults: readonly PolicyFault[]; readonly advice: readonly PolicyAdvice[] } {
  const faults = new FieldFaults(`spec.${row.name}`);
  const advice: PolicyAdvice[] = [];
  const compiled = row.compile(spec, {
    faults,
    authorities: (names) => authoritySet(names, authorities),
    advise: (one) => advice.push(one),
  });
  if (compiled === undefined) throw new Error(`the specification has no ${row.name}`);
  return { rule: compiled.compiled, faults: faults.list, advice };
}
