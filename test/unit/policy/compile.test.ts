import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import type { PolicySpec } from "../../../crds/types.ts";
import type { Resolve } from "../../../policy/compile/resolve.ts";
import { parseReference, type Reference } from "../../../policy/image/reference.ts";
import { DIGEST, judge, NO_FACTS, policy, subject, verdicts, type Place } from "./judging.ts";

const PEM = generateKeyPairSync("ec", { namedCurve: "P-256" })
  .publicKey.export({ format: "pem", type: "spki" })
  .toString();
const OTHER_PEM = generateKeyPairSync("ec", { namedCurve: "P-256" })
  .publicKey.export({ format: "pem", type: "spki" })
  .toString();

const reference = (image: string): Reference => {
  const parsed = parseReference(image);
  assert.ok("reference" in parsed);
  return parsed.reference;
};

describe("compilePolicy", () => {
  describe("match", () => {
    type Match = NonNullable<PolicySpec["match"]>;
    const table: readonly (readonly [Match, Place, boolean, why: string])[] = [
      [{}, {}, true, "an empty match is everything"],
      [{ namespaces: ["prod-*"] }, { namespace: "prod-eu" }, true, "a glob"],
      [{ namespaces: ["prod-*"] }, { namespace: "xprod-eu" }, false, "anchored"],
      [{ namespaces: ["prod"] }, { namespace: "prod-eu" }, false, "no prefix"],
      [{ excludeNamespaces: ["kube-*"] }, { namespace: "kube-system" }, false, "excluded"],
      [{ excludeNamespaces: ["kube-*"] }, { namespace: "team" }, true, "not excluded"],
      [{ namespaces: ["*"], excludeNamespaces: ["kube-*"] }, { namespace: "kube-system" }, false, "exclusion wins"],
      [{ namespaceSelector: { matchLabels: { env: "prod" } } }, { namespaceLabels: { env: "prod" } }, true, "by label"],
      [{ namespaceSelector: { matchLabels: { env: "prod" } } }, { namespaceLabels: {} }, false, "no such label"],
      [
        { namespaceSelector: { matchLabels: { env: "prod" } } },
        { namespaceLabels: undefined },
        true,
        "labels that could not be read",
      ],
      [
        { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "team" } } },
        { namespaceLabels: {} },
        true,
        "the name as a label",
      ],
      [{ objectSelector: { matchLabels: { tier: "web" } } }, { labels: { tier: "web" } }, true, "by the pod's labels"],
      [
        { objectSelector: { matchLabels: { tier: "web" } } },
        { kind: "CronJob", labels: { tier: "web" } },
        true,
        "by the template's labels",
      ],
      [{ objectSelector: { matchLabels: { tier: "web" } } }, {}, false, "no such label"],
      [{ workloads: "Pods" }, { kind: "Pod" }, true, "a Pod"],
      [{ workloads: "Pods" }, { kind: "Deployment" }, false, "a template"],
      [{ workloads: "All" }, { kind: "Deployment" }, true, "everything"],
      [{ namespaces: ["prod", "team"] }, {}, true, "one of several is enough"],
      [{ excludeNamespaces: ["prod", "team"] }, {}, false, "one of several excludes"],
      [
        { namespaceSelector: { matchLabels: { env: "prod", tier: "web" } } },
        { namespaceLabels: { env: "prod", tier: "db" } },
        false,
        "each label must hold",
      ],
      [{ namespaces: ["team"], objectSelector: { matchLabels: { tier: "web" } } }, {}, false, "each part must hold"],
    ];
    for (const [match, place, matches, why] of table) {
      it(`${JSON.stringify(match)} ${matches ? "is" : "is not"} about ${JSON.stringify(place)}: ${why}`, () => {
        assert.equal(policy({ match, digest: {} }).matchesSubject(subject(["nginx"], place)), matches);
      });
    }

    const images: readonly (readonly [Match, image: string, boolean, why: string])[] = [
      [{}, "nginx", true, "everything"],
      [{ images: ["registry.company.com/**"] }, "registry.company.com/app", true, "named"],
      [{ images: ["registry.company.com/**"] }, "nginx", false, "not named"],
      [{ images: ["registry.company.com/**", "docker.io"] }, "nginx", true, "one of several is enough"],
      [{ excludeImages: ["registry.company.com/**", "docker.io"] }, "nginx", false, "one of several excludes"],
      [{ images: ["docker.io"], excludeImages: ["docker.io/team/**"] }, "nginx", true, "named and not excluded"],
      [{ images: ["docker.io"] }, "index.docker.io/nginx", true, "by every spelling"],
      [{ excludeImages: ["registry.company.com/base/**"] }, "registry.company.com/base/os", false, "excluded"],
      [{ images: ["**"], excludeImages: ["docker.io"] }, "nginx", false, "exclusion wins"],
    ];
    for (const [match, image, matches, why] of images) {
      it(`${JSON.stringify(match)} ${matches ? "is" : "is not"} about ${image}: ${why}`, () => {
        assert.equal(policy({ match, digest: {} }).matchesImage(reference(image)), matches);
      });
    }
    it("holds for what does not parse: it could be anything", () => {
      for (const match of [{ images: ["a.b"] }, { excludeImages: ["a.b"] }]) {
        assert.equal(policy({ match, digest: {} }).matchesImage(undefined), true);
      }
    });

    it("judges more where a part cannot be read, never less", () => {
      const broken: readonly Readonly<Record<string, unknown>>[] = [
        { namespaces: [] },
        { namespaces: "prod" },
        { images: ["nginx"] },
        { images: [] },
        { namespaceSelector: {} },
        { namespaceSelector: { matchExpressions: [{ key: "a", operator: "Gt", values: ["1"] }] } },
        { objectSelector: { matchExpressions: [{ key: "a", operator: "In" }] } },
        { newField: "x" },
        { workloads: "Some" },
      ];
      for (const match of broken) {
        const compiled = policy({ match, digest: {} });
        assert.equal(compiled.faults.length > 0, true, JSON.stringify(match));
        assert.ok(
          compiled.faults.every(({ path }) => path.startsWith("spec.match")),
          JSON.stringify(compiled.faults),
        );
        assert.equal(compiled.matchesSubject(subject(["nginx"])), true, JSON.stringify(match));
        assert.equal(compiled.matchesImage(reference("registry.company.com/app")), true, JSON.stringify(match));
      }
      const exclusion = policy({ match: { excludeImages: ["nginx"], excludeNamespaces: [] }, digest: {} });
      assert.equal(exclusion.matchesImage(reference("nginx")), true);
      assert.equal(exclusion.faults.length, 2);
    });
  });

  describe("enforcementOverrides", () => {
    const overrides: PolicySpec = {
      digest: {},
      enforcementAction: "deny",
      enforcementOverrides: [
        { namespaces: ["dev-*"], action: "warn" },
        { namespaceSelector: { matchLabels: { stage: "trial" } }, action: "dryrun" },
        { namespaces: ["dev-strict", "test"], action: "deny" },
      ],
    };
    const table: readonly (readonly [
      namespace: string,
      labels: Record<string, string> | undefined,
      action: string,
      why: string,
    ])[] = [
      ["dev-1", {}, "warn", "the first that names it"],
      ["dev-strict", {}, "warn", "not a later one"],
      ["prod", {}, "deny", "none names it"],
      ["prod", { stage: "trial" }, "dryrun", "by label"],
      ["prod", undefined, "deny", "labels that could not be read never soften"],
      ["dev-1", undefined, "warn", "a name needs no labels"],
    ];
    for (const [namespace, labels, action, why] of table) {
      it(`${namespace} ${JSON.stringify(labels)}: ${action}: ${why}`, () => {
        assert.equal(policy(overrides).actionIn(namespace, labels), action);
      });
    }
    it("decide by the strictest of those that may name a namespace whose labels could not be read", () => {
      const bySelector = (action: string): object => ({ namespaceSelector: { matchLabels: { env: "prod" } }, action });
      const byName = (action: string): object => ({ namespaces: ["a"], action });
      const cases: readonly (readonly [overrides: readonly object[], otherwise: string, action: string])[] = [
        [[bySelector("deny"), byName("warn")], "dryrun", "deny"],
        [[bySelector("dryrun"), byName("warn")], "deny", "warn"],
        [[bySelector("deny"), bySelector("dryrun")], "dryrun", "deny"],
        [[bySelector("dryrun"), bySelector("warn")], "dryrun", "warn"],
        [[bySelector("dryrun"), bySelector("dryrun")], "warn", "warn"],
      ];
      for (const [enforcementOverrides, enforcementAction, action] of cases) {
        const compiled = policy({ digest: {}, enforcementAction, enforcementOverrides });
        assert.equal(compiled.actionIn("a", undefined), action, JSON.stringify(enforcementOverrides));
      }
    });
    it("never soften where one cannot be read", () => {
      const broken = [
        [{ action: "dryrun" }],
        [{ namespaces: ["a"], namespaceSelector: { matchLabels: { a: "b" } }, action: "dryrun" }],
        [{ namespaceSelector: { matchExpressions: [{ key: "a", operator: "In" }] }, action: "dryrun" }],
        [{ namespaces: [], action: "dryrun" }],
        [{ namespaces: ["a"], action: "off" }],
        [{ namespaces: ["a"], action: "dryrun", more: 1 }],
        "dryrun",
      ];
      for (const enforcementOverrides of broken) {
        const compiled = policy({ digest: {}, enforcementAction: "warn", enforcementOverrides });
        assert.ok(compiled.faults.length > 0, JSON.stringify(enforcementOverrides));
        assert.notEqual(compiled.actionIn("a", {}), "dryrun", JSON.stringify(enforcementOverrides));
      }
    });
    it("may be stricter where one cannot be read", () => {
      for (const enforcementOverrides of ["deny", [], [{ namespaces: ["a"] }], [{ names: ["a"], action: "deny" }]]) {
        const unreadable = policy({ digest: {}, enforcementAction: "warn", enforcementOverrides });
        assert.equal(unreadable.actionIn("a", {}), "deny", JSON.stringify(enforcementOverrides));
      }
      const compiled = policy({
        digest: {},
        enforcementAction: "warn",
        enforcementOverrides: [{ namespaceSelector: { matchLabels: { env: "prod" } }, action: "deny" }],
      });
      assert.equal(compiled.actionIn("a", undefined), "deny");
      assert.equal(compiled.actionIn("a", {}), "warn");
    });
  });

  it("fills in the schema's defaults", () => {
    const compiled = policy({ digest: {}, scan: {}, registries: { deny: ["a.b"] } });
    assert.deepEqual(compiled.digest, {
      required: true,
      allowTag: true,
      verify: false,
      pin: "Never",
      tagDrift: "Ignore",
    });
    assert.equal(compiled.onUnavailable, "deny");
    assert.equal(compiled.actionIn("x", {}), "deny");
    assert.equal(compiled.audited, true);
    assert.equal(compiled.registries?.allow, undefined);
    assert.deepEqual(
      compiled.scan?.sources.map(({ type }) => type),
      ["imageAnnotation"],
    );
    assert.deepEqual(compiled.faults, []);
  });

  describe("key", () => {
    const secret =
      (pem: string): Resolve =>
      () => ({ status: "found", text: pem });
    const spec: PolicySpec = {
      authorities: [
        { name: "a", key: { secretRef: { namespace: "n", name: "s", key: "k" } }, transparencyLog: "Ignored" },
      ],
      signatures: { authorities: ["a"] },
    };
    const key = (one: PolicySpec, resolve: Resolve = secret(PEM)): string => policy(one, "p", resolve).key;

    it("is the same for the same specification, however it is written", () => {
      assert.equal(key(spec), key({ signatures: { authorities: ["a"] }, authorities: spec.authorities ?? [] }));
      assert.equal(key(spec), key({ ...spec, enforcementAction: "deny" }), "a default written out");
      assert.match(key(spec), /^[0-9a-f]{64}$/);
    });
    it("changes with the specification and with what it refers to", () => {
      assert.notEqual(key(spec), key({ ...spec, enforcementAction: "warn" }));
      assert.notEqual(key(spec), key(spec, secret(OTHER_PEM)));
      assert.notEqual(
        key(spec),
        key(spec, () => ({ status: "missing", message: "gone" })),
      );
    });
  });

  it("names the hosts of a policy, for metrics and credentials", () => {
    const compiled = policy({
      match: { images: ["a.io/**", "*.b.io"] },
      registries: {
        allow: ["c.io:5000", "myorg/app", "**"],
        deny: ["d.io"],
        namespaces: [{ names: ["x"], allow: ["e.io"] }],
      },
      authorities: [{ name: "k", key: { pem: PEM }, repository: "sigs.io/all", transparencyLog: "Ignored" }],
    });
    assert.deepEqual([...compiled.registryHosts].sort(), ["a.io", "c.io:5000", "d.io", "docker.io", "e.io", "sigs.io"]);
    assert.deepEqual(
      compiled.namedPatterns.map(({ text }) => text),
      ["a.io/**", "*.b.io", "c.io:5000", "myorg/app", "e.io"],
    );
  });

  describe("what it cannot read", () => {
    const unavailable = "deny EvidenceUnavailable";
    const table: readonly (readonly [
      spec: Readonly<Record<string, unknown>>,
      path: string,
      rule: string,
      why: string,
    ])[] = [
      [{ registries: {} }, "spec.registries", "registries", "a rule that a template left empty"],
      [{ registries: { allow: "registry.company.com" } }, "spec.registries.allow", "registries", "a text for a list"],
      [{ registries: { allow: ["a.b"], only: [] } }, "spec.registries.only", "registries", "an unknown field"],
      [{ registries: { deny: [] } }, "spec.registries.deny", "registries", "an empty list"],
      [
        { registries: { namespaces: [{ names: ["a"] }] } },
        "spec.registries.namespaces[0].allow",
        "registries",
        "a field that is missing",
      ],
      [{ digest: { required: "no" } }, "spec.digest.required", "digest", "a text for a boolean"],
      [{ digest: { pin: "Sometimes" } }, "spec.digest.pin", "digest", "an unknown value"],
      [{ digest: [] }, "spec.digest", "digest", "a list for an object"],
      [{ scan: { minScore: 101 } }, "spec.scan.minScore", "scan", "out of bounds"],
      [{ scan: { minScore: 1.5 } }, "spec.scan.minScore", "scan", "not a whole number"],
      [{ attestations: [{ predicateType: "x" }] }, "spec.attestations[0].authorities", "attestations", "no authority"],
      [{ digest: {}, provenance: {} }, "spec.provenance", "reference", "a layer of a later version"],
      [
        { digest: {}, signatures: { authorities: ["a"], threshold: 2 } },
        "spec.signatures.threshold",
        "signatures",
        "a setting of a later version",
      ],
    ];
    for (const [spec, path, rule, why] of table) {
      it(`${JSON.stringify(spec)}: ${why}`, () => {
        const compiled = policy(spec);
        assert.ok(
          compiled.faults.some((fault) => fault.path === path && fault.reason === "InvalidSpec"),
          JSON.stringify(compiled.faults),
        );
        const { findings } = judge([compiled], subject([`a.b/app@${DIGEST}`]));
        assert.ok(
          findings.some((one) => one.rule === rule && `${one.action} ${one.reason}` === unavailable),
          JSON.stringify(findings),
        );
      });
    }

    const scans: readonly (readonly [scan: Readonly<Record<string, unknown>>, why: string])[] = [
      [{ sources: [{ imageAnnotation: {}, podAnnotation: { key: "x" } }] }, "a source that could be two"],
      [{ sources: [{}] }, "a source that is none"],
      [{ sources: [{}, { vulnerabilityReport: {} }] }, "reports beside a source that could judge templates"],
      [{ sources: [{ vulnerabilityReport: {} }], maxAge: "soon" }, "reports, whose rule cannot be read"],
    ];
    for (const [scan, why] of scans) {
      it(`refuses templates as it does pods: ${JSON.stringify(scan)}, ${why}`, () => {
        for (const kind of ["Pod", "Deployment", "CronJob"]) {
          const { findings } = judge([policy({ scan })], subject([`a.b/app@${DIGEST}`], { kind }), () => NO_FACTS);
          assert.deepEqual(
            findings.map(({ rule, action, reason }) => `${rule}: ${action} ${reason}`),
            [`scan: ${unavailable}`],
            kind,
          );
        }
      });
    }

    it("takes nulls for what is not there, as the API server does", () => {
      const compiled = policy({ digest: { required: null }, registries: null, match: { images: null } });
      assert.deepEqual(compiled.faults, []);
      assert.equal(compiled.digest?.required, true);
    });

    it("a fault takes the enforcement action, never onUnavailable", () => {
      const compiled = policy({
        digest: { pin: "x", required: false },
        enforcementAction: "warn",
        onUnavailable: "allow",
      });
      assert.deepEqual(verdicts(judge([compiled], subject(["nginx"]))), ["warn digest EvidenceUnavailable"]);
    });

    it("whatever it is, it does not throw", () => {
      for (const spec of [
        undefined,
        null,
        5,
        "deny",
        [],
        {},
        { match: 5 },
        { authorities: [null] },
        { __proto__: { digest: {} } },
      ]) {
        const compiled = policy(spec as never);
        assert.ok(compiled.faults.length > 0, JSON.stringify(spec));
      }
    });

    it("an authority that cannot be read is missing to its users", () => {
      const compiled = policy({
        authorities: [{ name: "a", key: { pem: PEM, extra: 1 } }],
        signatures: { authorities: ["a"] },
      });
      assert.equal(compiled.authorities.size, 0);
      assert.deepEqual(
        verdicts(
          judge([compiled], subject([`a.b/app@${DIGEST}`]), () => ({
            signatures: new Map(),
            attestations: new Map(),
            scans: new Map(),
          })),
        ),
        ["deny signatures EvidenceUnavailable"],
      );
    });

    it("names authorities that nobody defined", () => {
      const paths = policy({
        signatures: { authorities: ["x"] },
        attestations: [{ predicateType: "https://slsa.dev/provenance/v1", authorities: ["x"] }],
        scan: { sources: [{ attestation: { authorities: ["x"] } }], vex: { authorities: ["x"] } },
        baseImages: { authorities: ["x"] },
      }).faults.map(({ path, reason }) => `${reason} ${path}`);
      assert.deepEqual(paths, [
        "InvalidSpec spec.scan.sources[0].attestation.authorities",
        "InvalidSpec spec.scan.vex.authorities",
        "InvalidSpec spec.signatures.authorities",
        "InvalidSpec spec.attestations[0].authorities",
        "InvalidSpec spec.baseImages.authorities",
      ]);
    });
  });
});
