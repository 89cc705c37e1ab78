import assert from "node:assert/strict";
import type { PolicySpec, Scan } from "../../../crds/types.ts";
import { annotationKeys, changesWithTime, looksAtAge } from "../../../operator/policies/policySet.ts";
import { policy } from "./judging.ts";

/** What a verdict depends on besides the evidence: an audit judges again when the clock, a pod's age or an annotation moves. */
describe("what a policy's verdict depends on", () => {
  const annotated: Scan["sources"] = [{ imageAnnotation: {} }];
  const attestation = (more: object = {}): PolicySpec => ({
    authorities: [
      { name: "ci", keyless: { identities: [{ issuer: "https://a.example", subject: "https://b.example" }] } },
    ],
    attestations: [
      { predicateType: "https://slsa.dev/provenance/v1", authorities: ["ci"] },
      { predicateType: "https://slsa.dev/provenance/v0.2", authorities: ["ci"], ...more },
    ],
  });
  const allowance = (...allowCVEs: NonNullable<Scan["allowCVEs"]>): PolicySpec => ({
    scan: { sources: annotated, allowCVEs },
  });
  const [forever, expiring] = [
    { id: "CVE-2026-1", reason: "r" },
    { id: "CVE-2026-2", reason: "r", expires: "2027-01-31T00:00:00Z" },
  ] as const;
  const table: readonly (readonly [
    why: string,
    spec: PolicySpec,
    time: boolean,
    age: boolean,
    keys: readonly string[],
  ])[] = [
    ["registries alone", { registries: { allow: ["a.b"] } }, false, false, []],
    ["a digest that must stand there", { digest: {} }, false, false, []],
    ["an attestation of any age", attestation(), false, false, []],
    ["one of two that ages", attestation({ maxAge: "90d" }), true, false, []],
    ["a scan of any age", { scan: { sources: annotated } }, false, false, []],
    ["a scan that ages", { scan: { sources: annotated, maxAge: "24h" } }, true, false, []],
    ["allowances for ever", allowance(forever), false, false, []],
    ["one of two allowances that ends", allowance(forever, expiring), true, false, []],
    ["reports that their writer takes back", { scan: { sources: [{ vulnerabilityReport: {} }] } }, true, false, []],
    [
      "the same behind another source, with a grace for new pods",
      { scan: { sources: [{ imageAnnotation: {} }, { vulnerabilityReport: { grace: "15m" } }] } },
      true,
      true,
      [],
    ],
    [
      "annotations of the pod",
      {
        scan: {
          sources: [{ podAnnotation: { key: "one" } }, { imageAnnotation: {} }, { podAnnotation: { key: "two" } }],
        },
      },
      false,
      false,
      ["one", "two"],
    ],
  ];
  for (const [why, spec, time, age, keys] of table) {
    it(why, () => {
      const compiled = policy(spec);
      assert.deepEqual(compiled.faults, []);
      assert.equal(changesWithTime(compiled), time, "the clock");
      assert.equal(looksAtAge(compiled), age, "the pod's age");
      assert.deepEqual([...annotationKeys([compiled])].toSorted(), keys);
    });
  }
});
