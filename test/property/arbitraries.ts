import * as fc from "fast-check";
import type { PolicySpec } from "../../crds/types.ts";

const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const DIGITS = "0123456789";

/** One character of an alphabet. */
export const chars = (alphabet: string): fc.Arbitrary<string> => fc.constantFrom(...Array.from(alphabet));
const text = (alphabet: string, minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: chars(alphabet), minLength, maxLength });

/** A label of a host name. */
export const label: fc.Arbitrary<string> = text(LETTERS, 1, 8);

/** A host with a dot, in canonical spelling; never one of Docker Hub's, nor punycode. */
export const host: fc.Arbitrary<string> = fc
  .array(label, { minLength: 2, maxLength: 4 })
  .map((labels) => `${labels.join(".")}.test`);

const component: fc.Arbitrary<string> = fc
  .array(fc.tuple(text(LETTERS + DIGITS, 1, 5), fc.constantFrom(".", "_", "__", "-", "--")), {
    minLength: 1,
    maxLength: 3,
  })
  .map((parts) => parts.map(([word, separator], index) => (index === 0 ? word : separator + word)).join(""))
  // A lone name such as sha256 would be an image ID.
  .filter((one) => !/^(sha|md5|blake)/.test(one));

/** A repository of one to four parts. */
export const repository: fc.Arbitrary<string> = fc
  .array(component, { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join("/"));

export const tag: fc.Arbitrary<string> = fc
  .tuple(chars(`${LETTERS}${LETTERS.toUpperCase()}${DIGITS}_`), text(`${LETTERS}${DIGITS}_.-`, 0, 10))
  .map((parts) => parts.join(""));

export const digest: fc.Arbitrary<string> = fc.oneof(
  text(`${DIGITS}abcdef`, 64, 64).map((hex) => `sha256:${hex}`),
  text(`${DIGITS}abcdef`, 128, 128).map((hex) => `sha512:${hex}`),
);

/** What may follow a name. */
export const suffix: fc.Arbitrary<string> = fc
  .tuple(fc.option(tag), fc.option(digest))
  .map(([t, d]) => (t === null ? "" : `:${t}`) + (d === null ? "" : `@${d}`));

/** A few hosts, so that policies and images meet. */
const smallHost = fc.constantFrom("docker.io", "a.test", "b.test", "a.test:5000", "a.test.b.test");
const smallPath = fc.constantFrom("x", "team/x", "team/y", "team/sub/x");

/** Images that the policies below have something to say about. */
export const image: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        smallHost,
        smallPath,
        fc.constantFrom("", ":v1", ":latest", `@sha256:${"a".repeat(64)}`, `:v1@sha256:${"b".repeat(64)}`),
      )
      .map(([h, p, s]) => `${h}/${p}${s}`),
  },
  { weight: 1, arbitrary: fc.constantFrom("nginx", "Nginx", "nginx@sha256:abc", "", "a..b/c", "a.t\u0435st/x") },
);

const pattern: fc.Arbitrary<string> = fc.oneof(
  smallHost,
  fc.tuple(smallHost, fc.constantFrom("**", "team/*", "team/**", "x", "*")).map((parts) => parts.join("/")),
  fc.constantFrom("**", "*.test/**", "*.test", "*/team/*"),
);
const patterns = fc.array(pattern, { minLength: 1, maxLength: 3 });
const namespaces = fc.array(fc.constantFrom("team", "te*", "other", "*"), { minLength: 1, maxLength: 2 });
const action = fc.constantFrom("deny" as const, "warn" as const, "dryrun" as const);
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

/** Drops what is undefined: a specification has no such fields. */
const present = <T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  // Only undefined members go, so that the rest keeps its types.
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as never;

/** A specification of registries and digest rules, valid and with at least one rule; it pins nothing. */
export const spec: fc.Arbitrary<PolicySpec> = fc
  .record({
    enforcementAction: optional(action),
    onUnavailable: optional(fc.constantFrom("deny" as const, "warn" as const, "allow" as const)),
    enforcementOverrides: optional(fc.array(fc.record({ namespaces, action }), { minLength: 1, maxLength: 2 })),
    match: optional(
      fc
        .record({
          namespaces: optional(namespaces),
          excludeNamespaces: optional(namespaces),
          images: optional(patterns),
          excludeImages: optional(patterns),
          workloads: optional(fc.constantFrom("All" as const, "Pods" as const)),
        })
        .map(present),
    ),
    registries: optional(
      fc
        .record({
          allow: optional(fc.array(pattern, { maxLength: 3 })),
          deny: patterns,
          namespaces: optional(
            fc.array(fc.record({ names: namespaces, allow: fc.array(pattern, { maxLength: 2 }) }), {
              minLength: 1,
              maxLength: 2,
            }),
          ),
        })
        .map(present),
    ),
    digest: optional(
      fc
        .record({
          required: optional(fc.boolean()),
          allowTag: optional(fc.boolean()),
          verify: optional(fc.boolean()),
          tagDrift: optional(fc.constantFrom("Ignore" as const, "Report" as const, "Deny" as const)),
        })
        .map(present),
    ),
  })
  .map((parts): PolicySpec => {
    const one = present(parts);
    return parts.registries === undefined && parts.digest === undefined ? { ...one, digest: {} } : one;
  });
