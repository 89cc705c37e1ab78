import assert from "node:assert/strict";
import { createReview, MOST_IMAGES } from "../../evidence/review.ts";
import { createMutate } from "../../webhook/mutate.ts";
import { createShares } from "../../webhook/shares.ts";
import { DIGEST, facts, policy, request, subject } from "../unit/policy/judging.ts";
import { recordLogger } from "../unit/webhook/support/recorders.ts";
import { pod, request as admission } from "../unit/webhook/support/requests.ts";

const MiB = 1024 * 1024;

describe("one tenant's large objects", () => {
  it("take a part of the room and leave the rest to other namespaces", () => {
    const shares = createShares({ reviews: 1_000, bytes: 64 * MiB });
    let taken = 0;
    while (shares.take("tenant", 3 * MiB)) taken += 1;
    assert.equal(taken, 5, "16 MiB");
    assert.ok(shares.take("other", 3 * MiB));
    shares.give("tenant", 3 * MiB);
    assert.ok(shares.take("tenant", 3 * MiB), "what is given back can be taken again");
    for (let review = 0; review < 5; review++) shares.give("tenant", 3 * MiB);
    taken = 0;
    while (shares.take("tenant", 1)) taken += 1;
    assert.equal(taken, 250);
  });

  const names = Array.from({ length: 1_000 }, (_, at) => `a.b/app-${at}`);
  const verifying = policy({ digest: { required: false, verify: true }, onUnavailable: "allow" });

  it("with very many images ask the registry about some, and the others are no pass", async () => {
    let asked = 0;
    const review = createReview(() => {
      asked += 1;
      return facts({
        manifest: { status: "unavailable", cause: "overloaded", message: "too many requests" },
      });
    });
    const decision = await review(request([verifying], subject(names.map((name) => `${name}@${DIGEST}`))));
    assert.equal(asked, MOST_IMAGES);
    assert.equal(decision.verdict, "deny");
    const denied = decision.findings.filter(({ action }) => action === "deny");
    assert.equal(denied.length, names.length - MOST_IMAGES);
    assert.match(denied[0]!.message, /more than 256 different images/);
  });

  it("with very many tags have some of them pinned, and no more asked about", async () => {
    let asked = 0;
    const handle = createMutate({
      policies: () => [policy({ digest: { pin: "Pods" } })],
      namespaceLabels: () => ({}),
      resolveDigest: () => {
        asked += 1;
        return { status: "verified", value: DIGEST };
      },
      logger: recordLogger(),
    });
    const answer = await handle(admission("Pod", pod(names), { operation: "CREATE" }), new AbortController().signal);
    assert.equal(asked, MOST_IMAGES);
    assert.equal(answer.allowed, true);
    assert.equal(JSON.parse(Buffer.from(answer.patch!, "base64").toString()).length, MOST_IMAGES);
  });
});
