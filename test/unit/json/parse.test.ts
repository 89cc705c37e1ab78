import assert from "node:assert/strict";
import * as fc from "fast-check";
import { parseJson } from "../../../json/parse.ts";
import { JSON_LIMITS, JsonScan } from "../../../json/scan.ts";

const limits = { depth: 4, tokens: 40, keys: { different: 5, bytes: 20 } };

describe("JSON that a registry sends", () => {
  const refused: readonly (readonly [why: string, text: string, message: RegExp])[] = [
    ["the same key twice", '{"a":1,"a":2}', /key "a" twice/],
    ["the same key, once escaped", String.raw`{"a":1,"\u0061":2}`, /key "a" twice/],
    ["the same key in an object within", '{"x":{"a":1,"a":2}}', /key "a" twice/],
    ["the same key after a list", '{"a":[1,{"b":2}],"a":2}', /key "a" twice/],
    ["a prototype", '{"__proto__":{"admin":true}}', /__proto__/],
    ["a prototype, escaped", String.raw`{"\u005f_proto__":1}`, /__proto__/],
    ["too deep", "[[[[[1]]]]]", /deeper than 4/],
    ["too many values", `[${"1,".repeat(50)}1]`, /more than 40 values/],
    ["too many different keys", '[{"a":1},{"b":1},{"c":1},{"d":1},{"e":1},{"f":1}]', /more than 5 different keys/],
    ["a key that is too long", `{"${"k".repeat(21)}":1}`, /key of more than 20 bytes/],
    ["a key that never ends", `{"${"k".repeat(30)}`, /key of more than 20 bytes/],
    ["no JSON", "<html>", /no JSON/],
    ["cut off", '{"a":', /no JSON/],
    ["two texts", "{}{}", /no JSON/],
    ["nothing", "", /no JSON/],
    ["a byte order mark", "\uFEFF{}", /no JSON/],
  ];
  for (const [why, text, message] of refused) {
    it(`is refused: ${why}`, () => {
      const result = parseJson(Buffer.from(text), limits);
      assert.equal(result.status, "malformed");
      assert.match(result.message, message);
    });
  }

  describe("of which keys are not looked at", () => {
    const scanned = (text: string): string | undefined => {
      const scan = new JsonScan({ depth: 3, values: 5 });
      scan.feed(Buffer.from(text));
      return scan.problem;
    };
    it("may have a key twice, and any number of strings", () => {
      assert.equal(scanned('{"a":1,"a":2,"__proto__":"x"}'), undefined);
      assert.equal(scanned('["1","2","3","4","5"]'), undefined);
    });
    it("is refused: too deep, or too many values", () => {
      assert.match(scanned('[{"a":[[1]]}]') ?? "", /deeper than 3/);
      assert.match(scanned("[1,2,3,4,5,6]") ?? "", /more than 5 values/);
      assert.match(scanned("[{},{},{}]") ?? "", /more than 5 values/);
      assert.equal(scanned(String.raw`["[[[[[[","\"{{{{","]]"]`), undefined);
    });
  });

  it("is refused: bytes that are no UTF-8", () =>
    assert.equal(parseJson(Uint8Array.of(0x22, 0xff, 0x22)).status, "malformed"));

  const taken: readonly (readonly [why: string, text: string])[] = [
    ["the same key in two objects", '[{"a":1},{"a":2}]'],
    ["a value that looks like a key", '{"a":"a","b":"a"}'],
    ["a key with a brace and a quote", String.raw`{"{\"a":1,"}":2}`],
    ["a value that names the prototype", '{"a":"__proto__"}'],
    ["a key of the longest length", `{"${"k".repeat(20)}":1}`],
    ["a value that is longer than a key may be", `{"a":"${"v".repeat(30)}"}`],
    ["a text that ends in a backslash", String.raw`["\\","a\\"]`],
  ];
  for (const [why, text] of taken) {
    it(`is taken: ${why}`, () =>
      assert.deepEqual(parseJson(Buffer.from(text), limits), { status: "ok", value: JSON.parse(text) }));
  }

  it("is scanned alike however it is cut into chunks", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (value, cuts) => {
        const bytes = Buffer.from(JSON.stringify(value));
        const whole = parseJson(bytes, JSON_LIMITS);
        const scan = new JsonScan();
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = cuts[turn % cuts.length] ?? 1;
          scan.feed(bytes.subarray(at, at + size));
          at += size;
        }
        assert.equal(scan.problem === undefined, whole.status === "ok");
      }),
    );
  });

  it("whatever JSON.stringify writes is read back", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes("__proto__"));
        assert.deepEqual(parseJson(Buffer.from(text)), { status: "ok", value: JSON.parse(text) });
      }),
    );
  });
});
