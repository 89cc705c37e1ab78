import assert from "node:assert/strict";
import { literalSource } from "../../evidence/registry/auth/credential.ts";
import type { RegistrySettings } from "../../evidence/registry/settings.ts";
import type { Users } from "../../sandbox/registry/auth/permissions.ts";
import { makeImage } from "../../sandbox/registry/images.ts";
import { type Recorder, startRecorder } from "../../sandbox/registry/misbehaviour/recorder.ts";
import { challenge, nextPageAt, redirect } from "../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { addToStore } from "../../sandbox/registry/push.ts";
import { type RegistryOptions, type SandboxRegistry, startRegistry } from "../../sandbox/registry/server.ts";
import { openReaders, patient, type Readers } from "../unit/evidence/registry/support/readers.ts";

const image = makeImage();
const users: Users = { canary: { password: "canary-password", pull: ["*"], identityToken: "canary-refresh" } };
const password = literalSource({ username: "canary", password: "canary-password" });
const refreshToken = literalSource({ identityToken: "canary-refresh" });
const ANY_ADDRESS: Partial<RegistrySettings> = { allowedAddresses: ["127.0.0.0/8"] };

async function withImage(options: RegistryOptions): Promise<SandboxRegistry> {
  const place = await startRegistry(options);
  addToStore(place.store, "team/app", image, "v1");
  return place;
}

/** Everything that arrived there, as one text: secrets are looked for in paths and headers alike. */
const arrived = ({ requests }: Recorder): string => JSON.stringify(requests);
const SECRETS = /canary|authorization|bearer|basic/i;

async function readAll(readers: Readers, name: string, source = password): Promise<void> {
  const app = readers.open(name, source);
  await app.resolveTag("v1", patient());
  await app.manifest(image.digest, patient());
  await app.blob(image.configDigest, 10_000, patient());
  await Array.fromAsync(app.referrers(image.digest, patient()));
}

describe("a credential is seen only where it may be (CVE-2026-48978, CVE-2025-27403, CVE-2026-88887)", () => {
  const auths: readonly (readonly [name: string, auth: NonNullable<RegistryOptions["auth"]>])[] = [
    ["Basic", { type: "basic", users }],
    ["a token", { type: "bearer", users }],
  ];

  for (const [name, auth] of auths) {
    for (const code of [301, 302, 303, 307, 308]) {
      it(`${name} does not follow a redirect (${code}) to another origin`, async () => {
        await using thief = await startRecorder();
        await using place = await withImage({ auth });
        place.misbehave({ when: { kind: "manifest" }, as: redirect(`${thief.url}/stolen`, code) });
        place.misbehave({ when: { kind: "blob" }, as: redirect(`${thief.url}/stolen`, code) });
        await using readers = openReaders(ANY_ADDRESS);
        await readAll(readers, `${place.host}/team/app`);
        assert.ok(thief.requests.length > 0, "it was asked");
        assert.doesNotMatch(arrived(thief), SECRETS);
      });
    }

    it(`${name} does not come back after a detour`, async () => {
      await using place = await withImage({ auth });
      await using detour = await startRecorder(() => ({
        status: 307,
        headers: { location: `${place.url}/v2/team/app/manifests/v2` },
        body: Buffer.alloc(0),
      }));
      place.misbehave({ when: { path: "manifests/v1" }, as: redirect(`${detour.url}/x`) });
      await using readers = openReaders(ANY_ADDRESS);
      await readers.open(`${place.host}/team/app`, password).resolveTag("v1", patient());
      assert.ok(detour.requests.length > 0);
      const after = place.requests.filter(({ target }) => target.endsWith("/v2"));
      assert.ok(
        after.every(({ headers }) => headers["authorization"] === undefined),
        "sent where the detour chose",
      );
    });

    it(`${name} goes along a redirect within the registry`, async () => {
      await using place = await withImage({ auth });
      place.misbehave({ when: { path: "manifests/v1" }, as: redirect(`/v2/team/app/manifests/${image.digest}`) });
      await using readers = openReaders();
      const outcome = await readers.open(`${place.host}/team/app`, password).resolveTag("v1", patient());
      assert.equal(outcome.status, "verified");
    });

    it(`${name} does not follow a Link to another host`, async () => {
      await using thief = await startRecorder();
      await using place = await withImage({
        auth,
        misbehave: [{ when: { kind: "referrers" }, as: nextPageAt(`${thief.url}/stolen`) }],
      });
      await using readers = openReaders(ANY_ADDRESS);
      await readAll(readers, `${place.host}/team/app`);
      assert.equal(thief.requests.length, 0);
    });

    it(`${name} does not go to a mirror that is not its own`, async () => {
      await using mirror = await withImage({ auth });
      await using readers = openReaders({ mirrors: new Map([["registry.company.com", mirror.url]]) });
      // The keychain is asked for the mirror's host: what it has for registry.company.com never gets here.
      assert.equal(readers.registry.endpoint("registry.company.com/team/app")?.credentialHost, mirror.host);
    });
  }

  for (const [what, source] of [
    ["a password", password],
    ["a refresh token", refreshToken],
  ] as const) {
    it(`${what} does not go to a foreign realm`, async () => {
      await using thief = await startRecorder();
      await using place = await withImage({});
      place.misbehave({
        as: challenge(`Bearer realm="${thief.url}/token",service="x",scope="repository:team/app:pull"`),
      });
      await using readers = openReaders(ANY_ADDRESS);
      await readAll(readers, `${place.host}/team/app`, source);
      assert.ok(thief.requests.length > 0, "it was asked, without credentials");
      assert.doesNotMatch(arrived(thief), SECRETS);
    });

    it(`${what} does not follow a token server's redirect`, async () => {
      await using thief = await startRecorder();
      await using place = await withImage({ auth: { type: "bearer", users } });
      place.misbehave({ when: { kind: "token" }, as: redirect(`${thief.url}/stolen`) });
      await using readers = openReaders(ANY_ADDRESS);
      await readAll(readers, `${place.host}/team/app`, source);
      assert.doesNotMatch(arrived(thief), SECRETS);
      // A refresh token is in the body, which the recorder does not keep: it must not be asked at all.
      if (source === refreshToken) assert.equal(thief.requests.length, 0);
    });
  }

  it("a token of one registry is not shown to another", async () => {
    await using first = await withImage({ auth: { type: "bearer", users } });
    await using second = await startRecorder();
    await using readers = openReaders();
    await readAll(readers, `${first.host}/team/app`);
    await readers.open(`${second.host}/team/app`, password).resolveTag("v1", patient());
    assert.ok(second.requests.length > 0);
    assert.doesNotMatch(arrived(second), SECRETS, "no challenge, no credential");
  });

  it("nothing is shown before a registry asks", async () => {
    await using place = await withImage({});
    await using readers = openReaders();
    await readAll(readers, `${place.host}/team/app`);
    assert.ok(place.requests.every(({ headers }) => headers["authorization"] === undefined));
  });

  it("messages never tell a credential", async () => {
    await using place = await withImage({ auth: { type: "basic", users: {} } });
    await using readers = openReaders();
    const app = readers.open(`${place.host}/team/app`, password);
    for (const outcome of [await app.resolveTag("v1", patient()), await app.manifest(image.digest, patient())]) {
      assert.doesNotMatch(JSON.stringify(outcome), /canary/);
    }
    assert.doesNotMatch(app.scope, /canary/);
  });
});
