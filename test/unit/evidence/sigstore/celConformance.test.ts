import assert from "node:assert/strict";
import { tests } from "@bufbuild/cel-spec/testdata/conformance.js";
import { compileCondition } from "../../../../policy/compile/cel/condition.ts";

/** A case of the CEL specification's own suite, as far as it is about expressions over JSON. */
interface Case {
  readonly name: string;
  /** Holds in CEL; where it must err, it compares what errs with itself. */
  readonly expression: string;
  readonly errs: boolean;
}

/** Where the library gives a value and CEL errs: none of it can come out of JSON, or say more than the author wrote. */
const LENIENT: ReadonlySet<string> = new Set([
  // Keys that JSON has not, and a key written twice.
  "{3.3:15.15, 1.0: 5}[1.0]",
  "{null:false}[null]",
  "{true:1,false:2,true:3}[true]",
  "{0: 1, 0u: 2}[0.0]",
  "{'null_key': dyn(null)}.?null_key.invalid.hasValue()",
  "{true: dyn(0)}[?true].absent.hasValue()",
  // One number beyond the last.
  "-(-9223372036854775808)",
  "(-9223372036854775808)/-1",
]);
/** Integers beyond 2^53 beside doubles, nanoseconds, and an optional that no JSON gives. */
const INEXACT = /_(?:big|lossy)_double(?:_int)?$|_nanos_positive$|^type_deductions\/legacy_nullable_types/;
/** Times before the year 1 and after 9999, which no text gives: `timestamp()` refuses them. */
const OUT_OF_RANGE = /^timestamps\/(?:timestamp|duration)_range/;

/** Protocol buffers and bytes have no place in JSON, and what a case binds by type has none here. */
const NO_JSON = /TestAllTypes|google\.protobuf|cel\.expr|proto\.|\b[bB]['"]|bytes\(/;

describe("CEL conditions beside the specification's own cases", () => {
  const cases = casesOf(tests, []);

  it("give what CEL gives, or are refused with the policy", () => {
    const wrong: string[] = [];
    let [held, refused] = [0, 0];
    for (const { name, expression, errs } of cases) {
      const compiled = compileCondition(expression);
      if (compiled.status === "refused") refused += 1;
      else {
        const said = compiled.condition.check({ predicate: {}, statement: {}, image: {} });
        if (said === undefined && !errs) held += 1;
        else if (said === undefined && !OUT_OF_RANGE.test(name) && !LENIENT.has(between(expression)))
          wrong.push(`${name}: ${expression} holds, and CEL errs`);
      }
    }
    assert.deepEqual(wrong, []);
    // What the library learns makes these grow; what it forgets must be seen.
    assert.ok(cases.length > 1_300 && held > 750, `${cases.length} cases, ${held} hold, ${refused} refused`);
  });

  it("that negate what CEL says never hold", () => {
    const wrong = cases.flatMap(({ name, expression, errs }) => {
      const compiled = errs || INEXACT.test(name) ? undefined : compileCondition(`!(${expression})`);
      const said =
        compiled?.status === "ok" ? compiled.condition.check({ predicate: {}, statement: {}, image: {} }) : "";
      return said === undefined ? [`${name}: !(${expression})`] : [];
    });
    assert.deepEqual(wrong, []);
  });
});

interface Suite {
  readonly name: string;
  readonly suites?: readonly Suite[];
  readonly tests?: readonly { readonly original: Original }[];
}
type Original = Readonly<Record<string, unknown>> & { readonly name?: string; readonly expr: string };

function casesOf(suite: Suite, path: readonly string[]): readonly Case[] {
  const own = (suite.tests ?? []).flatMap(({ original }): Case[] => {
    const { expr, name = "", value } = original;
    if (["bindings", "typeEnv", "container"].some((part) => original[part] !== undefined) || NO_JSON.test(expr))
      return [];
    const errs = original["evalError"] !== undefined || original["anyEvalErrors"] !== undefined;
    const wanted = errs ? `(${expr})` : value === undefined ? "true" : literal(value);
    return wanted === undefined
      ? []
      : [{ name: [...path, name].join("/"), expression: `(${expr}) == ${wanted}`, errs }];
  });
  return [...own, ...(suite.suites ?? []).flatMap((one) => casesOf(one, [...path, one.name]))];
}

/** The left side of a comparison with itself. */
const between = (expression: string): string => expression.slice(1, expression.indexOf(") == ("));

/** A `cel.expr.Value` in JSON as an expression; undefined for what has none here. */
function literal(value: unknown): string | undefined {
  const [[kind, inner] = ["", undefined]] = Object.entries(value as Readonly<Record<string, unknown>>);
  switch (kind) {
    case "boolValue":
    case "int64Value":
      return inner === "-9223372036854775808" ? undefined : String(inner);
    case "uint64Value":
      return `${String(inner)}u`;
    case "doubleValue":
      return typeof inner === "number" && /^-?\d+(?:\.\d+)?$/.test(String(inner)) ? `double("${inner}")` : undefined;
    case "stringValue":
      return JSON.stringify(inner);
    case "nullValue":
      return "null";
    case "listValue":
      return whole("[", ((inner as { values?: unknown[] }).values ?? []).map(literal), "]");
    case "mapValue":
      return whole(
        "{",
        ((inner as { entries?: { key: unknown; value: unknown }[] }).entries ?? []).map(({ key, value: one }) =>
          whole("", [literal(key), literal(one)], "", ": "),
        ),
        "}",
      );
    default:
      return undefined;
  }
}

function whole(open: string, parts: readonly (string | undefined)[], close: string, by = ", "): string | undefined {
  return parts.includes(undefined) ? undefined : `${open}${parts.join(by)}${close}`;
}
