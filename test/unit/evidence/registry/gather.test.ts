import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import type { PolicySpec } from "../../../../crds/types.ts";
import type { FactContext, FactProvider, ProvidedFacts } from "../../../../evidence/provider.ts";
import { attestationKey } from "../../../../policy/facts/attestationKey.ts";
import type { AttestationOutcome, AttestedPlatform, ScanOutcome } from "../../../../policy/facts/facts.ts";
import { PROVENANCE_PREDICATES } from "../../../../policy/rules/provenance.ts";
import { makeImage, makeIndex } from "../../../../sandbox/registry/images.ts";
import { anotherManifest, inTurn, otherBytes, status } from "../../../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { addToStore } from "../../../../sandbox/registry/push.ts";
import { type RegistryOptions, type SandboxRegistry, startRegistry } from "../../../../sandbox/registry/server.ts";
import { engine, pod, policy, type Engine } from "./support/judging.ts";

const amd64 = makeImage({ platform: { os: "linux", architecture: "amd64" } });
const arm64 = makeImage({ platform: { os: "linux", architecture: "arm64" } });
const index = makeIndex([amd64, arm64]);
const other = makeImage({ labels: { other: "yes" } });
const NOWHERE = `sha256:${"0".repeat(64)}`;

interface Scene extends AsyncDisposable {
  readonly place: SandboxRegistry;
  readonly engine: Engine;
  readonly image: (rest: string) => string;
}

async function scene(options: RegistryOptions = {}, providers: readonly FactProvider[] = []): Promise<Scene> {
  const place = await startRegistry(options);
  addToStore(place.store, "team/app", index, "v1");
  addToStore(place.store, "team/app", other, "other");
  const own = engine({}, { providers });
  return {
    place,
    engine: own,
    image: (rest) => `${place.host}/team/app${rest}`,
    [Symbol.asyncDispose]: async () => {
      await own[Symbol.asyncDispose]();
      await place.close();
    },
  };
}

describe("verify", () => {
  const verify = policy({ digest: { verify: true, required: false } });
  const table: readonly (readonly [rest: string, expected: string])[] = [
    [`@${index.digest}`, "allow"],
    [`:v1@${index.digest}`, "allow"],
    [`@${arm64.digest}`, "allow"],
    [`@${NOWHERE}`, "deny, deny digest DigestNotFound"],
    [`@sha512:${"0".repeat(128)}`, "deny, deny digest DigestNotFound"],
    [":v1", "allow"],
    [":nope", "deny, deny digest DigestNotFound"],
    ["", "deny, deny digest DigestNotFound"],
  ];
  for (const [rest, expected] of table) {
    it(`${rest.slice(0, 30) || "latest"}: ${expected}`, async () => {
      await using s = await scene();
      assert.equal(await s.engine.say([verify], pod(s.image(rest))), expected);
    });
  }
  it("other bytes for the digest are a mismatch", async () => {
    await using s = await scene({ misbehave: [{ when: { kind: "manifest" }, as: otherBytes(other.bytes) }] });
    assert.equal(await s.engine.say([verify], pod(s.image(`@${index.digest}`))), "deny, deny digest DigestMismatch");
  });
  for (const [onUnavailable, expected] of [
    ["deny", "deny, deny"],
    ["warn", "warn, warn"],
    ["allow", "allow, allow"],
  ] as const) {
    it(`an outage under onUnavailable: ${onUnavailable}`, async () => {
      await using s = await scene({ misbehave: [{ as: status(503) }] });
      const lenient = policy({ digest: { verify: true, required: false }, onUnavailable });
      for (const rest of [`@${index.digest}`, ":v1"])
        assert.equal(await s.engine.say([lenient], pod(s.image(rest))), `${expected} digest EvidenceUnavailable`);
    });
    it(`what is invalid never takes onUnavailable: ${onUnavailable}`, async () => {
      await using s = await scene({ misbehave: [{ as: status(400) }] });
      const lenient = policy({ digest: { verify: true, required: false }, onUnavailable });
      for (const rest of [`@${index.digest}`, ":v1"])
        assert.equal(await s.engine.say([lenient], pod(s.image(rest))), "deny, deny digest ImageMalformed");
    });
  }
  it("is answered from the cache without a turn of the event loop, and asks nobody", async () => {
    await using s = await scene();
    const subject = pod(s.image(`@${index.digest}`));
    await s.engine.judge([verify], subject);
    s.place.forgetRequests();
    const [image] = subject.images;
    assert.ok(image);
    const facts = s.engine.evidence.gather({
      subject,
      image,
      policies: [verify],
      mode: "admission",
      signal: AbortSignal.timeout(1000),
      now: 0,
      dryRun: false,
    });
    assert.ok(!(facts instanceof Promise));
    assert.equal(facts.manifest?.status, "verified");
    assert.equal(s.place.requests.length, 0);
  });
  it("a registry that a deny policy refuses is not contacted", async () => {
    await using s = await scene();
    const closed = policy({ registries: { allow: ["registry.company.com"] } }, "closed");
    assert.equal(await s.engine.say([verify, closed], pod(s.image(":v1"))), "deny, deny registries RegistryNotAllowed");
    assert.equal(s.place.requests.length, 0);
  });
});

describe("pin", () => {
  const pin = policy({ digest: { pin: "Pods", required: true } });
  const resolve = async (s: Scene, rest: string, signal = AbortSignal.timeout(5_000)): Promise<string> => {
    const subject = pod(s.image(rest));
    const [image] = subject.images;
    assert.ok(image);
    const outcome = await s.engine.evidence.resolveDigest(subject, image, [pin], signal);
    return outcome.status === "verified" ? outcome.value : outcome.status;
  };
  it("resolves a tag, and leaves a digest as it is", async () => {
    await using s = await scene();
    assert.equal(await resolve(s, ":v1"), index.digest);
    assert.equal(await resolve(s, `:v1@${other.digest}`), other.digest);
    assert.equal(await resolve(s, ":nope"), "absent");
  });
  it("one resolution for what is pinned and what is judged (GHSA-mf7q-r4rv-jv94)", async () => {
    await using s = await scene({
      misbehave: [{ when: { kind: "manifest" }, as: inTurn(anotherManifest(index), anotherManifest(other)) }],
    });
    const pinned = await resolve(s, ":v1");
    const template = pod(s.image(":v1"), { kind: "Deployment" });
    const { digests } = await s.engine.judge(
      [pin, policy({ digest: { verify: true, required: false } }, "v")],
      template,
    );
    assert.equal(digests.get(s.image(":v1")), pinned);
    assert.equal(s.place.requests.length, 1);
  });
  it("one resolution for one request, even when the cache forgets meanwhile", async () => {
    await using s = await scene({
      misbehave: [
        {
          when: { kind: "manifest" },
          as: inTurn(anotherManifest(index), anotherManifest(other), anotherManifest(other)),
        },
      ],
    });
    const signal = AbortSignal.timeout(5_000);
    const first = await resolve(s, ":v1", signal);
    s.engine.tick(60_000);
    assert.equal(await resolve(s, ":v1", signal), first);
  });
  it("a tag in a pod that should have been pinned: absent, unavailable, or past the mutating webhook", async () => {
    await using s = await scene();
    assert.equal(await s.engine.say([pin], pod(s.image(":nope"))), "deny, deny digest DigestNotFound");
    assert.equal(await s.engine.say([pin], pod(s.image(":v1"))), "deny, deny digest DigestRequired");
    s.place.misbehave({ as: status(503) });
    assert.equal(await s.engine.say([pin], pod(s.image(":other"))), "deny, deny digest EvidenceUnavailable");
  });
});

describe("drift", () => {
  const drift = policy({ digest: { tagDrift: "Deny", required: false } });
  const report = policy({ digest: { tagDrift: "Report", required: false } });
  const table: readonly (readonly [why: string, rest: string, expected: string])[] = [
    ["the tag names the digest", `:v1@${index.digest}`, "allow"],
    ["the tag names the index, the digest is a platform child of it", `:v1@${arm64.digest}`, "allow"],
    ["the tag names another digest", `:v1@${other.digest}`, "deny, deny digest TagDrift"],
    ["the tag is gone", `:gone@${index.digest}`, "deny, deny digest TagDrift"],
    ["no tag", `@${other.digest}`, "allow"],
    ["no digest", ":v1", "allow"],
  ];
  for (const [why, rest, expected] of table) {
    it(`at admission: ${why}`, async () => {
      await using s = await scene();
      assert.equal(await s.engine.say([drift], pod(s.image(rest))), expected);
      assert.equal(await s.engine.say([report], pod(s.image(rest))), expected.replaceAll("deny", "warn"));
    });
  }
  it("SHA-512 beside a tag is compared by SHA-512", async () => {
    await using s = await scene();
    const strong = makeImage({ algorithm: "sha512", labels: { strong: "yes" } });
    addToStore(s.place.store, "team/app", strong);
    s.place.store.putManifest("team/app", { bytes: strong.bytes, mediaType: strong.mediaType }, "strong");
    assert.equal(await s.engine.say([drift], pod(s.image(`:strong@${strong.digest}`))), "allow");
    assert.equal(await s.engine.say([drift], pod(s.image(`:v1@${strong.digest}`))), "deny, deny digest TagDrift");
  });

  const running: readonly (readonly [why: string, imageID: string | undefined, expected: string])[] = [
    ["what the tag names", `x@${index.digest}`, "allow"],
    ["a platform child of what the tag names", `x@${arm64.digest}`, "allow"],
    ["another repository of the same content", `docker.io/library/other@${index.digest}`, "allow"],
    ["something else", `x@${other.digest}`, "deny, deny digest TagDrift"],
    ["nothing yet", undefined, "allow"],
    ["nothing yet", "", "allow"],
    ["a bare config of a child", amd64.configDigest, "allow"],
    ["a bare config of something else", other.configDigest, "deny, deny digest TagDrift"],
    ["what cannot be told", "x:v1", "deny, deny digest EvidenceUnavailable"],
  ];
  for (const [why, imageID, expected] of running) {
    it(`in an audit, a container by tag that runs ${why}: ${expected}`, async () => {
      await using s = await scene();
      const subject = pod(s.image(":v1"), imageID === undefined ? {} : { imageID });
      assert.equal(await s.engine.say([drift], subject, { mode: "audit" }), expected);
    });
  }
  it("in an audit, after the tag moved", async () => {
    await using s = await scene();
    const subject = pod(s.image(":v1"), { imageID: `x@${index.digest}` });
    assert.equal(await s.engine.say([drift], subject, { mode: "audit" }), "allow");
    addToStore(s.place.store, "team/app", other, "v1");
    s.engine.tick(2_001);
    assert.equal(await s.engine.say([drift], subject, { mode: "audit" }), "deny, deny digest TagDrift");
    const pinned = pod(s.image(`:v1@${index.digest}`), { imageID: `x@${arm64.digest}` });
    assert.equal(await s.engine.say([drift], pinned, { mode: "audit" }), "deny, deny digest TagDrift");
  });
});

/** Remembers what it was asked, and answers with nothing. */
function spy(name: string, asked: string[]): FactProvider {
  return {
    name,
    wanted: (policies) => policies.some(({ signatures }) => signatures !== undefined),
    gather: ({ digest, request, repository }: FactContext) => {
      asked.push(
        `${name} ${request.policies.map((one) => one.name).join("+")} ${repository.name.split("/").slice(1).join("/")} ${digest}`,
      );
      return {};
    },
  };
}

const { publicKey: PEM } = generateKeyPairSync("ec", {
  namedCurve: "P-256",
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});
const signed = (
  name: string,
  action: "deny" | "warn" | "dryrun" = "deny",
  more: object = {},
): ReturnType<typeof policy> =>
  policy(
    {
      enforcementAction: action,
      authorities: [{ name: "a", key: { pem: PEM } }],
      signatures: { authorities: ["a"] },
      ...more,
    },
    name,
  );

describe("fact providers", () => {
  it("are asked about the judged digest, for deny policies first", async () => {
    const asked: string[] = [];
    await using s = await scene({}, [spy("one", asked), spy("two", asked)]);
    await s.engine.judge([signed("w", "warn"), signed("d"), signed("n", "dryrun")], pod(s.image(`@${index.digest}`)));
    const what = `team/app ${index.digest}`;
    assert.deepEqual(asked, [`one d ${what}`, `two d ${what}`, `one w ${what}`, `two w ${what}`]);
  });
  it("what a deny policy was told stays, though a lenient one could not be told it any more", async () => {
    const spec = (action: "deny" | "warn"): PolicySpec => ({
      enforcementAction: action,
      onUnavailable: "allow",
      authorities: [{ name: "a", key: { pem: PEM } }],
      scan: { maxVulnerabilities: { critical: 0 } },
      baseImages: { allow: ["good/**"], authorities: ["a"] },
    });
    const strict = policy(spec("deny"), "d");
    const declared: PolicySpec = { ...spec("deny"), baseImages: { allow: ["good/**"] } };
    const outage = { status: "unavailable", cause: "timeout", message: "too late" } as const;
    const wrong = { status: "invalid", reason: "ScanInvalid", message: "no report" } as const;
    const buried = { status: "invalid", reason: "AttestationInvalid", message: "gone", buried: true } as const;
    const key = attestationKey(PROVENANCE_PREDICATES[0]!, strict.authorities.get("a")!.id);
    const answers: readonly (readonly [PolicySpec, ProvidedFacts, ProvidedFacts, string])[] = [
      [spec("deny"), { scans: scansOf(wrong) }, { scans: scansOf(outage) }, "scan ScanInvalid"],
      [
        spec("deny"),
        { allAttested: new Map([[key, buried]]) },
        { allAttested: new Map([[key, outage]]) },
        "baseImages BaseImageUnknown",
      ],
      [
        spec("deny"),
        { allAttested: new Map(), platforms: { status: "verified", value: [childOf(buried)] } },
        { platforms: outage },
        "baseImages BaseImageUnknown",
      ],
      [
        declared,
        { bases: { status: "verified", value: [{ name: "evil/base" }] } },
        { bases: outage },
        "baseImages BaseImageNotAllowed",
      ],
    ];
    for (const [about, first, then, expected] of answers) {
      const provider: FactProvider = {
        name: "twice",
        wanted: () => true,
        gather: ({ request }) => (request.policies.some(({ name }) => name === "d") ? first : then),
      };
      await using s = await scene({}, [provider]);
      const both = [policy(about, "d"), policy({ ...about, enforcementAction: "warn" }, "w")];
      assert.match(await s.engine.say(both, pod(s.image(`@${index.digest}`))), new RegExp(`^deny.*deny ${expected}`));
    }

    function scansOf(outcome: ScanOutcome): ReadonlyMap<string, ScanOutcome> {
      return new Map((strict.scan?.sources ?? []).map(({ id }) => [id, outcome]));
    }
    function childOf(outcome: AttestationOutcome): AttestedPlatform {
      return {
        digest: amd64.digest,
        platform: "linux/amd64",
        attested: new Map(keysOf().map((one) => [one, outcome])),
      };
    }
    function keysOf(): readonly string[] {
      return PROVENANCE_PREDICATES.map((type) => attestationKey(type, strict.authorities.get("a")!.id));
    }
  });
  it("judge what a pinned template's tag names, and in audits what runs", async () => {
    const asked: string[] = [];
    await using s = await scene({}, [spy("one", asked)]);
    const pin = signed("d", "deny", { digest: { pin: "Pods" } });
    await s.engine.judge([pin], pod(s.image(":v1"), { kind: "Deployment" }));
    await s.engine.judge([signed("d")], pod(s.image(":v1"), { imageID: `x@${arm64.digest}` }), { mode: "audit" });
    await s.engine.judge([signed("d")], pod(s.image(":v1"), { imageID: `x@${other.digest}` }), { mode: "audit" });
    assert.deepEqual(
      asked.map((line) => line.split(" ").at(-1)),
      [index.digest, index.digest, other.digest],
    );
  });
  it("are not asked where there is no digest", async () => {
    const asked: string[] = [];
    await using s = await scene({}, [spy("one", asked)]);
    const pin = signed("d", "deny", { digest: { pin: "Pods" } });
    assert.match(await s.engine.say([pin], pod(s.image(":nope"), { kind: "Deployment" })), /DigestNotFound/);
    assert.match(await s.engine.say([signed("d")], pod(s.image(":v1"))), /TagNotPinned/);
    assert.deepEqual(asked, []);
  });
  it("one that throws or rejects is a defect, which onUnavailable does not settle", async () => {
    const faults: readonly FactProvider["gather"][] = [
      () => {
        throw new Error("defect");
      },
      async () => Promise.reject(new Error("defect")),
    ];
    for (const gather of faults) {
      await using s = await scene({}, [{ name: "broken", wanted: () => true, gather }]);
      const lenient = signed("d", "deny", { onUnavailable: "allow" });
      const said = await s.engine.say([lenient], pod(s.image(`@${index.digest}`)));
      assert.equal(said, "deny, deny signatures EvidenceUnavailable");
      assert.equal(s.engine.defects.length, 1);
    }
  });
  it("one that knows nothing is no pass", async () => {
    for (const facts of [{}, { signatures: new Map() }]) {
      await using s = await scene({}, [{ name: "empty", wanted: () => true, gather: () => facts }]);
      const said = await s.engine.say([signed("d")], pod(s.image(`@${index.digest}`)));
      assert.equal(said, "deny, deny signatures EvidenceUnavailable");
    }
  });
  it("one that hangs ends with the deadline", async () => {
    await using s = await scene({}, [
      { name: "hanging", wanted: () => true, gather: async () => new Promise(() => undefined) },
    ]);
    const started = performance.now();
    const said = await s.engine.say([signed("d")], pod(s.image(`@${index.digest}`)), {
      signal: AbortSignal.timeout(50),
    });
    assert.match(said, /^deny/);
    assert.ok(performance.now() - started < 1_000);
    assert.equal(s.engine.defects.length, 1);
  });
  it("may open another repository, or be told that there is none", async () => {
    const told: string[] = [];
    await using s = await scene({}, [
      {
        name: "elsewhere",
        wanted: () => true,
        gather: async ({ open, request, repository }) => {
          const sigs = open(repository.name.replace("app", "sigs"));
          told.push(sigs.name.split("/").slice(1).join("/"), (await sigs.resolveTag("v1", request.signal)).status);
          for (const name of ["no/../where", "", "a b/c", "http://x/y"]) {
            const reader = open(name);
            told.push((await reader.manifest(index.digest, request.signal)).status);
            for await (const page of reader.referrers(index.digest, request.signal)) told.push(page.status);
          }
          return {};
        },
      },
    ]);
    await s.engine.judge([signed("d")], pod(s.image(`@${index.digest}`)));
    assert.deepEqual(told.slice(0, 2), ["team/sigs", "absent"]);
    assert.deepEqual(new Set(told.slice(2)), new Set(["invalid"]));
  });
});
