import assert from "node:assert/strict";
import type { Users } from "../../sandbox/registry/auth/permissions.ts";
import { makeImage } from "../../sandbox/registry/images.ts";
import { late } from "../../sandbox/registry/misbehaviour/wrongTransport.ts";
import { addToStore } from "../../sandbox/registry/push.ts";
import { type RegistryOptions, type SandboxRegistry, startRegistry } from "../../sandbox/registry/server.ts";
import { cluster, dockerConfig, engine, pod, policy, type Engine } from "../unit/evidence/registry/support/judging.ts";
import { temporaryFile } from "../unit/evidence/registry/support/temporaryFile.ts";

const image = makeImage();
const users: Users = {
  red: { password: "red-password", pull: ["red/*"] },
  blue: { password: "blue-password", pull: ["blue/*"] },
  operator: { password: "own-password", pull: ["*"] },
};
const auths: readonly (readonly [name: string, auth: NonNullable<RegistryOptions["auth"]>])[] = [
  ["Basic", { type: "basic", users }],
  ["Basic that hides what one may not see", { type: "basic", users, refuseWith: 404 }],
  ["tokens", { type: "bearer", users }],
];
const verify = policy({ digest: { verify: true, required: false } });

interface Scene extends AsyncDisposable {
  readonly place: SandboxRegistry;
  readonly engine: Engine;
  readonly red: (rest: string) => ReturnType<typeof pod>;
  readonly blue: (rest: string) => ReturnType<typeof pod>;
}

async function scene(auth: NonNullable<RegistryOptions["auth"]>, options: RegistryOptions = {}): Promise<Scene> {
  const place = await startRegistry({ auth, ...options });
  addToStore(place.store, "red/app", image, "v1");
  const secrets = cluster({
    "red/pull": { [place.host]: ["red", "red-password"] },
    "blue/pull": { [place.host]: ["blue", "blue-password"] },
  });
  const own = engine({ readPullSecrets: true }, { cluster: secrets });
  const of = (namespace: string) => (rest: string) =>
    pod(`${place.host}/red/app${rest}`, { namespace, pullSecrets: ["pull"] });
  return {
    place,
    engine: own,
    red: of("red"),
    blue: of("blue"),
    [Symbol.asyncDispose]: async () => {
      await own[Symbol.asyncDispose]();
      await place.close();
    },
  };
}

describe("one tenant's pull secret proves nothing to another", () => {
  for (const [name, auth] of auths) {
    for (const rest of [`@${image.digest}`, ":v1"]) {
      it(`${name}, ${rest.slice(0, 4)}: with a warm cache`, async () => {
        await using s = await scene(auth);
        assert.equal(await s.engine.say([verify], s.red(rest)), "allow");
        const said = await s.engine.say([verify], s.blue(rest));
        assert.match(said, /^deny, deny digest (?:EvidenceUnavailable|DigestNotFound)$/);
        assert.equal(await s.engine.say([verify], s.red(rest)), "allow", "and the other's refusal does not spoil it");
      });
      it(`${name}, ${rest.slice(0, 4)}: with requests in flight together`, async () => {
        await using s = await scene(auth, { misbehave: [{ as: late(20) }] });
        const together = await Promise.all([
          s.engine.say([verify], s.red(rest)),
          s.engine.say([verify], s.blue(rest)),
          s.engine.say([verify], s.red(rest)),
          s.engine.say([verify], s.blue(rest)),
        ]);
        assert.equal(together[0], "allow");
        assert.equal(together[2], "allow");
        assert.match(together[1] ?? "", /^deny/);
        assert.match(together[3] ?? "", /^deny/);
      });
      it(`${name}, ${rest.slice(0, 4)}: under one deadline, which requests of the same moment share`, async () => {
        for (const first of ["red", "blue"] as const) {
          await using s = await scene(auth);
          const options = { signal: AbortSignal.timeout(9_000) };
          const said: Record<string, string> = {};
          for (const tenant of [first, first === "red" ? "blue" : "red"] as const)
            said[tenant] = await s.engine.say([verify], s[tenant](rest), options);
          assert.equal(said["red"], "allow");
          assert.match(said["blue"] ?? "", /^deny/);
        }
      });
      it(`${name}, ${rest.slice(0, 4)}: what one may not see does not tell that it is there`, async () => {
        await using s = await scene(auth);
        await s.engine.judge([verify], s.red(rest));
        const there = await s.engine.judge([verify], s.blue(rest));
        const nowhere = await s.engine.judge([verify], s.blue(rest === ":v1" ? ":v2" : `@sha256:${"0".repeat(64)}`));
        assert.deepEqual(
          there.findings.map(({ reason }) => reason),
          nowhere.findings.map(({ reason }) => reason),
        );
      });
    }
  }

  it("a registry's outage does not lend one tenant's proof to the other", async () => {
    await using s = await scene({ type: "basic", users });
    await s.engine.judge([verify], s.red(":v1"));
    await s.place.close();
    s.engine.tick(60_000);
    assert.equal(await s.engine.say([verify], s.red(":v1")), "allow");
    assert.match(await s.engine.say([verify], s.blue(":v1")), /^deny/);
  });

  it("a credential that was withdrawn proves nothing after its time", async () => {
    const changing: Record<string, Users[string]> = { ...users };
    await using s = await scene({ type: "basic", users: changing });
    assert.equal(await s.engine.say([verify], s.red(":v1")), "allow");
    delete changing["red"];
    s.engine.tick(60_000);
    assert.equal(await s.engine.say([verify], s.red(":v1")), "deny, deny digest EvidenceUnavailable");
  });
});

describe("the operator's own credentials", () => {
  async function said(patterns: readonly string[] | undefined): Promise<string> {
    await using place = await startRegistry({ auth: { type: "basic", users } });
    addToStore(place.store, "red/app", image, "v1");
    const file = temporaryFile(dockerConfig({ [place.host]: ["operator", "own-password"] }));
    await using own = engine({ dockerConfig: file });
    const spec = { digest: { verify: true, required: false } };
    const images = patterns?.map((pattern) => pattern.replace("HOST", place.host));
    const one = policy(images === undefined ? spec : { ...spec, match: { images } });
    return await own.say([one], pod(`${place.host}/red/app:v1`));
  }
  it("serve a repository that a policy names", async () => {
    assert.equal(await said(["HOST/red/**"]), "allow");
    assert.equal(await said(["HOST"]), "allow");
  });
  it("do not serve what no policy names: whoever may create a pod would read with them", async () => {
    assert.equal(await said(undefined), "deny, deny digest EvidenceUnavailable");
    assert.equal(await said(["**"]), "deny, deny digest EvidenceUnavailable");
  });
  it("serve a repository that another policy names than the one that asks, as pinning does; not where it is about something else", async () => {
    await using place = await startRegistry({ auth: { type: "basic", users } });
    addToStore(place.store, "red/app", image, "v1");
    const file = temporaryFile(dockerConfig({ [place.host]: ["operator", "own-password"] }));
    const subject = pod(`${place.host}/red/app:v1`);
    const [use] = subject.images;
    assert.ok(use !== undefined);
    const names = policy({ registries: { allow: [place.host] } }, "names");
    const elsewhere = policy({ match: { namespaces: ["other"] }, registries: { allow: [place.host] } }, "elsewhere");
    await using own = engine({ dockerConfig: file });
    assert.equal(await own.say([verify, elsewhere], subject), "deny, deny digest EvidenceUnavailable");
    assert.equal(await own.say([verify, names], subject), "allow");
    const pinned = await own.evidence.resolveDigest(subject, use, [verify, names], AbortSignal.timeout(9_000));
    assert.equal(pinned.status, "verified");
  });
});

describe("the credentials that a policy lends", () => {
  it("serve what it matches, whichever policy asks", async () => {
    await using place = await startRegistry({ auth: { type: "basic", users } });
    addToStore(place.store, "red/app", image, "v1");
    const secret = dockerConfig({ [place.host]: ["red", "red-password"] });
    const lends = (namespace: string): ReturnType<typeof policy> =>
      policy(
        {
          match: { namespaces: [namespace] },
          registries: { deny: ["docker.io"] },
          registryCredentials: { secretRefs: [{ namespace: "trusted", name: "pull" }] },
        },
        "lends",
        () => ({ status: "found", text: secret }),
      );
    await using own = engine();
    const subject = pod(`${place.host}/red/app@${image.digest}`);
    assert.equal(await own.say([verify, lends("other")], subject), "deny, deny digest EvidenceUnavailable");
    assert.equal(await own.say([verify, lends("team")], subject), "allow");
  });
});
