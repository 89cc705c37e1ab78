import { createHash } from "node:crypto";
import type { ImageSecurityPolicy } from "../../crds/types.ts";
import type { CompiledPolicy } from "../compiledPolicy.ts";
import type { ImagePattern } from "../image/pattern.ts";
import { compileRules, TABLE, type CompiledRules } from "../rules/table.ts";
import { attestingSet, authoritySet, compileAuthorities } from "./authorities/authorities.ts";
import { canonicalJson } from "./canonicalJson.ts";
import type { PolicyAdvice } from "./compiling.ts";
import { compileCredentials } from "./credentials.ts";
import { FieldFaults } from "./faults.ts";
import { compileMatch } from "./match.ts";
import { compileOverrides } from "./overrides.ts";
import type { DataReference, Resolve, ResolvedData } from "./resolve.ts";
import { readSpec } from "./spec.ts";

/** The annotation whose every change has what a policy is about looked at again, at admission and by audits. */
export const LOOK_AGAIN = "imagesecurity.dev/look-again";

/**
 * Compiles a policy. Never throws for what a policy says: what is wrong becomes a fault (`Ready=False`), the policy
 * stays in force, and what the faulty part would have judged is EvidenceUnavailable with the enforcement action.
 */
export function compilePolicy(object: ImageSecurityPolicy, resolve: Resolve): CompiledPolicy {
  const { metadata } = object;
  const faults = new FieldFaults("spec");
  const { spec, unjudged, overridesUnreadable } = readSpec(object.spec, faults);
  const resolved: [DataReference, ResolvedData][] = [];
  const recording: Resolve = (reference) => {
    const data = resolve(reference);
    resolved.push([reference, data]);
    return data;
  };
  const match = compileMatch(spec.match ?? {}, faults.at("match"));
  const actionIn = compileOverrides(
    spec.enforcementOverrides ?? [],
    spec.enforcementAction ?? "deny",
    faults.at("enforcementOverrides"),
  );
  const authorities = compileAuthorities(spec.authorities ?? [], recording);
  faults.include(...authorities.faulty.values());
  // The API server refuses names that the policy does not define; files and older objects may have them.
  const undefinedNames = new FieldFaults("spec");
  const advice: PolicyAdvice[] = [];
  const rules = compileRules(spec, (rule) => ({
    faults: faults.at(rule),
    authorities: (names, { path }) => {
      // Every other rule that counts authorities counts what they attest.
      const set = (rule === "signatures" ? authoritySet : attestingSet)(names, authorities);
      for (const { name, message } of set.faulty) {
        if (authorities.faulty.has(name)) continue;
        undefinedNames.include({ reason: "InvalidSpec", path, message: `${name} ${message}` });
      }
      return set;
    },
    advise: (one) => advice.push(one),
  }));
  const credentials = compileCredentials(
    spec.registryCredentials?.secretRefs ?? [],
    recording,
    faults.at("registryCredentials", "secretRefs"),
  );
  faults.include(...undefinedNames.list);
  if (rules.length === 0) faults.add("InvalidSpec", `has no rule: write ${RULES_TO_WRITE}`);

  const lookAgain = metadata.annotations?.[LOOK_AGAIN];
  // Each is what the rule of its name was compiled to.
  const compiled: CompiledRules = Object.fromEntries(rules.map((rule) => [rule.name, rule.compiled]));
  const { registries } = compiled;
  const allowed = [registries?.allow, ...(registries?.namespaces ?? []).map(({ allow }) => allow)];
  const named = [...(match.images?.patterns ?? []), ...allowed.flatMap((list) => list?.patterns ?? [])];
  return Object.freeze<CompiledPolicy>({
    name: metadata.name,
    uid: metadata.uid ?? "",
    generation: metadata.generation ?? 0,
    spec,
    key: createHash("sha256")
      .update(canonicalJson([spec, resolved, ...(lookAgain === undefined ? [] : [lookAgain])]))
      .digest("hex"),
    ...(lookAgain === undefined ? {} : { lookAgain }),
    onUnavailable: spec.onUnavailable ?? "deny",
    overriddenBy: [...new Set((spec.enforcementOverrides ?? []).map(({ action }) => action))].toSorted(),
    // An override that cannot be read could have been a stricter one.
    actionIn: overridesUnreadable ? () => "deny" : actionIn,
    matchesSubject: match.matchesSubject,
    matchesImage: match.matchesImage,
    rules,
    ...compiled,
    unjudged,
    authorities: authorities.authorities,
    credentials,
    audited: spec.audit?.enabled ?? true,
    faults: faults.list,
    advice,
    registryHosts: hostsOf([...named, ...(registries?.deny.patterns ?? [])], [...authorities.authorities.values()]),
    namedPatterns: named.filter(({ everyHost }) => !everyHost),
  });
}

const RULES_TO_WRITE = Object.keys(TABLE)
  .join(", ")
  .replace(/, (\w+)$/, " or $1");

function hostsOf(
  patterns: readonly ImagePattern[],
  authorities: readonly { readonly repository?: string }[],
): ReadonlySet<string> {
  const ofPatterns = patterns.flatMap(({ literalHost }) => (literalHost === undefined ? [] : [literalHost]));
  const ofRepositories = authorities.flatMap(({ repository }) =>
    repository === undefined ? [] : [repository.slice(0, repository.indexOf("/"))],
  );
  return new Set([...ofPatterns, ...ofRepositories]);
}
