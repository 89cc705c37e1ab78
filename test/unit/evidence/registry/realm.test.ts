import assert from "node:assert/strict";
import { endpointOf } from "../../../../evidence/registry/endpoint.ts";
import { mayHoldCredentials, parseRealm } from "../../../../evidence/registry/auth/realm.ts";
import { DEFAULT_REGISTRY_SETTINGS } from "../../../../evidence/registry/settings.ts";

const settings = {
  ...DEFAULT_REGISTRY_SETTINGS,
  plainHttp: ["127.0.0.1", "localhost", "[::1]", "plain.company.com"],
  mirrors: new Map([["mirrored.com", "https://mirror.corp.net/cache"]]),
};
const realms = new Map([
  ["flagged.com", "https://sso.other.net/token"],
  ["127.0.0.1:5001", "http://127.0.0.1:5002"],
]);
const decide = (registry: string, realm: string): "credentials" | "anonymous" | "plainHttp" | "refused" => {
  const endpoint = endpointOf(registry, "team/app", settings);
  const url = parseRealm(realm, endpoint, realms);
  if (url === undefined) return "refused";
  if (url === "plainHttp") return url;
  return mayHoldCredentials(url, endpoint, realms) ? "credentials" : "anonymous";
};

describe("token realms", () => {
  const table: readonly (readonly [
    registry: string,
    realm: string,
    expected: ReturnType<typeof decide>,
    why: string,
  ])[] = [
    ["docker.io", "https://auth.docker.io/token", "credentials", "Docker Hub"],
    ["registry.gitlab.com", "https://gitlab.com/jwt/auth", "credentials", "GitLab"],
    ["ghcr.io", "https://ghcr.io/token", "credentials", "the registry itself"],
    ["harbor.company.com:8443", "https://harbor.company.com:8443/service/token", "credentials", "the same port"],
    ["registry.company.com", "https://auth.company.com/token", "credentials", "the same registrable domain"],
    ["registry.company.co.uk", "https://auth.company.co.uk/t", "credentials", "below a public suffix of two labels"],
    ["registry.company.com", "https://company.com.evil.io/token", "anonymous", "the domain as a label of another"],
    ["registry.company.com", "https://evilcompany.com/token", "anonymous", "the domain as the end of another"],
    ["registry.evil.co.uk", "https://auth.company.co.uk/t", "anonymous", "only the public suffix is shared"],
    ["a.github.io", "https://b.github.io/token", "anonymous", "a private suffix: two owners"],
    ["registry.company.com", "http://auth.company.com/token", "plainHttp", "in clear"],
    ["registry.company.com", "http://registry.company.com/token", "plainHttp", "in clear, though the same host"],
    ["plain.company.com", "http://plain.company.com/token", "credentials", "the registry is in clear itself"],
    ["plain.company.com", "http://auth.company.com/token", "anonymous", "another host in clear"],
    ["plain.company.com", "https://auth.company.com/token", "credentials", "the same registrable domain over TLS"],
    ["127.0.0.1:5000", "http://127.0.0.1:5000/token", "credentials", "the same address and port"],
    ["127.0.0.1:5000", "http://127.0.0.1:5999/token", "anonymous", "another port of an address"],
    ["127.0.0.1:5000", "https://127.0.0.1:5999/token", "anonymous", "another port, over TLS"],
    ["127.0.0.1:5001", "http://127.0.0.1:5002/token", "credentials", "a flag names it"],
    ["127.0.0.1:5001", "http://127.0.0.1:5003/token", "anonymous", "a flag names another"],
    ["localhost:5000", "https://auth.localhost/token", "anonymous", "localhost is no domain"],
    ["10.0.0.5", "https://10.0.0.6/token", "anonymous", "another address"],
    ["flagged.com", "https://sso.other.net/token", "credentials", "a flag names it"],
    ["flagged.com", "https://sso.other.net/evil", "anonymous", "a flag names another path"],
    ["flagged.com", "https://sso.other.net:444/token", "anonymous", "a flag names another port"],
    ["unflagged.com", "https://sso.other.net/token", "anonymous", "another registry's flag"],
    ["mirrored.com", "https://mirrored.com/token", "anonymous", "the mirror has its own domain"],
    ["mirrored.com", "https://auth.corp.net/token", "credentials", "the mirror's domain"],
    ["registry", "https://auth/token", "anonymous", "single labels have no domain"],
    ["registry.company.com", "https://user:pw@auth.company.com/", "refused", "credentials in the address"],
    ["registry.company.com", "file:///etc/passwd", "refused", "no web address"],
    ["registry.company.com", "/service/token", "credentials", "a path of its own"],
    ["plain.company.com", "/service/token", "credentials", "a path of its own, in clear as it is itself"],
    ["registry.company.com", "//evil.com/token", "anonymous", "another host behind two slashes"],
    ["registry.company.com", "not a url", "refused", "nothing"],
    ["registry.company.com", "", "refused", "nothing"],
  ];
  for (const [registry, realm, expected, why] of table) {
    it(`${registry} -> ${realm}: ${expected} (${why})`, () => assert.equal(decide(registry, realm), expected));
  }
});
