import type { ImagePattern } from "../image/pattern.ts";
import { anyOf, grouped, text, type Variable } from "./cel.ts";
import { matches, matchesAny } from "./patterns.ts";

/** What a list of patterns became: variables, and a condition over the image `i` that asks them. */
export interface Said {
  readonly variables: readonly Variable[];
  readonly condition: string;
}

/** A CEL expression per pattern is at most about this much longer than the pattern itself. */
const AROUND = 120;

/**
 * The images of which a condition over `i` holds, in a variable.
 *
 * @param where CEL: whether there are any at all.
 */
export function imagesVariable(name: string, condition: string, where = "true"): Variable {
  const images = `variables.readable.filter(i, ${condition}).map(i, i.image)`;
  return { name, expression: where === "true" ? images : `${where} ? ${images} : []` };
}

/** CEL: the image `i` is one of those in a variable. */
export function isAmong(name: string): string {
  return `i.image in variables.${name}`;
}

/** The images that one of the patterns matches, in a variable; several where the list is long. */
export function listVariables(name: string, patterns: readonly ImagePattern[]): Said {
  const variables = grouped(patterns, lengthOf).map((group, index) =>
    imagesVariable(nameOf(name, index), matchesAny(group)),
  );
  return { variables, condition: anyOf(variables.map((one) => isAmong(one.name))) };
}

/** Whether one of the patterns matches the image `i`: said in place, unless that is too long for one expression. */
export function sayMatches(name: string, patterns: readonly ImagePattern[]): Said {
  return grouped(patterns, lengthOf).length > 1
    ? listVariables(name, patterns)
    : { variables: [], condition: matchesAny(patterns) };
}

/** About how much CEL a list becomes, in characters. */
export function lengthOfList(patterns: readonly ImagePattern[]): number {
  return patterns.reduce((sum, pattern) => sum + lengthOf(pattern), 0);
}

/** The texts of the patterns that match the first refused image, in the order of the policy, in one variable. */
export function textVariables(name: string, patterns: readonly ImagePattern[]): readonly Variable[] {
  const parts = grouped(patterns, (pattern) => lengthOf(pattern) + pattern.text.length).map((group, index) => ({
    name: nameOf(`${name}Part`, index),
    expression: `variables.first.map(i, [${group.map((one) => `${matches(one)} ? ${text(one.text)} : ""`).join(", ")}])[0]`,
  }));
  if (parts.length === 0) return [];
  const joined = parts.map((part) => `variables.${part.name}`).join(" + ");
  return [...parts, { name, expression: `(${joined}).filter(found, found != "")` }];
}

/** Regular expressions escape dots, and say twice what a star is. */
function lengthOf({ text }: ImagePattern): number {
  return AROUND + 2 * text.length;
}

function nameOf(name: string, index: number): string {
  return index === 0 ? name : `${name}${index + 1}`;
}
