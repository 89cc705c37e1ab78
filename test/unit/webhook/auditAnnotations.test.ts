import assert from "node:assert/strict";
import { auditAnnotations } from "../../../webhook/review/auditAnnotations.ts";
import { finding } from "./support/findings.ts";

describe("auditAnnotations", () => {
  it("names policies and reasons once, sorted", () => {
    const findings = [
      finding({ policy: "b", reason: "RegistryDenied" }),
      finding({ policy: "a", action: "warn" }),
      finding({ policy: "b" }),
    ];
    assert.deepEqual(auditAnnotations("deny", findings), {
      decision: "deny",
      policies: "a,b",
      reasons: "DigestRequired,RegistryDenied",
    });
  });

  it("says what passed without evidence and by which exception", () => {
    const findings = [
      finding({ policy: "lenient", action: "allow", reason: "EvidenceUnavailable" }),
      finding({ exempted: { by: "legacy", expires: "2027-01-01T00:00:00Z" } }),
    ];
    assert.deepEqual(auditAnnotations("allow", findings), {
      decision: "allow",
      unproven: "lenient",
      exempted: "DigestRequired",
      exceptions: "legacy",
    });
  });

  it("is silent about dryrun and about nothing", () => {
    assert.equal(auditAnnotations("allow", [finding({ action: "dryrun" })]), undefined);
    assert.equal(auditAnnotations("allow", []), undefined);
  });

  it("has keys that the API server takes: qualified names once the webhook's name stands before them", () => {
    const all = auditAnnotations("deny", [
      finding(),
      finding({ action: "allow" }),
      finding({ exempted: { by: "e", expires: "" } }),
    ]);
    for (const key of Object.keys(all ?? {})) assert.match(key, /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/);
  });
});
