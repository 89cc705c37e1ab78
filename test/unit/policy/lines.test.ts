import assert from "node:assert/strict";
import fc from "fast-check";
import { linesOf } from "../../../policy/finding/lines.ts";
import type { Finding, Reason, RuleName } from "../../../policy/finding/finding.ts";

const ADVICE = "write docker.io/library/nginx@sha256:... (crane digest nginx:1.21)";
const DETAILS: Partial<Record<Reason, string>> = {
  DigestRequired: `uses a tag; ${ADVICE}`,
  TagNotPinned: `uses a tag, and signatures can only judge a digest; ${ADVICE}`,
  RegistryNotAllowed: "docker.io/library/nginx is not allowed; allowed: ghcr.io",
  RegistryDenied: 'docker.io/library/nginx is denied by "docker.io"',
  LookalikeRegistry: "registry docker.io is not allowed",
};
const RULES: Partial<Record<Reason, RuleName>> = {
  TagNotPinned: "signatures",
  RegistryNotAllowed: "registries",
  RegistryDenied: "registries",
  LookalikeRegistry: "registries",
};

const found = (policy: string, container: string, reason: Reason, changes: Partial<Finding> = {}): Finding => {
  const { image = "nginx:1.21" } = changes;
  return {
    policy,
    rule: RULES[reason] ?? "digest",
    reason,
    container,
    image,
    action: "deny",
    message: `[${policy}] container "${container}", image "${image}": ${reason}: ${DETAILS[reason] ?? "x"}`,
    ...changes,
  };
};
const texts = (...of: Parameters<typeof linesOf>): readonly string[] => linesOf(...of).map(({ text }) => text);

describe("linesOf", () => {
  it("says what several policies say once, and names them", () => {
    const three = ["web-team", "production", "digest-required"].map((name) => found(name, "web", "DigestRequired"));
    assert.deepEqual(texts(three), [
      `[digest-required, production, web-team] container "web", image "nginx:1.21": DigestRequired: uses a tag; ${ADVICE}`,
    ]);
  });

  it("goes by container, and says where an image comes from before what it is", () => {
    const findings = [
      found("a", "web", "DigestRequired", { image: "x" }),
      found("a", "api", "DigestRequired", { image: "y" }),
      found("b", "web", "RegistryNotAllowed", { image: "x" }),
      found("b", "api", "RegistryNotAllowed", { image: "y" }),
    ];
    assert.deepEqual(
      linesOf(findings).map(({ finding: { container, reason } }) => `${container} ${reason}`),
      ["api RegistryNotAllowed", "api DigestRequired", "web RegistryNotAllowed", "web DigestRequired"],
    );
  });

  it("leaves TagNotPinned away where DigestRequired of the same policy has said it", () => {
    const both = [found("p", "web", "DigestRequired"), found("p", "web", "TagNotPinned")];
    assert.deepEqual(texts(both), texts([both[0]!]));
    for (const [other, why] of [
      [found("q", "web", "DigestRequired"), "another policy"],
      [found("p", "api", "DigestRequired"), "another container"],
      [found("p", "web", "DigestRequired", { image: "busybox" }), "another image"],
    ] as const)
      assert.equal(linesOf([other, both[1]!]).length, 2, why);
  });

  it("advises no digest for an image whose registry another line refuses, be it by another policy or only a warning", () => {
    for (const reason of ["RegistryNotAllowed", "RegistryDenied", "LookalikeRegistry"] as const) {
      const registry = found("r", "web", reason, { action: "warn" });
      const tag = found("p", "web", "DigestRequired");
      const content = found("q", "web", "TagNotPinned");
      const [, ...lines] = texts([registry, tag, content]);
      assert.deepEqual(lines, [
        '[p] container "web", image "nginx:1.21": DigestRequired: uses a tag',
        '[q] container "web", image "nginx:1.21": TagNotPinned: uses a tag, and signatures can only judge a digest',
      ]);
      assert.deepEqual(texts([tag], [registry, tag]), [lines[0]]);
      const elsewhere = { ...registry, image: "busybox" };
      assert.match(texts([tag], [elsewhere, tag])[0] ?? "", /crane digest nginx:1\.21\)$/);
    }
  });

  it("takes every advice of a digest away: of what is malformed, of a tag beside a digest, of a tag that moved", () => {
    const digest = `sha256:${"a".repeat(64)}`;
    const image = `nginx:1.21@${digest}`;
    const said = (reason: Reason, written: string, detail: string): string | undefined => {
      const message = `[p] container "web", image "${written}": ${reason}: ${detail}`;
      const one = found("p", "web", reason, { image: written, message });
      return texts([one], [one, found("r", "web", "RegistryDenied", { image: written })])[0];
    };
    assert.match(
      said("TagForbidden", image, `has a tag; write docker.io/library/nginx@${digest}`) ?? "",
      /: has a tag$/,
    );
    assert.match(
      said("TagDrift", image, "no longer names it; deploy that digest or restore the tag") ?? "",
      /names it$/,
    );
    assert.match(
      said("DigestMalformed", "nginx@sha256:abc", "is cut; write docker.io/library/nginx@sha256:<64 hex>") ?? "",
      /: is cut$/,
    );
  });

  it("names eight policies and counts the others", () => {
    const many = Array.from({ length: 11 }, (_, index) => found(`p${index + 10}`, "web", "DigestRequired"));
    assert.match(texts(many)[0] ?? "", /^\[p10, p11, .*p17 and 3 more\] /);
    assert.match(texts(many, many, 3)[0] ?? "", /^\[p10, p11, p12 and 8 more\] /);
  });

  it("has something to say wherever there is a finding, and says the same whatever their order", () => {
    const one = fc
      .record({
        policy: fc.constantFrom("p", "q", "r"),
        container: fc.constantFrom("a", "b"),
        reason: fc.constantFrom<Reason>("DigestRequired", "TagNotPinned", "RegistryDenied", "TagDrift"),
        image: fc.constantFrom("nginx:1.21", "busybox"),
      })
      .map(({ policy, container, reason, image }) => found(policy, container, reason, { image }));
    const shuffled = fc.array(one, { minLength: 1, maxLength: 12 }).chain((findings) =>
      fc.record({
        findings: fc.constant(findings),
        other: fc.shuffledSubarray(findings, { minLength: findings.length }),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ findings, other }) => {
        const lines = texts(findings);
        assert.ok(lines.length > 0 && new Set(lines).size === lines.length);
        assert.deepEqual(texts(other), lines);
        for (const { policy, container, image, reason } of findings) {
          if (reason === "TagNotPinned") continue;
          const place = `container "${container}", image "${image}": ${reason}:`;
          const names = (line: string): boolean => line.slice(1, line.indexOf("]")).split(", ").includes(policy);
          assert.ok(
            lines.some((line) => line.includes(place) && names(line)),
            place,
          );
        }
      }),
    );
  });
});
