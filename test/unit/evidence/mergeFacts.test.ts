import assert from "node:assert/strict";
import { joinPlatforms, mergeFacts } from "../../../evidence/gather/mergeFacts.ts";
import type { ProvidedFacts } from "../../../evidence/provider.ts";
import { NO_FACTS, type AttestationOutcome, type ImageFacts } from "../../../policy/facts/facts.ts";
import type { Unavailable } from "../../../policy/facts/outcome.ts";

const verified = { status: "verified", value: [] } as const;
const absent = { status: "absent", message: "there is none" } as const;
const invalid = { status: "invalid", reason: "AttestationInvalid", message: "is none" } as const;
const unavailable: Unavailable = { status: "unavailable", cause: "network", message: "no answer" };
const busy: Unavailable = { status: "unavailable", cause: "overloaded", message: "too much" };

/** What the first class of policies was told, what the next is told, and what of both is a fact. */
const table: readonly (readonly [before: AttestationOutcome, more: AttestationOutcome, fact: AttestationOutcome])[] = [
  [verified, unavailable, verified],
  [absent, unavailable, absent],
  [invalid, unavailable, invalid],
  [busy, unavailable, busy],
  [unavailable, verified, verified],
  [unavailable, absent, absent],
  [verified, absent, absent],
  [verified, invalid, invalid],
  [absent, verified, verified],
];

describe("the facts of several providers", () => {
  const maps = ["signatures", "attestations", "allAttested", "scans", "configs"] as const;
  // One outcome has the form of all of them where nobody reads what was verified.
  const facts = (name: (typeof maps)[number], ...entries: readonly (readonly [string, AttestationOutcome])[]) =>
    ({ [name]: new Map(entries) }) as ProvidedFacts;

  for (const name of maps)
    it(`of ${name}: the newer answer, but an outage takes nothing away`, () => {
      for (const [before, more, fact] of table) {
        const first = mergeFacts(NO_FACTS, facts(name, ["a", before], ["b", absent]));
        assert.deepEqual(
          [...first[name]!],
          [
            ["a", before],
            ["b", absent],
          ],
        );
        const both = mergeFacts(first, facts(name, ["a", more], ["c", more]));
        assert.deepEqual(
          [...both[name]!],
          [
            ["a", fact],
            ["b", absent],
            ["c", more],
          ],
          `${before.status} and ${more.status}`,
        );
        assert.deepEqual(
          [...first[name]!],
          [
            ["a", before],
            ["b", absent],
          ],
          "nobody's own answer is changed",
        );
        for (const nothing of [{}, facts(name)]) assert.deepEqual(mergeFacts(both, nothing)[name], both[name]);
      }
    });

  it("of bases, in the same way", () => {
    for (const [first, more, fact] of table) {
      // As above: what was verified is empty.
      const bases = { bases: first, signatures: new Map() } as ProvidedFacts;
      const before = mergeFacts(NO_FACTS, bases);
      assert.deepEqual(before.bases, first);
      assert.deepEqual(mergeFacts(before, { bases: more }).bases, fact);
      assert.deepEqual(mergeFacts(before, {}).bases, first);
    }
  });

  it("say of what nobody asked for nothing", () => {
    assert.deepEqual(mergeFacts(NO_FACTS, {}), NO_FACTS);
    assert.deepEqual(Object.keys(mergeFacts(NO_FACTS, {})).toSorted(), ["attestations", "scans", "signatures"]);
  });

  it("say last what runs already", () => {
    const runs = mergeFacts(NO_FACTS, { runsAlready: true });
    assert.equal(runs.runsAlready, true);
    assert.equal(mergeFacts(runs, {}).runsAlready, true);
    assert.equal(mergeFacts(runs, { runsAlready: false }).runsAlready, false);
  });

  it("leave to the registry what it said of the image", () => {
    const own: Partial<ImageFacts> = {
      digest: { status: "verified", value: "sha256:a" },
      tag: { status: "verified", value: "sha256:a" },
      manifest: absent,
      running: absent,
    };
    const forged: Partial<ImageFacts> = {
      digest: { status: "verified", value: "sha256:b" },
      tag: absent,
      manifest: invalid,
      running: { status: "verified", value: "sha256:b" },
    };
    const { digest, tag, manifest, running } = mergeFacts({ ...NO_FACTS, ...own }, forged);
    assert.deepEqual({ digest, tag, manifest, running }, own);
  });
});

describe("what is attested of the platforms", () => {
  const platform = (digest: string, ...attested: readonly (readonly [string, AttestationOutcome])[]) => ({
    digest,
    platform: "linux/amd64",
    attested: new Map(attested),
  });
  const children = (...value: readonly ReturnType<typeof platform>[]) => ({ status: "verified", value }) as const;
  const one = children(platform("one", ["a", verified]), platform("two", ["a", absent]));

  it("is joined child by child, and an outage of a later class takes nothing away", () => {
    const more = children(platform("two", ["a", unavailable], ["b", invalid]), platform("one", ["a", absent]));
    assert.deepEqual(
      joinPlatforms(one, more),
      children(platform("two", ["a", absent], ["b", invalid]), platform("one", ["a", absent])),
    );
    const merged = mergeFacts(mergeFacts(NO_FACTS, { platforms: one }), { platforms: more });
    assert.deepEqual(merged.platforms, joinPlatforms(one, more));
  });

  const whole: readonly (readonly [
    before: ImageFacts["platforms"],
    more: ImageFacts["platforms"],
    both: ImageFacts["platforms"],
    why: string,
  ])[] = [
    [undefined, undefined, undefined, "nobody asked"],
    [undefined, one, one, "the first who asks"],
    [undefined, unavailable, unavailable, "who could not be told"],
    [one, undefined, one, "the next does not ask"],
    [one, unavailable, one, "only the next could not be told"],
    [unavailable, one, unavailable, "the first was told nothing of any child"],
    [one, absent, absent, "it is no index"],
    [one, { ...invalid, reason: "ImageMalformed" }, { ...invalid, reason: "ImageMalformed" }, "it cannot be read"],
  ];
  for (const [before, more, both, why] of whole)
    it(`is as a whole what stays where ${why}`, () => assert.deepEqual(joinPlatforms(before, more), both));
});
