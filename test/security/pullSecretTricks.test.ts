import assert from "node:assert/strict";
import type { ClusterReads } from "../../evidence/registry/auth/clusterReads.ts";
import type { PolicySpec } from "../../crds/types.ts";
import type { Users } from "../../sandbox/registry/auth/permissions.ts";
import { emptyReply } from "../../sandbox/registry/api/reply.ts";
import { makeImage } from "../../sandbox/registry/images.ts";
import type { Misbehaviour } from "../../sandbox/registry/misbehaviour/rules.ts";
import { status } from "../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { late } from "../../sandbox/registry/misbehaviour/wrongTransport.ts";
import { addToStore } from "../../sandbox/registry/push.ts";
import { startRegistry } from "../../sandbox/registry/server.ts";
import { keyHand, publicPem } from "../unit/evidence/sigstore/sigstoreInstance.ts";
import { byKey, evidenceUnderTest } from "../unit/evidence/sigstore/underTest.ts";
import { engine, pod, policy } from "../unit/evidence/registry/support/judging.ts";

const image = makeImage();
const users: Users = { alice: { password: "wonder", pull: ["team/*"] } };
const signed: PolicySpec = {
  onUnavailable: "allow",
  authorities: [byKey(publicPem(keyHand()), { name: "ci" })],
  signatures: { authorities: ["ci"] },
};
const lenient: PolicySpec = { onUnavailable: "allow", digest: { required: false, verify: true } };

/** A cluster in which every pull secret holds this. */
const withSecret = (auths: unknown): ClusterReads => ({
  readSecret: async () => ({ ".dockerconfigjson": Buffer.from(JSON.stringify({ auths })).toString("base64") }),
  readServiceAccount: async () => undefined,
});

/** Somebody who asks without a credential is told once that there are some, as by a registry that limits strangers. */
const challenging =
  (then: Misbehaviour): Misbehaviour =>
  async (request, answer, nth) =>
    nth === 0 ? emptyReply(401, { "www-authenticate": "Basic" }) : then(request, answer, nth);

const big = "x".repeat(700_000);

describe("a pull secret that makes the registry fail", () => {
  const tricks: readonly (readonly [why: string, entry: unknown])[] = [
    ["a password of 700,000 characters", { username: "alice", password: big }],
    ["a user of 700,000 characters", { username: big, password: "wonder" }],
    ["a token of 700,000 characters", { registrytoken: big }],
    ["a token with a line's end", { registrytoken: "a\nb" }],
    ["a token with a NUL", { registrytoken: "a\u0000b" }],
    ["a token beyond Latin-1", { registrytoken: "\u2603" }],
    ["an identity token of 700,000 characters", { identitytoken: big }],
    ["a password with a NUL", { username: "alice", password: "a\u0000b" }],
  ];
  for (const type of ["basic", "bearer"] as const) {
    for (const [why, entry] of tricks) {
      it(`${type}: ${why} gains no onUnavailable: allow`, async () => {
        await using place = await startRegistry({ auth: { type, users } });
        addToStore(place.store, "team/app", image, "v1");
        await using own = engine({ readPullSecrets: true }, { cluster: withSecret({ [place.host]: entry }) });
        const subject = pod(`${place.host}/team/app@${image.digest}`, { pullSecrets: ["pull"] });
        assert.equal(await own.say([policy(lenient)], subject), "deny, deny digest EvidenceUnavailable");
      });
    }
  }
  for (const code of [429, 500, 503]) {
    /** A registry that fails for whoever says that he is somebody. */
    const failing: Misbehaviour = async (request, answer) =>
      request.headers["authorization"] === undefined ? answer() : status(code)(request, answer, 0);
    const secrets = (host: string): ClusterReads => withSecret({ [host]: { username: "mallory", password: "x" } });

    it(`${code} hides nothing that others may read`, async () => {
      await using place = await startRegistry();
      addToStore(place.store, "team/app", image, "v1");
      place.misbehave({ when: { beforeAuth: true }, as: challenging(failing) });
      await using own = engine(
        { readPullSecrets: true },
        { cluster: secrets(place.host), providers: [evidenceUnderTest().provider] },
      );
      const subject = pod(`${place.host}/team/app@${image.digest}`, { pullSecrets: ["pull"] });
      assert.equal(await own.say([policy(lenient)], subject), "allow");
      assert.equal(await own.say([policy(signed)], subject), "deny, deny signatures SignatureMissing");
    });

    it(`${code} to everybody is an outage, and to the one credential that is for it`, async () => {
      await using place = await startRegistry({ auth: { type: "basic", users } });
      const other = makeImage({ layers: [{ other: "image" }] });
      addToStore(place.store, "team/app", image, "v1");
      addToStore(place.store, "team/app", other);
      const good = withSecret({ [place.host]: { username: "alice", password: "wonder" } });
      await using own = engine({ readPullSecrets: true }, { cluster: good });
      const [first, second] = [image, other].map(({ digest }) =>
        pod(`${place.host}/team/app@${digest}`, { pullSecrets: ["pull"] }),
      );
      assert.ok(first !== undefined && second !== undefined);
      const end = place.misbehave({ when: { beforeAuth: true }, as: status(code) });
      assert.equal(await own.say([policy(lenient)], first), "allow, allow digest EvidenceUnavailable");
      end();
      assert.equal(await own.say([policy(lenient)], first), "allow");
      place.misbehave({ when: { beforeAuth: true }, as: failing });
      assert.equal(await own.say([policy(lenient)], second), "allow, allow digest EvidenceUnavailable");
    });
  }

  it("hundreds of refused ones, until the time is over", async () => {
    await using place = await startRegistry({ auth: { type: "bearer", users }, misbehave: [{ as: late(50) }] });
    addToStore(place.store, "team/app", image, "v1");
    const paths = Array.from({ length: 9 }, (_, at) => "team/app".slice(0, at));
    const hosts = ["127.0.0.1", "127.0.0.*", "12*.0.0.1", "127.*.0.1", "1*.0.0.1", "127.0.*.1", "*.0.0.1", "127.0.0.?"];
    const port = place.host.split(":")[1];
    const many = Object.fromEntries(
      hosts.flatMap((host) =>
        paths.map((path) => [`${host}:${port}/${path}`, { username: `${host}${path}`, password: "x" }]),
      ),
    );
    await using own = engine({ readPullSecrets: true }, { cluster: withSecret(many) });
    const subject = pod(`${place.host}/team/app@${image.digest}`, { pullSecrets: ["pull"] });
    const said = await own.say([policy(lenient)], subject, { signal: AbortSignal.timeout(1_500) });
    assert.equal(said, "deny, deny digest EvidenceUnavailable");
  });
  const names: readonly (readonly [why: string, name: string])[] = [
    ["a megabyte", "x".repeat(1_200_000)],
    ["no name of a Secret", "../pods"],
    ["the list", "."],
    ["half a character", "\uD800"],
  ];
  for (const [why, name] of names) {
    it(`by a name that is ${why}, which nobody is asked about`, async () => {
      await using place = await startRegistry({ auth: { type: "basic", users } });
      addToStore(place.store, "team/app", image, "v1");
      // As the API server answers: 431 for a header that is too long, 400 for a path.
      const tooLong = async (): Promise<never> => Promise.reject(Object.assign(new Error("too long"), { status: 431 }));
      await using own = engine(
        { readPullSecrets: true },
        { cluster: { readSecret: tooLong, readServiceAccount: async () => [name] } },
      );
      const subject = pod(`${place.host}/team/app@${image.digest}`, { pullSecrets: [name] });
      assert.equal(await own.say([policy(lenient)], subject), "deny, deny digest EvidenceUnavailable");
    });
  }
});
