import { Environment, type ParseError, type ParseResult } from "@marcbachmann/cel-js";
import { Budget, checkMaps, meter, own, OWN, re2Matches, redirectCalls } from "./celBudget.ts";
import { stringFunctions } from "./celStrings.ts";
import { CelJson, unmarshal } from "./celJson.ts";
import { celValue } from "./celValue.ts";
import { registerOptMap } from "./optMap.ts";

/** A CEL condition, parsed. `check` gives undefined where it holds, else why not; it never throws. */
export interface CompiledCondition {
  readonly expression: string;
  readonly message: string;
  readonly check: (context: {
    readonly predicate: unknown;
    readonly statement: unknown;
    readonly image: unknown;
  }) => string | undefined;
}

export type ConditionResult =
  | { readonly status: "ok"; readonly condition: CompiledCondition }
  | { readonly status: "refused"; readonly message: string };

/** What `image` is in an expression. */
const IMAGE_FIELDS = {
  /** As canonical reference: `registry/repository[:tag][@digest]`. */
  reference: "string",
  /** `registry/repository`. */
  name: "string",
  registry: "string",
  repository: "string",
  /** Empty where the image has none. */
  tag: "string",
  /** The judged digest. */
  digest: "string",
} as const;

const budget = new Budget();

const environment = new Environment({
  // Attested JSON mixes types freely.
  homogeneousAggregateLiterals: false,
  enableOptionalTypes: true,
  limits: { maxAstNodes: 2000, maxDepth: 64, maxListElements: 512, maxMapEntries: 512, maxCallArguments: 16 },
})
  .registerVariable("predicate", "dyn")
  .registerVariable("statement", "dyn")
  .registerVariable("image", { schema: IMAGE_FIELDS })
  .registerType("Json", CelJson)
  .registerConstant("json", "Json", new CelJson())
  .registerFunction("Json.unmarshal(string): dyn", (_: CelJson, text: string) => unmarshal(text, budget))
  .registerFunction(`string.${own("matches")}(string): bool`, (text: string, expression: string) =>
    re2Matches(text, expression, budget),
  )
  .registerFunction(`${own("matches")}(string, string): bool`, (text: string, expression: string) =>
    re2Matches(text, expression, budget),
  );
registerOptMap(environment);

for (const [name, run] of stringFunctions)
  environment.registerFunction(`string.${own(name)}(): string`, (text: string) => {
    // Measured: 0.01 to 0.08 us a character; a unit is 0.2 us.
    budget.spend(text.length >> 2);
    return run(text);
  });

/** What runs here in place of the library's function of that name. */
const OURS: ReadonlySet<string> = new Set(["matches", ...stringFunctions.keys()]);

/**
 * Compiles a CEL condition over `predicate`, `statement` and `image`. What does not parse, names something unknown or
 * cannot give a boolean is refused here, so that it shows on the policy and not on somebody's pod.
 */
export function compileCondition(expression: string, message?: string): ConditionResult {
  let program: ParseResult;
  try {
    program = environment.parse(expression);
    checkMaps(program.ast);
    redirectCalls(program.ast, OURS);
    const { valid, type, error } = program.check();
    if (!valid) return { status: "refused", message: placed(error) };
    if (type !== "bool" && type !== "dyn")
      return { status: "refused", message: `gives a ${type}; expected true or false` };
    meter(program.ast, budget);
  } catch (error) {
    return { status: "refused", message: placed(error) };
  }
  const text = message ?? `${expression} does not hold`;
  return {
    status: "ok",
    condition: { expression, message: text, check: (context) => evaluate(program, context, text) },
  };
}

/** undefined where the condition holds. An error never is a pass (design.md section 9). */
function evaluate(
  program: ParseResult,
  { predicate, statement, image }: Parameters<CompiledCondition["check"]>[0],
  message: string,
): string | undefined {
  try {
    budget.start();
    const value: unknown = program({ predicate: celValue(predicate), statement: celValue(statement), image });
    if (value === true) return undefined;
    return value === false ? message : `${message} (the expression gave no boolean)`;
  } catch (error) {
    return `${message} (the expression failed: ${summary(error)})`;
  }
}

/** What is wrong with an expression, where, and for what is most often mistaken the way out. */
function placed(error: unknown): string {
  const line = summary(error);
  // All of cel-js' errors have these; what we refuse ourselves has no place.
  const { code, range } = (error ?? {}) as Partial<Pick<ParseError, "code" | "range">>;
  const place = range === undefined ? line : `${line}, at character ${range.start + 1}`;
  if (code !== "invalid_escape_sequence") return place;
  return `${place}; in CEL a backslash is written twice, or the text as r"..."`;
}

/** One line, in the policy's own words; the library's messages go on with a drawing of the place. */
function summary(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const short: unknown = Reflect.get(error, "summary");
  const [line = ""] = (typeof short === "string" ? short : error.message).split("\n", 1);
  return line.replaceAll(OWN, "");
}
