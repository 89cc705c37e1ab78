import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { NotationIdentities } from "../../../../policy/authority.ts";
import { parseDistinguishedName } from "../../../../policy/compile/authorities/distinguishedName.ts";
import { askNotation, findNotation, ORACLE_IMAGE, type OracleCase } from "./support/oracle.ts";
import { derIn, inWords, signerOf, verdictOf } from "./support/verifying.ts";

interface Recorded {
  readonly made: string;
  /** Milliseconds. */
  readonly at: number;
  readonly cases: readonly (OracleCase & { readonly passes: boolean })[];
}

/** Written by `test/fixtures/notation/oracle.ts` in this form. */
const recorded = JSON.parse(
  readFileSync(new URL("../../../fixtures/notation/oracle.json", import.meta.url), "utf8"),
) as Recorded;

/** Where we say something else than notation 1.3, and why. */
const SETTLED: Readonly<Record<string, string>> = {
  "an unknown critical header": "the specification has verification fail; notation without a plugin passes it over",
  "a leaf with any purpose": "the specification forbids anyExtendedKeyUsage; notation does not look",
};

const identitiesOf = (written: readonly string[]): NotationIdentities => {
  if (written[0] === "*") return { type: "any" };
  const subjects = written.map((text) => {
    const parsed = parseDistinguishedName(text.replace("x509.subject:", ""));
    if (parsed.status !== "ok") throw new Error(parsed.message);
    return parsed.identity;
  });
  return { type: "subjects", subjects };
};

const ours = (asked: OracleCase): string =>
  inWords(
    verdictOf(
      Buffer.from(asked.envelope, "base64"),
      signerOf(asked.certificates, {
        identities: identitiesOf(asked.identities),
        level: asked.level,
        ...(asked.timestampCertificates === undefined
          ? {}
          : { timestampCertificates: derIn(asked.timestampCertificates) }),
      }),
      { format: asked.format, image: ORACLE_IMAGE, now: recorded.at },
    ),
  );

describe(`what ${recorded.made} says`, () => {
  for (const one of recorded.cases) {
    const what = one.name.replace(/^(?:jws|cose): /, "");
    const settled = SETTLED[what];
    it(`${one.name}: ${one.passes ? "passes" : "does not pass"}${settled === undefined ? "" : `, and here not (${settled})`}`, () => {
      const said = ours(one);
      if (settled === undefined) assert.equal(said.startsWith("proved"), one.passes, said);
      else assert.deepEqual([said.startsWith("proved"), one.passes], [false, true], said);
    });
  }
  it("there are cases of both kinds, in both formats", () => {
    for (const format of ["jws", "cose"])
      for (const passes of [true, false])
        assert.ok(recorded.cases.filter((one) => one.format === format && one.passes === passes).length > 25);
  });
});

describe("what the notation on this machine says", () => {
  it("is what was recorded", async function () {
    const program = await findNotation();
    if (program === undefined) {
      this.skip();
      return;
    }
    for (const one of recorded.cases) {
      const { passes, says } = await askNotation(program, one);
      assert.equal(passes, one.passes, `${one.name}: ${says}`);
    }
  }).timeout(180_000);
});
