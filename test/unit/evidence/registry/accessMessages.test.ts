import assert from "node:assert/strict";
import type { PolicySpec } from "../../../../crds/types.ts";
import type { Resolve } from "../../../../policy/compile/resolve.ts";
import type { Users } from "../../../../sandbox/registry/auth/permissions.ts";
import { emptyReply } from "../../../../sandbox/registry/api/reply.ts";
import { makeArtifact, makeImage } from "../../../../sandbox/registry/images.ts";
import { startRecorder } from "../../../../sandbox/registry/misbehaviour/recorder.ts";
import { challenge, redirect, status } from "../../../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { addToStore } from "../../../../sandbox/registry/push.ts";
import { type RegistryOptions, type SandboxRegistry, startRegistry } from "../../../../sandbox/registry/server.ts";
import { SIMPLE_SIGNING } from "../../../../evidence/sigstore/find/formats.ts";
import { keyHand, publicPem } from "../sigstore/sigstoreInstance.ts";
import { byKey, evidenceUnderTest } from "../sigstore/underTest.ts";
import { makeCertificate } from "./support/certificates.ts";
import { cluster, dockerConfig, engine, pod, policy } from "./support/judging.ts";
import { testNetwork } from "./support/names.ts";
import { temporaryFile } from "./support/temporaryFile.ts";

const image = makeImage();
const users: Users = { alice: { password: "wonder", pull: ["team/*"] }, bob: { password: "builder", pull: ["x/*"] } };
const verified: PolicySpec = { digest: { required: false, verify: true } };

async function withImage(options: RegistryOptions = {}): Promise<SandboxRegistry> {
  const place = await startRegistry(options);
  addToStore(place.store, "team/app", image, "v1");
  return place;
}

type Settings = Parameters<typeof engine>[0];
type Options = Parameters<typeof engine>[1];

/** The one message of a pod with this image under a policy. */
async function told(
  name: string,
  {
    settings,
    options,
    spec = verified,
    resolve,
  }: Partial<{
    readonly settings: Settings;
    readonly options: Options;
    readonly spec: PolicySpec;
    readonly resolve: Resolve;
  }> = {},
): Promise<string> {
  await using own = engine(settings, options);
  const subject = pod(`${name}@${image.digest}`, { pullSecrets: ["pull"] });
  const { findings } = await own.judge([policy(spec, "p", resolve)], subject);
  assert.equal(findings.length, 1, JSON.stringify(findings));
  assert.deepEqual(own.defects, []);
  return findings[0]?.message ?? "";
}

describe("messages of access problems", () => {
  const auth = { type: "bearer", users } as const;

  it("no credential at hand is for it", async () => {
    await using place = await withImage({ auth });
    assert.match(
      await told(`${place.host}/team/app`),
      /refuses access to .*\/team\/app without a credential, or does not have it, and no credential at hand is for it; name one/,
    );
  });

  it("a credential was refused, and whose", async () => {
    await using place = await withImage({ auth });
    const hosts = { [place.host]: ["bob", "builder"] } as const;
    const options = { cluster: cluster({ "team/pull": hosts }) };
    const name = `${place.host}/team/app`;
    const ofPod = await told(name, { settings: { readPullSecrets: true }, options });
    assert.match(ofPod, /or does not have it, with the credential at hand \(the pod's pull secrets\); name one/);
    const lending = { ...verified, registryCredentials: { secretRefs: [{ namespace: "trusted", name: "pull" }] } };
    const resolve: Resolve = () => ({ status: "found", text: dockerConfig(hosts) });
    assert.match(await told(name, { spec: lending, resolve }), /\(the policy's registryCredentials\)/);
    const named = { ...verified, match: { images: [`${place.host}/**`] } };
    const file = temporaryFile(dockerConfig(hosts));
    assert.match(
      await told(name, { spec: named, settings: { dockerConfig: file } }),
      /\(the operator's own credentials\)/,
    );
    const both = { readPullSecrets: true, dockerConfig: file };
    const alice = { cluster: cluster({ "team/pull": { [place.host]: ["alice", "wrong"] } }) };
    assert.match(
      await told(name, { spec: named, settings: both, options: alice }),
      /\(the pod's pull secrets, the operator's own credentials\)/,
    );
  });

  it("404 to who has no credential, beside a refused one: it may be hidden", async () => {
    await using place = await withImage();
    place.misbehave({
      as: (request, answer, nth) =>
        (request.headers["authorization"] === undefined ? status(404) : status(403))(request, answer, nth),
    });
    // Asked for once, so that the credential is shown.
    place.misbehave({ as: challenge('Basic realm="x"'), times: 1 });
    const settings = { readPullSecrets: true };
    const options = { cluster: cluster({ "team/pull": { [place.host]: ["bob", "builder"] } }) };
    assert.match(
      await told(`${place.host}/team/app`, { settings, options }),
      /DigestNotFound: .* does not have .*, or does not show it: it refuses the pod's pull secrets; push/,
    );
  });

  it("a token server in plain HTTP, of a registry over TLS, with the flag", async () => {
    const tls = await makeCertificate(["registry.company.com"]);
    const realm = 'Bearer realm="http://sso.company.com/token"';
    await using place = await withImage({ tls, misbehave: [{ as: challenge(realm) }] });
    const network = testNetwork({ "registry.company.com": ["203.0.113.1"] }, { "203.0.113.1:443": portOf(place) });
    const message = await told("registry.company.com/team/app", {
      settings: { caBundles: [tls.caFile] },
      options: { network },
    });
    assert.match(message, /EvidenceUnavailable: .*the token server sso\.company\.com, which speaks plain HTTP; /);
    assert.match(message, /start the operator with --token-realm registry\.company\.com=http:\/\/sso\.company\.com$/);
  });

  for (const [why, code, expected] of [
    ["fails", 500, /the token server of 127\.0\.0\.1:\d+ answered with status 500; try again/],
    ["is busy", 429, /the token server of 127\.0\.0\.1:\d+ limits how often it may be asked; try again/],
  ] as const) {
    it(`a token server that ${why} is named`, async () => {
      await using place = await withImage({ auth, misbehave: [{ when: { kind: "token" }, as: status(code) }] });
      assert.match(await told(`${place.host}/team/app`), expected);
    });
  }

  it("a token server elsewhere is named by its host", async () => {
    await using place = await withImage({ auth: { ...auth, tokenServer: "other" } });
    place.misbehave({ when: { kind: "token" }, as: status(502) });
    const settings = { allowedAddresses: ["127.0.0.0/8"] };
    const host = new URL(place.tokenUrl ?? "").host;
    assert.match(
      await told(`${place.host}/team/app`, { settings }),
      new RegExp(`the token server ${host} of ${place.host} answered with status 502`),
    );
  });

  for (const [code, expected] of [
    [500, "answered with status 500; try again"],
    [403, "refuses access to .*; ask whoever runs it"],
    [404, "does not have "],
    [418, "answers with status 418"],
  ] as const) {
    it(`a redirect's target that answers ${code} is named, and a mirror's is not`, async () => {
      await using target = await startRecorder(() => emptyReply(code));
      await using place = await withImage({ misbehave: [{ as: redirect(`${target.url}/elsewhere`) }] });
      const settings = { allowedAddresses: ["127.0.0.0/8"] };
      assert.match(
        await told(`${place.host}/team/app`, { settings }),
        new RegExp(`${target.host}, to which ${place.host} redirects, ${expected}`),
      );
      const mirrors = new Map([["registry.company.com", place.url]]);
      const message = await told("registry.company.com/team/app", { settings: { ...settings, mirrors } });
      assert.match(message, new RegExp(`the place to which registry.company.com redirects ${expected}`));
      assert.doesNotMatch(message, /127\.0\.0\.1/);
    });
  }

  it("a redirect's target that is not there is named", async () => {
    const target = await startRecorder();
    await target.close();
    await using place = await withImage({ misbehave: [{ as: redirect(`${target.url}/elsewhere`) }] });
    assert.match(
      await told(`${place.host}/team/app`, { settings: { allowedAddresses: ["127.0.0.0/8"] } }),
      new RegExp(`${target.host}, to which ${place.host} redirects, could not be reached, or broke off; try again`),
    );
  });

  it("a name that nobody has: to try again does not help", async () => {
    const message = await told("unknown.example/team/app", { options: { network: testNetwork({}) } });
    assert.match(message, /unknown\.example has no address that a name server knows; correct the name$/);
    const spec: PolicySpec = { ...verified, onUnavailable: "warn" };
    await using own = engine({}, { network: testNetwork({}) });
    const subject = pod(`unknown.example/team/app@${image.digest}`);
    assert.equal((await own.judge([policy(spec)], subject)).verdict, "warn", "it stays an outage");
  });
});

const portOf = (place: SandboxRegistry): number => Number(place.host.split(":")[1]);

describe("messages of signatures that are not there", () => {
  const release = byKey(publicPem(keyHand()));
  const spec: PolicySpec = { authorities: [release], signatures: { authorities: ["release"] } };
  const options = (): Options => ({ providers: [evidenceUnderTest().provider] });

  it("a listed signature whose payload is gone", async () => {
    await using place = await withImage();
    const name = `${place.host}/team/app`;
    const signature = makeArtifact({
      artifactType: SIMPLE_SIGNING,
      layers: [
        { mediaType: SIMPLE_SIGNING, bytes: "gone", annotations: { "dev.cosignproject.cosign/signature": "AA" } },
      ],
    });
    addToStore(place.store, "team/app", signature, image.digest.replace(":", "-") + ".sig");
    place.misbehave({ when: { kind: "blob" }, as: status(404) });
    assert.match(
      await told(name, { spec, options: options() }),
      /SignatureMissing: .*release: one signature is listed whose content is not in the registry any more/,
    );
  });

  it("another repository that was searched is named", async () => {
    await using place = await withImage();
    const repository = `${place.host}/team/signatures`;
    const elsewhere = { ...spec, authorities: [{ ...release, repository }] };
    assert.match(
      await told(`${place.host}/team/app`, { spec: elsewhere, options: options() }),
      new RegExp(`release \\(in ${repository}\\): no signature was found`),
    );
  });
});
