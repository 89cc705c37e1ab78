/** A variable of a ValidatingAdmissionPolicy: `variables.NAME`, worked out when an expression asks for it. */
export interface Variable {
  readonly name: string;
  readonly expression: string;
}

/** A CEL string: JSON's escapes are CEL's. */
export function text(value: string): string {
  return JSON.stringify(value);
}

/** A list of CEL strings. */
export function texts(values: readonly string[]): string {
  return `[${values.map(text).join(", ")}]`;
}

/** A regular expression (RE2) as a raw string; ours hold no quotes. */
export function regex(source: string): string {
  return `r"${source}"`;
}

/** For itself in a regular expression. */
export function escaped(literal: string): string {
  return literal.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

/** true where one of the conditions holds. */
export function anyOf(conditions: readonly string[]): string {
  return joined(conditions, " || ", "false");
}

/** true where all of the conditions hold. */
export function allOf(conditions: readonly string[]): string {
  return joined(conditions, " && ", "true");
}

/** The negation of a condition. */
export function not(condition: string): string {
  if (condition === "true") return "false";
  if (condition === "false") return "true";
  return `!(${condition})`;
}

/** `value` is one of these. */
export function isOneOf(value: string, values: readonly string[]): string {
  const [only = ""] = values;
  return values.length === 1 ? `${value} == ${text(only)}` : `${value} in ${texts(values)}`;
}

/** CEL takes 100,000 characters of one expression (cel-go, ExpressionSizeCodePointLimit). */
const LONGEST = 24_000;

/** Splits what stands in a list into groups, none of which is too long for one expression. */
export function grouped<T>(items: readonly T[], lengthOf: (item: T) => number): readonly (readonly T[])[] {
  const groups: T[][] = [];
  let room = 0;
  for (const item of items) {
    const length = lengthOf(item);
    if (room < length || groups.length === 0) {
      groups.push([]);
      room = LONGEST;
    }
    groups.at(-1)?.push(item);
    room -= length;
  }
  return groups;
}

/** @param none what changes nothing where it stands among others, and is all there is where nothing stands. */
function joined(conditions: readonly string[], operator: string, none: string): string {
  const told = conditions.filter((condition) => condition !== none);
  const [only = none] = told;
  return told.length <= 1 ? only : told.map((one) => (isSimple(one) ? one : `(${one})`)).join(operator);
}

/** Without an operator that binds less than those that join. */
function isSimple(condition: string): boolean {
  return !/ (?:\|\||&&|\?) /.test(condition);
}
