import assert from "node:assert/strict";
import { textReport } from "../../../cli/audit/textReport.ts";
import type { AuditFinding, AuditResult, PolicyRadius } from "../../../cli/audit/auditResult.ts";

const radius = (namespaces: readonly string[], policy = "digests"): PolicyRadius => ({
  policy,
  inForce: ["deny", "warn"],
  pods: 12,
  templates: 1,
  owners: 4,
  namespaces,
});
const image = { image: "nginx", registry: "docker.io", form: "tag", namespaces: ["a"], pods: 1, templates: 0 } as const;
const finding = (pods: number, templates: number): AuditFinding => ({
  policy: "digests",
  inForce: "warn",
  refuses: true,
  namespace: "shop",
  owner: "Deployment/web",
  rule: "digest",
  reason: "DigestRequired",
  container: "web",
  image: "nginx",
  message: "[digests] uses a tag",
  pods,
  templates,
});
const result = (changes: Partial<AuditResult> = {}): AuditResult => ({
  cluster: "kind",
  pods: 2,
  templates: 0,
  namespaces: 3,
  images: [image, image],
  policies: [],
  findings: [],
  notes: [],
  ...changes,
});
const lines = (changes: Partial<AuditResult>, columns = Infinity): readonly string[] =>
  textReport(result(changes), columns).split("\n");

describe("the audit's text", () => {
  it("counts in words as people do", () => {
    assert.equal(lines({})[0], "kind: 2 pods and 0 templates in 3 namespaces run 2 images, 2 of them by a tag alone.");
    assert.equal(
      lines({ pods: 1, templates: 1, namespaces: 1, images: [image] })[0],
      "kind: 1 pod and 1 template in 1 namespace run 1 image, 1 of them by a tag alone.",
    );
    for (const [pods, templates, said] of [
      [1, 0, "1 pod"],
      [0, 2, "2 templates"],
      [3, 1, "3 pods, 1 template"],
    ] as const)
      assert.equal(
        lines({ policies: [radius([])], findings: [finding(pods, templates)] }).at(-2),
        `  shop Deployment/web (${said}): refused: uses a tag`,
      );
  });

  const many = ["argocd", "checkout", "default", "ingress-nginx", "monitoring", "payments", "search", "shop"];
  for (const [columns, policy, namespaces] of [
    [Infinity, "digests", many.join(",")],
    [160, "digests", many.join(",")],
    [80, "digests", "argocd,checkout and 6 more"],
    [80, "a-policy-with-a-name-of-its-own", "8"],
    [20, "digests", "8"],
  ] as const)
    it(`names as many namespaces as ${columns} columns have room for, and counts the others: ${policy}`, () => {
      const [head = "", row = ""] = lines({ policies: [radius(many, policy)] }, columns).slice(3);
      assert.equal(row.slice(head.indexOf("NAMESPACES")), namespaces);
      if (columns > 60) assert.ok(row.length <= columns);
    });

  it("says where a policy refuses nothing", () => {
    assert.match(lines({ policies: [radius([])] }, 80)[4] ?? "", / {3}-$/);
  });
});
