import assert from "node:assert/strict";
import { makeImage } from "../../sandbox/registry/images.ts";
import { addToStore } from "../../sandbox/registry/push.ts";
import { startRegistry } from "../../sandbox/registry/server.ts";
import { createReview } from "../../engine/review.ts";
import { createMutate } from "../../webhook/review/mutate.ts";
import { createValidate } from "../../webhook/review/validate.ts";
import { cluster, engine, policy } from "../unit/evidence/registry/support/judging.ts";
import { startCallers } from "../unit/webhook/callers/callersUnderTest.ts";
import { clientAuthority, clientOf } from "../unit/webhook/callers/clients.ts";
import { recordLogger, recordMetrics } from "../unit/webhook/support/recorders.ts";
import { request, review } from "../unit/webhook/support/requests.ts";

const image = makeImage({ layers: [{ a: "secret" }] });

describe("An admission endpoint that takes anybody's review (CVE-2025-1974)", () => {
  it("reads no Secret and asks no registry for forged reviews without an API server's certificate", async () => {
    const place = await startRegistry({
      auth: { type: "basic", users: { victim: { password: "pw", pull: ["victim/*"] } } },
    });
    addToStore(place.store, "victim/app", image, "v1");
    const secrets = cluster({ "victim/pull": { [place.host]: ["victim", "pw"] } }, {});
    await using own = engine({ readPullSecrets: true }, { cluster: secrets });
    const policies = [policy({ digest: { required: false, pin: "Pods", verify: true } })];
    let namespacesRead = 0;
    const common = {
      policies: () => policies,
      namespaceLabels: () => {
        namespacesRead += 1;
        return {};
      },
      logger: recordLogger(),
    };
    const authority = await clientAuthority("CN=clients");
    const validate = createValidate({
      ...common,
      review: createReview(own.evidence.gather),
      metrics: recordMetrics(),
      now: Date.now,
    });
    const mutate = createMutate({ ...common, resolveDigest: own.evidence.resolveDigest });
    await using server = await startCallers([authority.pem], {}, { server: { validate, mutate } });
    const forged = review(
      request(
        "Pod",
        {
          apiVersion: "v1",
          kind: "Pod",
          metadata: {},
          spec: {
            containers: [{ name: "a", image: `${place.host}/victim/app:v1` }],
            imagePullSecrets: [{ name: "pull" }],
          },
        },
        { namespace: "victim" },
      ),
    );
    const strangers = [
      undefined,
      await clientOf(await clientAuthority("CN=clients")),
      await clientOf(authority, { subject: "CN=someone" }),
    ];
    for (const pair of strangers) {
      for (const path of ["/mutate", "/validate"]) {
        const reply = await server.post(server.client(pair), { path, text: forged });
        assert.deepEqual([reply.code, reply.connection], [401, "close"]);
        assert.doesNotMatch(reply.text, /victim|sha256/);
      }
    }
    assert.deepEqual(secrets.reads, []);
    assert.equal(place.requests.length, 0);
    assert.equal(namespacesRead, 0);

    const good = await server.post(server.client(await clientOf(authority)), { path: "/mutate", text: forged });
    assert.equal(good.code, 200);
    // The API server's own: so nothing above was refused for another reason.
    const { patch } = (JSON.parse(good.text) as { response: { patch: string } }).response;
    assert.match(Buffer.from(patch, "base64").toString(), new RegExp(image.digest));
    assert.ok(secrets.reads.length > 0);
    await place.close();
  });
});
