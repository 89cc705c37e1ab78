import assert from "node:assert/strict";
import { readSeverity, severityByName, severityByScore, worse } from "../../../../evidence/scan/formats/severity.ts";
import { SEVERITIES } from "../../../../policy/facts/scanReport.ts";

describe("severities", () => {
  it("by a CVSS score are those of CVSS 3.1, at every border", () => {
    const table: readonly (readonly [score: number, severity: string])[] = [
      [0, "unknown"],
      [0.1, "low"],
      [3.9, "low"],
      [4, "medium"],
      [6.9, "medium"],
      [7, "high"],
      [8.9, "high"],
      [9, "critical"],
      [10, "critical"],
    ];
    for (const [score, severity] of table) assert.equal(severityByScore(score), severity, String(score));
  });

  it("by name are those that scanners write, in any case and between blanks", () => {
    const table: readonly (readonly [name: string, severity: string])[] = [
      ["CRITICAL", "critical"],
      ["High", "high"],
      ["Important", "high"],
      ["medium", "medium"],
      ["Moderate", "medium"],
      [" LOW ", "low"],
      ["Negligible", "low"],
      ["None", "unknown"],
      ["Unknown", "unknown"],
    ];
    for (const [name, severity] of table) assert.equal(severityByName(name), severity, name);
    for (const name of ["", "severe", "toString", 9, null, undefined, ["high"]])
      assert.equal(severityByName(name), undefined, String(name));
  });

  it("that a report leaves out are unknown, and nonsense is none", () => {
    for (const value of [undefined, null, ""]) assert.equal(readSeverity(value), "unknown");
    for (const value of ["harmless", 0, false, {}]) assert.equal(readSeverity(value), undefined);
    assert.equal(readSeverity("HIGH"), "high");
  });

  it("of two the worse is the one that comes first", () => {
    for (const [index, one] of SEVERITIES.entries())
      for (const other of SEVERITIES.slice(index)) {
        assert.equal(worse(one, other), one);
        assert.equal(worse(other, one), one);
      }
  });
});
