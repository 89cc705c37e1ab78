import type { CompiledPolicy } from "../compiledPolicy.ts";
import { parsePattern, type ImagePattern } from "../image/pattern.ts";
import { allOf, anyOf, not, type Variable } from "./cel.ts";
import { listVariables, type Said } from "./lists.ts";
import { mayPin } from "../tagState.ts";
import { actionOf, labelsOf, placesOf } from "./subject.ts";

/** Policies whose pins excuse tags under all others (`tagState.ts`). */
export function pinning(policies: readonly CompiledPolicy[]): readonly CompiledPolicy[] {
  return policies.filter(mayPin);
}

/**
 * The images that a policy pins where it is about them: what becomes of their tags only a registry tells. What its own
 * registries rule refuses is among them: less is refused here than by the webhook.
 */
export function sayPins(pinned: readonly CompiledPolicy[]): Said {
  const said = pinned.map(({ spec }, index) => {
    const name = `pinned${index + 1}`;
    const where = allOf(
      [
        ...placesOf(spec.match ?? {}).values(),
        labelsOf(spec.match ?? {}) ?? "true",
        ...(spec.enforcementOverrides === undefined ? [] : [`${actionOf(spec) ?? `"deny"`} != "dryrun"`]),
        spec.enforcementOverrides === undefined && spec.enforcementAction === "dryrun" ? "false" : "true",
      ].filter((part) => part !== "true"),
    );
    const about = sayAbout(name, spec.match ?? {});
    const images = `variables.readable.filter(i, ${about.condition}).map(i, i.image)`;
    const variable: Variable = { name, expression: where === "true" ? images : `${where} ? ${images} : []` };
    return { variables: [...about.variables, variable], condition: `i.image in variables.${name}` };
  });
  return { variables: said.flatMap(({ variables }) => variables), condition: anyOf(said.map((one) => one.condition)) };
}

/** Whether the image `i` is what a policy is about. */
export function sayAbout(
  name: string,
  { images, excludeImages = [] }: { readonly images?: readonly string[]; readonly excludeImages?: readonly string[] },
): Said {
  const named = images === undefined ? undefined : listVariables(`${name}Images`, patternsOf(images));
  const excluded = listVariables(`${name}ExcludedImages`, patternsOf(excludeImages));
  return {
    variables: [...(named?.variables ?? []), ...excluded.variables],
    condition: allOf([named?.condition ?? "true", not(excluded.condition)].filter((part) => part !== "true")),
  };
}

/** Patterns that can be read; a policy with others has a fault. */
export function patternsOf(texts: readonly string[]): readonly ImagePattern[] {
  return texts.flatMap((text) => {
    const parsed = parsePattern(text);
    return parsed.status === "ok" ? [parsed.pattern] : [];
  });
}
