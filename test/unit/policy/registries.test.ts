import assert from "node:assert/strict";
import type { PolicySpec } from "../../../crds/types.ts";
import { judge, policy, subject } from "./judging.ts";

type Registries = NonNullable<PolicySpec["registries"]>;

/** What the rule says of one image: the reason, or nothing. */
const reasons = (registries: Registries, image: string, namespace = "team"): readonly string[] =>
  judge([policy({ registries })], subject([image], { namespace })).findings.map(({ reason }) => reason);

describe("registries", () => {
  const table: readonly (readonly [Registries, image: string, reasons: readonly string[], why: string])[] = [
    [{ allow: ["registry.company.com"] }, "registry.company.com/app:v1", [], "allowed"],
    [{ allow: ["registry.company.com"] }, "nginx", ["RegistryNotAllowed"], "not allowed"],
    [{ allow: ["registry.company.com", "ghcr.io/myorg/**"] }, "ghcr.io/myorg/app", [], "one pattern is enough"],
    [
      { allow: ["registry.company.com", "ghcr.io/myorg/**"] },
      "ghcr.io/other/app",
      ["RegistryNotAllowed"],
      "the host alone is not",
    ],
    [{ allow: [] }, "registry.company.com/app", ["RegistryNotAllowed"], "an empty list allows nothing"],
    [{ deny: ["docker.io"] }, "quay.io/app", [], "without allow there is no allowlist"],
    [{ deny: ["docker.io"] }, "nginx", ["RegistryDenied"], "denied"],
    [{ deny: ["docker.io"] }, "registry-1.docker.io/library/nginx", ["RegistryDenied"], "by every spelling"],
    [{ deny: ["docker.io"], allow: ["**"] }, "nginx", ["RegistryDenied"], "deny wins over allow"],
    [{ allow: ["docker.io/library/**"], deny: ["docker.io"] }, "nginx", ["RegistryDenied"], "however narrow allow is"],
    [
      { allow: ["registry.company.com"] },
      "registry.company.com.evil.io/app",
      ["LookalikeRegistry"],
      "a prefix attack is named",
    ],
    [{ allow: ["registry.company.com"] }, "registry.c0mpany.com/app", ["LookalikeRegistry"], "a homoglyph is named"],
    [
      { allow: ["*.company.com/**"] },
      "registry.c0mpany.com/app",
      ["RegistryNotAllowed"],
      "only literal hosts are compared",
    ],
    [{ allow: ["gcr.io"] }, "ghcr.io/app", ["RegistryNotAllowed"], "well-known registries imitate nobody"],
    [
      { deny: ["quay.io"], allow: ["registry.company.com"] },
      "registry.company.com/quay.io/app",
      [],
      "a path is no host",
    ],
  ];
  for (const [rule, image, expected, why] of table) {
    it(`${JSON.stringify(rule)} on ${image}: ${why}`, () => assert.deepEqual(reasons(rule, image), expected));
  }

  describe("by namespace", () => {
    const rule: Registries = {
      allow: ["registry.company.com"],
      namespaces: [
        { names: ["payments", "pci-*"], allow: ["registry.company.com/payments/**"] },
        { names: ["pci-*"], allow: ["registry.company.com/payments/audited/**", "quay.io"] },
        { names: ["closed"], allow: [] },
      ],
    };
    const table: readonly (readonly [namespace: string, image: string, count: number, why: string])[] = [
      ["team", "registry.company.com/app", 0, "no entry names it"],
      ["payments", "registry.company.com/payments/app", 0, "the entry allows it"],
      ["payments", "registry.company.com/app", 1, "the entry does not"],
      ["payments", "quay.io/payments/app", 2, "neither list does"],
      ["pci-eu", "registry.company.com/payments/audited/app", 0, "both entries allow it"],
      ["pci-eu", "registry.company.com/payments/app", 1, "the second does not"],
      ["pci-eu", "quay.io/app", 2, "an entry only narrows"],
      ["closed", "registry.company.com/app", 1, "an empty list allows nothing"],
      ["xpci-eu", "registry.company.com/app", 0, "globs are anchored"],
    ];
    for (const [namespace, image, count, why] of table) {
      it(`${image} in ${namespace}: ${why}`, () => assert.equal(reasons(rule, image, namespace).length, count));
    }
    it("takes no registry that the policy allows elsewhere for an imitation", () => {
      const two = {
        allow: ["eu.company.com", "us.company.com"],
        namespaces: [{ names: ["eu"], allow: ["eu.company.com"] }],
      };
      assert.deepEqual(reasons(two, "us.company.com/app", "eu"), ["RegistryNotAllowed"]);
      assert.deepEqual(reasons(two, "ux.company.com/app", "team"), ["LookalikeRegistry"]);
    });
    it("narrows without an allowlist for all", () => {
      const only = { namespaces: [{ names: ["payments"], allow: ["registry.company.com"] }] };
      assert.deepEqual(reasons(only, "nginx", "team"), []);
      assert.deepEqual(reasons(only, "nginx", "payments"), ["RegistryNotAllowed"]);
    });
  });

  describe("messages", () => {
    const message = (registries: Registries, image: string, namespace = "team"): string =>
      judge([policy({ registries }, "production")], subject([image], { namespace })).findings[0]?.message ?? "";

    it("name the registry and what is allowed", () => {
      assert.equal(
        message({ allow: ["registry.company.com", "ghcr.io/myorg/**"], deny: ["docker.io"] }, "nginx:latest"),
        '[production] container "c0", image "nginx:latest": RegistryDenied: docker.io/library/nginx is denied by "docker.io"; ' +
          "allowed: registry.company.com, ghcr.io/myorg/**",
      );
      assert.equal(
        message({ allow: ["registry.company.com"] }, "quay.io/a/b"),
        '[production] container "c0", image "quay.io/a/b": RegistryNotAllowed: quay.io/a/b is not allowed; allowed: registry.company.com',
      );
      assert.match(message({ allow: [] }, "nginx"), /no registry is allowed$/);
    });
    it("name the namespace whose list it is", () => {
      assert.match(
        message({ namespaces: [{ names: ["pay*"], allow: ["a.b"] }] }, "nginx", "pay1"),
        /docker\.io\/library\/nginx is not allowed in namespace pay1; allowed: a\.b$/,
      );
    });
    const lookalikes: readonly (readonly [image: string, RegExp])[] = [
      [
        "registry.company.com.evil.io/app",
        /another domain that begins with registry\.company\.com; did you mean registry\.company\.com\/app\?/,
      ],
      [
        "registry.c0mpany.com/app",
        /letters that look like those of registry\.company\.com; did you mean registry\.company\.com\/app\?/,
      ],
      [
        "registry.xn--cmpany-wqf.com/app",
        /look like those of registry\.company\.com \(registry\.c\u043empany\.com\); did you mean/,
      ],
      [
        "regsitry.company.com/a/b",
        /one edit away from registry\.company\.com; did you mean registry\.company\.com\/a\/b\?/,
      ],
    ];
    for (const [image, expected] of lookalikes) {
      it(`tell how ${image} looks alike`, () =>
        assert.match(message({ allow: ["registry.company.com"] }, image), expected));
    }
    it("stay short however long the list is", () => {
      const allow = Array.from({ length: 100 }, (_, index) => `registry${index}.company.com`);
      assert.match(message({ allow }, "nginx"), /registry7\.company\.com and 92 more$/);
    });
  });

  describe("with a pattern that cannot be read", () => {
    const unavailable = ["EvidenceUnavailable"];
    it("says so of what no other pattern allows", () => {
      assert.deepEqual(reasons({ allow: ["a.b", "nginx"] }, "a.b/app"), []);
      assert.deepEqual(reasons({ allow: ["a.b", "nginx"] }, "c.d/app"), unavailable);
      assert.deepEqual(reasons({ namespaces: [{ names: ["team"], allow: ["nginx"] }] }, "c.d/app"), unavailable);
    });
    it("says so of what no other pattern denies", () => {
      assert.deepEqual(reasons({ deny: ["a.b", "nginx"] }, "a.b/app"), ["RegistryDenied"]);
      assert.deepEqual(reasons({ deny: ["a.b", "nginx"] }, "c.d/app"), unavailable);
    });
    it("is a fault of the policy, with the form to write", () => {
      const { faults } = policy({ registries: { deny: ["a.b", "nginx"] } });
      assert.deepEqual(
        faults.map(({ reason, path }) => [reason, path]),
        [["PatternInvalid", "spec.registries.deny[1]"]],
      );
      assert.match(faults[0]?.message ?? "", /"nginx" is ambiguous; write docker\.io\/library\/nginx/);
    });
  });
});
