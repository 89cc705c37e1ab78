import assert from "node:assert/strict";
import type { PolicySpec } from "../../crds/types.ts";
import { otherBytes, status } from "../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import type { Pushable } from "../../sandbox/registry/images.ts";
import { keyHand } from "../unit/evidence/sigstore/sigstoreInstance.ts";
import {
  annotatedImage,
  at,
  attach,
  attestScan,
  BAD,
  based,
  blobOf,
  bundle,
  descriptorOf,
  excused,
  OPENVEX,
  plainImage,
  PROVENANCE,
  scan,
  scanned,
  Scene,
  signature,
  signed,
  VULN,
} from "./support/attestedImage.ts";

const MINUTES_11 = 11 * 60_000;

/** A piece of evidence that is listed, and what makes that nobody can use it. */
const spoils: Readonly<Record<string, (scene: Scene, image: Pushable, last: Pushable) => Promise<void>>> = {
  "its blob is gone": async (scene, _, last) => {
    await scene.push(last);
    scene.registry.misbehave({ when: { kind: "blob", path: blobOf(last) }, as: status(404) });
  },
  "its manifest is gone": async (scene, _, last) => {
    await scene.push(last);
    scene.registry.misbehave({ when: { kind: "manifest", path: last.digest }, as: status(404) });
  },
  "its blob is other bytes": async (scene, _, last) => {
    await scene.push(last);
    scene.registry.misbehave({ when: { kind: "blob", path: blobOf(last) }, as: otherBytes("{}") });
  },
  "its manifest is other bytes": async (scene, _, last) => {
    await scene.push(last);
    scene.registry.misbehave({ when: { kind: "manifest", path: last.digest }, as: otherBytes("{}") });
  },
  "only the fallback tag knows of it": (scene, image, last) =>
    Promise.resolve(scene.pushFallback(image, [descriptorOf(last)])),
};

describe("evidence that is listed and cannot be used, where all of it is needed", function () {
  this.timeout(60_000);
  const image = plainImage("unusable");
  const vulnerable = annotatedImage([BAD]);

  const vex = async (state: string, days: number): Promise<Pushable> => {
    const statement = {
      vulnerability: { name: BAD.id },
      status: state,
      timestamp: at(days),
      justification: "vulnerable_code_not_present",
    };
    const bytes = await bundle(vulnerable, OPENVEX, { timestamp: at(days), statements: [statement] });
    return attach(vulnerable, OPENVEX, bytes);
  };
  const provenance = async (base: string): Promise<Pushable> => {
    const predicate = {
      buildDefinition: { resolvedDependencies: [{ uri: `pkg:docker/${base}@1`, digest: { sha256: "a".repeat(64) } }] },
    };
    return attach(image, PROVENANCE, await bundle(image, PROVENANCE, predicate));
  };

  for (const [why, spoil] of Object.entries(spoils)) {
    it(`a scan: ${why}`, async () => {
      await using scene = await Scene.start();
      await scene.push(image, await attestScan(image, [], -2));
      assert.equal(await scene.say(scanned, image), "allow");
      scene.engine.tick(MINUTES_11);
      await spoil(scene, image, await attestScan(image, [BAD], -1));
      assert.equal(await scene.say(scanned, image), "deny ScanInvalid");
    });

    it(`a scan beside one of the image's own, which is no substitute: ${why}`, async () => {
      const own = annotatedImage([]);
      const either: PolicySpec = {
        ...scanned,
        scan: {
          sources: [{ attestation: { authorities: ["ci"] } }, { imageAnnotation: {} }],
          maxVulnerabilities: { critical: 0 },
        },
      };
      await using scene = await Scene.start();
      await scene.push(own);
      assert.equal(await scene.say(either, own), "allow");
      scene.engine.tick(MINUTES_11);
      await spoil(scene, own, await attestScan(own, [BAD], -1));
      assert.equal(await scene.say(either, own), "deny ScanInvalid");
    });

    it(`OpenVEX takes nothing off: ${why}`, async () => {
      await using scene = await Scene.start();
      await scene.push(vulnerable, await vex("not_affected", -2));
      assert.equal(await scene.say(excused, vulnerable), "allow");
      scene.engine.tick(MINUTES_11);
      await spoil(scene, vulnerable, await vex("affected", -1));
      assert.equal(await scene.say(excused, vulnerable), "deny ScanVulnerable");
    });

    it(`provenance, and the base is unknown: ${why}`, async () => {
      await using scene = await Scene.start();
      await scene.push(image, await provenance("company/base"));
      assert.equal(await scene.say(based, image), "allow");
      scene.engine.tick(MINUTES_11);
      await spoil(scene, image, await provenance("evil/base"));
      assert.equal(await scene.say(based, image), "deny BaseImageUnknown");
    });

    it(`one good signature is enough: ${why}`, async () => {
      await using scene = await Scene.start();
      await scene.push(image, await signature(image));
      await spoil(scene, image, attach(image, VULN, await bundle(image, VULN, { other: true })));
      const attested: PolicySpec = {
        ...signed,
        attestations: [{ predicateType: PROVENANCE, authorities: ["ci"] }],
      };
      assert.equal(await scene.say(signed, image), "allow");
      await scene.push(await provenance("company/base"));
      scene.engine.tick(MINUTES_11);
      assert.equal(await scene.say(attested, image), "allow");
    });
  }

  it("what is of another type by its maker's own word does not count", async () => {
    await using scene = await Scene.start();
    await scene.push(image, await attestScan(image, [], -2));
    for (const hint of ["https://spdx.dev/Document", OPENVEX]) {
      const sbom = attach(image, hint, await bundle(image, hint, { hint }));
      await spoils["its blob is gone"]!(scene, image, sbom);
    }
    assert.equal(await scene.say(scanned, image), "allow");
  });

  it("what can be read and was signed by nobody who is trusted is junk, and does not count", async () => {
    await using scene = await Scene.start();
    await scene.push(image, await attestScan(image, [], -2));
    const other = plainImage("of another image");
    await scene.push(
      attach(image, VULN, "{}"),
      attach(image, VULN, "no JSON"),
      attach(image, VULN, await bundle(image, VULN, scan(image, [BAD], -1), keyHand())),
      attach(image, VULN, await bundle(other, VULN, scan(other, [BAD], -1))),
      attach(image, VULN, JSON.stringify({ ...(JSON.parse(await bundle(image, VULN, {})) as object), mediaType: "?" })),
    );
    assert.equal(await scene.say(scanned, image), "allow");
  });

  it("what a trusted hand signed and nobody can make sense of counts", async () => {
    await using scene = await Scene.start();
    await scene.push(image, await attestScan(image, [], -2));
    let deep: object = {};
    for (let level = 0; level < 80; level++) deep = { deep };
    await scene.push(attach(image, VULN, await bundle(image, VULN, { deep }, keyHand())));
    assert.equal(await scene.say(scanned, image), "allow");
    scene.engine.tick(MINUTES_11);
    await scene.push(attach(image, VULN, await bundle(image, VULN, { deep })));
    assert.equal(await scene.say(scanned, image), "deny ScanInvalid");
  });

  it("a list that cannot be read to its end", async () => {
    await using scene = await Scene.start({}, { limits: { listBytes: 700 } });
    await scene.push(image, await attestScan(image, [], -2));
    assert.equal(await scene.say(scanned, image), "allow");
    scene.engine.tick(MINUTES_11);
    await scene.push(await attestScan(image, [BAD], -1));
    assert.equal(await scene.say(scanned, image), "deny ScanInvalid");
  });
});

describe("a report that is large because it is bad", function () {
  this.timeout(120_000);
  const image = plainImage("large");
  const filler = "x".repeat(2_900);
  const large = (count: number): object[] =>
    Array.from({ length: count }, (_, nth) => ({ ...BAD, id: `CVE-2026-${nth}`, package: `p${nth}${filler}` }));

  it("is read, of 12 MiB and of 20", async () => {
    for (const count of [3_000, 5_200]) {
      await using scene = await Scene.start();
      await scene.push(image, await attestScan(image, [], -2));
      const bytes = await bundle(image, VULN, scan(image, large(count) as never, -1));
      assert.ok(bytes.length > 10 * 1024 * 1024, String(bytes.length));
      await scene.push(attach(image, VULN, bytes));
      assert.equal(await scene.say(scanned, image), "deny ScanVulnerable");
    }
  });

  it("and one over the bound is ScanInvalid, never a clean one of yesterday", async () => {
    await using scene = await Scene.start({}, { limits: { blobBytes: 1024 * 1024 } });
    await scene.push(image, await attestScan(image, [], -2));
    await scene.push(attach(image, VULN, await bundle(image, VULN, scan(image, large(500) as never, -1))));
    assert.equal(await scene.say(scanned, image), "deny ScanInvalid");
  });
});
