import assert from "node:assert/strict";
import { ANONYMOUS, literalSource } from "../../evidence/registry/auth/credential.ts";
import type { PolicySpec } from "../../crds/types.ts";
import type { Users } from "../../sandbox/registry/auth/permissions.ts";
import { makeArtifact, makeImage } from "../../sandbox/registry/images.ts";
import type { Misbehaviour } from "../../sandbox/registry/misbehaviour/rules.ts";
import { contentType, otherBytes, redirect, status } from "../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { addToStore } from "../../sandbox/registry/push.ts";
import { startRegistry } from "../../sandbox/registry/server.ts";
import { cluster, engine, pod, policy } from "../unit/evidence/registry/support/judging.ts";
import { openReaders, patient } from "../unit/evidence/registry/support/readers.ts";
import { keyHand, publicPem } from "../unit/evidence/sigstore/sigstoreInstance.ts";
import { byKey, evidenceUnderTest } from "../unit/evidence/sigstore/underTest.ts";

const image = makeImage();
const users: Users = { alice: { password: "wonder", pull: ["team/*"] } };
const lenient: PolicySpec = { onUnavailable: "allow", digest: { required: false, verify: true } };
const signed: PolicySpec = {
  onUnavailable: "allow",
  authorities: [byKey(publicPem(keyHand()), { name: "ci" })],
  signatures: { authorities: ["ci"] },
};

describe("access that is refused", () => {
  for (const auth of [
    { type: "basic", users },
    { type: "bearer", users },
  ] as const) {
    for (const [why, password] of [
      ["the right password", "wonder"],
      ["a wrong password", "broken"],
      ["no pull secret", undefined],
    ] as const) {
      for (const rest of [`@${image.digest}`, ":v1"]) {
        it(`${auth.type}, ${why}, ${rest.slice(0, 4)}: onUnavailable settles nothing`, async () => {
          await using place = await startRegistry({ auth });
          addToStore(place.store, "team/app", image, "v1");
          const hosts = password === undefined ? {} : { [place.host]: ["alice", password] as const };
          await using own = engine({ readPullSecrets: true }, { cluster: cluster({ "team/pull": hosts }) });
          const subject = pod(`${place.host}/team/app${rest}`, { pullSecrets: ["pull"] });
          const { verdict, findings } = await own.judge([policy(lenient)], subject);
          assert.equal(verdict, password === "wonder" ? "allow" : "deny");
          for (const { message } of findings) {
            assert.match(message, /refuses access .*; name one that may read it in the policy's registryCredentials/);
            assert.match(message, password === undefined ? /without a credential/ : /with the credential at hand/);
            assert.doesNotMatch(message, /try again/);
          }
          const warned = await own.judge([policy({ ...lenient, enforcementAction: "warn" })], subject);
          assert.equal(warned.verdict, password === "wonder" ? "allow" : "warn");
        });
      }
    }
  }

  it("by a token server is a refusal, and its 5xx an outage", async () => {
    for (const [code, verdict] of [
      [401, "deny"],
      [403, "deny"],
      [500, "allow"],
      [503, "allow"],
    ] as const) {
      await using place = await startRegistry({ auth: { type: "bearer", users } });
      place.misbehave({ when: { kind: "token" }, as: status(code) });
      await using own = engine();
      const decision = await own.judge([policy(lenient)], pod(`${place.host}/team/app@${image.digest}`));
      assert.equal(decision.verdict, verdict, `${code}`);
    }
  });

  it("ends what was proved, so that a withdrawn credential does not go on proving", async () => {
    const changing = { alice: { password: "wonder", pull: ["team/*"] } };
    await using place = await startRegistry({ auth: { type: "basic", users: changing } });
    addToStore(place.store, "team/app", image, "v1");
    const secrets = cluster({ "team/pull": { [place.host]: ["alice", "wonder"] } });
    await using own = engine({ readPullSecrets: true }, { cluster: secrets });
    const subject = pod(`${place.host}/team/app@${image.digest}`, { pullSecrets: ["pull"] });
    assert.equal(await own.say([policy(lenient)], subject), "allow");
    changing.alice.pull = [];
    own.tick(600_001);
    assert.equal(await own.say([policy(lenient)], subject), "deny, deny digest EvidenceUnavailable");
  });
});

/** Artifactory's virtual repositories. */
describe("401 and 403 for what is not there beside an image", () => {
  for (const code of [401, 403]) {
    it(`${code} is "not there" for who has read the image, and lets no unsigned image in`, async () => {
      await using place = await startRegistry();
      addToStore(place.store, "team/app", image, "v1");
      place.misbehave({ when: { path: /sha256-|referrers/ }, as: status(code) });
      await using own = engine({}, { providers: [evidenceUnderTest().provider] });
      const subject = pod(`${place.host}/team/app@${image.digest}`);
      assert.equal(await own.say([policy(signed)], subject), "deny, deny signatures SignatureMissing");
    });

    it(`${code} stays a refusal where the image itself is refused`, async () => {
      await using place = await startRegistry();
      addToStore(place.store, "team/app", image, "v1");
      place.misbehave({ as: status(code) });
      await using own = engine({}, { providers: [evidenceUnderTest().provider] });
      const subject = pod(`${place.host}/team/app@${image.digest}`);
      assert.equal(await own.say([policy(signed)], subject), "deny, deny signatures EvidenceUnavailable");
    });
  }

  const referrer = makeArtifact({ artifactType: "application/x-test", layers: [], subject: image });

  it("to one credential, another that may see it is still asked", async () => {
    const both: Users = { ...users, bob: { password: "builder", pull: ["team/*"] } };
    await using place = await startRegistry({ auth: { type: "basic", users: both } });
    addToStore(place.store, "team/app", image, "v1");
    addToStore(place.store, "team/app", referrer);
    addToStore(place.store, "team/app", referrer, `${image.digest.replace(":", "-")}.att`);
    const bob = Buffer.from("bob:builder").toString("base64");
    const unlessBob: Misbehaviour = async (request, answer) =>
      request.headers["authorization"]?.includes(bob) === true ? answer() : status(403)(request, answer, 0);
    place.misbehave({ when: { path: /sha256-|referrers/ }, as: unlessBob });
    await using readers = openReaders();
    const [alice, other] = [
      literalSource({ username: "alice", password: "wonder" }),
      literalSource({ username: "bob", password: "builder" }),
    ];
    const repository = readers.open(`${place.host}/team/app`, alice, other, ANONYMOUS);
    assert.equal((await repository.manifest(image.digest, patient())).status, "verified");
    const tag = await repository.manifestByTag(`${image.digest.replace(":", "-")}.att`, patient());
    assert.equal(tag.status, "verified");
    const pages = await Array.fromAsync(repository.referrers(image.digest, patient()));
    assert.deepEqual(
      pages.map((page) => page.status === "verified" && page.value.map(({ digest }) => digest)),
      [[referrer.digest]],
    );
    const alone = readers.open(`${place.host}/team/app`, alice);
    assert.equal((await alone.manifestByTag(`${image.digest.replace(":", "-")}.att`, patient())).status, "absent");
    assert.deepEqual(await Array.fromAsync(alone.referrers(image.digest, patient())), []);
  });

  it("an outage of the list is no refusal, and stays one", async () => {
    await using place = await startRegistry();
    addToStore(place.store, "team/app", image, "v1");
    place.misbehave({ when: { path: /sha256-/ }, as: status(403) });
    place.misbehave({ when: { path: /referrers/ }, as: status(503) });
    await using readers = openReaders();
    const pages = await Array.fromAsync(readers.open(`${place.host}/team/app`).referrers(image.digest, patient()));
    assert.deepEqual(
      pages.map((page) => page.status === "unavailable" && page.cause),
      ["serverError"],
    );
  });

  it("no other tag is derived: a refused image is refused", async () => {
    await using place = await startRegistry();
    addToStore(place.store, "team/app", image, "v1");
    place.misbehave({ when: { path: "/v1" }, as: status(403) });
    await using readers = openReaders();
    const repository = readers.open(`${place.host}/team/app`);
    assert.equal((await repository.manifest(image.digest, patient())).status, "verified");
    const outcome = await repository.manifestByTag("v1", patient());
    assert.equal(outcome.status === "unavailable" && outcome.cause, "unauthorised");
  });
});

describe("a registry that does not know the referrers API", () => {
  const page = Buffer.from("<html>Please log in</html>");
  const html: Misbehaviour = async (request, answer) =>
    contentType("text/html; charset=utf-8")(request, async () => otherBytes(page)(request, answer, 0), 0);
  const answers: readonly (readonly [why: string, as: Misbehaviour])[] = [
    ["a page to log in", html],
    ["another list", contentType("application/json")],
    ["a redirect to a host that cannot be reached", redirect("http://127.0.0.1:1/login")],
    ["a redirect to an address that is not asked", redirect("http://169.254.169.254/login")],
    ["a redirect to nowhere", redirect("ftp://127.0.0.1/login")],
  ];
  for (const [why, as] of answers) {
    it(`and answers ${why}: the fallback tag is asked, and nothing is invalid or unavailable`, async () => {
      await using place = await startRegistry();
      addToStore(place.store, "team/app", image);
      place.misbehave({ when: { path: /referrers/ }, as });
      await using readers = openReaders();
      const repository = readers.open(`${place.host}/team/app`);
      assert.deepEqual(await Array.fromAsync(repository.referrers(image.digest, patient())), []);
      assert.ok(place.requests.some(({ target }) => target.endsWith(`/manifests/${image.digest.replace(":", "-")}`)));
    });
  }
  it("but one that knows it and gives a broken list is not believed to have none", async () => {
    await using place = await startRegistry();
    addToStore(place.store, "team/app", image);
    place.misbehave({ when: { path: /referrers/ }, as: otherBytes("{") });
    await using readers = openReaders();
    const pages = await Array.fromAsync(readers.open(`${place.host}/team/app`).referrers(image.digest, patient()));
    assert.deepEqual(
      pages.map(({ status: got }) => got),
      ["invalid"],
    );
  });
});

describe("a credential that is withheld from a token server on another domain", () => {
  it("is what the message names, with the flag that lends it", async () => {
    // The sandbox's token server is another port of its address, which is another owner.
    await using place = await startRegistry({ auth: { type: "bearer", users, tokenServer: "other" } });
    addToStore(place.store, "team/app", image, "v1");
    const secrets = cluster({ "team/pull": { [place.host]: ["alice", "wonder"] } });
    await using own = engine({ readPullSecrets: true, allowedAddresses: ["127.0.0.0/8"] }, { cluster: secrets });
    const subject = pod(`${place.host}/team/app@${image.digest}`, { pullSecrets: ["pull"] });
    const { findings } = await own.judge([policy(lenient)], subject);
    const [found] = findings;
    assert.equal(found?.action, "deny");
    assert.match(found.message, /was withheld from the token server 127\.0\.0\.1:\d+, .*--token-realm 127\.0\.0\.1/);
  });
});
