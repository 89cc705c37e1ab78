import assert from "node:assert/strict";
import { makeImage } from "../../../../sandbox/registry/images.ts";
import { startRecorder } from "../../../../sandbox/registry/misbehaviour/recorder.ts";
import { addToStore } from "../../../../sandbox/registry/push.ts";
import { startRegistry, type RegistryOptions, type SandboxRegistry } from "../../../../sandbox/registry/server.ts";
import { Store } from "../../../../sandbox/registry/store.ts";

const store = new Store();
const image = makeImage();
for (const repository of ["team-a/app", "team-a/other", "team-ab/app", "team-b/app", "public"])
  addToStore(store, repository, image, "v1");

const users = {
  alice: { password: "a:secret", pull: ["team-a/*"], push: ["team-a/new"], identityToken: "alice-refresh" },
  bob: { password: "b", pull: ["team-b/app"] },
};
const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
const alice = basic("alice", "a:secret");
const bob = basic("bob", "b");

async function pull(registry: SandboxRegistry, repository: string, authorization?: string): Promise<Response> {
  const headers = authorization === undefined ? {} : { authorization };
  return fetch(`${registry.url}/v2/${repository}/manifests/v1`, { headers });
}

/** Asks for a token as a challenge says, and gives the header to use it with. */
async function tokenFor(challenge: string, authorization?: string): Promise<string> {
  const parameters = Object.fromEntries(
    [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, k = "", v = ""]) => [k, v]),
  );
  const { realm = "", service = "", scope = "" } = parameters;
  const query = new URLSearchParams({ service, scope });
  const headers = authorization === undefined ? {} : { authorization };
  const response = await fetch(`${realm}?${query.toString()}`, { headers });
  assert.equal(response.status, 200);
  const { token } = (await response.json()) as { token: string };
  return `Bearer ${token}`;
}

const challengeOf = (response: Response): string => response.headers.get("www-authenticate") ?? "";

describe("registry authentication", () => {
  let registry: SandboxRegistry;
  const start = async (auth: NonNullable<RegistryOptions["auth"]>): Promise<void> => {
    registry = await startRegistry({ store, auth });
  };
  afterEach(async () => registry.close());

  describe("basic", () => {
    const cases: readonly (readonly [string, string | undefined, string, number])[] = [
      ["without credentials", undefined, "team-a/app", 401],
      ["with a password that holds a colon", alice, "team-a/app", 200],
      ["with a wrong password", basic("alice", "a"), "team-a/app", 401],
      ["with an unknown user", basic("carol", "x"), "team-a/app", 401],
      ["with the name of something that objects have", basic("constructor", "x"), "team-a/app", 401],
      ["with a token", "Bearer x", "team-a/app", 401],
      ["with another user's repository", bob, "team-a/app", 403],
      ["with a name that only begins like hers", alice, "team-ab/app", 403],
    ];
    for (const [what, authorization, repository, status] of cases) {
      it(`answers ${status} ${what}`, async () => {
        await start({ type: "basic", users });
        const response = await pull(registry, repository, authorization);
        assert.equal(response.status, status);
        assert.equal(challengeOf(response), status === 401 ? 'Basic realm="sandbox"' : "");
      });
    }

    it("hides a repository when told so, and shows what anonymous may see", async () => {
      await start({ type: "basic", users, anonymous: { pull: ["public"] }, refuseWith: 404 });
      assert.equal((await pull(registry, "team-a/app", bob)).status, 404);
      assert.equal((await pull(registry, "public")).status, 200);
      assert.equal((await pull(registry, "team-a/app")).status, 401);
    });

    it("lets push only those who may, and mounts only what its caller can read", async () => {
      await start({ type: "basic", users });
      const digest = image.blobs[0]!.digest;
      const post = (repository: string, query: string): Promise<Response> =>
        fetch(`${registry.url}/v2/${repository}/blobs/uploads/${query}`, {
          method: "POST",
          headers: { authorization: alice },
        });
      assert.equal((await post("team-a/app", "")).status, 403);
      assert.equal((await post("team-a/new", `?mount=${digest}&from=team-b/app`)).status, 202);
      assert.equal((await post("team-a/new", `?mount=${digest}&from=team-a/app`)).status, 201);
    });
  });

  describe("bearer", () => {
    it("leads from the challenge to a token to the manifest", async () => {
      await start({ type: "bearer", users });
      const refused = await pull(registry, "team-a/app");
      assert.equal(
        challengeOf(refused),
        `Bearer realm="${registry.url}/token",service="sandbox-registry",scope="repository:team-a/app:pull"`,
      );
      const token = await tokenFor(challengeOf(refused), alice);
      assert.equal((await pull(registry, "team-a/app", token)).status, 200);
    });

    it("challenges the ping too, and does not take a password at the registry itself", async () => {
      await start({ type: "bearer", users });
      const ping = await fetch(`${registry.url}/v2/`);
      assert.deepEqual([ping.status, challengeOf(ping).includes("scope")], [401, false]);
      assert.equal((await pull(registry, "team-a/app", alice)).status, 401);
    });

    it("a token is good for its scope and its holder's rights only", async () => {
      await start({ type: "bearer", users });
      const challenge = challengeOf(await pull(registry, "team-a/app"));
      const alices = await tokenFor(challenge, alice);
      const other = await pull(registry, "team-a/other", alices);
      assert.match(challengeOf(other), /scope="repository:team-a\/other:pull",error="insufficient_scope"/);
      const bobs = await tokenFor(challenge, bob);
      assert.equal((await pull(registry, "team-a/app", bobs)).status, 401, "bob asked for what he may not see");
      const nobodys = await tokenFor(challenge);
      assert.equal((await pull(registry, "team-a/app", nobodys)).status, 401);
    });

    it("gives anonymous tokens, refuses wrong credentials", async () => {
      await start({ type: "bearer", users, anonymous: { pull: ["public"] }, refuseWith: 403 });
      const token = await tokenFor(challengeOf(await pull(registry, "public")));
      assert.equal((await pull(registry, "public", token)).status, 200);
      const wrong = await fetch(registry.tokenUrl ?? "", { headers: { authorization: basic("alice", "no") } });
      assert.equal(wrong.status, 401);
    });

    it("tokens expire by time and by force", async () => {
      await start({ type: "bearer", users, lifetimeSeconds: 0 });
      const challenge = challengeOf(await pull(registry, "team-a/app"));
      const stale = await pull(registry, "team-a/app", await tokenFor(challenge, alice));
      assert.match(challengeOf(stale), /error="invalid_token"/);
      await registry.close();

      await start({ type: "bearer", users });
      const fresh = await tokenFor(challengeOf(await pull(registry, "team-a/app")), alice);
      assert.equal((await pull(registry, "team-a/app", fresh)).status, 200);
      registry.expireTokens();
      assert.equal((await pull(registry, "team-a/app", fresh)).status, 401);
    });

    it("takes a refresh token and a password by POST", async () => {
      await start({ type: "bearer", users });
      const scope = "repository:team-a/app:pull";
      const post = (fields: Record<string, string>): Promise<Response> =>
        fetch(registry.tokenUrl ?? "", { method: "POST", body: new URLSearchParams({ scope, ...fields }) });
      for (const fields of [
        { grant_type: "refresh_token", refresh_token: "alice-refresh" },
        { grant_type: "password", username: "alice", password: "a:secret" },
      ]) {
        const { access_token: token } = (await (await post(fields)).json()) as { access_token: string };
        assert.equal((await pull(registry, "team-a/app", `Bearer ${token}`)).status, 200);
      }
      assert.equal((await post({ grant_type: "refresh_token", refresh_token: "guess" })).status, 401);
      assert.equal((await post({ grant_type: "refresh_token" })).status, 401, "bob has none, and none is not his");
    });

    it("has its token server elsewhere when told so, and logs what each server saw", async () => {
      await start({ type: "bearer", users, tokenServer: "other" });
      assert.notEqual(new URL(registry.tokenUrl ?? "").host, registry.host);
      const token = await tokenFor(challengeOf(await pull(registry, "team-a/app")), alice);
      await pull(registry, "team-a/app", token);
      assert.deepEqual(
        registry.requests.map(({ server, headers }) => [server, headers["authorization"]]),
        [
          ["registry", undefined],
          ["token", alice],
          ["registry", token],
        ],
      );
      registry.forgetRequests();
      assert.equal(registry.requests.length, 0);
    });

    it("names a foreign realm when told so; a recorder there sees what a client gives away", async () => {
      await using recorder = await startRecorder();
      await start({ type: "bearer", users, realm: `${recorder.url}/token` });
      const challenge = challengeOf(await pull(registry, "team-a/app"));
      assert.ok(challenge.includes(`realm="${recorder.url}/token"`));
      await fetch(`${recorder.url}/token?x=1`, { headers: { authorization: "canary" } });
      assert.deepEqual(
        recorder.requests.map(({ target, headers }) => [target, headers["authorization"]]),
        [["/token?x=1", "canary"]],
      );
    });
  });
});
