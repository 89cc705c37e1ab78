import assert from "node:assert/strict";
import fc from "fast-check";
import { editDistance } from "../../../policy/image/editDistance.ts";
import { findLookalike, type Lookalike } from "../../../policy/image/lookalike.ts";
import { parseReference } from "../../../policy/image/reference.ts";

/** The registry of an image on this host, as the rule sees it. */
const registryOf = (host: string): string => {
  const parsed = parseReference(`${host}/app`);
  assert.ok("reference" in parsed, JSON.stringify(parsed));
  return parsed.reference.registry;
};

const ALLOWED = [
  "registry.company.com",
  "quay.io",
  "gcr.io",
  "ghcr.io",
  "localhost:5000",
  "10.0.0.1:5000",
  "xn--bcher-kva.example",
];

describe("findLookalike", () => {
  const table: readonly (readonly [
    host: string,
    kind: Lookalike["kind"] | undefined,
    meant: string | undefined,
    why: string,
  ])[] = [
    ["registry.company.com.evil.io", "prefix", "registry.company.com", "the allowed host as leading labels"],
    ["quay.io.evil.io:5000", "prefix", "quay.io", "with a port as well"],
    ["registry.c0mpany.com", "homoglyph", "registry.company.com", "a zero"],
    ["registry.cornpany.com", "homoglyph", "registry.company.com", "rn for m"],
    ["reg1stry.company.com", "homoglyph", "registry.company.com", "a one for an i"],
    ["registry.c\u043empany.com", "homoglyph", "registry.company.com", "a Cyrillic o"],
    ["registry.xn--cmpany-wqf.com", "homoglyph", "registry.company.com", "the same in punycode"],
    ["REGISTRY.XN--CMPANY-WQF.COM:5000", "homoglyph", "registry.company.com", "in capitals, on a port"],
    ["regi\u0455try.company.com", "homoglyph", "registry.company.com", "a Cyrillic s"],
    ["r\u00e9gistry.company.com", "homoglyph", "registry.company.com", "an accent"],
    ["\u0262hcr.io", "homoglyph", "ghcr.io", "a small capital g"],
    ["regsitry.company.com", "spelling", "registry.company.com", "two letters swapped"],
    ["registry.company.co", "spelling", "registry.company.com", "a letter missing"],
    ["registry.ccompanyy.com", "spelling", "registry.company.com", "two letters too many"],
    ["registy.compny.com", "spelling", "registry.company.com", "two letters missing"],
    ["registy.compny.co", undefined, undefined, "three letters missing"],
    ["quai.io", "spelling", "quay.io", "one edit of a short host"],
    ["qoai.io", undefined, undefined, "two edits of a short host: chance"],
    ["bucher.example", "homoglyph", "xn--bcher-kva.example", "the allowed host is decoded too"],
    ["registry.company.com:5000", undefined, undefined, "the same name on another port imitates nothing"],
    ["gcr.io", undefined, undefined, "allowed itself"],
    ["docker.io", undefined, undefined, "far from all"],
    ["10.0.0.2:5000", undefined, undefined, "another machine, not an imitation"],
    ["evil.io", undefined, undefined, "nothing alike"],
    ["company.com", undefined, undefined, "a parent domain"],
  ];
  for (const [host, kind, meant, why] of table) {
    it(`${host}: ${why}`, () => {
      const found = findLookalike(registryOf(host), ALLOWED);
      assert.equal(found?.kind, kind, JSON.stringify(found));
      assert.equal(found?.meant, meant);
    });
  }

  it("takes no well-known registry for an imitation of another", () => {
    assert.equal(findLookalike("gcr.io", ["ghcr.io"]), undefined);
    assert.equal(findLookalike("ghcr.io", ["gcr.io"]), undefined);
    assert.equal(findLookalike("gchr.io", ["ghcr.io"])?.meant, "ghcr.io", "what is not well known still is one");
  });

  it("takes no address for an imitation of another, nor a name with digits for an address", () => {
    assert.equal(findLookalike("[::2]:5000", ["[::1]:5000"]), undefined);
    assert.equal(findLookalike("registry.company7", ["registry.company1"])?.meant, "registry.company1");
    assert.equal(findLookalike("3scal3.example.com", ["3scale.example.com"])?.meant, "3scale.example.com");
  });

  it("names the closest, and of those that are equally close the first by name, whatever their order", () => {
    const near = ["registry.example.com", "registry.examp1e.org", "registrys.example.com"];
    for (const allowed of [near, near.toReversed()]) {
      assert.equal(findLookalike("registryss.example.com", allowed)?.meant, "registrys.example.com");
      assert.equal(findLookalike("registryx.example.com", allowed)?.meant, "registry.example.com", "one edit each");
    }
    const longer = ["registry.example.com", "aregistry.example.com"];
    assert.equal(findLookalike("xregistry.example.com", longer)?.meant, "aregistry.example.com");
    const twins = ["registry.c0mpany.com", "registry.company.com"];
    for (const allowed of [twins, twins.toReversed()])
      assert.equal(findLookalike("registry.c\u043empany.com", allowed)?.meant, "registry.c0mpany.com");
  });

  it("allows two edits from eight characters on", () => {
    assert.equal(findLookalike("abxxef.io", ["abcdef.io"])?.kind, "spelling");
    assert.equal(findLookalike("abxxe.io", ["abcde.io"])?.kind, "spelling");
    assert.equal(findLookalike("abxx.io", ["abcd.io"]), undefined);
  });

  it("finds none without allowed hosts", () => assert.equal(findLookalike("quay.io", []), undefined));
});

describe("editDistance", () => {
  const table: readonly (readonly [string, string, number | undefined])[] = [
    ["abc", "abc", 0],
    ["abc", "abd", 1],
    ["abc", "acb", 1],
    ["abc", "ab", 1],
    ["", "ab", 2],
    // The unrestricted distance: a swap around an insertion (optimal string alignment says 3).
    ["ca", "abc", 2],
    ["abcdef", "badcfe", undefined],
    ["abc", "xyz", undefined],
    ["\u{1d41a}b", "ab", 1],
  ];
  for (const [a, b, distance] of table) {
    it(`of ${a} and ${b} is ${distance ?? "more than 2"}`, () => {
      assert.equal(editDistance(Array.from(a), Array.from(b), 2), distance);
      assert.equal(editDistance(Array.from(b), Array.from(a), 2), distance);
    });
  }

  it("is what the whole table of distances says", () => {
    const text = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 9 });
    fc.assert(
      fc.property(text, text, fc.integer({ min: 0, max: 3 }), (a, b, most) => {
        const distance = tableDistance(a, b);
        assert.equal(editDistance(a, b, most), distance <= most ? distance : undefined);
      }),
      { numRuns: 10_000 },
    );
  });
});

/** Lowrance and Wagner, An Extension of the String-to-String Correction Problem (1975): every cell of the table. */
function tableDistance(a: readonly string[], b: readonly string[]): number {
  const far = a.length + b.length;
  const table = Array.from({ length: a.length + 2 }, () => Array.from({ length: b.length + 2 }, () => far));
  for (let i = 0; i <= a.length; i++) table[i + 1]![1] = i;
  for (let j = 0; j <= b.length; j++) table[1]![j + 1] = j;
  const lastRow = new Map<string, number>();
  for (let i = 1; i <= a.length; i++) {
    let lastColumn = 0;
    for (let j = 1; j <= b.length; j++) {
      const row = lastRow.get(b[j - 1]!) ?? 0;
      const swapped = table[row]![lastColumn]! + (i - row - 1) + 1 + (j - lastColumn - 1);
      const same = a[i - 1] === b[j - 1];
      table[i + 1]![j + 1] = Math.min(
        table[i]![j]! + (same ? 0 : 1),
        table[i + 1]![j]! + 1,
        table[i]![j + 1]! + 1,
        swapped,
      );
      if (same) lastColumn = j;
    }
    lastRow.set(a[i - 1]!, i);
  }
  return table[a.length + 1]![b.length + 1]!;
}
