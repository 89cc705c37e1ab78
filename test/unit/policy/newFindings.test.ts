import assert from "node:assert/strict";
import { decide } from "../../../policy/finding/decide.ts";
import type { Finding } from "../../../policy/finding/finding.ts";
import { newFindings } from "../../../policy/finding/newFindings.ts";
import { judge, policy, subject } from "./judging.ts";

const finding = (some: Partial<Finding> = {}): Finding => ({
  policy: "p",
  rule: "digest",
  reason: "DigestRequired",
  container: "web",
  image: "nginx:1",
  action: "deny",
  message: "m",
  ...some,
});

describe("newFindings", () => {
  const table: readonly (readonly [current: Partial<Finding>, old: Partial<Finding>, isNew: boolean, why: string])[] = [
    [{}, {}, false, "the old object had it"],
    [{ container: "other" }, {}, false, "an image that only moves between containers"],
    [{ reason: "TagForbidden" }, {}, false, "another reason of the same rule"],
    [{ action: "deny" }, { action: "warn" }, false, "compared by policy, rule and image, and nothing else"],
    [{ image: "nginx:2" }, {}, true, "another image"],
    [{ rule: "registries" }, {}, true, "another rule"],
    [{ policy: "q" }, {}, true, "another policy, such as one into whose reach the object was relabelled"],
    [{}, { reason: "EvidenceUnavailable" }, true, "what nobody could tell of the old object"],
    [{ reason: "EvidenceUnavailable" }, { reason: "EvidenceUnavailable" }, false, "what can be told of neither"],
    [{ reason: "EvidenceUnavailable" }, {}, false, "what was known of the old object"],
    [{}, { exempted: { by: "e", expires: "2027-01-01T00:00:00Z" } }, true, "an exception covered the old object only"],
  ];
  for (const [current, old, isNew, why] of table) {
    it(`${isNew ? "has" : "leaves out"} ${why}`, () => {
      assert.deepEqual(newFindings([finding(current)], [finding(old)]), isNew ? [finding(current)] : []);
    });
  }

  it("does not let names run together", () => {
    assert.equal(
      newFindings([finding({ policy: "a", image: "b c" })], [finding({ policy: "a b", image: "c" })]).length,
      1,
    );
  });

  const old = subject(["nginx:1", `registry.company.com/app:v1`], { labels: { tier: "dev" } });
  const policies = [
    policy({ digest: {}, match: { objectSelector: { matchLabels: { tier: "web" } } } }, "web"),
    policy({ registries: { allow: ["registry.company.com"] } }, "all"),
  ];
  const fresh = (images: readonly string[], labels: Readonly<Record<string, string>>): readonly string[] =>
    newFindings(judge(policies, subject(images, { labels })).findings, judge(policies, old).findings).map(
      ({ policy: name, image }) => `${name} ${image}`,
    );
  it("lets an old pod's finalizer go, and refuses what an update brings in", () => {
    assert.deepEqual(fresh(["nginx:1", "registry.company.com/app:v1"], { tier: "dev" }), []);
    assert.deepEqual(fresh(["registry.company.com/app:v1", "nginx:1"], { tier: "dev" }), [], "swapped containers");
    assert.deepEqual(fresh(["nginx:1", "quay.io/app:v1"], { tier: "dev" }), ["all quay.io/app:v1"]);
    assert.deepEqual(fresh(["nginx:2", "registry.company.com/app:v1"], { tier: "dev" }), ["all nginx:2"]);
    assert.deepEqual(fresh(["nginx:1", "registry.company.com/app:v1"], { tier: "web" }), [
      "web nginx:1",
      "web registry.company.com/app:v1",
    ]);
  });
});

describe("decide", () => {
  const verdict = (...findings: Partial<Finding>[]): string => decide(findings.map(finding), new Map()).verdict;
  const exempted = { by: "e", expires: "2027-01-01T00:00:00Z" };
  it("denies for one deny, warns for one warning, else allows", () => {
    assert.equal(verdict(), "allow");
    assert.equal(verdict({ action: "dryrun" }, { action: "allow" }), "allow");
    assert.equal(verdict({ action: "dryrun" }, { action: "warn" }), "warn");
    assert.equal(verdict({ action: "warn" }, { action: "deny" }, { action: "warn" }), "deny");
  });
  it("does not count what an exception silences, and lists it", () => {
    assert.equal(verdict({ exempted }), "allow");
    assert.equal(verdict({ exempted }, { action: "warn" }), "warn");
    assert.equal(decide([finding({ exempted })], new Map()).findings.length, 1);
  });
});
