import assert from "node:assert/strict";
import { createCloudCredentials } from "../../../../evidence/registry/auth/cloud/cloudCredentials.ts";
import type { CloudToken } from "../../../../evidence/registry/auth/cloud/cloudToken.ts";
import {
  ANONYMOUS,
  type Credential,
  type CredentialSource,
  literalSource,
} from "../../../../evidence/registry/auth/credential.ts";
import type { CachedRepository } from "../../../../evidence/registry/cache/cachedRepository.ts";
import type { RegistrySettings } from "../../../../evidence/registry/settings.ts";
import type { BearerSettings } from "../../../../sandbox/registry/auth/bearerAuth.ts";
import type { Users } from "../../../../sandbox/registry/auth/permissions.ts";
import { makeArtifact, makeImage } from "../../../../sandbox/registry/images.ts";
import { withBody } from "../../../../sandbox/registry/api/reply.ts";
import { challenge, status } from "../../../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { addToStore } from "../../../../sandbox/registry/push.ts";
import { type RegistryOptions, type SandboxRegistry, startRegistry } from "../../../../sandbox/registry/server.ts";
import { openReaders, patient, type Readers } from "./support/readers.ts";

const image = makeImage();
const users: Users = {
  alice: { password: "wonder", pull: ["team/app"], identityToken: "refresh-alice" },
  bob: { password: "builder", pull: ["other/*"] },
};
const alice = literalSource({ username: "alice", password: "wonder" });
const bob = literalSource({ username: "bob", password: "builder" });
const bearer: BearerSettings = { type: "bearer", users };

interface Scene extends AsyncDisposable {
  readonly place: SandboxRegistry;
  readonly readers: Readers;
  readonly read: (...sources: Parameters<Readers["open"]> extends [string, ...infer S] ? S : never) => Promise<string>;
  readonly app: (...sources: readonly (typeof alice)[]) => CachedRepository;
}

async function scene(
  options: RegistryOptions,
  settings: (place: SandboxRegistry) => Partial<RegistrySettings> = () => ({}),
): Promise<Scene> {
  const place = await startRegistry(options);
  addToStore(place.store, "team/app", image, "v1");
  const readers = openReaders(settings(place));
  const app: Scene["app"] = (...sources) => readers.open(`${place.host}/team/app`, ...sources);
  return {
    place,
    readers,
    app,
    read: async (...sources) => {
      const outcome = await app(...sources).manifest(image.digest, patient());
      return outcome.status === "unavailable" ? outcome.cause : outcome.status;
    },
    [Symbol.asyncDispose]: async () => {
      await readers[Symbol.asyncDispose]();
      await place.close();
    },
  };
}

const tokensAsked = (place: SandboxRegistry): number =>
  place.requests.filter(({ target }) => target.startsWith("/token")).length;

describe("Basic", () => {
  const options: RegistryOptions = { auth: { type: "basic", users } };
  it("with the right password", async () => {
    await using s = await scene(options);
    assert.equal(await s.read(alice), "verified");
  });
  it("without, with the wrong one, or as somebody else: unauthorised", async () => {
    await using s = await scene(options);
    assert.equal(await s.read(), "unauthorised");
    assert.equal(await s.read(literalSource({ username: "alice", password: "wrong" })), "unauthorised");
    assert.equal(await s.read(bob), "unauthorised");
  });
  it("the challenge is remembered", async () => {
    await using s = await scene(options);
    await s.read(alice);
    s.place.forgetRequests();
    assert.equal((await s.app(alice).resolveTag("v1", patient())).status, "verified");
    assert.equal(s.place.requests.length, 1);
  });
});

describe("tokens", () => {
  it("with the right password, once for many", async () => {
    await using s = await scene({ auth: bearer });
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, nth) => s.app(alice).resolveTag(nth < 10 ? "v1" : "v2", patient())),
    );
    assert.equal(answers.filter((one) => one.status === "verified").length, 10);
    assert.equal(tokensAsked(s.place), 1);
  });
  it("anonymous, where the registry lets everybody pull", async () => {
    await using s = await scene({ auth: { ...bearer, anonymous: { pull: ["team/*"] } } });
    assert.equal(await s.read(), "verified");
  });
  it("with a refresh token, by POST", async () => {
    await using s = await scene({ auth: bearer });
    assert.equal(await s.read(literalSource({ username: "<token>", identityToken: "refresh-alice" })), "verified");
    assert.deepEqual(
      s.place.requests.filter(({ target }) => target === "/token").map(({ method }) => method),
      ["POST"],
    );
    assert.equal(await s.read(literalSource({ identityToken: "wrong" })), "unauthorised");
  });
  it("a registry token is shown as it is", async () => {
    await using s = await scene({ auth: bearer });
    assert.equal(await s.read(literalSource({ registryToken: "made-up" })), "unauthorised");
    assert.ok(s.place.requests.some(({ headers }) => headers["authorization"] === "Bearer made-up"));
  });
  it("one that expired is renewed", async () => {
    await using s = await scene({ auth: bearer });
    assert.equal(await s.read(alice), "verified");
    s.place.expireTokens();
    assert.equal((await s.app(alice).resolveTag("v1", patient())).status, "verified");
    assert.equal(tokensAsked(s.place), 2);
  });
  it("one that ends at once is asked for each time, and still works", async () => {
    await using s = await scene({ auth: { ...bearer, lifetimeSeconds: 1 } });
    assert.equal(await s.read(alice), "verified");
    assert.equal((await s.app(alice).resolveTag("v1", patient())).status, "verified");
  });
  it("the wrong password, or no right to pull: unauthorised, without asking on and on", async () => {
    await using s = await scene({ auth: bearer });
    assert.equal(await s.read(literalSource({ username: "alice", password: "wrong" })), "unauthorised");
    assert.equal(await s.read(bob), "unauthorised");
    assert.equal(await s.read(), "unauthorised");
    assert.ok(s.place.requests.length <= 10, `${s.place.requests.length} requests`);
  });
  it("that were made for the question come with 201", async () => {
    const created: RegistryOptions["misbehave"] = [
      { when: { kind: "token" }, as: async (_, answer) => ({ ...(await answer()), status: 201 }) },
    ];
    await using s = await scene({ auth: bearer, misbehave: created });
    assert.equal(await s.read(alice), "verified");
  });
  it("are asked for by whoever says who he is", async () => {
    await using s = await scene({ auth: bearer });
    assert.equal(await s.read(alice), "verified");
    for (const { headers } of s.place.requests) assert.match(headers["user-agent"] ?? "", /^image-security\/\d/);
  });
  it("403 is unauthorised as well", async () => {
    await using s = await scene({ auth: { ...bearer, refuseWith: 403 } });
    assert.equal(await s.read(bob), "unauthorised");
  });
  it("a token server that is busy is not a refusal", async () => {
    await using s = await scene({ auth: bearer, misbehave: [{ when: { kind: "token" }, as: status(429) }] });
    assert.equal(await s.read(alice), "rateLimited");
  });
  it("a token server that recovers is asked again", async () => {
    await using s = await scene({ auth: bearer, misbehave: [{ when: { kind: "token" }, as: status(503), times: 1 }] });
    assert.equal(await s.read(alice), "verified");
  });
  for (const [given, other] of [
    ["token", "access_token"],
    ["access_token", "token"],
  ] as const) {
    for (const [why, empty] of [
      ["missing", undefined],
      ["null", null],
      ["empty", ""],
    ] as const) {
      it(`${given} is the token where ${other} is ${why}`, async () => {
        const misbehave: RegistryOptions["misbehave"] = [
          {
            when: { kind: "token" },
            as: async (_, answer) => {
              const reply = await answer();
              assert.ok(reply.body instanceof Uint8Array);
              const { token }: { token?: unknown } = JSON.parse(Buffer.from(reply.body).toString());
              return withBody(reply, Buffer.from(JSON.stringify({ [given]: token, [other]: empty })));
            },
          },
        ];
        await using s = await scene({ auth: bearer, misbehave });
        assert.equal(await s.read(alice), "verified");
      });
    }
  }
  for (const [why, body] of [
    ["no JSON", "token"],
    ["no token", "{}"],
    ["a token that breaks a header", JSON.stringify({ token: "a\r\nx-evil: 1" })],
    ["a token that is no text", JSON.stringify({ token: 7 })],
    ["a duplicate token", '{"token":"a","token":"b"}'],
  ] as const) {
    it(`a token server that answers with ${why} lets nobody in, and says nothing of the image`, async () => {
      await using s = await scene({
        auth: bearer,
        misbehave: [
          {
            when: { kind: "token" },
            as: () => ({ status: 200, headers: { "content-type": "application/json" }, body: Buffer.from(body) }),
          },
        ],
      });
      assert.equal(await s.read(alice), "unauthorised");
    });
  }
});

describe("a token server elsewhere", () => {
  const options: RegistryOptions = { auth: { ...bearer, tokenServer: "other" } };
  const sawPassword = (place: SandboxRegistry): boolean =>
    place.requests.some(({ server, headers }) => server === "token" && headers["authorization"] !== undefined);

  it("is asked without credentials where nothing says that it may have them", async () => {
    await using s = await scene(options, () => ({ allowedAddresses: ["127.0.0.0/8"] }));
    assert.equal(await s.read(alice), "unauthorised");
    assert.equal(sawPassword(s.place), false);
    assert.ok(s.place.requests.some(({ server }) => server === "token"));
  });
  it("gets them where --token-realm names it", async () => {
    await using s = await scene(options, (place) => ({ tokenRealms: new Map([[place.host, place.tokenUrl ?? ""]]) }));
    assert.equal(await s.read(alice), "verified");
    assert.equal(sawPassword(s.place), true);
  });
  it("a registry that is not the flag's does not get them there", async () => {
    await using s = await scene(options, (place) => ({
      tokenRealms: new Map([["other.company.com", place.tokenUrl ?? ""]]),
      allowedAddresses: ["127.0.0.0/8"],
    }));
    assert.equal(await s.read(alice), "unauthorised");
    assert.equal(sawPassword(s.place), false);
  });
});

describe("several credentials", () => {
  it("are tried in their order, until one is let in", async () => {
    await using s = await scene({ auth: bearer });
    assert.equal(await s.read(bob, alice, ANONYMOUS), "verified");
  });
  it("the one that was let in is tried first from then on", async () => {
    await using s = await scene({ auth: bearer });
    await s.read(bob, alice, ANONYMOUS);
    s.place.forgetRequests();
    const app = s.app(bob, alice, ANONYMOUS);
    assert.equal((await app.resolveTag("v1", patient())).status, "verified");
    assert.equal((await app.resolveTag("v2", patient())).status, "absent");
    assert.equal(s.place.requests.length, 2);
  });
  it("what is hidden from one and not there for another is not there", async () => {
    await using s = await scene({ auth: bearer });
    assert.equal((await s.app(bob, alice).resolveTag("v2", patient())).status, "absent");
    assert.equal((await s.app(alice, bob).resolveTag("v2", patient())).status, "absent");
  });
  it("404 for those who may not see it does not end the search", async () => {
    await using s = await scene({ auth: { type: "basic", users, refuseWith: 404 } });
    assert.equal(await s.read(bob, alice), "verified");
  });
  it("404 for one that was let in before and was withdrawn ends the search no longer than presence is believed", async () => {
    const changing = { first: { password: "p", pull: ["team/*"] }, second: { password: "p", pull: ["team/*"] } };
    await using s = await scene({ auth: { type: "basic", users: changing, refuseWith: 404 } });
    const [first, second] = ["first", "second"].map((username) => literalSource({ username, password: "p" }));
    assert.ok(first !== undefined && second !== undefined);
    assert.equal(await s.read(first, second), "verified");
    changing.first.pull.pop();
    s.readers.tick(600_001);
    assert.equal(await s.read(first, second), "verified");
  });
  it("an outage ends it: another credential would not help", async () => {
    await using s = await scene({ misbehave: [{ as: status(503) }] });
    assert.equal(await s.read(bob, alice, ANONYMOUS), "serverError");
    assert.equal(s.place.requests.length, 3);
  });
  it("one that cannot be had counts as refused, the next one is tried", async () => {
    await using s = await scene({ auth: bearer });
    const broken = { id: "broken", get: async (): Promise<Credential> => Promise.reject(new Error("no IAM here")) };
    assert.equal(await s.read(broken, alice), "verified");
    assert.equal(await s.read(broken), "unauthorised");
  });
  it("one that never comes ends with the deadline", async () => {
    await using s = await scene({ auth: bearer });
    const hanging = { id: "hanging", get: async (): Promise<Credential> => new Promise(() => undefined) };
    const outcome = await s.app(hanging).manifest(image.digest, AbortSignal.timeout(50));
    assert.ok(outcome.status === "unavailable" && outcome.cause === "timeout");
  });
  it("referrers are listed with the one that is let in", async () => {
    await using s = await scene({ auth: bearer });
    const pages = await Array.fromAsync(s.app(bob, alice).referrers(image.digest, patient()));
    assert.deepEqual(pages, []);
    const refused = await Array.fromAsync(s.app(bob).referrers(image.digest, patient()));
    assert.ok(
      refused.length > 0 && refused.every((page) => page.status === "unavailable" && page.cause === "unauthorised"),
    );
  });
});

describe("challenges that lead nowhere", () => {
  for (const [why, header, expected] of [
    ["none", "", "unauthorised"],
    ["an unknown scheme", "Negotiate", "unauthorised"],
    ["a realm that is no address", 'Bearer realm="x"', "invalid"],
    ["a realm in another scheme", 'Bearer realm="file:///etc/passwd"', "invalid"],
  ] as const) {
    it(why, async () => {
      await using s = await scene({ misbehave: [{ as: challenge(header) }] });
      assert.equal(await s.read(alice), expected);
    });
  }
});

describe("a cloud that gives its credential no more", () => {
  const password = { username: "alice", password: "wonder" };
  /** As a cloud's identity: it works until it is told not to. */
  const identity = (): { down: boolean; source: CredentialSource } => {
    const state = { down: false };
    const acr = async (): Promise<CloudToken> =>
      state.down ? Promise.reject(new Error("no identity")) : { credential: password, expires: 0 };
    const source = createCloudCredentials(["acr"], { acr }).source("team.azurecr.io");
    assert.ok(source);
    return Object.assign(state, { source });
  };

  it("does not end what was read before: it is no refusal by the registry", async () => {
    await using s = await scene({ auth: { type: "basic", users } });
    const cloud = identity();
    // The first page of the list: the fallback tag is not there, and absences do not survive.
    const referrers = async (): Promise<string> => {
      for await (const page of s.app(cloud.source, ANONYMOUS).referrers(image.digest, patient()))
        return page.status === "unavailable" ? page.cause : page.status;
      return "nothing";
    };
    const layers = [{ mediaType: "text/plain", bytes: "signature" }];
    addToStore(s.place.store, "team/app", makeArtifact({ artifactType: "application/x-sig", subject: image, layers }));
    assert.equal(await s.read(cloud.source, ANONYMOUS), "verified");
    assert.equal(await referrers(), "verified");
    cloud.down = true;
    s.readers.tick(3_600_000);
    assert.equal(await s.read(cloud.source, ANONYMOUS), "verified");
    assert.equal(await referrers(), "verified");
  });
  it("is an outage for what was not read before, and ends nothing of what was proved with it", async () => {
    await using s = await scene({ auth: { type: "basic", users } });
    const cloud = identity();
    await s.read(cloud.source, ANONYMOUS);
    cloud.down = true;
    const outcome = await s.app(cloud.source, ANONYMOUS).manifestByTag("v1", patient());
    assert.equal(outcome.status === "unavailable" && outcome.cause, "cluster");
  });
  it("is asked anew where the clock was ahead when it gave one", async () => {
    const { now } = Date;
    let ahead = 86_400_000;
    let given = 0;
    const acr = async (): Promise<CloudToken> => ({
      credential: { username: "alice", password: String((given += 1)) },
      expires: Date.now() + 10_000_000,
    });
    const source = createCloudCredentials(["acr"], { acr }).source("team.azurecr.io");
    Date.now = () => now() + ahead;
    try {
      await source?.get(patient());
      await source?.get(patient());
      assert.equal(given, 1);
      ahead = 0;
      await source?.get(patient());
      assert.equal(given, 2, "it ends in a day by a clock that was wrong");
    } finally {
      Date.now = now;
    }
  });
  it("does not hide what everybody may read", async () => {
    await using s = await scene({});
    const cloud = identity();
    await cloud.source.get(patient());
    cloud.down = true;
    assert.equal(await s.read(cloud.source, ANONYMOUS), "verified");
  });
  it("is as none at all where it never gave one: the registry's refusal counts", async () => {
    await using s = await scene({ auth: { type: "basic", users } });
    const cloud = identity();
    cloud.down = true;
    assert.equal(await s.read(bob, cloud.source, ANONYMOUS), "unauthorised");
  });
});
