import assert from "node:assert/strict";
import { stringFunctions } from "../../../../policy/compile/cel/celStrings.ts";
import { compileCondition } from "../../../../policy/compile/cel/condition.ts";

const image = { reference: "r/p@sha256:x", name: "r/p", registry: "r", repository: "p", tag: "", digest: "sha256:x" };
const predicate = {
  n: 1,
  s: "abc",
  list: [1, 2, 3],
  nested: { a: { b: true } },
  // Written out as JSON, which makes own fields of all of them.
  names: JSON.parse(
    '{"debug": true, "constructor": {"name": "x"}, "__proto__": 1, "list": [{"v": 1, "constructor": null}]}',
  ) as unknown,
  big: Array.from({ length: 20_000 }, (_, at) => at),
  wide: Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`k${at}`, at])),
  long: `${"a".repeat(1_000_000)}b`,
  prototypes: JSON.parse(
    '{"one": {"__proto__": {}}, "other": {"__proto__": {}}, "deep": {"a": {"__proto__": {}}, "b": 1}, "list": [{"__proto__": {}}]}',
  ) as unknown,
  empty: "",
  text: '{"passed": true, "results": [{"name": "unit", "failed": 0}], "constructor": {"a": 1}}',
  texts: { twice: '{"passed": false, "passed": true}', broken: "{", deep: `${"[".repeat(100)}${"]".repeat(100)}` },
  longText: JSON.stringify(Array.from({ length: 30_000 }, (_, at) => at)),
  huge: 1e300,
  digits: "1".repeat(3000),
  times: {
    nanoseconds: "2026-01-01T02:00:00.123456789+02:00",
    noSuchDay: "2026-02-30T00:00:00Z",
    withoutZone: "2026-01-01T00:00:00.000",
    space: "2026-01-01 00:00:00Z",
    midnight: "2026-01-01T24:00:00Z",
    words: "January 1, 2026 10:00 UTC",
  },
  objects: Array.from({ length: 300 }, (_, at) => ({ at, deep: { list: Array.from({ length: 300 }, (_, n) => n) } })),
};
const check = (expression: string): string | undefined => {
  const result = compileCondition(expression);
  if (result.status === "refused") return `refused: ${result.message}`;
  // Twice: the tree binds itself on the first run.
  result.condition.check({ predicate, statement: { predicate }, image });
  return result.condition.check({ predicate, statement: { predicate }, image });
};

describe("functions of strings", () => {
  const run = (name: string, text: string): string => stringFunctions.get(name)?.(text) ?? assert.fail(name);
  const characters = Array.from({ length: 0x10000 }, (_, unit) => String.fromCharCode(unit));

  it("change letters of ASCII alone, beside whatever stands there, halves of pairs included", () => {
    for (const one of characters) {
      assert.equal(run("lowerAscii", `aZ${one}`), `az${/^[A-Z]$/.test(one) ? one.toLowerCase() : one}`);
      assert.equal(run("upperAscii", `${one}aZ`), `${/^[a-z]$/.test(one) ? one.toUpperCase() : one}AZ`);
    }
  });
  it("take blanks of Unicode from both ends, and nothing else", () => {
    for (const one of characters) {
      const blank = /^\p{White_Space}$/u.test(one);
      assert.equal(run("trim", `${one}a${one}`), blank ? "a" : `${one}a${one}`);
    }
    assert.equal(run("trim", " \u3000 "), "");
  });
});

describe("conditions", () => {
  const holding = [
    "predicate.n == 1",
    "predicate.n < 2.5 && predicate.n > 0",
    'predicate.s.startsWith("a") && predicate.s.endsWith("c") && predicate.s.contains("b")',
    'predicate.s.matches("^a.c$") && predicate.s.matches("b")',
    "predicate.list.all(x, x > 0) && predicate.list.exists(x, x == 3) && predicate.list.exists_one(x, x == 2)",
    "predicate.list.map(x, string(x)).size() == 3 && predicate.list.filter(x, x > 1).size() == 2",
    "2 in predicate.list && size(predicate.list) == 3",
    "predicate.nested.a.b",
    "json.unmarshal(predicate.text).passed && json.unmarshal(predicate.text).results.all(r, r.failed == 0)",
    "cel.bind(t, json.unmarshal(predicate.text), size(t) == 3 && !has(t.missing) && t.?constructor.hasValue())",
    "json.unmarshal(predicate.longText).all(x, x >= 0)",
    'json.unmarshal("1") == 1 && json.unmarshal("[\\"a\\"]") == ["a"]',
    "has(predicate.nested) && !has(predicate.missing)",
    "has(predicate.nested.a.b) && !has(predicate.nested.c) && !has(predicate.names.missing) && !has(predicate.?missing.a)",
    "predicate.list[?7].orValue(2.0) == 2.0 && predicate.?list[?0].orValue(0.0) == 1.0",
    '!("z" in predicate.nested)',
    "predicate.?missing.orValue(true)",
    "predicate.?n.optMap(x, x + 1.0 == 2.0).orValue(false)",
    "!predicate.?missing.optMap(x, x + 1.0).hasValue()",
    "predicate.?nested.optMap(o, o.a).optMap(a, a.b).value()",
    "predicate.?nested.optFlatMap(o, o.?a).optFlatMap(a, a.?b).value()",
    "!predicate.?nested.optFlatMap(o, o.?missing).optMap(x, x.y).hasValue()",
    "predicate.list.all(n, predicate.?n.optMap(x, x + n > n).value())",
    "predicate.list.map(n, optional.of(n).optMap(x, optional.of(x).optMap(y, x + y + n).value()).value()) == [3, 6, 9]",
    "optional.of(1).optMap(predicate, predicate + 1).value() == 2 && predicate.n == 1",
    'predicate.nested["a"].b',
    "statement.predicate.n == predicate.n",
    'image.digest == "sha256:x" && image.registry == "r" && image.repository == "p" && image.name == "r/p" && image.tag == ""',
    'timestamp("2026-01-01T00:00:00Z") < timestamp("2026-01-02T00:00:00Z")',
    'predicate.list.exists(x, string(x).matches("^3$"))',
    'predicate.s.matches("^[a-z0-9-]{1,255}$") && predicate.digits.matches("^[0-9]+$")',
    'cel.bind(s, predicate.s, s.matches("^abc$"))',
    "predicate.big.all(x, x >= 0)",
    "size(predicate.wide) == 20000 && predicate.wide.size() > 1 && type(predicate.wide) == map",
    "predicate.big.all(x, size(predicate.nested) == 1 && type(predicate.nested) == map)",
    "predicate.names.debug && has(predicate.names.debug) && size(predicate.names) == 4",
    'predicate.names.constructor.name == "x" && predicate.names.__proto__ == 1 && "constructor" in predicate.names',
    "predicate.?names.?debug.orValue(false) && predicate.?names.list[0].?v.orValue(2) == 1",
    "predicate.names == statement.predicate.names && predicate.names in [predicate.names]",
    'predicate.names != {"debug": true} && predicate.names.exists(name, name == "debug")',
    "predicate.names.list.all(x, x.v == 1 && x.constructor == null)",
    'predicate.prototypes.one == predicate.prototypes.other && predicate.prototypes.one != {"workflow": "release"}',
    'predicate.nested == {"a": {"b": true}} && {"a": {"b": true}} == predicate.nested && predicate.nested in [{"a": {"b": true}}]',
    'predicate.list == [1, 2, 3] && [timestamp("2026-01-01T00:00:00Z")] == [timestamp("2026-01-01T00:00:00Z")] && {"d": [1u]} == {"d": [1u]}',
    "2u in predicate.list && predicate.n in [1u] && predicate.list == [1.0, 2u, 3] && 1u == predicate.n",
    'matches(predicate.s, "^a.c$") && matches("abc", "b")',
    'double("1.5") == 1.5 && double("-.5e1") == -5.0 && double("1.") == 1.0 && double("Infinity") > 1.0 && double(1) == 1.0',
    'int("+1") == 1 && int("-1") == -1 && int(1.9) == 1 && uint("1") == 1u',
    'timestamp(predicate.times.nanoseconds) == timestamp("2026-01-01T00:00:00.123Z") && timestamp(0) == timestamp("1970-01-01T00:00:00Z")',
    'timestamp("2024-02-29T23:59:59Z").getDate() == 29',
    'duration("1h30m") == duration("90m") && duration("-1.5h") < duration("0s") && duration("0") == duration("0s") && duration(".5s") == duration("500ms")',
  ];
  for (const expression of holding) it(`hold: ${expression}`, () => assert.equal(check(expression), undefined));

  const failing: readonly (readonly [expression: string, why: RegExp])[] = [
    ["predicate.n == 2", /does not hold$/],
    ["predicate.missing == 1", /the expression failed: No such key: missing/],
    ["predicate.n.deeper == 1", /the expression failed/],
    ["predicate.s > 1", /the expression failed/],
    ["predicate.?n.optMap(x, x.y.z).orValue(true)", /the expression failed/],
    ["predicate.?n.optFlatMap(x, x).orValue(true)", /the expression failed: .*must give an optional/],
    ["predicate.n.optMap(x, true).orValue(true)", /the expression failed/],
    ["predicate.n", /the expression gave no boolean/],
    ["predicate.s", /the expression gave no boolean/],
    ["predicate.missing || predicate.missing", /the expression failed/],
    ["predicate.list[7] == 1", /the expression failed/],
    ['predicate.s.matches("(?=x)")', /the expression failed/],
    ["1 / 0 == 1", /the expression failed/],
    ["predicate.__proto__ == 1", /the expression failed/],
    ["predicate.constructor == 1", /the expression failed/],
    // The library takes an object with a field `constructor` for no map; optional access took that for a missing field.
    ["predicate.?names.?debug.orValue(false) == false", /does not hold$/],
    ["!predicate.?names.debug.hasValue()", /does not hold$/],
    ['predicate[?"names"].?debug.orValue(false) == false', /does not hold$/],
    ["!has(predicate.names.debug)", /does not hold$/],
    ["predicate.?names.list[0].?v.orValue(2) == 2", /does not hold$/],
    // The library finds no field in a list, where CEL errs: a list in place of a map would be a map without it.
    ["!has(predicate.list.debug)", /the expression failed: .*a list has no fields/],
    ["!has(predicate.names.list.a.b)", /the expression failed: .*a list has no fields/],
    ["!has(predicate.?names.list.a)", /the expression failed: .*a list has no fields/],
    ["[predicate.list].all(x, !has(x.debug))", /the expression failed: .*a list has no fields/],
    ["!predicate.list.?debug.hasValue()", /the expression failed: .*a list has no fields/],
    ["predicate.?list.?debug.orValue(false) == false", /the expression failed: .*a list has no fields/],
    ['!predicate.list[?"debug"].hasValue()', /the expression failed: .*a list has no fields/],
    ['timestamp(predicate.s) < timestamp("2026-01-02T00:00:00Z")', /the expression failed/],
    ...["noSuchDay", "withoutZone", "space", "midnight", "words"].map(
      (name) =>
        [
          `timestamp(predicate.times.${name}) > timestamp("2025-01-01T00:00:00Z")`,
          /the expression failed: .*RFC 3339/,
        ] as const,
    ),
    ['timestamp("2026-02-30T00:00:00Z") > timestamp("2025-01-01T00:00:00Z")', /the expression failed/],
    // JavaScript finds `__proto__` in every object, so that one would equal every map of one field.
    ['predicate.prototypes.one == {"workflow": "release"}', /does not hold$/],
    ['predicate.prototypes.one in [{"workflow": "release"}]', /does not hold$/],
    ['predicate.prototypes.deep == {"a": {"workflow": "release"}, "b": 1}', /does not hold$/],
    ['predicate.prototypes.list == [{"workflow": "release"}]', /does not hold$/],
    ['predicate.prototypes.list.exists(x, x == {"workflow": "release"})', /does not hold$/],
    ['{"p": predicate.prototypes.one} == {"p": {"workflow": "release"}}', /does not hold$/],
    ["predicate.prototypes.one == {}", /does not hold$/],
    // The library compares no unsigned numbers with others inside lists.
    ["!(1u in predicate.list)", /does not hold$/],
    ["predicate.list != [1u, 2u, 3u]", /does not hold$/],
    // The library makes 0 of them.
    ["int(predicate.empty) == 0", /the expression failed/],
    ["[predicate.empty].exists(x, int(x) == 0)", /the expression failed/],
    ['int("0b1") == 1', /the expression failed/],
    ["int(predicate.huge) > 0", /the expression failed/],
    ["uint(predicate.empty) == 0u", /the expression failed/],
    ...["", " ", "0x10", "0b1", "0o7", "1e400", "1_0"].map(
      (text) => [`double(${JSON.stringify(text)}) >= 0.0`, /the expression failed/] as const,
    ),
    ['duration("h") == duration("0s")', /the expression failed/],
    ['duration(predicate.empty) < duration("1h")', /the expression failed/],
    ['duration("99999999999h") > duration("1h")', /the expression failed/],
    ['predicate.n.matches("1")', /no matching overload for 'double\.matches\(string\)'/],
  ];
  for (const [expression, why] of failing)
    it(`never pass by an error: ${expression}`, () => assert.match(check(expression) ?? "", why));

  const refused: readonly (readonly [expression: string, why: RegExp])[] = [
    ["predicate.n +", /Unexpected token: EOF, at character 14$/],
    [
      String.raw`predicate.text.matches("a\.b")`,
      /character 26; in CEL a backslash is written twice, or the text as r"\.\.\."$/,
    ],
    ["", /refused/],
    ["unknown == 1", /Unknown variable: unknown, at character 1$/],
    ['image.digst == "x"', /No such key: digst/],
    ["image.digest == 1", /no such overload/],
    ["1", /: gives a int; expected true or false$/],
    ['"a"', /gives a string/],
    ["predicate.n == 1 ? 1 : 2", /gives a/],
    ["nothing()", /nothing/],
    ["predicate.?n.optMap(x, true).value() && x", /Unknown variable: x/],
    ["predicate.?n.optMap(1, true).value()", /name of a variable/],
    ["predicate.?n.optMap(x, nowhere).value()", /Unknown variable: nowhere/],
    // The library drops such keys: the expression would hold for an empty map.
    ['predicate.nested == {"constructor": 1}', /key "constructor" cannot be written/],
    ['predicate.nested == {"a": {"__proto__": 1}}', /key "__proto__" cannot be written/],
    ['predicate.list.exists(x, {"prototype": x} == {})', /key "prototype" cannot be written/],
    ['matches("a", 1)', /overload for 'matches\(string, int\)'/],
    [`${"(".repeat(100)}true${")".repeat(100)}`, /refused/],
    [Array.from({ length: 3000 }, () => "true").join(" && "), /refused/],
  ];
  for (const [expression, why] of refused)
    it(`are refused with the policy: ${expression.slice(0, 40)}`, () =>
      assert.match(check(expression) ?? "holds", why));

  it("read JSON in texts strictly: what is none, twice or too deep is an error, and no true", () => {
    for (const text of ["twice", "broken", "deep"])
      assert.match(
        check(`json.unmarshal(predicate.texts.${text}).passed || false`) ?? "holds",
        /the expression failed: json\.unmarshal\(\) cannot read this text/,
        text,
      );
    assert.match(check("json.unmarshal(predicate.n).passed") ?? "holds", /failed|overload/);
    assert.match(check("json.unmarshal(predicate.text).missing") ?? "holds", /No such key/);
    assert.match(check("json.nothing(predicate.text)") ?? "holds", /refused/);
  });

  describe("are bounded", () => {
    const endless = [
      "predicate.big.all(x, size(json.unmarshal(predicate.longText)) > 0)",
      "predicate.big.exists(x, json.unmarshal(predicate.long) == 1)",
      "json.unmarshal(predicate.longText).all(x, json.unmarshal(predicate.longText) == [x] || true)",
      "predicate.big.all(x, predicate.big.all(y, predicate.big.all(z, true)))",
      "predicate.big.exists(x, predicate.big.exists(y, x + y < 0))",
      "predicate.big.map(x, predicate.big.map(y, y)).size() > 0",
      "predicate.big.all(x, predicate.long.contains(string(x)) || true)",
      "predicate.big.map(x, predicate.long + predicate.long).size() > 0",
      'predicate.long.matches("(a+)+$")',
      'predicate.big.exists(x, predicate.long.matches("c"))',
      // The library counts the keys of a map each time.
      "predicate.big.all(x, size(predicate.wide) == 20000)",
      "predicate.big.all(x, predicate.wide.size() == 20000)",
      "predicate.big.all(x, type(predicate.wide) == map)",
      // Few characters that are many states: 0.2 ms for each of the text's.
      'predicate.digits.matches("1(?:.{0,100}){9}c$")',
      "predicate.big.all(x, predicate.objects == statement.predicate.objects)",
      "predicate.big.all(x, predicate.objects in [predicate.objects])",
      // A million characters of each: what a unit pays for is about 0.2 us, whichever function takes it.
      "predicate.long.lowerAscii() != predicate.long.upperAscii()",
      "predicate.long.trim() + predicate.long.trim() != predicate.long",
      "predicate.?big.optMap(b, b.all(x, b.all(y, b.all(z, true)))).value()",
      "predicate.big.all(x, predicate.?big.optMap(b, b.map(y, y)).value().size() > 0)",
    ];
    for (const expression of endless)
      it(`by their work: ${expression}`, () => assert.match(check(expression) ?? "holds", /takes too much work/));
    it("so that no text is converted for hours: the library's expression for durations tries every place in it", () => {
      for (const text of ["predicate.digits", 'predicate.digits + "h"'])
        assert.match(
          check(`duration(${text}) > duration("1h")`) ?? "holds",
          /the expression failed: duration\(\) takes/,
        );
    });
    it("so that backtracking has no way in (CVE-2023-7279)", () => {
      assert.equal(
        check(`"${"a".repeat(1000)}b".matches("^(a+)+$")`),
        '"' + "a".repeat(1000) + 'b".matches("^(a+)+$") does not hold',
      );
    });
    it("and an end of the work is no true under any operator", () => {
      const work = "predicate.big.all(x, predicate.big.all(y, true))";
      for (const expression of [
        `${work} || true`,
        `true || ${work} && false`,
        `!(${work}) || true`,
        `[1].exists(x, ${work} || true)`,
      ]) {
        const said = check(expression);
        assert.ok(said === undefined ? expression.startsWith("true ||") : said.includes("too much work"), expression);
      }
    });
  });

  it("say what the policy tells them to say", () => {
    const result = compileCondition("predicate.n == 2", "not two");
    assert.equal(result.status === "ok" && result.condition.check({ predicate, statement: {}, image }), "not two");
  });
});
