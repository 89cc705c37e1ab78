import assert from "node:assert/strict";
import type { BaseImages } from "../../../../crds/types.ts";
import { attestationKey } from "../../../../policy/facts/attestationKey.ts";
import type { CompiledAuthority } from "../../../../policy/authority.ts";
import type { AttestationOutcome, BaseClaim, ImageFacts, ProvedStatement } from "../../../../policy/facts/facts.ts";
import type { Outcome } from "../../../../policy/facts/outcome.ts";
import { baseImages, judgeBaseImages } from "../../../../policy/rules/baseImages.ts";
import { compileRule } from "../../policy/compiling.ts";

const CI: CompiledAuthority = {
  type: "key",
  name: "ci",
  id: "ci-id",
  keys: [],
  transparencyLog: "Ignored",
  trustRoot: { type: "publicGood" },
  annotations: {},
};

const judge = (spec: BaseImages, facts: Partial<ImageFacts>): string[] => {
  const { rule } = compileRule(
    baseImages,
    { baseImages: spec },
    { authorities: new Map([["ci", CI]]), faulty: new Map() },
  );
  return judgeBaseImages(rule, { signatures: new Map(), attestations: new Map(), scans: new Map(), ...facts }).map(
    ({ reason, unavailable, detail }) => [reason, unavailable, detail].filter((part) => part !== undefined).join(" | "),
  );
};

const bases = (...claims: readonly (BaseClaim | string)[]): { bases: Outcome<readonly BaseClaim[]> } => ({
  bases: { status: "verified", value: claims.map((claim) => (typeof claim === "string" ? { name: claim } : claim)) },
});

const first = (lines: readonly string[]): string => lines.map((line) => line.split(" | ")[0]).join(" ");

const ALLOW: BaseImages = { allow: ["registry.company.com/base/**", "docker.io/library/debian"] };

describe("base images", () => {
  const rows: readonly [string, BaseImages, Partial<ImageFacts>, string][] = [
    ["an allowed base", ALLOW, bases("registry.company.com/base/node:24"), ""],
    ["an allowed base in another spelling", ALLOW, bases("debian:12"), ""],
    ["a base of another registry", ALLOW, bases("docker.io/library/ubuntu:24.04"), "BaseImageNotAllowed"],
    [
      "a base whose name only begins like an allowed one",
      ALLOW,
      bases("registry.company.com.evil.io/base/node"),
      "BaseImageNotAllowed",
    ],
    [
      "one good and one bad platform",
      ALLOW,
      bases("debian", { name: "alpine", platform: "linux/arm64" }),
      "BaseImageNotAllowed",
    ],
    [
      "no base where none is required",
      ALLOW,
      { bases: { status: "absent", message: "the image does not say what it is built on" } },
      "",
    ],
    [
      "no base where one is required",
      { ...ALLOW, required: true },
      { bases: { status: "absent", message: "the image does not say what it is built on" } },
      "BaseImageUnknown",
    ],
    ["a base whose digest is none", ALLOW, bases({ name: "debian:12", digest: "sha256:abc" }), "BaseImageUnknown"],
    ["a base that is no reference", ALLOW, bases("Debian Bookworm"), "BaseImageUnknown"],
    [
      "an image that cannot be read",
      ALLOW,
      { bases: { status: "unavailable", cause: "timeout", message: "t" } },
      "EvidenceUnavailable",
    ],
    [
      "an image of broken content",
      ALLOW,
      { bases: { status: "invalid", reason: "ImageMalformed", message: "m" } },
      "ImageMalformed",
    ],
    ["a base that nobody asked for", ALLOW, {}, "EvidenceUnavailable"],
    ["an empty allowlist", { allow: [] }, bases("debian"), "BaseImageNotAllowed"],
  ];
  for (const [what, spec, facts, expected] of rows) {
    it(`${what}: ${expected || "passes"}`, () => assert.equal(first(judge(spec, facts)), expected));
  }

  it("says what helps: a name, or where authorities are asked only provenance", () => {
    const bases: Outcome<readonly BaseClaim[]> = { status: "absent", message: "it does not say" };
    assert.deepEqual(judge({ ...ALLOW, required: true }, { bases }), [
      "BaseImageUnknown | it does not say; set org.opencontainers.image.base.name",
    ]);
    assert.deepEqual(judge({ ...ALLOW, required: true, authorities: ["ci"] }, { bases }), [
      "BaseImageUnknown | no provenance by ci; attest its provenance",
    ]);
  });

  it("names the replacement of a deprecated base", () => {
    const spec: BaseImages = {
      deprecated: [{ image: "docker.io/library/ubuntu:18.04", replacement: "docker.io/library/ubuntu:24.04" }],
    };
    assert.deepEqual(judge(spec, bases("ubuntu:18.04")), [
      "BaseImageDeprecated | built on ubuntu:18.04, which is deprecated; rebuild on docker.io/library/ubuntu:24.04",
    ]);
    assert.deepEqual(judge(spec, bases("ubuntu:20.04")), []);
    const digest = `sha256:${"a".repeat(64)}`;
    assert.equal(first(judge(spec, bases({ name: "ubuntu:18.04", digest }))), "BaseImageDeprecated");
  });

  describe("with authorities", () => {
    const spec: BaseImages = { ...ALLOW, authorities: ["ci"], required: true };
    const attested = (type: string, predicate: unknown): Partial<ImageFacts> => ({
      allAttested: new Map<string, AttestationOutcome>([
        [
          attestationKey(type, "ci-id"),
          {
            status: "verified",
            value: [{ predicateType: type, predicate, statement: {}, proof: { fingerprint: "f", signer: "f" } }],
          },
        ],
      ]),
    });
    const v1 = (...uris: readonly string[]): Partial<ImageFacts> =>
      attested("https://slsa.dev/provenance/v1", {
        buildDefinition: { resolvedDependencies: uris.map((uri) => ({ uri, digest: { sha256: "b".repeat(64) } })) },
      });
    const v02 = (...uris: readonly string[]): Partial<ImageFacts> =>
      attested("https://slsa.dev/provenance/v0.2", { materials: uris.map((uri) => ({ uri })) });
    const cases: readonly [string, Partial<ImageFacts>, string][] = [
      ["what the image says of itself does not count", bases("debian"), "BaseImageUnknown"],
      ["BuildKit's docker package URL", v1("pkg:docker/debian@12?platform=linux%2Famd64"), ""],
      ["a docker package URL of another registry", v1("pkg:docker/quay.io/org/base@1"), "BaseImageNotAllowed"],
      [
        "an OCI package URL",
        v02(`pkg:oci/node@sha256%3A${"c".repeat(64)}?repository_url=registry.company.com/base/node`),
        "",
      ],
      ["an OCI URI", v02("oci://registry.company.com/base/node:24"), ""],
      ["BuildKit's docker-image URI", v1("docker-image://docker.io/library/alpine:3"), "BaseImageNotAllowed"],
      ["a URI that holds its digest already", v1(`oci://registry.company.com/base/node@sha256:${"c".repeat(64)}`), ""],
      ["an image's tag in a qualifier", v02("pkg:oci/debian?repository_url=docker.io/library/debian&tag=12"), ""],
      ["every image among the materials", v1("pkg:docker/debian@12", "pkg:docker/alpine@3"), "BaseImageNotAllowed"],
      ["materials without an image", v1("git+https://github.com/org/repo@refs/heads/main"), "BaseImageUnknown"],
      [
        "materials that are no list",
        attested("https://slsa.dev/provenance/v0.2", { materials: {} }),
        "BaseImageUnknown",
      ],
      ["a URI in which an image's stands", v1("git+https://x/?oci://debian:12"), "BaseImageUnknown"],
      [
        "a material whose URI is no text",
        attested("https://slsa.dev/provenance/v0.2", {
          materials: [{ uri: 5 }, null, { uri: "pkg:docker/debian@12" }],
        }),
        "",
      ],
      [
        "a material whose digest is no text",
        attested("https://slsa.dev/provenance/v0.2", {
          materials: [{ uri: "pkg:docker/debian@12", digest: { sha256: 5 } }],
        }),
        "",
      ],
      [
        "a material whose digest is empty",
        attested("https://slsa.dev/provenance/v0.2", {
          materials: [{ uri: "pkg:docker/debian@12", digest: { sha256: "" } }],
        }),
        "",
      ],
      [
        "a material whose digest is none",
        attested("https://slsa.dev/provenance/v0.2", {
          materials: [{ uri: "pkg:docker/debian@12", digest: { sha256: "abc" } }],
        }),
        "BaseImageUnknown",
      ],
      ["no provenance", {}, "BaseImageUnknown"],
    ];
    for (const [what, facts, expected] of cases) {
      it(`${what}: ${expected || "passes"}`, () => assert.equal(first(judge(spec, facts)), expected));
    }
    it("a tag in a qualifier is the image's tag", () => {
      const old: BaseImages = {
        deprecated: [{ image: "docker.io/library/debian:10", replacement: "docker.io/library/debian:12" }],
        authorities: ["ci"],
      };
      for (const [tag, expected] of [
        ["10", "BaseImageDeprecated"],
        ["12", ""],
      ] as const)
        assert.equal(
          first(judge(old, v02(`pkg:oci/debian?repository_url=docker.io/library/debian&tag=${tag}`))),
          expected,
        );
    });
    it("provenance that could not be fetched is unavailable", () => {
      const facts = {
        allAttested: new Map<string, AttestationOutcome>([
          [
            attestationKey("https://slsa.dev/provenance/v1", "ci-id"),
            { status: "unavailable", cause: "timeout", message: "t" },
          ],
        ]),
      };
      assert.equal(first(judge(spec, facts)), "EvidenceUnavailable");
    });
    it("a document is read once, however often it is judged", () => {
      let reads = 0;
      const statement: ProvedStatement = {
        predicateType: "https://slsa.dev/provenance/v1",
        statement: {},
        get predicate() {
          reads += 1;
          return { buildDefinition: { resolvedDependencies: [{ uri: "oci://evil.io/base" }] } };
        },
        proof: { fingerprint: "f", signer: "f" },
      };
      const key = attestationKey(statement.predicateType, "ci-id");
      // Whoever looks again has another outcome around the same statement.
      for (let time = 0; time < 3; time += 1) {
        const allAttested = new Map([[key, { status: "verified", value: [statement] } as const]]);
        assert.equal(first(judge(spec, { allAttested })), "BaseImageNotAllowed");
      }
      assert.equal(reads, 1);
    });
    it("a refused base is refused beside provenance that could not be fetched", () => {
      const open: AttestationOutcome = { status: "unavailable", cause: "kms", message: "t" };
      const beside = (...uris: readonly string[]): Partial<ImageFacts> => ({
        allAttested: new Map([
          ...(v02(...uris).allAttested ?? []),
          [attestationKey("https://slsa.dev/provenance/v1", "ci-id"), open],
        ]),
      });
      assert.equal(first(judge(spec, beside("oci://evil.io/base"))), "BaseImageNotAllowed EvidenceUnavailable");
      assert.equal(first(judge(spec, beside("oci://registry.company.com/base/node"))), "EvidenceUnavailable");
      assert.equal(first(judge(spec, beside())), "EvidenceUnavailable");
    });
    it("an authority that does not compile is a fault of the configuration", () =>
      assert.match(judge({ ...spec, authorities: ["gone"] }, {})[0] ?? "", /^EvidenceUnavailable \| configuration/));
  });

  it("patterns that do not compile are a fault of the configuration", () => {
    const spec: BaseImages = { allow: ["nginx"] };
    assert.match(judge(spec, bases("nginx"))[0] ?? "", /^EvidenceUnavailable \| configuration/);
    assert.deepEqual(
      compileRule(baseImages, { baseImages: spec }).faults.map(({ path }) => path),
      ["spec.baseImages.allow[0]"],
    );
  });
});
