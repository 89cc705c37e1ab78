import { Environment, type ParseResult } from "@marcbachmann/cel-js";
import { RE2JS } from "re2js";
import { own, redirectCalls } from "../../policy/compile/cel/celBudget.ts";

/** Compiled once: the CRDs' rules are few, and stand in many places. */
const programs = new Map<string, ParseResult>();
const expressions = new Map<string, RE2JS>();

const environment = new Environment({
  homogeneousAggregateLiterals: false,
  limits: { maxAstNodes: 5000, maxDepth: 128, maxListElements: 512, maxMapEntries: 512, maxCallArguments: 16 },
})
  .registerVariable("self", "dyn")
  .registerFunction(`string.${own("matches")}(string): bool`, (text: string, expression: string) =>
    matches(text, expression),
  );

/** Whether a rule of a CRD holds for a value. As with the API server an error is a rule that does not hold, such as an expression that is not RE2. */
export const holds = (rule: string, self: unknown): boolean => {
  try {
    return programOf(rule)({ self }) === true;
  } catch {
    return false;
  }
};

/** The text that a `messageExpression` gives; undefined where it gives none. */
export const textOf = (expression: string, self: unknown): string | undefined => {
  try {
    const text: unknown = programOf(expression)({ self });
    return typeof text === "string" && text.trim() !== "" ? text : undefined;
  } catch {
    return undefined;
  }
};

const programOf = (expression: string): ParseResult => {
  const known = programs.get(expression);
  if (known !== undefined) return known;
  const program = environment.parse(expression);
  redirectCalls(program.ast, new Set(["matches"]));
  programs.set(expression, program);
  return program;
};

/** RE2, unanchored, as the API server's CEL has it. */
const matches = (text: string, expression: string): boolean => {
  const pattern = expressions.get(expression) ?? RE2JS.compile(expression);
  expressions.set(expression, pattern);
  return pattern.matcher(text).find();
};
