import assert from "node:assert/strict";
import type { ExceptionSpec, PolicySpec } from "../../../crds/types.ts";
import { compileAdmissionRules, type CompiledAdmissionRules } from "../../../policy/admissionPolicies/compile.ts";
import { matches, matchesAny } from "../../../policy/admissionPolicies/patterns.ts";
import { namesNamespace, selects } from "../../../policy/admissionPolicies/subject.ts";
import { compilePolicy } from "../../../policy/compile/policy.ts";
import type { CompiledPolicy } from "../../../policy/compiledPolicy.ts";
import { compileException } from "../../../policy/exceptions/compileException.ts";
import { parsePattern, type ImagePattern } from "../../../policy/image/pattern.ts";

const NOW = Date.parse("2026-06-01T00:00:00Z");

const policy = (spec: PolicySpec, name = "p"): CompiledPolicy =>
  compilePolicy({ apiVersion: "imagesecurity.dev/v1", kind: "ImageSecurityPolicy", metadata: { name }, spec }, () => ({
    status: "missing",
    reason: "ReferenceNotFound",
    message: "is not there",
  }));
const said = (
  spec: PolicySpec,
  {
    others = [],
    exceptions = [],
    placeholders = [],
  }: {
    others?: readonly PolicySpec[];
    exceptions?: readonly Partial<ExceptionSpec>[];
    placeholders?: readonly string[];
  } = {},
): CompiledAdmissionRules => {
  const own = policy(spec);
  return compileAdmissionRules(own, {
    policies: [own, ...others.map((one, index) => policy(one, `other${index}`))],
    exceptions: exceptions.map((one, index) =>
      compileException(
        {
          apiVersion: "imagesecurity.dev/v1",
          kind: "ImageSecurityException",
          metadata: { name: `e${index}`, creationTimestamp: "2026-05-30T00:00:00Z" },
          spec: {
            policies: ["*"],
            rules: ["All"],
            match: { images: ["docker.io/**"] },
            reason: "a test",
            expires: "2026-06-02T00:00:00Z",
            ...one,
          },
        },
        { maxDuration: 90 * 86_400_000, now: NOW },
      ),
    ),
    placeholders,
    now: NOW,
  });
};
const rules = (...args: Parameters<typeof said>): Extract<CompiledAdmissionRules, { status: "said" }> => {
  const result = said(...args);
  return result.status === "said" ? result : assert.fail(result.message);
};
const variable = (result: ReturnType<typeof rules>, name: string): string =>
  result.rules.variables.find((one) => one.name === name)?.expression ?? assert.fail(`no variable ${name}`);
const pattern = (text: string): ImagePattern => {
  const parsed = parsePattern(text);
  return parsed.status === "ok" ? parsed.pattern : assert.fail(parsed.message);
};

describe("patterns in CEL", () => {
  for (const [text, expression] of [
    ["registry.company.com", 'i.registry == "registry.company.com"'],
    ["registry.company.com/**", 'i.registry == "registry.company.com"'],
    ["Registry.Company.com:443", 'i.registry == "registry.company.com"'],
    ["registry.company.com/team/app", 'i.name == "registry.company.com/team/app"'],
    ["library/nginx", 'i.name == "docker.io/library/nginx"'],
    ["docker.io/nginx", 'i.name == "docker.io/library/nginx"'],
    ["a.b/team/**", 'i.name.startsWith("a.b/team/")'],
    ["a.b/*/app", String.raw`i.name.matches(r"^a\.b/[^/]*/app$")`],
    ["a.b/**/app", String.raw`i.name.matches(r"^a\.b/(?:[^/]+/)*app$")`],
    ["a.b/t*/**", String.raw`i.name.matches(r"^a\.b/t[^/]*/(?:[^/]+/)*[^/]*$")`],
    ["*.b.c", String.raw`i.registry.matches(r"^[a-z0-9-]*\.b\.c$")`],
    ["*.docker.io", String.raw`i.registry == "docker.io" || i.registry.matches(r"^[a-z0-9-]*\.docker\.io$")`],
    ["*/nginx", '[i.repository, i.short].exists(path, path.matches(r"^nginx$"))'],
    ["**", "true"],
    ["a.b/app:v*", String.raw`i.name.matches(r"^a\.b/app$") && (i.tagged != "" && i.tagged.matches(r"^v.*$"))`],
  ] as const)
    it(text, () => assert.equal(matches(pattern(text)), expression));

  it("stand in lists where they are plain", () => {
    const texts = ["a.b", "c.d", "e.f/x", "e.f/y", "g.h/**", "g.h/i/**", "j.k/l/**", "*.m"];
    assert.equal(
      matchesAny(texts.map(pattern)),
      String.raw`i.registry in ["a.b", "c.d", "g.h"] || i.name in ["e.f/x", "e.f/y"] || ["g.h/i/", "j.k/l/"].exists(prefix, i.name.startsWith(prefix)) || i.registry.matches(r"^[a-z0-9-]*\.m$")`,
    );
  });
});

describe("namespaces and labels in CEL", () => {
  it("names", () => {
    assert.equal(namesNamespace(["a"]), 'request.namespace == "a"');
    assert.equal(
      namesNamespace(["a", "b-*", "*-c"]),
      'request.namespace == "a" || request.namespace.startsWith("b-") || request.namespace.matches(r"^.*-c$")',
    );
    assert.equal(namesNamespace(["a", "*"]), "true");
  });
  it("selectors, and none that Kubernetes would not read", () => {
    assert.equal(selects({ matchLabels: { 'a"b': "c" } }, "l"), String.raw`"a\"b" in l && l["a\"b"] == "c"`);
    assert.equal(
      selects({ matchExpressions: [{ key: "a", operator: "NotIn", values: ["b"] }] }, "l"),
      '!("a" in l && l["a"] in ["b"])',
    );
    assert.equal(selects({}, "l"), undefined);
    assert.equal(selects({ matchExpressions: [{ key: "a", operator: "In" }] }, "l"), undefined);
  });
});

describe("what is said of a policy in CEL", () => {
  it("nothing of one that refuses nothing, or whose part for it cannot be read", () => {
    const reason = (spec: PolicySpec): string => {
      const result = said(spec);
      return result.status === "unsaid" ? result.reason : "said";
    };
    assert.equal(reason({ enforcementAction: "warn", digest: {} }), "RefusesNothing");
    assert.equal(
      reason({
        enforcementAction: "dryrun",
        enforcementOverrides: [{ namespaces: ["a"], action: "warn" }],
        digest: {},
      }),
      "RefusesNothing",
    );
    assert.equal(
      reason({ enforcementAction: "warn", enforcementOverrides: [{ namespaces: ["a"], action: "deny" }], digest: {} }),
      "said",
    );
    const allow = Array.from({ length: 128 }, (_, index) => `a.b/${"c".repeat(200)}${index}`);
    const namespaces = Array.from({ length: 64 }, (_, index) => ({ names: [`n${index}`], allow }));
    assert.equal(reason({ registries: { namespaces } }), "TooLarge");
    assert.equal(reason({ registries: { allow: ["nginx"] } }), "PolicyNotReady");
    assert.equal(reason({ match: { images: ["nginx"] }, digest: {} }), "PolicyNotReady");
    assert.equal(reason({ match: { objectSelector: {} }, digest: {} }), "PolicyNotReady");
  });

  it("a policy whose keys are missing still refuses by registries, and its message says what it lacks", () => {
    const result = rules({
      registries: { allow: ["a.b"] },
      authorities: [{ name: "k", key: { secretRef: { namespace: "n", name: "s", key: "k" } } }],
      signatures: { authorities: ["k"] },
    });
    assert.match(variable(result, "message"), /the policy is not Ready: kubectl get isp p -o wide/);
    assert.ok(result.left.includes("signatures: what an image holds and who made it"), result.left.join());
  });

  it("lists what is left to the webhook", () => {
    const content = { verify: true, tagDrift: "Deny" } as const;
    const { left } = rules(
      { registries: { allow: ["[::1]/x"] }, digest: content },
      { others: [{ digest: { pin: "Pods" } }], exceptions: [{}] },
    );
    assert.deepEqual(left, [
      "digest.verify: whether the registry has it",
      "digest.tagDrift: where a tag leads now",
      "digest.required of images that are pinned by other0",
      "updates of images that exceptions are about (e0)",
      "registries with an IPv6 address",
      "that a registry looks like another",
      "objects with more than 64 images",
    ]);
    assert.deepEqual(rules({ digest: {} }).left, ["objects with more than 64 images"]);
  });

  it("of what an injector replaces in Pods: that it is no image elsewhere", () => {
    const judged = (...placeholders: readonly string[]): string =>
      variable(rules({ registries: { deny: ["docker.io"] } }, { placeholders }), "images")
        .split(".filter(i, ")
        .at(-1)!;
    const isNew = 'request.operation != "UPDATE" || !(i.image in variables.oldImages)';
    assert.equal(judged(), `${isNew})`);
    assert.equal(judged("auto"), `(${isNew}) && (request.kind.kind == "Pod" || !(i.image == "auto")))`);
    assert.match(
      judged("auto", "later"),
      / && \(request\.kind\.kind == "Pod" \|\| !\(i\.image in \["auto", "later"\]\)\)\)$/,
    );
  });

  it("no pins of a policy that changes nothing in any namespace", () => {
    const pinning: PolicySpec = { enforcementAction: "dryrun", digest: { pin: "Pods" } };
    const softly = { ...pinning, enforcementOverrides: [{ namespaces: ["a"], action: "dryrun" }] } as const;
    const somewhere = { ...pinning, enforcementOverrides: [{ namespaces: ["a"], action: "warn" }] } as const;
    const pinned = (other: PolicySpec): readonly string[] => {
      const { left, rules: said } = rules({ digest: {} }, { others: [other] });
      return [...left.filter((one) => one.includes("pinned")), ...said.variables.map(({ name }) => name)].filter(
        (name) => name.includes("pinned"),
      );
    };
    assert.deepEqual(pinned(pinning), []);
    assert.deepEqual(pinned(softly), []);
    assert.deepEqual(pinned(somewhere), ["digest.required of images that are pinned by other0", "pinned1"]);
    assert.deepEqual(pinned({ digest: { pin: "Pods" } }), pinned(somewhere));
  });

  it("nothing that changes nothing", () => {
    const result = rules(
      {
        match: { excludeImages: ["a.b"] },
        registries: { deny: ["c.d"], namespaces: [{ names: ["*"], allow: ["e.f"] }] },
      },
      { others: [{ digest: { pin: "Pods" } }], exceptions: [{ match: { namespaces: ["*"] } }] },
    );
    const { variables, validation } = result.rules;
    for (const expression of [...variables.map((one) => one.expression), validation.expression])
      assert.doesNotMatch(expression, /\btrue &&|&& true\b|\bfalse \|\||\|\| false\b/);
  });

  it("exceptions that are in force and about it, with their expiry", () => {
    const names = (result: ReturnType<typeof rules>): readonly string[] =>
      result.rules.variables.map(({ name }) => name).filter((name) => name.startsWith("exception"));
    const digest: PolicySpec = { digest: {} };
    const one = rules(digest, { exceptions: [{}] });
    assert.deepEqual(names(one), ["exception1", "exception1Images"]);
    assert.equal(
      variable(one, "exception1"),
      '(request.operation == "UPDATE" || timestamp(dyn(object).metadata.creationTimestamp) < timestamp("2026-06-02T00:00:00.000Z"))',
    );
    assert.match(variable(one, "refused"), /!\(i\.image in variables\.exception1Images\)/);
    for (const [what, of] of [
      ["it has expired", { expires: "2026-05-31T00:00:00Z" }],
      ["it lasts too long", { expires: "2027-06-01T00:00:00Z" }],
      ["it is about another policy", { policies: ["q"] }],
      ["it is about another rule", { rules: ["scan"] }],
    ] as const)
      assert.deepEqual(names(rules(digest, { exceptions: [of as Partial<ExceptionSpec>] })), [], what);
  });

  it("long lists in several variables, none longer than CEL takes", () => {
    const list = Array.from({ length: 128 }, (_, index) => `*.h${index}.company.com/${"a/".repeat(100)}x`);
    const result = rules({ registries: { allow: list, deny: list } });
    for (const { name, expression } of result.rules.variables) assert.ok(expression.length < 100_000, name);
    assert.ok(result.rules.variables.filter(({ name }) => /^allow\d*$/.test(name)).length > 2);
  });

  it("long lists of exceptions in several variables, too", () => {
    const images = Array.from({ length: 128 }, (_, index) => `*.h${index}.company.com/${"a/".repeat(100)}x`);
    const result = rules({ registries: { deny: ["a.b"] } }, { exceptions: [{ match: { images } }] });
    for (const { name, expression } of result.rules.variables) assert.ok(expression.length < 50_000, name);
    const names = result.rules.variables
      .map(({ name }) => name)
      .filter((name) => name.startsWith("exception1Patterns"));
    assert.ok(names.length > 2);
    for (const name of names) assert.match(variable(result, "exception1Images"), new RegExp(`variables\\.${name}\\b`));
  });

  it("always in the same words", () => {
    const spec: PolicySpec = {
      registries: { allow: ["b.c", "a.b"], namespaces: [{ names: ["x"], allow: ["a.b/x"] }] },
    };
    assert.deepEqual(said(spec), said(spec));
  });
});
