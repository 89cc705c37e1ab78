import assert from "node:assert/strict";
import type { PolicySpec } from "../../crds/types.ts";
import { status } from "../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { attach, bundle, ci, plainImage, PROVENANCE, Scene } from "./support/attestedImage.ts";
import { publicPem } from "../unit/evidence/sigstore/sigstoreInstance.ts";
import { byKey } from "../unit/evidence/sigstore/underTest.ts";

const built: PolicySpec = {
  onUnavailable: "allow",
  authorities: [byKey(publicPem(ci), { name: "ci" })],
  attestations: [
    { predicateType: PROVENANCE, authorities: ["ci"], conditions: [{ expression: "!predicate.debug", message: "no" }] },
  ],
};

describe("a statement that does not satisfy its rule", function () {
  this.timeout(30_000);
  const image = plainImage("built");
  const attest = async (debug: boolean) => attach(image, PROVENANCE, await bundle(image, PROVENANCE, { debug }));

  it("is kept no longer than that there is none: one that does is noticed as soon", async () => {
    await using scene = await Scene.start();
    await scene.push(image, await attest(true));
    assert.equal(await scene.say(built, image), "deny AttestationRejected");
    await scene.push(await attest(false));
    scene.engine.tick(10_000);
    assert.equal(await scene.say(built, image), "allow");
  });

  it("asks nobody again within half a second", async () => {
    await using scene = await Scene.start();
    await scene.push(image, await attest(true));
    assert.equal(await scene.say(built, image), "deny AttestationRejected");
    const before = scene.registry.requests.length;
    scene.engine.tick(400);
    assert.equal(await scene.say(built, image), "deny AttestationRejected");
    assert.equal(scene.registry.requests.length, before);
  });

  it("refuses through an outage as well: nothing is gained by it", async () => {
    await using scene = await Scene.start();
    await scene.push(image, await attest(true));
    assert.equal(await scene.say(built, image), "deny AttestationRejected");
    scene.registry.misbehave({ as: status(503) });
    for (const minutes of [1, 15, 600]) {
      scene.engine.tick(minutes * 60_000);
      assert.equal(await scene.say(built, image), "deny AttestationRejected", `${minutes} minutes`);
    }
  });
});
