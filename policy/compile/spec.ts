import { POLICY_SCHEMA } from "../../crds/policySchema.ts";
import type { PolicySpec } from "../../crds/types.ts";
import type { UnjudgedRule } from "../compiledPolicy.ts";
import type { RuleName } from "../finding/finding.ts";
import { ruleOf } from "../rules/table.ts";
import type { FieldFaults } from "./faults.ts";
import { readShape } from "./shape.ts";

/**
 * What is wrong in these loosens nothing: the match then holds, the strictest default applies, an authority is missing
 * to its users.
 */
const HARMLESS: ReadonlySet<string> = new Set([
  "enforcementAction",
  "enforcementOverrides",
  "onUnavailable",
  "match",
  "authorities",
  "registryCredentials",
  "audit",
]);

export interface ReadSpec {
  /** With the schema's defaults. */
  readonly spec: PolicySpec;
  /** Rules of which a part could not be read. */
  readonly unjudged: readonly UnjudgedRule[];
  readonly overridesUnreadable: boolean;
}

/**
 * Reads a specification by the CRD's schema, so that a file, an older object and what the API server gives compile
 * alike.
 */
export function readSpec(written: unknown, told: FieldFaults): ReadSpec {
  const { value, faults } = readShape(POLICY_SCHEMA, written, told.path);
  const unjudged = new Map<RuleName, string>();
  for (const { path, message } of faults) {
    told.include({ reason: "InvalidSpec", path, message });
    const part = /^spec\.(\w+)/.exec(path)?.[1] ?? "";
    if (HARMLESS.has(part)) continue;
    const rule = ruleOf(part) ?? "reference";
    if (!unjudged.has(rule)) unjudged.set(rule, `${path}: ${message}; ask the policy's author to correct it`);
  }
  return {
    // Of the schema's shape, from which the type is generated; undefined where not even an object was given.
    spec: withWholeMatch(value ?? {}, faults),
    unjudged: Array.from(unjudged, ([rule, message]) => ({ rule, message })),
    overridesUnreadable: faults.some(({ path }) => path.startsWith("spec.enforcementOverrides")),
  };
}

/**
 * A list of what a policy is about that could be read in part would be about less than its author wrote: without it the
 * policy is about everything. Exclusions that were left out exclude nothing.
 */
function withWholeMatch(spec: PolicySpec, faults: readonly { readonly path: string }[]): PolicySpec {
  const broken = (part: string): boolean => faults.some(({ path }) => path.startsWith(`spec.match.${part}[`));
  const { namespaces, images, ...match } = spec.match ?? {};
  if (!broken("namespaces") && !broken("images")) return spec;
  return {
    ...spec,
    match: {
      ...match,
      ...(namespaces === undefined || broken("namespaces") ? {} : { namespaces }),
      ...(images === undefined || broken("images") ? {} : { images }),
    },
  };
}
