import assert from "node:assert/strict";
import { parsePattern } from "../../../policy/image/pattern.ts";
import { parseReference } from "../../../policy/image/reference.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

/** What a pattern takes, and what is near and must not be taken. */
const TABLE: readonly (readonly [pattern: string, takes: readonly string[], leaves: readonly string[]])[] = [
  [
    "registry.company.com",
    [
      "registry.company.com/app",
      "registry.company.com/a/b/c:v1",
      "REGISTRY.company.com:443/app",
      `registry.company.com/app@${DIGEST}`,
    ],
    [
      // gatekeeper-library #80 and #529: raw prefixes
      "registry.company.com.evil.io/app",
      "registry.company.comevil.io/app",
      "registry.company.com-evil.io/app",
      "evil.io/registry.company.com/app",
      "registry.company.com:5000/app",
      "sub.registry.company.com/app",
      "registryxcompany.com/app",
      "registry.company.com",
      "company.com/app",
    ],
  ],
  [
    "registry.company.com:5000",
    ["registry.company.com:5000/app"],
    ["registry.company.com/app", "registry.company.com:50000/app"],
  ],
  ["registry.company.com:443", ["registry.company.com/app"], ["registry.company.com:4430/app"]],
  ["registry:443", ["registry:443/app"], ["registry/app", "registry:5000/app"]],
  ["Registry.Company.com/**", ["registry.company.com/app"], ["registry.company.co/app"]],
  [
    "registry.company.com/team/app",
    ["registry.company.com/team/app", "registry.company.com/team/app:v1", `registry.company.com/team/app:v1@${DIGEST}`],
    [
      "registry.company.com/team/app2",
      "registry.company.com/team/app/sub",
      "registry.company.com/team",
      "registry.company.com/xteam/app",
    ],
  ],
  [
    "registry.company.com/team/*",
    ["registry.company.com/team/a"],
    ["registry.company.com/team/a/b", "registry.company.com/team"],
  ],
  [
    "registry.company.com/team/app-*",
    ["registry.company.com/team/app-1"],
    ["registry.company.com/team/app", "registry.company.com/team/app-1/x"],
  ],
  [
    "registry.company.com/*/app",
    ["registry.company.com/a/app"],
    ["registry.company.com/app", "registry.company.com/a/b/app"],
  ],
  [
    "registry.company.com/team/**",
    ["registry.company.com/team/a", "registry.company.com/team/a/b"],
    ["registry.company.com/team", "registry.company.com/teamx/a"],
  ],
  [
    "registry.company.com/**",
    ["registry.company.com/a", "registry.company.com/a/b"],
    ["registry.company.com.evil.io/a"],
  ],
  [
    "registry.company.com/**/app",
    ["registry.company.com/app", "registry.company.com/a/app", "registry.company.com/a/b/app"],
    ["registry.company.com/a/app/b"],
  ],
  [
    "registry.company.com/**/x/**",
    ["registry.company.com/x/a", "registry.company.com/a/x/b/c"],
    ["registry.company.com/x", "registry.company.com/a/x"],
  ],
  [
    "registry.company.com/a*b*c",
    ["registry.company.com/abc", "registry.company.com/axbxbxc"],
    ["registry.company.com/abcd", "registry.company.com/ab"],
  ],
  [
    "*.company.com/**",
    ["a.company.com/x", "b.company.com/x/y"],
    ["company.com/x", "a.b.company.com/x", "a.company.com:5000/x", "a.company.com.evil.io/x", "acompany.com/x"],
  ],
  ["*.company.com", ["a.company.com/x"], ["company.com/x", "a.b.company.com/x"]],
  ["*.company.com:5000", ["a.company.com:5000/x"], ["a.company.com/x"]],
  ["reg*:443", ["registry:443/x"], ["registry:5000/x", "registry/x"]],
  ["registry-*.company.com", ["registry-eu.company.com/x"], ["registry.company.com/x", "registry-eu.x.company.com/x"]],
  // No spelling of Docker Hub slips past a deny list.
  [
    "docker.io",
    [
      "nginx",
      "a/b",
      "index.docker.io/nginx",
      "registry-1.docker.io/nginx",
      "registry.hub.docker.com/a/b",
      "docker.io:443/nginx",
      "DOCKER.IO/nginx",
    ],
    ["docker.io.evil.io/nginx", "evil.io/docker.io/nginx", "mydocker.io/nginx"],
  ],
  ["index.docker.io", ["nginx", "docker.io/a/b"], ["quay.io/a/b"]],
  ["*.docker.io", ["nginx", "registry-1.docker.io/a/b"], ["docker.io.evil.io/x"]],
  ["docker.io/**", ["nginx", "a/b"], ["quay.io/a"]],
  ["docker.io/*", ["nginx"], ["a/b"]],
  ["docker.io/nginx", ["nginx", "library/nginx:1"], ["a/nginx", "nginx2"]],
  ["library/nginx", ["nginx", "docker.io/library/nginx"], ["registry.company.com/library/nginx"]],
  ["docker.io/mycompany/**", ["mycompany/app"], ["mycompanyevil/app", "mycompany"]],
  ["myorg/app", ["myorg/app:v1", "docker.io/myorg/app"], ["ghcr.io/myorg/app"]],
  ["**", ["nginx", "a.b/c", "localhost:5000/x"], []],
  ["*", ["nginx", "a.b/c", "localhost:5000/x"], []],
  ["*/**", ["nginx", "a.b/c/d"], []],
  ["**/nginx", ["nginx", "a.b/nginx", "a.b/c/d/nginx"], ["a.b/nginx/x", "a.b/xnginx"]],
  // Docker Hub's own images have two spellings, and whoever denies one of them means the image.
  ["*/nginx", ["a.b/nginx", "nginx", "docker.io/library/nginx:1"], ["a.b/c/nginx", "a.b/library/nginx", "org/nginx"]],
  ["*/library/nginx", ["nginx", "a.b/library/nginx"], ["a.b/nginx"]],
  ["*/*", ["a.b/nginx", "nginx"], ["a.b/c/nginx", "org/nginx", "docker.io/library/nginx/x"]],
  ["*/ngin*:1.*", ["nginx:1.2", "a.b/nginx:1.2"], ["nginx:2", "nginx"]],
  ["*.io/nginx", ["nginx", "quay.io/nginx"], ["org/nginx", "gcr.io/library/nginx", "a.quay.io/nginx"]],
  ["*.io/library/*", ["nginx", "quay.io/library/x"], ["org/nginx", "quay.io/nginx"]],
  ["docker.*/nginx", ["nginx", "docker.example/nginx"], ["org/nginx", "docker.example/library/nginx"]],
  ["d*.i*:443/nginx", ["nginx"], ["d.i:4430/nginx"]],
  ["*.docker.io/nginx", ["nginx", "registry.docker.io/nginx"], ["registry.docker.io/library/nginx"]],
  ["*.hub.docker.com/nginx", ["nginx"], ["org/nginx"]],
  ["*.io:5000/nginx", ["docker.io:5000/nginx"], ["nginx", "docker.io:5000/library/nginx"]],
  ["**/team/**", ["a.b/team/x", "a.b/x/team/y"], ["a.b/team"]],
  ["localhost", ["localhost/app"], ["localhost:5000/app", "localhost"]],
  ["localhost:5000/**", ["localhost:5000/app"], ["localhost/app"]],
  ["[::1]:5000", ["[::1]:5000/app", "[0:0::1]:5000/app"], ["[::1]/app", "[::2]:5000/app"]],
  ["127.0.0.1:5000/**", ["127.0.0.1:5000/app"], ["127.0.0.1/app"]],
  // A tag pattern matches the written tag, latest where there is neither, never a digest alone.
  [
    "registry.company.com/app:v1",
    ["registry.company.com/app:v1", `registry.company.com/app:v1@${DIGEST}`],
    [
      "registry.company.com/app",
      "registry.company.com/app:v10",
      "registry.company.com/app:V1",
      `registry.company.com/app@${DIGEST}`,
    ],
  ],
  [
    "registry.company.com/app:v1.*",
    ["registry.company.com/app:v1.2"],
    ["registry.company.com/app:v1", "registry.company.com/app:v12"],
  ],
  [
    "registry.company.com/app:latest",
    ["registry.company.com/app", "registry.company.com/app:latest"],
    [`registry.company.com/app@${DIGEST}`],
  ],
  [
    "registry.company.com/app:*",
    ["registry.company.com/app", "registry.company.com/app:x"],
    [`registry.company.com/app@${DIGEST}`],
  ],
  ["quay.io/**:v*", ["quay.io/a:v1", "quay.io/a/b:v1"], ["quay.io/a:1", "ghcr.io/a:v1"]],
  ["**:5000", ["nginx:5000", "a.b/c:5000"], ["a.b:5000/c"]],
  ["**:latest", ["nginx", "a.b/c:latest"], ["nginx:1", `nginx@${DIGEST}`]],
  ["registry.company.com:5000/app:v1", ["registry.company.com:5000/app:v1"], ["registry.company.com:5000/app:v2"]],
];

const FAULTS: readonly (readonly [pattern: string, message: RegExp, why: string])[] = [
  ["nginx", /ambiguous; write docker\.io\/library\/nginx /, "a repository, or a host?"],
  ["nginx:1.21", /ambiguous; write docker\.io\/library\/nginx:1\.21 /, "with a tag as well"],
  ["ngin*", /ambiguous/, "with a wildcard as well"],
  ["", /empty/, "nothing"],
  ["a.b/c d", /blanks/, "a blank"],
  ["https://a.b/**", /leave https:\/\/ away/, "a scheme"],
  [`a.b/c@${DIGEST}`, /digest/, "a digest"],
  ["a.b:v1", /write a\.b\/\*\*:v1/, "a tag behind a host"],
  ["a.b:*", /write a\.b\/\*\*:\*/, "any port, or any tag?"],
  ["*:5000", /port or a tag; write \*\*:5000/, "a port, or a tag?"],
  ["a.b:*/c", /port/, "ports are literal"],
  ["a.b:99999", /port/, "no such port"],
  ["a.b/Team/**", /capital/, "it could never match"],
  ["a.b//c", /empty part/, "an empty segment"],
  ["a.b/c/", /empty part/, "an empty segment"],
  ["/c", /empty part/, "an empty host"],
  ["a.b/", /no repository/, "a host is written without a slash"],
  ["a.b/**c", /whole segments/, "** within a segment"],
  ["**.company.com", /"\*\*" in its host/, "** within a host"],
  ["a.b/c:", /tag/, "an empty tag"],
  ["**:-v1", /tag/, "no tag, which would be any"],
  ["a.b/c:d:e", /tag/, "two tags"],
  ["a.b/c:d/e", /tag/, "a tag in the middle"],
  ["a.b/c?", /repository name/, "? is no wildcard"],
  ["a.b/?c*", /repository name/, "before another one either"],
  ["a.b/c*?", /repository name/, "nor behind one"],
  ["a.b/[ab]", /repository name/, "no character classes"],
  ["a.b/(c|d)", /repository name/, "no regular expressions"],
  ["^a.b/c$", /host name/, "no regular expressions"],
  ["a_b.*/c", /label/, "no host has this"],
  ["-*.b/c", /label/, "no host has this"],
  ["127.1/c", /IPv4/, "no reference has this host"],
  [`a.b/${"c".repeat(600)}`, /longer/, "bounded"],
];

describe("parsePattern", () => {
  for (const [text, takes, leaves] of TABLE) {
    it(`${text} takes what it names and nothing near it`, () => {
      const parsed = parsePattern(text);
      assert.ok(parsed.status === "ok", JSON.stringify(parsed));
      const matches = (image: string): boolean => {
        const { status, ...rest } = parseReference(image);
        assert.equal(status, "ok", image);
        return "reference" in rest && parsed.pattern.matches(rest.reference);
      };
      assert.deepEqual(
        takes.filter((image) => !matches(image)),
        [],
        "left",
      );
      assert.deepEqual(leaves.filter(matches), [], "taken");
    });
  }
  for (const [text, message, why] of FAULTS) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))}: ${why}`, () => {
      const parsed = parsePattern(text);
      assert.equal(parsed.status, "fault");
      if (parsed.status === "fault") assert.match(parsed.message, message);
    });
  }

  it("names the host where it is literal", () => {
    const host = (text: string): unknown => {
      const parsed = parsePattern(text);
      return parsed.status === "ok" ? [parsed.pattern.literalHost, parsed.pattern.everyHost] : parsed.message;
    };
    assert.deepEqual(host("Registry.Company.com:443/**"), ["registry.company.com", false]);
    assert.deepEqual(host("myorg/*"), ["docker.io", false]);
    assert.deepEqual(host("*.company.com"), [undefined, false]);
    assert.deepEqual(host("*/app"), [undefined, true]);
    assert.deepEqual(host("**:v1"), [undefined, true]);
  });

  it("says its parts, for who writes it in another language: what it leaves open is absent", () => {
    const form = (text: string): unknown => {
      const parsed = parsePattern(text);
      return parsed.status === "ok" ? parsed.pattern.form : parsed.message;
    };
    const host = { type: "literal", host: "a.b" };
    assert.deepEqual(form("a.b"), { host });
    assert.deepEqual(form("a.b/c/*:v1"), { host, path: ["c", "*"], tag: "v1" });
    assert.deepEqual(form("a.b/**"), { host, path: ["**"] });
    assert.deepEqual(form("nginx/*"), { host: { type: "literal", host: "docker.io" }, path: ["nginx", "*"] });
    assert.deepEqual(form("**:v1"), { host: { type: "any" }, tag: "v1" });
  });

  it("takes linear time for what makes regular expressions slow (CVE-2023-7279)", () => {
    const parsed = parsePattern(`a.b/${"*a".repeat(60)}b`);
    const many = parsePattern(`a.b/${"**/a/".repeat(40)}b`);
    const image = parseReference(`a.b/${"a".repeat(200)}`);
    const deep = parseReference(`a.b/${"a/".repeat(100)}a`);
    assert.ok(parsed.status === "ok" && many.status === "ok" && image.status === "ok" && deep.status === "ok");
    assert.equal(parsed.pattern.matches(image.reference), false);
    assert.equal(many.pattern.matches(deep.reference), false);
  });
});
