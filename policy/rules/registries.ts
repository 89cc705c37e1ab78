import type { PatternList } from "../compile/patterns.ts";
import { compileRegistries, type RegistriesRule } from "../compile/rules/registries.ts";
import type { Reason, RuleFinding } from "../finding/finding.ts";
import { compileLookalikes, type Lookalike } from "../image/lookalike.ts";
import { listed } from "../finding/message.ts";
import type { Reference } from "../image/reference.ts";
import { defineRule, type Rule } from "./rule.ts";

/** Where an image comes from. Half of a reference tells that, too. */
export const registries: Rule<"registries", RegistriesRule> = defineRule({
  name: "registries",
  compile: compileRegistries,
  needs: () => "nothing",
  judgeText: (rule, { namespace, parsed }) =>
    "reference" in parsed ? judgeRegistries(rule, namespace, parsed.reference) : [],
});

/**
 * Where an image comes from: `deny` wins over `allow`, an absent `allow` is no rule, an empty one allows nothing, and
 * every entry of `namespaces` that names the namespace must allow it as well.
 */
export function judgeRegistries(rule: RegistriesRule, namespace: string, reference: Reference): readonly RuleFinding[] {
  const denied = rule.deny.patterns.find((pattern) => pattern.matches(reference));
  if (denied !== undefined) {
    const allowed = rule.allow === undefined ? "" : `; ${allowedText(rule.allow)}`;
    return [finding("RegistryDenied", `${reference.name} is denied by "${denied.text}"${allowed}`)];
  }
  const refusals: RuleFinding[] = [];
  if (rule.deny.faulty !== undefined) refusals.push(unreadable("deny", rule.deny.faulty));
  let named: boolean | undefined;
  const judge = (list: PatternList, where: string, field: string): readonly RuleFinding[] => {
    if (list.patterns.some((pattern) => pattern.matches(reference))) return [];
    if (list.faulty !== undefined) return [unreadable(field, list.faulty)];
    // One question for all lists: there may be 64, and each would ask them all.
    named ??= isNamed(rule, reference.registry);
    return [notAllowed(list, reference, where, named)];
  };
  if (rule.allow !== undefined) refusals.push(...judge(rule.allow, "", "allow"));
  for (const { names, allow } of rule.namespaces) {
    if (names(namespace)) refusals.push(...judge(allow, ` in namespace ${namespace}`, "namespaces"));
  }
  return refusals;
}

/** What a list allows, in words. */
export function allowedText({ patterns }: PatternList): string {
  return patterns.length === 0 ? "no registry is allowed" : `allowed: ${listed(patterns.map(({ text }) => text))}`;
}

/** A registry that the policy allows for other images or namespaces imitates none. */
function isNamed({ allow, namespaces }: RegistriesRule, registry: string): boolean {
  const lists = [allow, ...namespaces.map((entry) => entry.allow)];
  return lists.some((list) => list?.patterns.some(({ literalHost }) => literalHost === registry));
}

function notAllowed(list: PatternList, reference: Reference, where: string, named: boolean): RuleFinding {
  const lookalike = named ? undefined : lookalikesOf(list)(reference.registry);
  if (lookalike === undefined) {
    return finding("RegistryNotAllowed", `${reference.name} is not allowed${where}; ${allowedText(list)}`);
  }
  const { meant, text } = lookalike;
  return finding(
    "LookalikeRegistry",
    `registry ${reference.registry} is not allowed${where} and ${text}; did you mean ${meant}/${reference.repository}? ${allowedText(list)}`,
  );
}

/** By list: compiled at the first host that one does not allow, and gone with its policy. */
const compiled = new WeakMap<PatternList, (registry: string) => Lookalike | undefined>();

function lookalikesOf(list: PatternList): (registry: string) => Lookalike | undefined {
  const known = compiled.get(list);
  if (known !== undefined) return known;
  const hosts = list.patterns.flatMap(({ literalHost }) => (literalHost === undefined ? [] : [literalHost]));
  const fresh = compileLookalikes(hosts);
  compiled.set(list, fresh);
  return fresh;
}

function unreadable(field: string, message: string): RuleFinding {
  return {
    rule: "registries",
    reason: "EvidenceUnavailable",
    detail: `the policy's registries.${field} cannot be read (${message}); ask its author to correct it`,
    unavailable: "configuration",
  };
}

function finding(reason: Reason, detail: string): RuleFinding {
  return { rule: "registries", reason, detail };
}
