import assert from "node:assert/strict";
import type { PolicySpec } from "../../../crds/types.ts";
import { createReview, type Review, type ReviewRequest } from "../../../engine/review.ts";
import type { CompiledPolicy } from "../../../policy/compiledPolicy.ts";
import type { AdmissionRequest } from "../../../webhook/review/admissionReview.ts";
import type { AdmissionResponse } from "../../../webhook/review/admissionResponse.ts";
import type { Denial } from "../../../webhook/review/denial.ts";
import { NotReadyError } from "../../../webhook/review/notReady.ts";
import { createValidate, type ValidateOptions } from "../../../webhook/review/validate.ts";
import { exception } from "../policy/excepting.ts";
import { NOW as TIME } from "../policy/judging.ts";
import { decision, finding } from "./support/findings.ts";
import { policy } from "./support/policies.ts";
import { recordLogger, recordMetrics, type RecordedLogger, type RecordedMetrics } from "./support/recorders.ts";
import { pod, request, workload, WORKLOADS } from "./support/requests.ts";

const D = `sha256:${"d".repeat(64)}`;

interface Answered {
  readonly response: AdmissionResponse;
  readonly metrics: RecordedMetrics;
  readonly logger: RecordedLogger;
}

/** Asks the handler; the real engine without evidence unless another review is given. */
const ask = async (
  policies: readonly CompiledPolicy[],
  admission: AdmissionRequest,
  changes: Partial<ValidateOptions> = {},
): Promise<Answered> => {
  const metrics = recordMetrics();
  const logger = recordLogger();
  const validate = createValidate({
    policies: () => policies,
    review: createReview(() => assert.fail("no rule here needs evidence")),
    namespaceLabels: () => ({ env: "prod" }),
    metrics,
    logger,
    now: () => 0,
    ...changes,
  });
  return { response: await validate(admission, new AbortController().signal), metrics, logger };
};

const ours = policy("registries", { registries: { allow: ["registry.company.com"] } });
const pinned = policy("digests", { digest: { required: true } });
const good = `registry.company.com/web@${D}`;

describe("createValidate", () => {
  it("allows what nothing objects to, with nothing else in the answer", async () => {
    const { response } = await ask([ours, pinned], request("Pod", pod([good])));
    assert.deepEqual(response, { uid: "7f0b2a5e-uid", allowed: true });
  });

  it("answers at the deadline what policies make of it that nobody could judge in time, and logs it", async () => {
    const warning = policy("warning", { enforcementAction: "warn", digest: {} });
    const silent = policy("silent", { enforcementAction: "dryrun", digest: {} });
    const elsewhere = policy("elsewhere", { match: { images: ["quay.io/**"] }, digest: {} });
    const lenient = policy("lenient", { onUnavailable: "allow", digest: {} });
    const never: Review = () => new Promise(() => undefined);
    const overdue = async (...policies: readonly CompiledPolicy[]): Promise<Answered> => {
      const metrics = recordMetrics();
      const logger = recordLogger();
      const validate = createValidate({
        policies: () => policies,
        review: never,
        namespaceLabels: () => ({}),
        metrics,
        logger,
        now: () => 0,
      });
      return { response: await validate(request("Pod", pod([good])), AbortSignal.timeout(20)), metrics, logger };
    };
    const { response, logger } = await overdue(elsewhere, lenient, silent, warning);
    assert.equal(response.allowed, false, "onUnavailable does not soften it");
    assert.equal(response.status?.code, 403);
    assert.match(response.status?.message ?? "", /^\[lenient\] container "c0".*could not be judged in time/);
    assert.deepEqual(response.warnings?.length, 1);
    assert.equal(logger.lines.filter(([level]) => level === "warn").length, 1);

    const mild = await overdue(silent, warning, elsewhere);
    assert.equal(mild.response.allowed, true);
    assert.match(mild.response.warnings?.[0] ?? "", /could not be judged in time/);
    assert.deepEqual((await overdue(elsewhere)).response, { uid: "7f0b2a5e-uid", allowed: true });
  });

  it("refuses with 403 Forbidden and every finding, by container, where it comes from before what it is, below the API server's words", async () => {
    const object = pod(["nginx", good], { initContainers: ["quay.io/x:1"], volumes: ["ghcr.io/data:2"] });
    const { response } = await ask([ours, pinned], request("Pod", object));
    assert.equal(response.allowed, false);
    assert.equal(response.status?.code, 403);
    assert.equal(response.status?.reason, "Forbidden");
    const lines = response.status?.message.split("\n") ?? [];
    assert.deepEqual(
      lines.map((line) => line.replace(/: (\w+): .*/, " $1")),
      [
        "",
        '[registries] container "c0", image "nginx" RegistryNotAllowed',
        '[digests] container "c0", image "nginx" DigestRequired',
        '[registries] container "i0", image "quay.io/x:1" RegistryNotAllowed',
        '[digests] container "i0", image "quay.io/x:1" DigestRequired',
        '[registries] volume "v0", image "ghcr.io/data:2" RegistryNotAllowed',
        '[digests] volume "v0", image "ghcr.io/data:2" DigestRequired',
      ],
    );
    assert.deepEqual(response.auditAnnotations, {
      decision: "deny",
      policies: "digests,registries",
      reasons: "DigestRequired,RegistryNotAllowed",
    });
  });

  describe("what an injector replaces in Pods", () => {
    const placeholders = ["auto"];
    const verdict = async (kind: string, object: Parameters<typeof request>[1], words = placeholders) =>
      (await ask([ours, pinned], request(kind, object), { placeholders: words })).response;

    for (const kind of WORKLOADS)
      it(`is no image yet in the template of a ${kind}, where the operator was told of it`, async () => {
        const object = workload(kind, pod(["auto", good], { initContainers: ["auto"] }));
        assert.deepEqual(await verdict(kind, object), { uid: "7f0b2a5e-uid", allowed: true });
        assert.equal((await verdict(kind, object, [])).allowed, false);
      });

    for (const [image, why] of [
      ["auto:latest", "a tag makes it an image"],
      ["docker.io/library/auto", "a registry does"],
      ["Auto", "it is another word"],
      ["autos", "it is another word"],
      ["", "nothing was written"],
      ["quay.io/evil", "it is an image beside the word"],
    ] as const)
      it(`is the whole word and nothing else: "${image}", for ${why}`, async () => {
        const { allowed, status } = await verdict("Deployment", workload("Deployment", pod(["auto", image])));
        assert.equal(allowed, false);
        assert.doesNotMatch(status?.message ?? "", /"c0"/);
      });

    it("is an image in a Pod, whose injector has had its turn", async () => {
      for (const object of [
        pod(["auto"]),
        pod([good], { initContainers: ["auto"] }),
        pod([good], { volumes: ["auto"] }),
      ])
        assert.match((await verdict("Pod", object)).status?.message ?? "", /image "auto": RegistryNotAllowed/);
      const debug = request("Pod", pod([good], { ephemeralContainers: ["auto"] }), {
        subResource: "ephemeralcontainers",
        oldObject: pod([good]),
      });
      assert.equal((await ask([ours], debug, { placeholders })).response.allowed, false);
    });

    it("takes nothing back when something else is written in its place", async () => {
      const before = workload("Deployment", pod(["auto"]));
      const update = request("Deployment", workload("Deployment", pod(["quay.io/evil"])), { oldObject: before });
      assert.equal((await ask([ours], update, { placeholders })).response.allowed, false);
    });
  });

  it("has an old object that was judged in part excuse nothing that it was not found to have", async () => {
    const [bad, alike] = ["quay.io/new:1", "quay.io/old:1"];
    const foreign = { policy: "registries", rule: "registries", reason: "RegistryNotAllowed" } as const;
    const missing = finding({ ...foreign, image: bad });
    const unread = finding({ policy: "registries", rule: "reference", reason: "EvidenceUnavailable", image: bad });
    const known = finding({ ...foreign, image: alike });
    const review: Review = ({ subject }) =>
      subject.images.some(({ image }) => image === bad)
        ? decision(missing, known)
        : { ...decision(unread, known), partial: true };
    const update = request("Pod", pod([bad, alike]), { operation: "UPDATE", oldObject: pod([alike]) });
    const { response } = await ask([ours], update, { review });
    assert.equal(response.allowed, false);
    assert.equal(response.status?.message.includes(alike), false, "what it was found to have is excused");
  });

  it("judges every kind of workload by its template", async () => {
    for (const kind of WORKLOADS) {
      const bad = await ask([ours], request(kind, workload(kind, pod(["nginx"]))));
      assert.equal(bad.response.allowed, false, kind);
      const fine = await ask([ours], request(kind, workload(kind, pod([good]))));
      assert.equal(fine.response.allowed, true, kind);
    }
  });

  it("turns warn findings into warnings and is silent about dryrun", async () => {
    const spec: PolicySpec = { digest: { required: true } };
    const warn = policy("w", { ...spec, enforcementAction: "warn" });
    const dryrun = policy("d", { ...spec, enforcementAction: "dryrun" });
    const { response, metrics } = await ask([warn, dryrun], request("Pod", pod(["nginx"])));
    assert.equal(response.allowed, true);
    assert.equal(response.warnings?.length, 1);
    assert.match(response.warnings?.[0] ?? "", /^\[w\] container "c0", image "nginx": DigestRequired/);
    assert.equal(response.auditAnnotations?.["policies"], "w");
    assert.deepEqual(
      metrics.counted.map(({ policy: name, action }) => [name, action]),
      [
        ["d", "dryrun"],
        ["w", "warn"],
      ],
    );
  });

  it("shows the warnings of a request that it refuses, too", async () => {
    const warn = policy("w", { digest: { required: true }, enforcementAction: "warn" });
    const { response } = await ask([ours, warn], request("Pod", pod(["nginx"])));
    assert.equal(response.allowed, false);
    assert.equal(response.warnings?.length, 1);
    assert.ok(!response.status?.message.includes("[w]"));
  });

  it("does not let a silenced finding refuse or warn, and records the exception", async () => {
    const review: Review = () => decision(finding({ exempted: { by: "legacy", expires: "2027-01-01T00:00:00Z" } }));
    const { response, metrics } = await ask([ours], request("Pod", pod(["nginx"])), { review });
    assert.equal(response.allowed, true);
    assert.equal(response.warnings, undefined);
    assert.equal(response.auditAnnotations?.["exceptions"], "legacy");
    assert.deepEqual(metrics.counted, []);
  });

  describe("under exceptions", () => {
    const legacy = exception({
      rules: ["registries"],
      match: { namespaces: ["*"], objectSelector: { matchLabels: { app: "legacy" } } },
    });
    const under = (now = TIME): Partial<ValidateOptions> => ({ exceptions: () => [legacy], now: () => now });
    const excepted = { labels: { app: "legacy" } };

    it("lets in what one silences, and says so in the audit log", async () => {
      const { response } = await ask([ours], request("Pod", pod([`quay.io/x@${D}`], excepted)), under());
      assert.equal(response.allowed, true);
      assert.equal(response.warnings, undefined);
      assert.deepEqual(response.auditAnnotations, {
        decision: "allow",
        exempted: "RegistryNotAllowed",
        exceptions: legacy.name,
      });
    });
    it("refuses what it does not, and names both", async () => {
      const { response } = await ask([ours, pinned], request("Pod", pod(["quay.io/x:1"], excepted)), under());
      assert.equal(response.allowed, false);
      assert.match(response.status?.message ?? "", /^\[digests\].*DigestRequired.*$/, "one line");
      assert.equal(response.auditAnnotations?.["reasons"], "DigestRequired");
      assert.equal(response.auditAnnotations["exempted"], "RegistryNotAllowed");
    });
    it("refuses it again from the moment that it expires", async () => {
      const { response } = await ask([ours], request("Pod", pod([`quay.io/x@${D}`], excepted)), under(legacy.expires));
      assert.equal(response.allowed, false);
    });
    it("refuses an object that leaves its reach, and none that was there when it ended", async () => {
      const image = `quay.io/x@${D}`;
      const relabelled = request("Pod", pod([image], { labels: { app: "new" } }), {
        operation: "UPDATE",
        oldObject: pod([image], excepted),
      });
      assert.equal((await ask([ours], relabelled, under())).response.allowed, false);
      const annotated = request("Pod", pod([image], { ...excepted, annotations: { a: "b" } }), {
        operation: "UPDATE",
        oldObject: pod([image], excepted),
      });
      assert.equal((await ask([ours], annotated, under(legacy.expires))).response.allowed, true);
    });
  });

  it("counts and logs findings, but counts none of a dry run", async () => {
    const wet = await ask([ours], request("Pod", pod(["nginx"])));
    assert.equal(wet.metrics.counted.length, 1);
    assert.equal(wet.logger.lines.length, 1);
    const dry = await ask([ours], request("Pod", pod(["nginx"]), { dryRun: true }));
    assert.equal(dry.response.allowed, false);
    assert.deepEqual(dry.metrics.counted, []);
  });

  it("tells of a denial, also of a dry run, and of nothing else", async () => {
    const told: Denial[] = [];
    const onDenied = (denial: Denial): void => void told.push(denial);
    await ask([ours], request("Pod", pod(["nginx"])), { onDenied });
    await ask([ours], request("Pod", pod(["nginx"]), { dryRun: true }), { onDenied });
    await ask([ours], request("Pod", pod([good])), { onDenied });
    await ask([policy("w", { enforcementAction: "warn", digest: {} })], request("Pod", pod(["nginx"])), { onDenied });
    assert.deepEqual(
      told.map(({ policies, reasons, images, dryRun }) => [policies, reasons, images, dryRun]),
      [
        [["registries"], ["RegistryNotAllowed"], ["nginx"], false],
        [["registries"], ["RegistryNotAllowed"], ["nginx"], true],
      ],
    );
    assert.ok(told.every(({ duration }) => duration >= 0 && duration < 5_000));
  });

  it("tells the engine of a dry run, the deadline and the time", async () => {
    const seen: ReviewRequest[] = [];
    const review: Review = (asked) => {
      seen.push(asked);
      return decision();
    };
    await ask([ours], request("Pod", pod(["nginx"]), { dryRun: true }), { review, now: () => 42 });
    assert.equal(seen[0]?.dryRun, true);
    assert.equal(seen[0]?.now, 42);
    assert.equal(seen[0]?.mode, "admission");
    assert.deepEqual(seen[0]?.policies, [ours]);
    assert.equal(seen[0]?.signal.aborted, false);
  });

  it("judges a pod that has no name yet, and one that is being deleted", async () => {
    const unnamed = pod(["nginx"], { metadata: { name: undefined, generateName: "web-" } });
    assert.equal((await ask([ours], request("Pod", unnamed, { name: "" }))).response.allowed, false);
    const leaving = { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } };
    const update = request("Pod", pod(["nginx"], leaving), { oldObject: pod([good], leaving) });
    assert.equal((await ask([ours], update)).response.allowed, false);
  });

  it("has no answer before there is a policy set", async () => {
    await assert.rejects(ask([], request("Pod", pod([good])), { policies: () => undefined }), NotReadyError);
    await assert.rejects(ask([], request("Service", {}), { policies: () => undefined }), NotReadyError);
  });

  it("answers what is not its business, and says so", async () => {
    const { response } = await ask([ours], { ...request("Pod", undefined), operation: "DELETE" });
    assert.deepEqual(response, { uid: "7f0b2a5e-uid", allowed: true, auditAnnotations: { "not-judged": "DELETE" } });
  });

  it("refuses what it cannot make sense of with 400", async () => {
    const { response } = await ask([], request("Pod", undefined));
    assert.equal(response.allowed, false);
    assert.equal(response.status?.code, 400);
  });

  it("admits mirror pods of their own node, and says so", async () => {
    const mirror = pod(["nginx"], { annotations: { "kubernetes.io/config.mirror": "x" }, nodeName: "n1" });
    const userInfo = { username: "system:node:n1", groups: ["system:nodes"] };
    const { response } = await ask([ours], request("Pod", mirror, { userInfo }));
    assert.deepEqual(response, { uid: "7f0b2a5e-uid", allowed: true, auditAnnotations: { "mirror-pod": "admitted" } });
    assert.equal((await ask([ours], request("Pod", mirror))).response.allowed, false);
  });

  describe("with namespaces", () => {
    const selective = policy("prod", {
      match: { namespaceSelector: { matchLabels: { env: "prod" } } },
      registries: { allow: [] },
    });

    it("takes the labels of the request's namespace", async () => {
      const asked: string[] = [];
      const namespaceLabels = (name: string): Record<string, string> => {
        asked.push(name);
        return name === "shop" ? { env: "prod" } : {};
      };
      const shop = await ask([selective], request("Pod", pod([good]), { namespace: "shop" }), { namespaceLabels });
      assert.equal(shop.response.allowed, false);
      const dev = await ask([selective], request("Pod", pod([good]), { namespace: "dev" }), { namespaceLabels });
      assert.equal(dev.response.allowed, true);
      assert.deepEqual(asked, ["shop", "dev"]);
    });

    for (const [why, namespaceLabels] of [
      ["are not known", () => undefined],
      ["cannot be read", () => Promise.reject(new Error("the API server is away"))],
      ["are asked for in a way that throws", () => assert.fail("broken")],
    ] as const) {
      it(`applies every policy with a selector where the labels ${why}`, async () => {
        const { response } = await ask([selective], request("Pod", pod([good])), { namespaceLabels });
        assert.equal(response.allowed, false);
      });

      it(`bounds the log's line of it where the labels ${why}`, async () => {
        const named = request("Pod", pod([good]), { namespace: "a\n".repeat(100_000) });
        const { logger } = await ask([selective], named, { namespaceLabels });
        for (const line of logger.lines) assert.ok(JSON.stringify(line).length < 2_000, line[1]);
      });
    }
  });

  describe("on UPDATE", () => {
    const update = (object: object, oldObject: object, kind = "Pod"): AdmissionRequest =>
      request(kind, object as Record<string, unknown>, { oldObject: oldObject as Record<string, unknown> });

    it("refuses an image that comes in, not one that was there", async () => {
      assert.equal((await ask([ours], update(pod(["nginx"]), pod([good])))).response.allowed, false);
      const stays = await ask([ours], update(pod(["nginx", good]), pod(["nginx", "registry.company.com/old"])));
      assert.equal(stays.response.allowed, true);
    });

    it("names only what is new", async () => {
      const { response } = await ask([ours], update(pod(["nginx", "quay.io/x"]), pod(["nginx", good])));
      assert.equal(response.status?.message.includes("quay.io/x"), true);
      assert.equal(response.status?.message.includes('"nginx"'), false);
    });

    it("lets an image move between containers", async () => {
      const after = pod([good], { initContainers: ["nginx"] });
      assert.equal((await ask([ours], update(after, pod(["nginx"])))).response.allowed, true);
    });

    it("does not let a tag move beside it: another reference is another image", async () => {
      assert.equal((await ask([ours], update(pod(["nginx:2"]), pod(["nginx:1"])))).response.allowed, false);
    });

    it("judges the old object with its own labels: relabelling into a policy's reach is refused", async () => {
      const web = policy("web", {
        match: { objectSelector: { matchLabels: { tier: "web" } } },
        registries: { allow: [] },
      });
      const after = pod(["nginx"], { labels: { tier: "web" } });
      assert.equal((await ask([web], update(after, pod(["nginx"])))).response.allowed, false);
      const other = pod(["nginx"], { labels: { tier: "db" } });
      assert.equal((await ask([web], update(after, other))).response.allowed, false, "by another value");
      assert.equal((await ask([web], update(pod(["nginx"]), after))).response.allowed, true);
      assert.equal(
        (await ask([web], update(pod(["nginx"], { labels: { tier: "web", a: "b" } }), after))).response.allowed,
        true,
      );
    });

    it("sees a new finding of another rule on an old image", async () => {
      const both = policy("both", {
        match: { objectSelector: { matchLabels: { a: "b" } } },
        digest: { required: true },
      });
      const { response } = await ask([ours, both], update(pod(["nginx"], { labels: { a: "b" } }), pod(["nginx"])));
      assert.match(response.status?.message ?? "", /^\[both\] [^\n]*$/);
    });

    it("judges again when an annotation changes, which a scan may stand in", async () => {
      const review: Review = ({ subject }) =>
        subject.annotations["trivy.scan.result"] === undefined ? decision(finding()) : decision();
      const scanned = pod(["nginx"], { annotations: { "trivy.scan.result": "{}" } });
      assert.equal((await ask([ours], update(pod(["nginx"]), scanned), { review })).response.allowed, false);
      assert.equal((await ask([ours], update(scanned, pod(["nginx"])), { review })).response.allowed, true);
    });

    it("asks nobody where no policy could see a difference", async () => {
      const review: Review = () => assert.fail("there is nothing to judge");
      const before = pod(["nginx"], { labels: { a: "b" }, metadata: { finalizers: ["x/y"] } });
      const after = pod(["nginx"], { labels: { a: "b" } });
      assert.equal((await ask([ours], update(after, before), { review })).response.allowed, true);
    });

    it("refuses an ephemeral container, and only for itself", async () => {
      const before = pod(["nginx"]);
      const after = pod(["nginx"], { ephemeralContainers: ["busybox"] });
      const debug = { ...update(after, before), subResource: "ephemeralcontainers" };
      const { response } = await ask([ours], debug);
      assert.match(response.status?.message ?? "", /^\[registries\] container "e0", image "busybox": [^\n]*$/);
    });

    it("judges templates by the same rule", async () => {
      for (const kind of ["Deployment", "CronJob"]) {
        const before = workload(kind, pod(["nginx"]));
        const scaled = { ...before, metadata: { name: "web", labels: { a: "b" } } };
        assert.equal((await ask([ours], update(scaled, before, kind))).response.allowed, true);
        assert.equal(
          (await ask([ours], update(workload(kind, pod(["quay.io/x"])), before, kind))).response.allowed,
          false,
        );
      }
    });

    it("counts only what is new", async () => {
      const { metrics } = await ask([ours], update(pod(["nginx", "quay.io/x"]), pod(["nginx"])));
      assert.deepEqual(
        metrics.counted.map(({ image }) => image),
        ["quay.io/x"],
      );
    });
  });
});
