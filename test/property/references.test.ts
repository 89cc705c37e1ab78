import assert from "node:assert/strict";
import * as fc from "fast-check";
import { compileGlob } from "../../policy/image/glob.ts";
import { parsePattern } from "../../policy/image/pattern.ts";
import { parseReference, type Reference } from "../../policy/image/reference.ts";
import { chars, digest, host, image, label, repository, suffix, tag } from "./arbitraries.ts";

const reference = (written: string): Reference => {
  const parsed = parseReference(written);
  assert.ok(parsed.status === "ok", `${written}: ${JSON.stringify(parsed)}`);
  return parsed.reference;
};

const matches = (pattern: string, written: string): boolean => {
  const parsed = parsePattern(pattern);
  assert.ok(parsed.status === "ok", `${pattern}: ${JSON.stringify(parsed)}`);
  return parsed.pattern.matches(reference(written));
};

/** Some of the ways in which the same host can be written. */
const respelled = (one: string): fc.Arbitrary<string> =>
  fc
    .tuple(fc.array(fc.boolean(), { minLength: one.length, maxLength: one.length }), fc.constantFrom("", ":443"))
    .map(
      ([upper, port]) =>
        Array.from(one, (letter, index) => (upper[index] === true ? letter.toUpperCase() : letter)).join("") + port,
    );

describe("references", () => {
  it("parse and format are inverse", () => {
    fc.assert(
      fc.property(
        host,
        fc.option(fc.integer({ min: 1, max: 65_535 })),
        repository,
        fc.option(tag),
        fc.option(digest),
        (h, port, path, t, d) => {
          const registry = port === null || port === 443 ? h : `${h}:${port}`;
          const written = `${registry}/${path}${t === null ? "" : `:${t}`}${d === null ? "" : `@${d}`}`;
          const parsed = reference(written);
          assert.equal(parsed.canonical, written);
          assert.deepEqual(
            [parsed.registry, parsed.repository, parsed.tag ?? null, parsed.digest ?? null],
            [registry, path, t, d],
          );
        },
      ),
    );
  });

  it("the canonical form is its own", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          image,
          fc
            .tuple(
              fc.constantFrom("", "docker.io/", "INDEX.docker.io:443/", "localhost/", "h:443/"),
              repository,
              suffix,
            )
            .map((p) => p.join("")),
        ),
        (written) => {
          const parsed = parseReference(written);
          if (parsed.status !== "ok") return;
          const again = reference(parsed.reference.canonical);
          assert.deepEqual({ ...again, original: "" }, { ...parsed.reference, original: "" });
        },
      ),
    );
  });

  it("no text makes the parser throw, and what it takes is well formed", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: chars("aA0.:/@-_[]%\n\u00e9\u0435") }), fc.string({ unit: "binary" })),
        (written) => {
          const parsed = parseReference(written);
          if (parsed.status !== "ok") return;
          assert.match(
            parsed.reference.canonical,
            /^[a-z0-9.:[\]-]+(\/[a-z0-9._-]+)+(:[\w.-]+)?(@sha(256|512):[0-9a-f]+)?$/,
          );
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe("patterns", () => {
  it("of a whole registry take every spelling of it", () => {
    fc.assert(
      fc.property(
        host.chain((h) => fc.tuple(fc.constant(h), respelled(h))),
        repository,
        suffix,
        ([h, spelled], path, rest) => {
          assert.ok(matches(h, `${spelled}/${path}${rest}`));
          assert.ok(matches(`${h}/**`, `${spelled}/${path}${rest}`));
        },
      ),
    );
  });

  it("of Docker Hub take every spelling of it", () => {
    const hub = fc.constantFrom(
      "",
      "docker.io/",
      "index.docker.io/",
      "registry-1.docker.io/",
      "registry.hub.docker.com/",
    );
    const spelled = hub.chain((name) =>
      name === "" ? fc.constant("") : respelled(name.slice(0, -1)).map((one) => `${one}/`),
    );
    fc.assert(
      fc.property(spelled, fc.constantFrom("nginx", "library/nginx", "org/app"), suffix, (prefix, path, rest) => {
        for (const pattern of ["docker.io", "docker.io/**", "index.docker.io", "*.docker.io"])
          assert.ok(matches(pattern, prefix + path + rest), pattern);
        assert.equal(reference(prefix + path + rest).registry, "docker.io");
      }),
    );
  });

  it("with a glob for a host take an image of Docker Hub under all its names, if they take any of them as it is written", () => {
    const names = ["docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];
    const globOf = (one: string): fc.Arbitrary<string> =>
      fc.array(fc.boolean(), { minLength: one.length, maxLength: one.length }).map((stars) =>
        Array.from(one, (letter, index) => (stars[index] === true && letter !== "." ? "*" : letter))
          .join("")
          .replaceAll(/\*+/g, "*"),
      );
    const glob = fc.oneof(fc.constantFrom("*", "*.io", "*.*", "quay.*"), fc.constantFrom(...names).chain(globOf));
    const segment = fc.constantFrom("nginx", "library", "org", "ng*", "*", "**", "*x");
    const path = fc.array(segment, { minLength: 1, maxLength: 3 });
    const isTaken = (host: string, wanted: readonly string[], name: string, parts: readonly string[]): boolean => {
      const labels = [host, name].map((one) => one.split("."));
      const fits =
        host === "*" ||
        (labels[0]!.length === labels[1]!.length &&
          labels[0]!.every((one, index) => new RegExp(`^${one.replaceAll("*", ".*")}$`).test(labels[1]![index]!)));
      return fits && definition(wanted, parts);
    };
    fc.assert(
      fc.property(glob, path, fc.constantFrom("nginx", "library/nginx", "org/app"), (host, wanted, image) => {
        const pattern = `${host}/${wanted.join("/")}`;
        if (!host.includes("*")) return;
        const paths = image === "org/app" ? [image] : ["nginx", "library/nginx"];
        const expected = names.some((name) => paths.some((one) => isTaken(host, wanted, name, one.split("/"))));
        const spellings = ["", ...names.map((name) => `${name}/`), "INDEX.Docker.io:443/"];
        for (const spelling of spellings.flatMap((name) => paths.map((one) => name + one)))
          assert.equal(matches(pattern, spelling), expected, `${pattern} on ${spelling}`);
      }),
      { numRuns: 3000 },
    );
  });

  it("never take a host that only begins, ends or looks like theirs", () => {
    fc.assert(
      fc.property(host, label, repository, suffix, fc.integer({ min: 1, max: 65_535 }), (h, more, path, rest, port) => {
        const attacks = [
          `${h}.${more}`,
          `${h}.${more}.test`,
          `${h}${more}`,
          `${h}-${more}.test`,
          `${more}.${h}`,
          `${more}${h}`,
          `${more}-${h}`,
          `${more}.test/${h}`,
        ];
        for (const attack of port === 443 ? attacks : [...attacks, `${h}:${port}`]) {
          for (const pattern of [h, `${h}/**`, `${h}/*`, `${h}/${path}`])
            assert.ok(!matches(pattern, `${attack}/${path}${rest}`), `${pattern} took ${attack}`);
        }
      }),
    );
  });

  it("of a repository take it and nothing else", () => {
    fc.assert(
      fc.property(host, repository, repository, suffix, (h, path, other, rest) => {
        assert.ok(matches(`${h}/${path}`, `${h}/${path}${rest}`));
        assert.equal(matches(`${h}/${path}`, `${h}/${other}${rest}`), path === other);
        assert.ok(!matches(`${h}/${path}/**`, `${h}/${path}${rest}`));
        assert.ok(matches(`${h}/${path}/**`, `${h}/${path}/${other}${rest}`));
        assert.ok(!matches(`${h}/${path}/**`, `${h}/${path}x/${other}${rest}`));
      }),
    );
  });

  it("over segments mean what their definition says", () => {
    const segment = fc.constantFrom("a", "b", "ab", "*", "a*", "*b", "**");
    const value = fc.array(fc.constantFrom("a", "b", "ab", "ba"), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), value, (glob, parts) => {
        assert.equal(
          matches(`h.test/${glob.join("/")}`, `h.test/${parts.join("/")}`),
          definition(glob, parts),
          `${glob.join("/")} on ${parts.join("/")}`,
        );
      }),
      { numRuns: 3000 },
    );
  });

  it("globs mean what the regular expression says that they replace", () => {
    const alphabet = fc.string({ unit: fc.constantFrom("a", "b", "-", "."), maxLength: 12 });
    const glob = fc.string({ unit: fc.constantFrom("a", "b", "-", ".", "*"), maxLength: 8 });
    fc.assert(
      fc.property(glob, alphabet, (pattern, value) => {
        const expression = new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("*", ".*")}$`, "s");
        assert.equal(compileGlob(pattern)(value), expression.test(value));
      }),
      { numRuns: 3000 },
    );
  });

  it("no text makes the parser throw", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: chars("aA0.:/@-_*[]\u00e9") })), (text) => {
        const parsed = parsePattern(text);
        if (parsed.status === "ok") parsed.pattern.matches(reference("a.test/x:v1"));
      }),
      { numRuns: 2000 },
    );
  });
});

/** `**` any number of segments, at the end one at least; `*` any characters of one segment. */
function definition(glob: readonly string[], parts: readonly string[]): boolean {
  const [first, ...rest] = glob;
  if (first === undefined) return parts.length === 0;
  if (first === "**") {
    const least = rest.every((one) => one === "**") ? 1 : 0;
    if (rest.length === 0) return parts.length >= 1;
    if (least === 1) return parts.length >= 1;
    return Array.from({ length: parts.length + 1 }, (_, taken) => taken).some((taken) =>
      definition(rest, parts.slice(taken)),
    );
  }
  const [part, ...others] = parts;
  if (part === undefined) return false;
  return new RegExp(`^${first.replaceAll("*", ".*")}$`).test(part) && definition(rest, others);
}
