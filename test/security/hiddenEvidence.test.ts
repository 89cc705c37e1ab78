import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  annotatedImage,
  at,
  attach,
  attestScan,
  BAD,
  blobOf,
  BUNDLE,
  bundle,
  ci,
  descriptorOf,
  excused,
  OPENVEX,
  plainImage,
  scan,
  scanned,
  Scene,
  signature,
  signed,
  twin,
  VULN,
} from "./support/attestedImage.ts";
import { status } from "../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { late } from "../../sandbox/registry/misbehaviour/wrongTransport.ts";
import type { PolicySpec } from "../../crds/types.ts";
import { makeArtifact, type Pushable } from "../../sandbox/registry/images.ts";
import { envelopeOf, keyHand, publicPem, statementOf } from "../unit/evidence/sigstore/sigstoreInstance.ts";
import { byKey } from "../unit/evidence/sigstore/underTest.ts";

const DENIED = "deny ScanVulnerable";
const MINUTES_11 = 11 * 60_000;

/** Nobody here has a key: what is signed is what the pipeline signed, in other manifests, lists and orders. */
describe("evidence that somebody without a key tries to hide", function () {
  this.timeout(60_000);
  const image = plainImage("hidden");
  let clean: Pushable;
  let bad: Pushable;
  before(async () => {
    clean = await attestScan(image, [], -2);
    bad = await attestScan(image, [BAD], -1);
  });

  const lies: readonly (readonly [why: string, change: Parameters<typeof twin>[1]])[] = [
    ["says that its blob is one byte", ({ layers }) => void (layers[0]!.size = 1)],
    ["says that its blob is empty", ({ layers }) => void (layers[0]!.size = 0)],
    ["says that its blob is larger than everything", ({ layers }) => void (layers[0]!.size = Number.MAX_SAFE_INTEGER)],
    [
      "says that it is another type",
      ({ layers }) => void (layers[0]!.mediaType = "application/vnd.dsse.envelope.v1+json"),
    ],
    [
      "says that it is of another predicate",
      ({ annotations }) => void (annotations["dev.sigstore.bundle.predicateType"] = "https://spdx.dev/Document"),
    ],
    ["says that it is text", (manifest) => void (manifest.artifactType = "text/plain")],
  ];
  for (const [why, change] of lies) {
    const newer: Parameters<typeof twin>[1] = (manifest) => {
      change(manifest);
      manifest.annotations["org.opencontainers.image.created"] = at(100);
    };

    it(`a scan, by a manifest that ${why}`, async () => {
      for (const order of ["before", "after"]) {
        await using scene = await Scene.start();
        const lie = twin(bad, newer);
        await scene.push(image, clean, ...(order === "before" ? [] : [bad]));
        // Its blob is there: a registry refuses a manifest without.
        if (order === "before") await scene.push(bad);
        await scene.push(lie);
        assert.equal(await scene.say(scanned, image), DENIED, order);
      }
    });

    it(`a signature, by a manifest that ${why}`, async () => {
      await using scene = await Scene.start();
      const good = await signature(image);
      await scene.push(image, good, twin(good, newer));
      assert.equal(await scene.say(signed, image), "allow");
    });
  }

  it("a scan, by a fallback tag that lists its manifest as something else, and cannot be read", async () => {
    for (const lie of [
      { artifactType: "text/plain" },
      { mediaType: "text/plain" },
      { size: 1 },
      { artifactType: BUNDLE, annotations: { "dev.sigstore.bundle.predicateType": "https://spdx.dev/Document" } },
      { annotations: {} },
    ])
      for (const options of [
        {},
        { pageSize: 1 },
        { misbehave: [{ when: { kind: "referrers" } as const, as: late(100) }] },
      ]) {
        await using scene = await Scene.start(options);
        await scene.push(image, clean, bad);
        scene.pushFallback(image, [{ ...descriptorOf(bad), ...lie }]);
        for (let turn = 0; turn < 3; turn++) {
          assert.equal(await scene.say(scanned, image), DENIED, JSON.stringify([lie, options]));
          scene.engine.tick(MINUTES_11);
        }
      }
  });

  it("the newest of many scans, by old ones that are pushed again with dates of tomorrow", async () => {
    for (const number of [31, 45, 80]) {
      await using scene = await Scene.start();
      await scene.push(image);
      const old: Pushable[] = [];
      for (let hour = 0; hour < number; hour++) old.push(await attestScan(image, [], -6 + hour / 24));
      await scene.push(...old, bad);
      assert.equal(await scene.say(scanned, image), DENIED);
      scene.engine.tick(MINUTES_11);
      const again = old.map((one) =>
        twin(one, ({ annotations }) => void (annotations["org.opencontainers.image.created"] = at(100))),
      );
      await scene.push(...again);
      assert.equal(await scene.say(scanned, image), DENIED, String(number));
    }
  });

  it("a clean scan after many bad ones is the newest all the same", async () => {
    await using scene = await Scene.start();
    await scene.push(image);
    for (let hour = 0; hour < 45; hour++) await scene.push(await attestScan(image, [BAD], -6 + hour / 24));
    await scene.push(await attestScan(image, [], -1));
    assert.equal(await scene.say(scanned, image), "allow");
  });

  it("an OpenVEX statement that takes an excuse back", async () => {
    const about = annotatedImage([BAD]);
    const vex = async (status: string, days: number): Promise<Pushable> => {
      const reason = status === "not_affected" ? { justification: "vulnerable_code_not_present" } : {};
      const statement = { vulnerability: { name: BAD.id }, status, timestamp: at(days), ...reason };
      const bytes = await bundle(about, OPENVEX, { timestamp: at(days), statements: [statement] });
      return attach(about, OPENVEX, bytes, { created: at(days) });
    };
    await using scene = await Scene.start();
    const [excuse, back] = [await vex("not_affected", -2), await vex("affected", -1)];
    await scene.push(about, excuse);
    assert.equal(await scene.say(excused, about), "allow");
    scene.engine.tick(MINUTES_11);
    await scene.push(
      back,
      twin(back, ({ layers, annotations }) => {
        layers[0]!.size = 1;
        annotations["org.opencontainers.image.created"] = at(100);
      }),
    );
    scene.pushFallback(about, [{ ...descriptorOf(back), artifactType: "text/plain" }]);
    assert.equal(await scene.say(excused, about), DENIED);
  });

  it("a scan under cosign's tag, by layers that say otherwise", async () => {
    await using scene = await Scene.start();
    await scene.push(image, clean, bad);
    const envelope = JSON.stringify(
      (JSON.parse(await bundle(image, VULN, scan(image, [BAD], -0.5))) as { dsseEnvelope: object }).dsseEnvelope,
    );
    const blob = attach(image, "x", envelope);
    await scene.push(blob);
    const digest = `sha256:${createHash("sha256").update(envelope).digest("hex")}`;
    const layer = { mediaType: "application/vnd.dsse.envelope.v1+json", digest, size: envelope.length };
    await scene.pushTag(image, "att", [
      layer,
      { ...layer, size: 1, annotations: { predicateType: "https://spdx.dev/Document" } },
    ]);
    assert.equal(await scene.say(scanned, image), DENIED);
  });

  it("a scan whose blob is gone, by a manifest that asks for it first and says that it is something else", async () => {
    await using scene = await Scene.start();
    const lie = twin(bad, ({ annotations }) => {
      annotations["dev.sigstore.bundle.predicateType"] = "https://spdx.dev/Document";
    });
    await scene.push(image, clean, bad, lie);
    // The blob is on its way for the lie when the true manifest comes.
    scene.registry.misbehave({ when: { kind: "manifest", path: bad.digest }, as: late(200) });
    for (const as of [status(404), late(800)])
      scene.registry.misbehave({ when: { kind: "blob", path: blobOf(bad) }, as });
    assert.equal(await scene.say(scanned, image), "deny ScanInvalid");
  });

  it("a scan that two have signed, by a copy with the signature of one of them", async () => {
    const other = keyHand();
    const statement = statementOf(image.digest, VULN, scan(image, [BAD], -0.5));
    const { bytes: byOne } = envelopeOf(ci, statement);
    const envelope = JSON.parse(byOne.toString()) as { signatures: object[] };
    const { signatures } = JSON.parse(envelopeOf(other, statement).bytes.toString()) as { signatures: object[] };
    const byBoth = Buffer.from(JSON.stringify({ ...envelope, signatures: [...envelope.signatures, ...signatures] }));
    const authorities = [byKey(publicPem(ci), { name: "ci" }), byKey(publicPem(other), { name: "other" })];
    const rule = (...names: readonly string[]): PolicySpec => ({
      authorities,
      scan: { ...scanned.scan, sources: names.map((name) => ({ attestation: { authorities: [name] } })) },
    });
    await using scene = await Scene.start();
    const layers = [byBoth, byOne].map((bytes) => ({ mediaType: "application/vnd.dsse.envelope.v1+json", bytes }));
    const artifact = makeArtifact({ layers });
    await scene.push(image, clean, artifact);
    // The last layer is looked at first.
    const descriptors = layers.map(({ mediaType, bytes }, at) => ({
      mediaType,
      digest: artifact.blobs.at(at - layers.length)?.digest,
      size: bytes.length,
    }));
    await scene.pushTag(image, "att", descriptors);
    assert.equal(await scene.say(rule("other", "ci"), image), DENIED);
    assert.equal(await scene.say(rule("other"), image), DENIED);
  });
});
