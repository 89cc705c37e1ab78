import type { PolicySpec } from "../../crds/types.ts";
import type { Compiling } from "../compile/compiling.ts";
import type { RuleName } from "../finding/finding.ts";
import { attestations } from "./attestations.ts";
import { baseImages } from "./baseImages.ts";
import { digest } from "./digest.ts";
import { registries } from "./registries.ts";
import type { PolicyRule, SpecRule } from "./rule.ts";
import { scan } from "./scan.ts";
import { signatures } from "./signatures.ts";

/** Every rule that a policy may have, by name, in the order in which they speak. */
export const TABLE: {
  readonly registries: typeof registries;
  readonly digest: typeof digest;
  readonly scan: typeof scan;
  readonly signatures: typeof signatures;
  readonly attestations: typeof attestations;
  readonly baseImages: typeof baseImages;
} = { registries, digest, scan, signatures, attestations, baseImages };

/** The rules of the table, and the parser itself, which every policy has. */
export const RULES: readonly RuleName[] = ["reference", ...Object.values(TABLE).map(({ name }) => name)];

/** What each rule is compiled to; absent where a policy does not have it. */
export type CompiledRules = {
  readonly [Name in keyof typeof TABLE]?: NonNullable<ReturnType<(typeof TABLE)[Name]["compile"]>>["compiled"];
};

/** The rule that a part of a specification is; undefined: it only says for whom and how strictly. */
export function ruleOf(part: string): SpecRule | undefined {
  return Object.values(TABLE).find(({ name }) => name === part)?.name;
}

/**
 * Compiles the rules that a specification has.
 *
 * @param compilingOf what a rule is compiled with.
 */
export function compileRules(
  spec: PolicySpec,
  compilingOf: (rule: SpecRule) => Omit<Compiling, "spec">,
): readonly PolicyRule[] {
  return Object.values(TABLE).flatMap((rule): readonly PolicyRule[] => {
    const compiled = rule.compile(spec, compilingOf(rule.name));
    return compiled === undefined ? [] : [compiled];
  });
}
