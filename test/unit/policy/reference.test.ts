import assert from "node:assert/strict";
import { parseReference } from "../../../policy/image/reference.ts";

const HEX = "0123456789abcdef".repeat(4);
const SHA256 = `sha256:${HEX}`;
const SHA512 = `sha512:${HEX}${HEX}`;
const LONGEST_HOST = `${`${"a".repeat(63)}.`.repeat(3)}${"a".repeat(61)}`;

/** Each with the reason why it is there. */
const GOOD: readonly (readonly [written: string, canonical: string, why: string])[] = [
  ["nginx", "docker.io/library/nginx", "Docker Hub and library/ are implied"],
  ["nginx:1.21", "docker.io/library/nginx:1.21", "a tag stays as written"],
  ["nginx:latest", "docker.io/library/nginx:latest", "latest is a tag like others"],
  ["library/nginx", "docker.io/library/nginx", "library/ written out"],
  ["bitnami/redis", "docker.io/bitnami/redis", "no library/ where there is an organisation"],
  ["docker.io/nginx", "docker.io/library/nginx", "library/ is implied behind the host as well"],
  ["index.docker.io/nginx", "docker.io/library/nginx", "the legacy name of Docker Hub"],
  ["registry-1.docker.io/library/nginx", "docker.io/library/nginx", "Docker Hub's API host"],
  ["registry.hub.docker.com/library/nginx", "docker.io/library/nginx", "one more name of Docker Hub"],
  ["docker.io:443/nginx", "docker.io/library/nginx", "the default port is no other registry"],
  ["Docker.IO/nginx", "docker.io/library/nginx", "host names have no case"],
  ["INDEX.docker.io:443/library/nginx:1", "docker.io/library/nginx:1", "all of it at once"],
  ["docker.io.evil.io/nginx", "docker.io.evil.io/nginx", "another registry that begins alike"],
  ["ghcr.io/org/team/app", "ghcr.io/org/team/app", "deep paths"],
  ["registry:5000/nginx", "registry:5000/nginx", "a port makes a host, not a tag (seen in policy templates)"],
  ["registry:5000/nginx:1.21", "registry:5000/nginx:1.21", "port and tag"],
  ["nginx:5000", "docker.io/library/nginx:5000", "without a slash a number is a tag"],
  ["registry.company.com:443/app", "registry.company.com/app", "the default port is dropped"],
  ["registry:443/app", "registry:443/app", "a host without a dot keeps it: registry/app is on Docker Hub"],
  ["localhost/app", "localhost/app", "localhost is a host"],
  ["localhost:5000/app", "localhost:5000/app", "with a port too"],
  ["localhost", "docker.io/library/localhost", "without a slash it is a repository"],
  ["example.com", "docker.io/library/example.com", "so is a name with a dot"],
  ["127.0.0.1:5000/app", "127.0.0.1:5000/app", "an IPv4 address"],
  ["255.249.199.99/app", "255.249.199.99/app", "with numbers up to 255"],
  ["[::1]:5000/app", "[::1]:5000/app", "an IPv6 address"],
  ["[2001:DB8:0:0::1]:443/app", "[2001:db8::1]/app", "in its one spelling (RFC 5952)"],
  ["xn--bcher-kva.example/app", "xn--bcher-kva.example/app", "punycode is an ordinary host"],
  [`nginx@${SHA256}`, `docker.io/library/nginx@${SHA256}`, "a digest"],
  [`nginx@${SHA512}`, `docker.io/library/nginx@${SHA512}`, "sha512 is well formed (refused by policy templates)"],
  [
    `nginx:1.21@${SHA256}`,
    `docker.io/library/nginx:1.21@${SHA256}`,
    "tag and digest; go-containerregistry drops the tag",
  ],
  [`registry:5000/a/b:v1@${SHA256}`, `registry:5000/a/b:v1@${SHA256}`, "all parts"],
  ["a.b/c--d/e__f/g.h_i", "a.b/c--d/e__f/g.h_i", "all separators"],
  [`a.b/c:${"t".repeat(128)}`, `a.b/c:${"t".repeat(128)}`, "the longest tag"],
  ["a.b/c:_V1.0-rc", "a.b/c:_V1.0-rc", "tags have capitals, and begin with _ at most"],
  [`a.b/${"c".repeat(251)}`, `a.b/${"c".repeat(251)}`, "the longest name: 255"],
  [`${LONGEST_HOST}/c`, `${LONGEST_HOST}/c`, "the longest host, of labels of 63"],
  ["a.b:65535/c", "a.b:65535/c", "the last port"],
  ["registry1:5000/app", "registry1:5000/app", "a name that ends in a digit is no number"],
  ["registry.3com/app", "registry.3com/app", "nor is one that begins with one"],
  ["a.b/sha256:1", "a.b/sha256:1", "a repository of this name behind a host is no image ID"],
  ["mysha256:1", "docker.io/library/mysha256:1", "nor one whose name ends so"],
  ["sha256sum:1", "docker.io/library/sha256sum:1", "or begins so"],
  [`${HEX}0`, `docker.io/library/${HEX}0`, "65 hex digits are no ID"],
  [`g${HEX}`, `docker.io/library/g${HEX}`, "nor 64 behind another letter"],
];

const MALFORMED: readonly (readonly [written: string, message: RegExp, why: string])[] = [
  ["", /empty/, "no image at all"],
  [" nginx", /blanks/, "templates may have blanks, pods not"],
  ["nginx\n", /blanks/, "an anchor that stops at a newline would take it"],
  ["ngi\u200bnx", /invisible/, "a zero-width space"],
  ["ngi\u202enx", /invisible/, "an order mark"],
  ["Nginx", /capital/, "repositories are lower-case"],
  ["MyOrg/app", /capital/, "some runtimes take MyOrg for a host"],
  ["docker.io/library/Nginx", /capital/, "behind a host as well"],
  ["LOCALHOST/app", /capital/, "only localhost itself is a host without dot or port"],
  ["nginx:", /tag/, "an empty tag"],
  ["nginx:-v1", /tag/, "a tag begins with a letter, a digit or _"],
  [`nginx:${"t".repeat(129)}`, /tag/, "a tag too long"],
  ["nginx:a:b", /tag/, "two tags"],
  ["a.b//c", /empty part/, "an empty segment"],
  ["a.b/c/", /empty part/, "a slash at the end"],
  ["/nginx", /empty part/, "a slash at the beginning"],
  ["a.b/", /no repository/, "a host alone"],
  ["a.b/../c", /repository name/, "no path tricks"],
  ["a.b/-c", /repository name/, "a separator at the beginning"],
  ["a.b/c___d", /repository name/, "three underscores"],
  ["a.b/c._d", /repository name/, "two separators"],
  ["-a.b/c", /host/, "a label begins with a letter or digit"],
  ["a..b/c", /host/, "an empty label"],
  ["a.b./c", /host/, "the root's dot would be one more spelling of a.b"],
  ["a_b.com/c", /host/, "no underscores in hosts: some runtimes read a path"],
  [`${"a".repeat(64)}.b/c`, /host/, "a label too long"],
  [`${LONGEST_HOST}a/c`, /too long/, "a host too long"],
  ["a.b:/c", /port/, "an empty port"],
  ["a.b:0/c", /port/, "no such port"],
  ["a.b:65536/c", /port/, "no such port"],
  ["a.b:0443/c", /port/, "one more spelling of 443"],
  ["a.b:80:80/c", /port/, "two ports"],
  ["https://a.b/c", /port/, "a scheme"],
  ["127.1/c", /IPv4/, "glibc takes it for 127.0.0.1"],
  ["0177.0.0.1/c", /IPv4/, "octal for some"],
  ["1.2.3.256/c", /IPv4/, "no such number"],
  ["1.2.3.4.5/c", /IPv4/, "five of them"],
  ["0x7f000001:5000/c", /IPv4/, "hexadecimal for some"],
  ["2130706433:5000/c", /IPv4/, "decimal for some"],
  ["[::ffff:127.0.0.1]/c", /IPv6/, "two notations in one"],
  ["[::ffff:7f00:1]/c", /IPv4/, "an IPv4 address in disguise"],
  ["[::1/c", /IPv6/, "an open bracket"],
  ["[::1]5000/c", /port/, "no colon before the port"],
  ["[::1]x5000/c", /port/, "another letter before the port"],
  ["\uff44ocker.io/nginx", /disguises docker\.io/, "full-width letters map to ASCII"],
  ["doc\u212Aer.io/nginx", /disguises docker\.io/, "the Kelvin sign lower-cases to k"],
  ["\u00e9-.b/c", /not a valid international name/, "no label ends in a hyphen, in other letters either"],
  ["\u0301a.b/c", /not a valid international name/, "an accent with nothing below it"],
  ["docker\u3002io/nginx", /capital|repository name/, "an ideographic full stop is no dot to a runtime"],
  [SHA256, /ID of an image/, "containerd takes it for an image that the node has (LocalResolve)"],
  ["sha256:0123abc", /ID of an image/, "and cut short as well"],
  ["sha512:0123abc", /ID of an image/, "with every algorithm"],
  ["blake2b256:0123abc", /ID of an image/, "also one of tomorrow"],
  [HEX, /ID of an image/, "64 hex digits are an ID (distribution: anchored identifier)"],
  [`@${SHA256}`, /no repository/, "a digest alone"],
  [`a.b/${"c".repeat(252)}`, /256 characters/, "a name too long for older runtimes"],
  [`a.b/${"c".repeat(2000)}`, /characters long/, "bounded before it is looked at"],
];

const DIGEST_MALFORMED: readonly (readonly [written: string, message: RegExp, why: string])[] = [
  ["nginx@", /empty digest/, "accepted by policy templates"],
  ["nginx@sha256:", /0 hex digits/, "accepted by policy templates"],
  ["nginx@sha256:abc", /3 hex digits/, "accepted by policy templates"],
  [`nginx@${SHA256}0`, /65 hex digits/, "one too many"],
  [`nginx@sha256:${HEX.toUpperCase()}`, /capital/, "go-digest refuses capitals"],
  [`nginx@SHA256:${HEX}`, /neither sha256/, "algorithms are lower-case"],
  [`nginx@sha512:${HEX}`, /64 hex digits; sha512 has 128/, "the length of another algorithm"],
  [`nginx@md5:${HEX.slice(0, 32)}`, /neither sha256/, "a weak algorithm"],
  [`nginx@${HEX}`, /neither sha256/, "no algorithm"],
  [`nginx@sha256:${HEX.slice(1)}g`, /not hex/, "not a hex digit"],
  [`nginx@${SHA256}@${SHA256}`, /not hex/, "two digests"],
  [`nginx:1.21@sha256:abc`, /3 hex digits/, "behind a tag"],
];

describe("parseReference", () => {
  for (const [written, canonical, why] of GOOD) {
    it(`reads ${written.slice(0, 80)}: ${why}`, () => {
      const parsed = parseReference(written);
      assert.equal(parsed.status, "ok", JSON.stringify(parsed));
      if (parsed.status !== "ok") return;
      const { original, registry, repository, name, tag, digest } = parsed.reference;
      assert.equal(parsed.reference.canonical, canonical);
      assert.equal(original, written);
      assert.equal(name, `${registry}/${repository}`);
      assert.equal(canonical, name + (tag === undefined ? "" : `:${tag}`) + (digest === undefined ? "" : `@${digest}`));
    });
  }
  for (const [written, message, why] of MALFORMED) {
    it(`refuses ${JSON.stringify(written.slice(0, 80))}: ${why}`, () => {
      const parsed = parseReference(written);
      assert.ok(parsed.status === "malformed" && parsed.reason === "ImageMalformed", JSON.stringify(parsed));
      assert.match(parsed.message, message);
      assert.ok(!("reference" in parsed));
    });
  }
  for (const [written, message, why] of DIGEST_MALFORMED) {
    it(`refuses the digest of ${written.slice(0, 80)}: ${why}`, () => {
      const parsed = parseReference(written);
      assert.ok(parsed.status === "malformed" && parsed.reason === "DigestMalformed", JSON.stringify(parsed));
      assert.match(parsed.message, message);
      assert.equal(parsed.reference.name, "docker.io/library/nginx");
      assert.equal(parsed.reference.digest, undefined);
    });
  }

  it("refuses a host that is not ASCII, and tells what it imitates", () => {
    const parsed = parseReference("registry.c\u043empany.com/app:v1");
    assert.ok(parsed.status === "malformed" && parsed.reason === "ImageMalformed" && "reference" in parsed);
    assert.equal(parsed.reference.registry, "registry.xn--cmpany-wqf.com");
    assert.match(parsed.message, /not ASCII.*registry\.xn--cmpany-wqf\.com/);
  });

  it("gives frozen answers, the same for the same text", () => {
    const parsed = parseReference("nginx:frozen");
    assert.equal(parseReference("nginx:frozen"), parsed);
    assert.ok(parsed.status === "ok" && Object.isFrozen(parsed) && Object.isFrozen(parsed.reference));
  });
});
