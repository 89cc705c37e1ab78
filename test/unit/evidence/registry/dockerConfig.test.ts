import assert from "node:assert/strict";
import { matchDockerConfig, parseDockerConfig } from "../../../../evidence/registry/auth/dockerConfig.ts";
import { pullSecretEntries } from "../../../../evidence/registry/auth/pullSecret.ts";

const auth = (username: string): object => ({ username, password: "secret" });
const config = (...places: readonly string[]): string =>
  JSON.stringify({ auths: Object.fromEntries(places.map((place) => [place, auth(place)])) });
/** User names, each of which is the key that matched. */
const users = async (text: string, registry: string, repository: string): Promise<(string | undefined)[]> =>
  Promise.all(
    matchDockerConfig(parseDockerConfig(text), registry, repository).map(
      async (source) => (await source.get(AbortSignal.timeout(1000)))?.username,
    ),
  );

describe("which credential kubelet would use", () => {
  const table: readonly (readonly [
    keys: readonly string[],
    registry: string,
    repository: string,
    expected: readonly string[],
    why: string,
  ])[] = [
    [["ghcr.io"], "ghcr.io", "org/app", ["ghcr.io"], "the whole registry"],
    [["ghcr.io"], "ghcr.io.evil.com", "org/app", [], "a longer host"],
    [["ghcr.io"], "evil-ghcr.io", "org/app", [], "another host"],
    [
      ["ghcr.io", "ghcr.io/org", "ghcr.io/org/app"],
      "ghcr.io",
      "org/app/x",
      ["ghcr.io/org/app", "ghcr.io/org", "ghcr.io"],
      "the longest first",
    ],
    [["ghcr.io/org/app", "ghcr.io"], "ghcr.io", "other", ["ghcr.io"], "another path"],
    [["ghcr.io/team"], "ghcr.io", "teams/app", ["ghcr.io/team"], "a plain prefix, as in kubelet"],
    [
      ["https://index.docker.io/v1/"],
      "docker.io",
      "library/nginx",
      ["https://index.docker.io/v1/"],
      "docker login's own key",
    ],
    [
      ["https://registry.company.com/v2/"],
      "registry.company.com",
      "a",
      ["https://registry.company.com/v2/"],
      "the API's path",
    ],
    [["docker.io/myorg"], "docker.io", "myorg/app", ["docker.io/myorg"], ""],
    [["registry.company.com:5000"], "registry.company.com:5000", "a", ["registry.company.com:5000"], "the port"],
    [["registry.company.com"], "registry.company.com:5000", "a", [], "a port that the key does not have"],
    [["registry.company.com:5000"], "registry.company.com", "a", [], "a port that the image does not have"],
    [["registry.company.com:443"], "registry.company.com", "a", ["registry.company.com:443"], "443 is the default"],
    [["*.company.com"], "registry.company.com", "a", ["*.company.com"], "one label"],
    [["*.company.com"], "a.b.company.com", "a", [], "two labels"],
    [["*.company.com"], "company.com", "a", [], "no label"],
    [["*.io"], "ghcr.io", "a", ["*.io"], ""],
    [["re*ry.company.com"], "registry.company.com", "a", ["re*ry.company.com"], "part of a label"],
    [
      ["*.company.com", "registry.company.com"],
      "registry.company.com",
      "a",
      ["registry.company.com", "*.company.com"],
      "the literal host first",
    ],
    [["GHCR.IO"], "ghcr.io", "a", ["GHCR.IO"], "capitals"],
    [[], "ghcr.io", "a", [], "nothing"],
  ];
  for (const [keys, registry, repository, expected, why] of table) {
    it(`${keys.join(", ") || "none"} for ${registry}/${repository}: ${expected.join(", ") || "none"}${why && ` (${why})`}`, async () =>
      assert.deepEqual(await users(config(...keys), registry, repository), expected));
  }

  it("a pattern with many stars does not take long", async () => {
    const key = `${"*a".repeat(200)}b.io`;
    const started = performance.now();
    await users(config(key), `${"a".repeat(63)}.io`, "x");
    assert.ok(performance.now() - started < 1000);
  });
});

describe("a dockerconfigjson", () => {
  const read = async (entry: object): Promise<object | undefined> => {
    const [source] = matchDockerConfig(parseDockerConfig(JSON.stringify({ auths: { "a.io": entry } })), "a.io", "x");
    return source?.get(AbortSignal.timeout(1000));
  };
  it("auth is user and password, which may have colons", async () =>
    assert.deepEqual(await read({ auth: Buffer.from("u:p:w").toString("base64") }), {
      username: "u",
      password: "p:w",
    }));
  it("username and password stand for themselves", async () =>
    assert.deepEqual(await read({ username: "u", password: "p" }), { username: "u", password: "p" }));
  it("identity and registry tokens", async () => {
    assert.deepEqual(await read({ identitytoken: "i", auth: Buffer.from("<token>:").toString("base64") }), {
      username: "<token>",
      password: "",
      identityToken: "i",
    });
    assert.deepEqual(await read({ registrytoken: "r" }), { registryToken: "r" });
  });
  it("an entry without a credential is none", async () => {
    assert.equal(await read({}), undefined);
    assert.equal(await read({ auth: "" }), undefined);
    assert.equal(await read({ auth: Buffer.from("no colon").toString("base64") }), undefined);
  });
  it("auth wins over username and password, and a broken one is no credential, whatever else is there", async () => {
    const auth64 = Buffer.from("u:p").toString("base64");
    assert.deepEqual(await read({ username: "other", password: "old", auth: auth64 }), {
      username: "u",
      password: "p",
    });
    assert.equal(await read({ username: "u", password: "p", auth: "!" }), undefined);
  });
  it("an empty user or password is a credential", async () => {
    assert.deepEqual(await read({ username: "u" }), { username: "u", password: "" });
    assert.deepEqual(await read({ password: "p" }), { username: "", password: "p" });
    const auth64 = (text: string): object => ({ auth: Buffer.from(text).toString("base64") });
    assert.deepEqual(await read(auth64("u:")), { username: "u", password: "" });
    assert.deepEqual(await read(auth64(":p")), { username: "", password: "p" });
  });
  it("field names are read as Go reads them: in any case, the last of several", async () => {
    const auth64 = Buffer.from("u:p").toString("base64");
    assert.deepEqual(await read({ Auth: auth64 }), { username: "u", password: "p" });
    assert.deepEqual(await read({ auth: Buffer.from("a:b").toString("base64"), AUTH: auth64 }), {
      username: "u",
      password: "p",
    });
    assert.deepEqual(await users(JSON.stringify({ Auths: { "a.io": auth("a.io") } }), "a.io", "x"), ["a.io"]);
  });
  it("the same credential has the same id, another has another, and the id does not tell it", () => {
    const of = (user: string): string | undefined =>
      matchDockerConfig(parseDockerConfig(JSON.stringify({ auths: { "a.io": auth(user) } })), "a.io", "x")[0]?.id;
    assert.equal(of("u"), of("u"));
    assert.notEqual(of("u"), of("v"));
    assert.doesNotMatch(of("u") ?? "", /secret/);
  });
  for (const text of [
    "",
    "{",
    "null",
    "[]",
    '"x"',
    '{"auths":7}',
    '{"auths":{"a.io":null}}',
    '{"auths":{"":{"auth":"dTpw"}}}',
    `{"auths":{"${"a".repeat(600)}":{"auth":"dTpw"}}}`,
  ]) {
    it(`${text.slice(0, 40)} has no entries`, () => assert.deepEqual(parseDockerConfig(text), []));
  }
  it("a broken entry does not take the others along", async () =>
    assert.deepEqual(await users(JSON.stringify({ auths: { "b.io": 7, "a.io": auth("a.io") } }), "a.io", "x"), [
      "a.io",
    ]));
});

describe("a pull secret", () => {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const of = (data: Record<string, string> | undefined): number => pullSecretEntries(data).length;
  it("of either type", () => {
    assert.equal(of({ ".dockerconfigjson": base64(config("a.io")) }), 1);
    assert.equal(of({ ".dockercfg": base64(JSON.stringify({ "a.io": auth("a") })) }), 1);
  });
  it("has a thousand entries at most: more would hold everybody up", () => {
    const places = Array.from({ length: 1_200 }, (_, nth) => `${nth}.example`);
    assert.equal(of({ ".dockerconfigjson": base64(config(...places)) }), 1_000);
    assert.equal(parseDockerConfig(config(...places)).length, 1_200, "an administrator's file has all");
  });
  it("of another type, or not there, has nothing", () => {
    assert.equal(of({ password: base64("x") }), 0);
    assert.equal(of(undefined), 0);
  });
});

describe("what no request can carry", () => {
  const long = "x".repeat(16_385);
  const entries: readonly (readonly [why: string, entry: object, kept: number])[] = [
    ["a token with a line's end", { registrytoken: "a\nb" }, 0],
    ["a token with a space", { registrytoken: "a b" }, 0],
    ["a token beyond ASCII", { registrytoken: "\u2603" }, 0],
    ["a token", { registrytoken: "a.b-c_d~e+f/g==" }, 1],
    ["a token that is too long", { registrytoken: long }, 0],
    ["an identity token that is too long", { identitytoken: long }, 0],
    ["a password that is too long", { username: "a", password: long }, 0],
    ["a user that is too long", { username: long, password: "a" }, 0],
    ["a password that is just short enough", { username: "a", password: long.slice(1) }, 1],
  ];
  for (const [why, entry, kept] of entries)
    it(`${why} is ${kept === 1 ? "an" : "no"} entry`, () =>
      assert.equal(parseDockerConfig(JSON.stringify({ auths: { "a.io": entry } })).length, kept));
});
