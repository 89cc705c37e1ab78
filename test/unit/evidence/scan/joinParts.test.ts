import assert from "node:assert/strict";
import { beside, joinParts, type PartOutcome } from "../../../../evidence/scan/sources/joinParts.ts";
import type { ScanOutcome } from "../../../../policy/facts/facts.ts";
import type { Unavailable } from "../../../../policy/facts/outcome.ts";

const coverage = (platform: string) => ({ platform, reports: [{ scanner: "Trivy", vulnerabilities: [] }] });
const verified = (...platforms: readonly string[]): ScanOutcome & { readonly status: "verified" } => ({
  status: "verified",
  value: platforms.map(coverage),
});
const absent = { status: "absent", message: "no report" } as const;
const invalid = { status: "invalid", reason: "ScanInvalid", message: "is broken" } as const;
const mismatch = { status: "invalid", reason: "ScanMismatch", message: "is of another image" } as const;
const network: Unavailable = { status: "unavailable", cause: "network", message: "no answer" };
const busy: Unavailable = { status: "unavailable", cause: "overloaded", message: "too much" };

describe("what a source says of several platforms", () => {
  const join = (...outcomes: readonly ScanOutcome[]): ScanOutcome => {
    const parts = outcomes.map((outcome, at): PartOutcome => ({ platform: `p${at}`, outcome }));
    return joinParts(parts, (uncovered, others) => ({
      status: "absent",
      message: `${uncovered.join(" and ")} and not ${others} others`,
    }));
  };

  const table: readonly (readonly [outcomes: readonly ScanOutcome[], said: ScanOutcome, why: string])[] = [
    [[verified("p0"), verified("p1")], verified("p0", "p1"), "all are covered"],
    [
      [verified("p0"), absent, absent],
      { status: "absent", message: "p1 and p2 and not 1 others" },
      "one without a report is an image without",
    ],
    [[verified("p0"), invalid, mismatch], invalid, "what is wrong with one is wrong, the first of several"],
    [[network, invalid, absent], invalid, "no outage softens what is wrong"],
    [[verified("p0"), network], { ...network, rest: verified("p0") }, "what is known stands beside what is not"],
    [
      [network, absent, verified("p2")],
      { ...network, rest: { status: "absent", message: "p1 and not 2 others" } },
      "one has none, whatever of the other could not be told",
    ],
    [[network, busy], { ...busy, rest: verified() }, "what onUnavailable does not settle comes first"],
  ];
  for (const [outcomes, said, why] of table) it(why, () => assert.deepEqual(join(...outcomes), said));
});

describe("what a source says where something else could not be told", () => {
  const table: readonly (readonly [unavailable: Unavailable | undefined, said: ScanOutcome, both: ScanOutcome])[] = [
    [undefined, verified("p"), verified("p")],
    [undefined, network, network],
    [network, invalid, invalid],
    [network, verified("p"), { ...network, rest: verified("p") }],
    [network, absent, { ...network, rest: absent }],
    [network, { ...busy, rest: absent }, { ...busy, rest: absent }],
    [busy, { ...network, rest: verified("p") }, { ...busy, rest: verified("p") }],
    [busy, network, busy],
  ];
  for (const [unavailable, said, both] of table)
    it(`is ${both.status} for ${said.status} beside ${unavailable?.cause ?? "nothing"}`, () =>
      assert.deepEqual(beside(unavailable, said), both));
});
