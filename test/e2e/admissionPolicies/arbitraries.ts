import * as fc from "fast-check";
import type { ExceptionSpec, PolicySpec } from "../../../crds/types.ts";

const HEX64 = "a".repeat(64);

const hosts = fc.constantFrom(
  "",
  "docker.io/",
  "index.docker.io/",
  "registry-1.docker.io:443/",
  "registry.hub.docker.com/",
  "a.test/",
  "A.Test/",
  "a.test:443/",
  "a.test:5000/",
  "a.test:05000/",
  "a.test:70000/",
  "a.test:/",
  "b.test/",
  "b.a.test/",
  "a.test.evil.test/",
  "a-test/",
  "localhost/",
  "localhost:443/",
  "localhost:5000/",
  "reg:443/",
  "reg:5000/",
  "127.0.0.1:5000/",
  "127.1/",
  "0x7f.0.0.1/",
  "1.2.3.256/",
  "-a.test/",
  "a..test/",
  ".a.test/",
  "a_b.test/",
  `${"l".repeat(63)}.test/`,
  `${"l".repeat(64)}.test/`,
  `${`${"h".repeat(50)}.`.repeat(5)}test/`,
  "[::1]/",
  "[::1]:5000/",
  "[2001:DB8::1]:443/",
  "[::1]:70000/",
  "[:::]/",
  "[1:2]/",
  "[zz]/",
  "[::ffff:1.2.3.4]/",
  "a.tеst/",
  "ⓐ.test/",
  "sha256:5000/",
);
const paths = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      "nginx",
      "library/nginx",
      "library/a/b",
      "team/x",
      "team/y",
      "team/sub/x",
      "team",
      "x",
      "xx/team/x",
      "a/x",
      "a-b/x",
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "",
      "Team/x",
      "team//x",
      "team/x/",
      "a..b/c",
      "a__b/c",
      "a___b",
      "a--b/c",
      "-a",
      "sha256",
      "md5",
      "blake3",
      HEX64,
      `${"p".repeat(120)}/${"q".repeat(120)}`,
      `${"p".repeat(130)}/${"q".repeat(130)}`,
      'a"b\\c',
      "a b",
      "a\tb",
      "über",
      "a\u200bb",
    ),
  },
);
const tags = fc.constantFrom(
  "",
  "",
  ":v1",
  ":v1.2",
  ":latest",
  ":LATEST",
  ":",
  ":-x",
  ":a:b",
  `:${"t".repeat(128)}`,
  `:${"t".repeat(129)}`,
);
const digests = fc.constantFrom(
  "",
  "",
  `@sha256:${HEX64}`,
  `@sha256:${"b".repeat(64)}`,
  `@sha512:${"c".repeat(128)}`,
  "@",
  "@sha256",
  "@sha256:",
  "@sha256:abc",
  `@sha256:${"A".repeat(64)}`,
  `@sha256:${"g".repeat(64)}`,
  "@md5:abc",
  `@sha512:${HEX64}`,
  `@sha256:${HEX64}@x`,
  "@sha256:ä",
  "@sha256:a b",
  "@sha256:a\u00a0b",
);

/** Parts that are good and bad in every way that the parser knows; most combinations are one that a policy can judge. */
export const image: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(hosts, paths, tags, digests).map((parts) => parts.join("")) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.constantFrom(
          "",
          "docker.io/",
          "a.test/",
          "A.test:443/",
          "a.test:5000/",
          "b.test/",
          "b.a.test/",
          "localhost/",
        ),
        fc.constantFrom("nginx", "library/nginx", "team/x", "team/y", "team/sub/x", "x"),
        fc.constantFrom("", ":v1", ":latest"),
        fc.constantFrom("", `@sha256:${HEX64}`, "@sha256:abc"),
      )
      .map((parts) => parts.join("")),
  },
  // Any text of the characters that matter.
  {
    weight: 1,
    arbitrary: fc.string({ unit: fc.constantFrom(...Array.from("aA0./:@-_[]x%\\\"'$")), minLength: 1, maxLength: 24 }),
  },
  { weight: 1, arbitrary: fc.constantFrom(`a.test/${"x/".repeat(600)}x`, `a.test/x:v1@sha256:${"f".repeat(1_100)}`) },
);

const pattern = fc.constantFrom(
  "a.test",
  "a.test:5000",
  "localhost",
  "docker.io",
  "a.test/**",
  "a.test/team/x",
  "a.test/team/*",
  "a.test/team/**",
  "a.test/*/x",
  "a.test/**/x",
  "a.test/t*m/**",
  "*.test",
  "*.test/**",
  "*.test:5000/team/**",
  "*.a.test/team/x",
  "*.docker.io",
  "*.io/nginx",
  "*/nginx",
  "*/team/*",
  "**/x",
  "**",
  "docker.io/nginx",
  "docker.io/*",
  "library/*",
  "a.test/team/x:v*",
  "**:latest",
  "*/**:v1",
  "b.test/team/x:v1.*",
);
const withBrackets = fc.oneof(
  { weight: 30, arbitrary: pattern },
  { weight: 1, arbitrary: fc.constantFrom("[::1]", "[2001:db8::1]/team/**") },
);
const patterns = fc.array(withBrackets, { minLength: 1, maxLength: 4 });
const action = fc.constantFrom("deny" as const, "deny" as const, "warn" as const, "dryrun" as const);
const selector = fc.constantFrom(
  { matchLabels: { tier: "web" } },
  { matchExpressions: [{ key: "tier", operator: "NotIn" as const, values: ["web"] }] },
  { matchExpressions: [{ key: "tier", operator: "Exists" as const }] },
  { matchExpressions: [{ key: "env", operator: "DoesNotExist" as const }] },
  { matchExpressions: [{ key: "tier", operator: "In" as const, values: ["web", "db"] }] },
);

/** Absent once in `freq` times. */
const sometimes = <T>(one: fc.Arbitrary<T>, freq = 3): fc.Arbitrary<T | undefined> =>
  fc.option(one, { nil: undefined, freq });
const present = <T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  // Only undefined members go, so that the rest keeps its types.
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as never;

/** A policy about images' texts: it asks nobody, but where it pins. `names`: globs for the namespaces of a round. */
export const spec = (names: readonly string[]): fc.Arbitrary<PolicySpec> => {
  const globs = fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 2 });
  return fc
    .record({
      enforcementAction: sometimes(action, 2),
      enforcementOverrides: sometimes(
        fc.array(
          fc.oneof(fc.record({ namespaces: globs, action }), fc.record({ namespaceSelector: selector, action })),
          { minLength: 1, maxLength: 2 },
        ),
        2,
      ),
      onUnavailable: fc.constant("allow" as const),
      match: sometimes(
        fc
          .record({
            namespaces: sometimes(globs, 2),
            excludeNamespaces: sometimes(globs, 2),
            namespaceSelector: sometimes(selector, 2),
            objectSelector: sometimes(selector, 2),
            images: sometimes(patterns, 2),
            excludeImages: sometimes(patterns, 2),
            workloads: sometimes(fc.constantFrom("All" as const, "Pods" as const), 2),
          })
          .map(present),
        2,
      ),
      registries: sometimes(
        fc
          .record({
            allow: sometimes(fc.array(withBrackets, { maxLength: 4 })),
            deny: sometimes(patterns, 2),
            namespaces: sometimes(
              fc.array(fc.record({ names: globs, allow: patterns }), { minLength: 1, maxLength: 2 }),
              2,
            ),
          })
          .map(present)
          .map((one) => (Object.keys(one).length === 0 ? { allow: [] } : one)),
        6,
      ),
      digest: sometimes(
        fc
          .record({
            required: sometimes(fc.boolean()),
            allowTag: sometimes(fc.boolean()),
            pin: sometimes(fc.constantFrom("Pods" as const, "All" as const), 2),
          })
          .map(present),
      ),
    })
    .map((parts): PolicySpec => {
      const one = present(parts);
      return parts.registries === undefined && parts.digest === undefined ? { ...one, digest: {} } : one;
    });
};

/** An exception for policies whose names it knows. */
export const exception = (names: readonly string[], policies: readonly string[]): fc.Arbitrary<ExceptionSpec> => {
  const globs = fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 2 });
  return fc.record({
    policies: fc.array(fc.constantFrom(...policies, "*"), { minLength: 1, maxLength: 2 }),
    rules: fc
      .subarray(["reference", "registries", "digest", "All", "scan"] as const, { minLength: 1 })
      .map((list) => [...list]),
    match: fc
      .record({
        namespaces: sometimes(globs, 2),
        images: sometimes(patterns, 2),
        digests: sometimes(fc.constant([`sha256:${HEX64}`]), 2),
        objectSelector: sometimes(selector, 2),
      })
      .map(present)
      .map((match) =>
        match.namespaces === undefined && match.images === undefined && match.digests === undefined
          ? { ...match, images: ["a.test/**"] }
          : match,
      ),
    reason: fc.constant("a test"),
    expires: fc.constantFrom(
      new Date(Date.now() + 3_600_000).toISOString(),
      new Date(Date.now() - 3_600_000).toISOString(),
    ),
  });
};

/** Labels of an object, or of a namespace. */
export const labels: fc.Arbitrary<Readonly<Record<string, string>>> = fc.constantFrom(
  {},
  { tier: "web" },
  { tier: "x", env: "y" },
);
