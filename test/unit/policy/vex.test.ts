import assert from "node:assert/strict";
import type { AuthoritySet } from "../../../policy/authority.ts";
import { attestationKey } from "../../../policy/facts/attestationKey.ts";
import type { AttestationOutcome, ImageFacts } from "../../../policy/facts/facts.ts";
import { parseReference } from "../../../policy/image/reference.ts";
import { excusedByVex, OPENVEX_PREDICATES } from "../../../policy/rules/vex.ts";
import { DIGEST, facts } from "./judging.ts";

const PLATFORM = `sha256:${"b".repeat(64)}`;
const parsed = parseReference(`registry.company.com/web@${DIGEST}`);
assert.ok(parsed.status === "ok");
const { reference } = parsed;
// Of an authority nothing but its id is looked at.
const authorities = { trusted: [{ id: "ci" }], faulty: [] } as unknown as AuthoritySet;
const said = (outcome: AttestationOutcome): ReadonlyMap<string, AttestationOutcome> =>
  new Map(OPENVEX_PREDICATES.map((type) => [attestationKey(type, "ci"), outcome]));
const nothing = said({ status: "absent", message: "none" });
const notAffected = said({
  status: "verified",
  value: [
    {
      predicateType: OPENVEX_PREDICATES[0]!,
      predicate: {
        "@context": "https://openvex.dev/ns/v0.2.0",
        timestamp: "2026-01-01T00:00:00Z",
        statements: [
          {
            vulnerability: { name: "CVE-2021-44228" },
            products: [{ "@id": `pkg:oci/web@${DIGEST.replace(":", "%3A")}` }],
            status: "not_affected",
            justification: "vulnerable_code_not_present",
          },
        ],
      },
    },
  ],
} as unknown as AttestationOutcome);

describe("what OpenVEX says of one platform", () => {
  const of = (platforms: ImageFacts["platforms"]): ReturnType<typeof excusedByVex> =>
    excusedByVex(
      authorities,
      facts({
        digest: { status: "verified", value: DIGEST },
        allAttested: notAffected,
        ...(platforms && { platforms }),
      }),
      reference,
      PLATFORM,
    );
  const child = (digest: string, attested: ReadonlyMap<string, AttestationOutcome>) =>
    ({ digest, platform: "linux/amd64", attested }) as never;

  it("counts with what is said of the index, once the platform itself was asked about", () => {
    assert.notEqual(of({ status: "verified", value: [child(PLATFORM, nothing)] }).vex, undefined);
  });

  it("is read once for all platforms, and remembered for so many of them", () => {
    let reads = 0;
    const counted = said({
      status: "verified",
      value: [
        {
          predicateType: OPENVEX_PREDICATES[0]!,
          get predicate() {
            reads += 1;
            return { statements: [] };
          },
        },
      ],
    } as unknown as AttestationOutcome);
    const digests = Array.from({ length: 200 }, (_, at) => `sha256:${String(at).padStart(64, "0")}`);
    const vexOf = (platform: string): ReturnType<typeof excusedByVex>["vex"] =>
      excusedByVex(
        authorities,
        facts({
          digest: { status: "verified", value: DIGEST },
          allAttested: counted,
          platforms: { status: "verified", value: digests.map((one) => child(one, nothing)) },
        }),
        reference,
        platform,
      ).vex;
    const known = digests.slice(0, 64).map(vexOf);
    assert.equal(reads, 1);
    assert.deepEqual(
      digests.slice(0, 64).map((digest, at) => vexOf(digest) === known[at]),
      known.map(() => true),
      "the same answers, as objects, of as many platforms as an index may have",
    );
    for (const digest of digests) vexOf(digest);
    assert.notEqual(vexOf(digests[0]!), known[0], "not of any number of them");
    assert.equal(reads, 1);
  });

  for (const [why, platforms] of [
    ["the platforms were not asked for", undefined],
    ["it is not among them", { status: "verified", value: [child(`sha256:${"c".repeat(64)}`, nothing)] }],
    ["it was asked about something else", { status: "verified", value: [child(PLATFORM, new Map())] }],
    ["they could not be listed", { status: "unavailable", cause: "network", message: "no answer" }],
  ] as const)
    it(`excuses nothing where ${why}: a take-back may be under it`, () => {
      const { vex, trouble } = of(platforms);
      assert.equal(vex, undefined);
      assert.notEqual(trouble, undefined);
    });
});
