import assert from "node:assert/strict";
import { endpointOf } from "../../../../evidence/registry/endpoint.ts";
import { createProxyChoice } from "../../../../evidence/registry/http/proxy.ts";
import { DEFAULT_REGISTRY_SETTINGS } from "../../../../evidence/registry/settings.ts";

const settings = {
  ...DEFAULT_REGISTRY_SETTINGS,
  plainHttp: ["127.0.0.1", "plain.com:8080", "[::1]"],
  mirrors: new Map([
    ["registry.company.com", "http://127.0.0.1:5001"],
    ["docker.io", "https://mirror.corp.net/dockerhub/"],
    ["quay.io", "mirror.corp.net/v2/quay"],
  ]),
};

describe("where a registry is", () => {
  const table: readonly (readonly [registry: string, origin: string, repository: string, host: string])[] = [
    ["ghcr.io", "https://ghcr.io", "a/b", "ghcr.io"],
    ["ghcr.io:8443", "https://ghcr.io:8443", "a/b", "ghcr.io:8443"],
    ["plain.com:8080", "http://plain.com:8080", "a/b", "plain.com:8080"],
    ["plain.com", "https://plain.com", "a/b", "plain.com"],
    ["127.0.0.1:5001", "http://127.0.0.1:5001", "a/b", "127.0.0.1:5001"],
    ["127.0.0.1", "http://127.0.0.1", "a/b", "127.0.0.1"],
    ["[::1]:5000", "http://[::1]:5000", "a/b", "[::1]:5000"],
    ["registry.company.com", "http://127.0.0.1:5001", "a/b", "127.0.0.1:5001"],
    ["docker.io", "https://mirror.corp.net", "dockerhub/a/b", "mirror.corp.net"],
    ["quay.io", "https://mirror.corp.net", "quay/a/b", "mirror.corp.net"],
  ];
  for (const [registry, origin, repository, credentialHost] of table) {
    it(registry, () => {
      const endpoint = endpointOf(registry, "a/b", settings);
      assert.deepEqual(endpoint, { registry, name: `${registry}/a/b`, origin, repository, credentialHost });
    });
  }

  it("docker.io is served by registry-1.docker.io", () =>
    assert.equal(
      endpointOf("docker.io", "library/nginx", DEFAULT_REGISTRY_SETTINGS).origin,
      "https://registry-1.docker.io",
    ));

  for (const mirror of ["https://user:pw@mirror", "https://mirror?x=1", "https://mirror#x", "::::"]) {
    it(`a mirror at ${mirror} is refused`, () =>
      assert.throws(() => endpointOf("a.io", "b", { ...settings, mirrors: new Map([["a.io", mirror]]) })));
  }
});

describe("proxies", () => {
  const none = [
    "company.com",
    ".only-below.com",
    "10.0.0.0/8",
    "192.168.1.1",
    "port.com:8443",
    "[fd00::1]",
    "*.star.com",
  ];
  const choose = createProxyChoice({ https: "http://proxy:3128", http: "plainproxy:80", none });
  const table: readonly (readonly [origin: string, proxied: boolean, why: string])[] = [
    ["https://ghcr.io", true, ""],
    ["https://company.com", false, "named"],
    ["https://registry.company.com:5000", false, "below what is named"],
    ["https://mycompany.com", true, "another name"],
    ["https://only-below.com", true, "a dot means below only"],
    ["https://x.only-below.com", false, ""],
    ["https://10.1.2.3", false, "in the range"],
    ["https://11.1.2.3", true, "outside the range"],
    ["https://192.168.1.1:5000", false, "named"],
    ["https://port.com:8443", false, "named with its port"],
    ["https://port.com", true, "another port"],
    ["https://[fd00::1]", false, "named"],
    ["https://a.star.com", false, "a star is a dot"],
    ["https://127.0.0.1:5000", false, "loopback"],
    ["https://localhost:5000", false, "loopback"],
    ["https://[::1]:5000", false, "loopback"],
  ];
  for (const [origin, proxied, why] of table) {
    it(`${origin} ${proxied ? "by proxy" : "directly"}${why && `: ${why}`}`, () =>
      assert.equal(choose(new URL(origin))?.href, proxied ? "http://proxy:3128/" : undefined));
  }
  it("plain HTTP has its own", () => assert.equal(choose(new URL("http://plain.com"))?.host, "plainproxy"));
  it("a star exempts everything", () =>
    assert.equal(createProxyChoice({ https: "http://p", none: ["*"] })(new URL("https://ghcr.io")), undefined));
  it("other kinds are refused", () =>
    assert.throws(() => createProxyChoice({ https: "socks5://p:1", none: [] }), /only http/));
});
