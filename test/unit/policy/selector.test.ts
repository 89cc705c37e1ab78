import assert from "node:assert/strict";
import { compileSelector, type LabelSelectorLike } from "../../../policy/subject/selector.ts";

const expression = (key: string, operator: string, values?: readonly string[]): LabelSelectorLike => ({
  matchExpressions: [{ key, operator, ...(values && { values }) }],
});

describe("compileSelector", () => {
  const table: readonly (readonly [LabelSelectorLike, Readonly<Record<string, string>>, boolean, why: string])[] = [
    [{ matchLabels: { env: "prod" } }, { env: "prod", x: "y" }, true, "the label is there"],
    [{ matchLabels: { env: "prod" } }, { env: "dev" }, false, "another value"],
    [{ matchLabels: { env: "prod" } }, {}, false, "no label"],
    [{ matchLabels: { env: "prod", tier: "web" } }, { env: "prod" }, false, "all must hold"],
    [{ matchLabels: { env: "" } }, { env: "" }, true, "an empty value is a value"],
    [{ matchLabels: { env: "" } }, {}, false, "and not the same as none"],
    [expression("env", "In", ["prod", "staging"]), { env: "staging" }, true, "one of them"],
    [expression("env", "In", ["prod"]), {}, false, "In needs the label"],
    [expression("env", "NotIn", ["prod"]), { env: "dev" }, true, "another value"],
    [expression("env", "NotIn", ["prod"]), {}, true, "NotIn holds where the label is absent"],
    [expression("env", "NotIn", ["prod"]), { env: "prod" }, false, "this value"],
    [expression("env", "Exists"), { env: "" }, true, "it is there"],
    [expression("env", "Exists"), {}, false, "it is not"],
    [expression("env", "DoesNotExist"), {}, true, "it is not"],
    [expression("env", "DoesNotExist"), { env: "x" }, false, "it is there"],
    [{ ...expression("b", "Exists"), matchLabels: { a: "1" } }, { a: "1" }, false, "labels and expressions must hold"],
    [expression("constructor", "Exists"), {}, false, "what every object inherits is no label"],
    [expression("__proto__", "Exists"), {}, false, "nor is this"],
    [
      expression("__proto__", "Exists"),
      JSON.parse('{"__proto__": "x"}') as Record<string, string>,
      true,
      "unless it is one",
    ],
    [expression("toString", "DoesNotExist"), {}, true, "nor this"],
  ];
  for (const [selector, labels, holds, why] of table) {
    it(`${JSON.stringify(selector)} ${holds ? "takes" : "leaves"} ${JSON.stringify(labels)}: ${why}`, () => {
      const compiled = compileSelector(selector);
      assert.ok(compiled.status === "ok");
      assert.equal(compiled.matches(labels), holds);
    });
  }

  const faults: readonly (readonly [LabelSelectorLike, RegExp])[] = [
    [{}, /empty/],
    [{ matchLabels: {}, matchExpressions: [] }, /empty/],
    [expression("env", "In"), /needs values/],
    [expression("env", "NotIn", []), /needs values/],
    [expression("env", "Exists", ["x"]), /takes no values/],
    [expression("env", "DoesNotExist", ["x"]), /takes no values/],
    [expression("env", "Gt", ["1"]), /no values|none of/],
    [expression("env", "in"), /none of In, NotIn, Exists/],
  ];
  for (const [selector, message] of faults) {
    it(`refuses ${JSON.stringify(selector)}`, () => {
      const compiled = compileSelector(selector);
      assert.equal(compiled.status, "fault");
      if (compiled.status === "fault") assert.match(compiled.message, message);
    });
  }
});
