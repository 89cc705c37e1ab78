import assert from "node:assert/strict";
import {
  at,
  attach,
  attestScan,
  BAD,
  based,
  blobOf,
  bundle,
  ci,
  plainImage,
  PROVENANCE,
  scan,
  scanned,
  Scene,
  VULN,
} from "./support/attestedImage.ts";
import type { Authority, PolicySpec } from "../../crds/types.ts";
import { isOurs } from "../../policy/facts/unavailable.ts";
import type { Pushable } from "../../sandbox/registry/images.ts";
import { status } from "../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { stall } from "../../sandbox/registry/misbehaviour/wrongTransport.ts";
import { policy, pod } from "../unit/evidence/registry/support/judging.ts";
import { keyHand, publicPem } from "../unit/evidence/sigstore/sigstoreInstance.ts";
import { MemoryRepository } from "../unit/evidence/sigstore/memoryRepository.ts";
import { byKey, compile, contextOf, evidenceUnderTest } from "../unit/evidence/sigstore/underTest.ts";

const VULNS = "https://in-toto.io/attestation/vulns/v0.2";
const UNKNOWN = "deny EvidenceUnavailable";
const MINUTE = 60_000;

describe("what was found before, while it cannot be found again", function () {
  this.timeout(60_000);
  const image = plainImage("older");
  let clean: readonly Pushable[];
  let bad: Pushable;
  before(async () => {
    const predicate = {
      scanner: { uri: "scanner", result: [] },
      metadata: { scanStartedOn: at(-2), scanFinishedOn: at(-2) },
    };
    // Of both types, so that there is a proof for each question.
    clean = [await attestScan(image, [], -2), attach(image, VULNS, await bundle(image, VULNS, predicate))];
    bad = await attestScan(image, [BAD], -1);
  });

  for (const types of [1, 2]) {
    it(`serves through an outage of a day, and no longer: attested under ${types === 1 ? "one type" : "both types"}`, async () => {
      await using scene = await Scene.start();
      await scene.push(image, ...clean.slice(0, types));
      assert.equal(await scene.say(scanned, image), "allow");
      scene.registry.misbehave({ as: status(503) });
      for (const minutes of [1, 15, 20 * 60]) {
        scene.engine.tick(minutes * MINUTE);
        assert.equal(await scene.say(scanned, image), "allow", `${minutes} minutes`);
      }
      scene.engine.tick(6 * 60 * MINUTE);
      assert.equal(await scene.say(scanned, image), UNKNOWN);
    });

    for (const kind of ["manifest", "blob"] as const)
      it(`does not where a list names what is newer, and its ${kind} cannot be had: ${types} types`, async () => {
        await using scene = await Scene.start();
        await scene.push(image, ...clean.slice(0, types));
        assert.equal(await scene.say(scanned, image), "allow");
        await scene.push(bad);
        scene.registry.misbehave({ when: { kind, path: kind === "blob" ? blobOf(bad) : bad.digest }, as: status(503) });
        for (const minutes of [1, 15, 20 * 60]) {
          scene.engine.tick(minutes * MINUTE);
          assert.equal(await scene.say(scanned, image), UNKNOWN, `${minutes} minutes`);
        }
      });
  }

  it("does not where a list names what is newer, and the caller's time ends before it came", async () => {
    await using scene = await Scene.start();
    await scene.push(image, ...clean);
    assert.equal(await scene.say(scanned, image), "allow");
    await scene.push(bad);
    scene.engine.tick(MINUTE);
    scene.registry.misbehave({ when: { kind: "blob", path: blobOf(bad) }, as: stall() });
    const { verdict } = await scene.engine.judge([policy(scanned)], pod(scene.reference(image)), {
      signal: AbortSignal.timeout(1_500),
    });
    assert.equal(verdict, "deny");
  });

  it("does not where nothing was proved: that there is no scan is not known for a day", async () => {
    const either: PolicySpec = {
      ...scanned,
      scan: { ...scanned.scan, sources: [...(scanned.scan?.sources ?? []), { imageAnnotation: {} }] },
    };
    await using scene = await Scene.start();
    await scene.push(image);
    assert.equal(await scene.say(either, image), "deny ScanMissing");
    scene.engine.tick(MINUTE);
    scene.registry.misbehave({ as: status(503) });
    assert.equal(await scene.say(either, image), UNKNOWN);
  });

  it("does not after a policy's author asked to look again", async () => {
    for (const when of [{}, { kind: "referrers" as const }, { kind: "manifest" as const, path: "sha256-" }]) {
      await using scene = await Scene.start();
      await scene.push(image, ...clean);
      await scene.pushTag(image, "att", []);
      assert.equal(await scene.say(scanned, image, "1"), "allow");
      scene.engine.tick(MINUTE);
      scene.registry.misbehave({ when, as: status(503) });
      assert.equal(await scene.say(scanned, image, "1"), "allow", JSON.stringify(when));
      scene.engine.tick(1);
      assert.equal(await scene.say(scanned, image, "2"), UNKNOWN, JSON.stringify(when));
      // Nobody else's answers are taken away by it.
      assert.equal(await scene.say(scanned, image), "allow", JSON.stringify(when));
    }
  });
});

describe("an authority whose key is not at hand, where all that was attested is needed", function () {
  this.timeout(60_000);
  const image = plainImage("keyless");
  const other = keyHand();
  const missing: Authority = {
    name: "other",
    key: { secretRef: { namespace: "team", name: "key", key: "cosign.pub" } },
    transparencyLog: "Ignored",
  };
  const both = [byKey(publicPem(ci), { name: "ci" }), missing];
  const asked = { attestation: { authorities: ["ci", "other"] } };

  it("may have attested a scan that is newer and worse", async () => {
    await using scene = await Scene.start();
    const worse = attach(image, VULN, await bundle(image, VULN, scan(image, [BAD], -1), other));
    await scene.push(image, await attestScan(image, [], -2), worse);
    const spec: PolicySpec = { authorities: both, scan: { ...scanned.scan, sources: [asked] } };
    for (const onUnavailable of ["deny", "allow"] as const)
      assert.equal(await scene.say({ ...spec, onUnavailable }, image), UNKNOWN);
    assert.equal(await scene.say({ ...spec, enforcementAction: "warn" }, image), "warn EvidenceUnavailable");
    // What the others attested is told all the same.
    await scene.push(await attestScan(image, [BAD], -1));
    scene.engine.tick(MINUTE);
    assert.deepEqual((await scene.say(spec, image)).split(" ").toSorted(), [
      "EvidenceUnavailable",
      "ScanVulnerable",
      "deny",
    ]);
  });

  it("may have attested anything, also where its service says that the key is gone", async () => {
    const repository = new MemoryRepository();
    const digest = repository.putManifest(Buffer.from("{}"));
    const gone = { status: "invalid", reason: "KeyInvalid", message: "there is no such key" } as const;
    const { proveAttestations } = evidenceUnderTest(undefined, {
      kms: { peek: () => undefined, until: () => Infinity, isGone: () => true, get: () => Promise.resolve(gone) },
    });
    const { scan: rule } = compile({
      authorities: [{ name: "kms", key: { kms: "awskms:///alias/x" }, transparencyLog: "Ignored" }],
      scan: { sources: [{ attestation: { authorities: ["kms"] } }] },
    });
    const [source] = rule?.sources ?? [];
    const authority = source?.type === "attestation" ? source.authorities.trusted[0] : undefined;
    assert.ok(authority !== undefined);
    const context = contextOf([], { repository, digest });
    const outcomes = await proveAttestations(context, digest, [{ predicateType: VULN, authority }], "kept");
    const [outcome] = outcomes.values();
    assert.ok(outcome?.status === "unavailable" && isOurs(outcome), JSON.stringify(outcome));
  });

  it("may have attested another base", async () => {
    const from = (base: string): object => ({
      buildDefinition: { resolvedDependencies: [{ uri: `docker://docker.io/${base}` }] },
    });
    await using scene = await Scene.start();
    await scene.push(
      image,
      attach(image, PROVENANCE, await bundle(image, PROVENANCE, from("company/base"))),
      attach(image, PROVENANCE, await bundle(image, PROVENANCE, from("stranger/base"), other)),
    );
    assert.equal(await scene.say(based, image), "allow");
    const spec: PolicySpec = {
      authorities: both,
      onUnavailable: "allow",
      baseImages: { ...based.baseImages, authorities: ["ci", "other"] },
    };
    assert.equal(await scene.say(spec, image), UNKNOWN);
  });
});
