import assert from "node:assert/strict";
import { createReview, MOST_IMAGES } from "../../engine/review.ts";
import { MOST_USES } from "../../policy/subject/subject.ts";
import { createMutate } from "../../webhook/review/mutate.ts";
import { createShares } from "../../webhook/server/shares.ts";
import { createValidate } from "../../webhook/review/validate.ts";
import { DIGEST, facts, policy, request, subject } from "../unit/policy/judging.ts";
import { recordLogger, recordMetrics } from "../unit/webhook/support/recorders.ts";
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

  it("in however many namespaces leave room for everyday pods of another", () => {
    const shares = createShares({ reviews: 1_000, bytes: 64 * MiB });
    for (let namespace = 0; namespace < 20; namespace += 1)
      while (shares.take(`tenant-${namespace}`, 3 * MiB)) continue;
    assert.ok(shares.take("other", 8 * 1024));
    const small = createShares({ reviews: 1_000, bytes: 64 * MiB });
    for (let namespace = 0; namespace < 8; namespace += 1) while (small.take(`tenant-${namespace}`, 1)) continue;
    assert.ok(small.take("other", 8 * 1024));
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
    assert.equal(denied.length, names.length, "that too much was asked is no outage either");
    const passedOver = denied.filter(({ message }) => message.includes("more than 256 different images"));
    assert.equal(passedOver.length, names.length - MOST_IMAGES);
    const based = policy({ baseImages: { required: true }, onUnavailable: "allow" });
    const { findings } = await review(request([based], subject(names.map((name) => `${name}@${DIGEST}`))));
    assert.equal(findings.findLast(({ action }) => action === "deny")?.rule, "baseImages", "the rule that asked");
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
    const patch = JSON.parse(Buffer.from(answer.patch!, "base64").toString()) as { path: string }[];
    assert.equal(patch.filter(({ path }) => path.endsWith("/image")).length, MOST_IMAGES);
  });

  describe("naming more images than are judged", () => {
    const allowed = (at: number): string => `a.b/app-${at}@${DIGEST}`;
    const many = Array.from({ length: MOST_USES }, (_, at) => allowed(at));
    const allowlist = policy({ registries: { allow: ["a.b"] } }, "allowlist");
    const narrow = policy({ match: { images: ["c.d"] }, digest: { allowTag: false } }, "narrow");
    const elsewhere = policy({ match: { namespaces: ["elsewhere"] }, digest: {} }, "elsewhere");
    const softly = policy({ enforcementAction: "warn", digest: {} }, "softly");
    const policies = [allowlist, narrow, elsewhere, softly];
    const review = createReview(() => assert.fail("no rule here needs evidence"));
    const validate = async (before: readonly string[] | undefined, after: readonly string[], images = policies) => {
      const logger = recordLogger();
      const handle = createValidate({
        policies: () => images,
        review,
        namespaceLabels: () => ({}),
        metrics: recordMetrics(),
        logger,
        now: () => 0,
      });
      const changes = before === undefined ? {} : { oldObject: pod(before, { labels: { old: "yes" } }) };
      const response = await handle(admission("Pod", pod(after), changes), new AbortController().signal);
      return { response, logger };
    };

    it("is refused by every policy that could be about one of them, as its action says", async () => {
      assert.equal((await review(request(policies, subject(many)))).verdict, "allow");
      const { verdict, findings } = await review(request(policies, subject([...many, "c.d/x:1", "c.d/y:1"])));
      assert.equal(verdict, "deny");
      assert.deepEqual(
        findings.map((one) => [one.policy, one.rule, one.reason, one.image, one.action]),
        [
          ["allowlist", "reference", "EvidenceUnavailable", "c.d/x:1", "deny"],
          ["narrow", "reference", "EvidenceUnavailable", "c.d/x:1", "deny"],
          ["softly", "reference", "EvidenceUnavailable", "c.d/x:1", "warn"],
        ],
      );
      assert.match(findings[0]!.message, /one of more than 1024 images of the object, and was not judged/);
    });

    it("cannot hide a new image behind those that were there before", async () => {
      const before = [...many, "c.d/x:1"];
      assert.equal((await validate(before, before)).response.allowed, false, "a change of labels");
      assert.equal((await validate(before, [...before, "evil.io/x:1"])).response.allowed, false);
      assert.equal((await validate(before, many)).response.allowed, true, "fewer images");
      const most = ["c.d/x:1", ...many.slice(1)];
      assert.equal((await validate(most, most)).response.allowed, true, "all of them judged, and nothing new");
    });

    it("pins none of them", async () => {
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
      const tags = Array.from({ length: MOST_USES + 1 }, () => "a.b/app:1");
      const answer = await handle(admission("Pod", pod(tags), { operation: "CREATE" }), new AbortController().signal);
      assert.deepEqual([answer.patch, asked], [undefined, 0]);
    });

    it("makes neither the answer nor the log line as long as it likes", async () => {
      const strict = Array.from({ length: 8 }, (_, at) => policy({ registries: { allow: [] }, digest: {} }, `p${at}`));
      const long = Array.from({ length: MOST_USES }, (_, at) => `a.b/${"x".repeat(200)}-${at}:1`);
      const { response, logger } = await validate(undefined, long, strict);
      const lines = response.status?.message.split("\n") ?? [];
      assert.ok((response.status?.message.length ?? 0) <= 1024 * 1024 + 100);
      assert.match(lines.at(-1) ?? "", /^image-security: [0-9]+ more findings are left out$/);
      // Of the first 4,096 findings those that two policies share are one line; all others are counted.
      assert.equal(Number(/[0-9]+/.exec(lines.at(-1) ?? "")?.[0]), 2 * 8 * MOST_USES - 4_096);
      const [, , fields] = logger.lines[0]!;
      assert.ok(JSON.stringify(fields).length < 64 * 1024);
      assert.equal((fields as { readonly count?: number }).count, 2 * 8 * MOST_USES);
    });
  });
});
