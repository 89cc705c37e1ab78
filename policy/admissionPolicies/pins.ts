import type { CompiledPolicy } from "../compiledPolicy.ts";
import { parsePattern, type ImagePattern } from "../image/pattern.ts";
import { allOf, anyOf, not } from "./cel.ts";
import { imagesVariable, isAmong, listVariables, type Said } from "./lists.ts";
import { actionOf, labelsOf, placesOf } from "./subject.ts";

/**
 * The images that policies pin where they are about them (`mayPin`): what becomes of their tags only a registry tells.
 * What a policy's own registries rule refuses is among them: less is refused here than by the webhook.
 */
export function sayPins(pinned: readonly CompiledPolicy[]): Said {
  const said = pinned.map(({ spec }, index) => {
    const name = `pinned${index + 1}`;
    const where = allOf([
      ...placesOf(spec.match ?? {}).values(),
      labelsOf(spec.match ?? {}) ?? "true",
      spec.enforcementOverrides === undefined ? "true" : `${actionOf(spec) ?? `"deny"`} != "dryrun"`,
    ]);
    const about = sayAbout(name, spec.match ?? {});
    return {
      variables: [...about.variables, imagesVariable(name, about.condition, where)],
      condition: isAmong(name),
    };
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
    condition: allOf([named?.condition ?? "true", not(excluded.condition)]),
  };
}

/** Patterns that can be read; a policy with others has a fault. */
export function patternsOf(texts: readonly string[]): readonly ImagePattern[] {
  return texts.flatMap((text) => {
    const parsed = parsePattern(text);
    return parsed.status === "ok" ? [parsed.pattern] : [];
  });
}
