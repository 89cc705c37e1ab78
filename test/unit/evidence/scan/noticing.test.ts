import assert from "node:assert/strict";
import { changesWithTime } from "../../../../operator/policies/policySet.ts";
import { projectPolicy, samePolicy } from "../../../../operator/policies/policies.ts";
import { compilePolicy, LOOK_AGAIN } from "../../../../policy/compile/policy.ts";
import type { Pushable } from "../../../../sandbox/registry/images.ts";
import {
  attestScan,
  BAD,
  based,
  excused,
  plainImage,
  scanned,
  Scene,
  signature,
  signed,
} from "../../../security/support/attestedImage.ts";
import { policy } from "../registry/support/judging.ts";

const image = plainImage("noticed");
const SECONDS = 1_000;

const started = async (...pushed: readonly Pushable[]): Promise<Scene> => {
  const scene = await Scene.start();
  await scene.push(image, ...pushed);
  return scene;
};

describe("a scan that is attested while an older one passes", function () {
  this.timeout(30_000);

  it("is noticed within half a minute", async () => {
    await using scene = await started(await attestScan(image, [], -2));
    assert.equal(await scene.say(scanned, image), "allow");
    await scene.push(await attestScan(image, [BAD], -1));
    scene.engine.tick(21 * SECONDS);
    assert.equal(await scene.say(scanned, image), "deny ScanVulnerable");
  });

  it("costs the three lists every 20 s while nothing changes, and everything else every ten minutes", async () => {
    await using scene = await started();
    for (let day = -9; day < 0; day++) await scene.push(await attestScan(image, [], day));
    const asked = async (seconds: number, every: number): Promise<number> => {
      scene.registry.forgetRequests();
      for (let at = 0; at < seconds; at += every) {
        assert.equal(await scene.say(scanned, image), "allow");
        scene.engine.tick(every * SECONDS);
      }
      return scene.registry.requests.length;
    };
    assert.equal(await scene.say(scanned, image), "allow");
    scene.engine.tick(45 * SECONDS);
    // Referrers, the fallback tag and .att.
    assert.equal(await asked(540, 45), 3 * 12);
    // Once in ten minutes the manifests are looked at again: by HEAD, and no blob.
    const tenMinutes = await asked(600, 1);
    assert.ok(tenMinutes >= 3 * 28 && tenMinutes <= 3 * 30 + 11, String(tenMinutes));
    assert.ok(scene.registry.requests.every(({ target }) => !target.includes("/blobs/")));
  });

  it("is noticed by audits, which look at such policies with the clock", () => {
    for (const spec of [scanned, excused, based]) assert.equal(changesWithTime(policy(spec)), true);
    assert.equal(changesWithTime(policy(signed)), false);
  });
});

describe("the annotation imagesecurity.dev/look-again", function () {
  this.timeout(30_000);

  it("has a newer scan noticed now, once for each value", async () => {
    await using scene = await started(await attestScan(image, [], -2));
    assert.equal(await scene.say(scanned, image, "1"), "allow");
    await scene.push(await attestScan(image, [BAD], -1));
    scene.engine.tick(1 * SECONDS);
    assert.equal(await scene.say(scanned, image, "1"), "allow");
    scene.engine.tick(1);
    assert.equal(await scene.say(scanned, image, "2"), "deny ScanVulnerable");
    scene.engine.tick(1 * SECONDS);
    scene.registry.forgetRequests();
    assert.equal(await scene.say(scanned, image, "2"), "deny ScanVulnerable");
    assert.ok(scene.registry.requests.length <= 3, String(scene.registry.requests.length));
  });

  it("has a signature noticed that is gone, also where it is the first value", async () => {
    const good = await signature(image);
    await using scene = await started(good);
    assert.equal(await scene.say(signed, image), "allow");
    scene.registry.store.deleteManifest("team/app", good.digest);
    scene.engine.tick(1 * SECONDS);
    assert.equal(await scene.say(signed, image), "allow");
    scene.engine.tick(1);
    assert.equal(await scene.say(signed, image, "now"), "deny SignatureMissing");
  });

  it("makes another policy of it, whose pods are audited at once, without a new generation", () => {
    const object = (annotations?: Record<string, string>): object => ({
      apiVersion: "imagesecurity.dev/v1",
      kind: "ImageSecurityPolicy",
      metadata: { name: "p", uid: "u", resourceVersion: "1", generation: 1, ...(annotations && { annotations }) },
      spec: signed,
    });
    const [none, other, first, second] = [
      projectPolicy(object()),
      projectPolicy(object({ "kubectl.kubernetes.io/last-applied-configuration": "{}" })),
      projectPolicy(object({ [LOOK_AGAIN]: "1" })),
      projectPolicy(object({ [LOOK_AGAIN]: "2" })),
    ];
    assert.deepEqual(other, none);
    assert.equal(samePolicy(none, other), true);
    for (const [a, b] of [
      [none, first],
      [first, second],
    ] as const) {
      assert.equal(samePolicy(a, b), false);
      const [before, after] = [a, b].map(({ policy: one }) =>
        compilePolicy(one, () => ({ status: "missing", message: "no" })),
      );
      assert.notEqual(before!.key, after!.key);
    }
  });
});
