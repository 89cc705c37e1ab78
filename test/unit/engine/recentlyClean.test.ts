import assert from "node:assert/strict";
import type { PolicySpec } from "../../../crds/types.ts";
import type { GatherRequest } from "../../../evidence/provider.ts";
import { RecentlyClean } from "../../../engine/recentlyClean.ts";
import { createReview } from "../../../engine/review.ts";
import { compilePolicy } from "../../../policy/compile/policy.ts";
import type { CompiledPolicy } from "../../../policy/compiledPolicy.ts";
import type { Verdict } from "../../../policy/finding/decision.ts";
import type { ImageFacts } from "../../../policy/facts/facts.ts";
import { subjectOf } from "../../../policy/subject/subjectOf.ts";

const D = `sha256:${"d".repeat(64)}`;
const IMAGE = `registry.company.com/web@${D}`;
const LABELS = { "kubernetes.io/metadata.name": "shop", env: "prod" };

const policy = (name: string, spec: PolicySpec): CompiledPolicy =>
  compilePolicy({ apiVersion: "imagesecurity.dev/v1", kind: "ImageSecurityPolicy", metadata: { name }, spec }, () => ({
    status: "missing",
    message: "there is none",
  }));

const verified = policy("verified", { digest: { verify: true } });
const plain = policy("plain", { registries: { allow: ["registry.company.com"] } });
const IN_FORCE: readonly CompiledPolicy[] = [verified];

/** Every source has a report that found nothing. */
const cleanScans = ({ policies }: GatherRequest, scannedAt: string | undefined): ImageFacts["scans"] => {
  const report = { scanner: "trivy", vulnerabilities: [], ...(scannedAt === undefined ? {} : { scannedAt }) };
  const clean = { status: "verified", value: [{ reports: [report] }] } as const;
  return new Map(policies.flatMap(({ scan }) => (scan?.sources ?? []).map(({ id }) => [id, clean] as const)));
};

interface Asking {
  readonly policies?: readonly CompiledPolicy[];
  readonly namespace?: string;
  readonly namespaceLabels?: Readonly<Record<string, string>> | undefined;
  readonly kind?: string;
  readonly image?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: object;
  readonly createdAt?: string;
  readonly mode?: "admission" | "audit";
  readonly now?: number;
}

describe("RecentlyClean", () => {
  let found: ImageFacts["manifest"];
  let asked: GatherRequest[];
  let standsUntil: number | undefined;
  let scannedAt: string | undefined;
  let review: ReturnType<typeof createReview>;

  beforeEach(() => {
    found = { status: "verified", value: { digest: D, mediaType: "m", size: 1, annotations: {}, platforms: [] } };
    asked = [];
    [standsUntil, scannedAt] = [undefined, undefined];
    review = createReview(
      (request) => {
        asked.push(request);
        const digest = { status: "verified", value: D } as const;
        return {
          digest,
          tag: digest,
          ...(found === undefined ? {} : { manifest: found }),
          signatures: new Map(),
          attestations: new Map(),
          scans: cleanScans(request, scannedAt),
          ...(standsUntil === undefined ? {} : { standsUntil }),
        };
      },
      (error) => assert.fail(String(error)),
      new RecentlyClean(),
    );
  });

  const verdict = async (asking: Asking = {}): Promise<Verdict> => {
    const { kind = "Pod", image = IMAGE, namespace = "shop", labels = {}, createdAt } = asking;
    const namespaceLabels = "namespaceLabels" in asking ? asking.namespaceLabels : LABELS;
    const pod = {
      metadata: { labels, creationTimestamp: createdAt },
      spec: { containers: [{ name: "c", image }], ...asking.spec },
    };
    const object = kind === "Pod" ? pod : { metadata: { creationTimestamp: createdAt }, spec: { template: pod } };
    const decision = await review({
      policies: asking.policies ?? IN_FORCE,
      subject: subjectOf(object, { kind, namespace, namespaceLabels }),
      mode: asking.mode ?? "admission",
      signal: new AbortController().signal,
      now: asking.now ?? 1_000,
      dryRun: false,
    });
    assert.equal(decision.digests.get(image), D);
    return decision.verdict;
  };

  it("does not ask twice within a moment, and asks again after it", async () => {
    assert.equal(await verdict(), "allow");
    found = { status: "absent", message: "gone" };
    assert.equal(await verdict({ now: 1_499 }), "allow");
    assert.equal(await verdict({ labels: { pod: "another" } }), "allow", "pods of one rollout share the answer");
    assert.equal(asked.length, 1);
    assert.equal(await verdict({ now: 1_500 }), "deny");
  });

  it("does not ask before its evidence has to be looked at again, and asks again then", async () => {
    standsUntil = 60_000;
    assert.equal(await verdict(), "allow");
    found = { status: "absent", message: "gone" };
    assert.equal(await verdict({ now: 59_999 }), "allow");
    assert.equal(asked.length, 1);
    assert.equal(await verdict({ now: 60_000 }), "deny");
  });

  it("asks again after ten minutes, whatever its evidence says", async () => {
    standsUntil = Infinity;
    await verdict();
    await verdict({ now: 600_999 });
    assert.equal(asked.length, 1);
    await verdict({ now: 601_000 });
    assert.equal(asked.length, 2);
  });

  for (const [what, spec] of [
    ["too old", { scan: { maxAge: "1m" } }],
    [
      "without an allowance",
      { scan: { allowCVEs: [{ id: "CVE-2026-1", reason: "r", expires: "1970-01-01T00:01:00.001Z" }] } },
    ],
  ] as const) {
    it(`asks again when a scan is ${what}, however long its evidence stands`, async () => {
      [standsUntil, scannedAt] = [Infinity, "1970-01-01T00:00:00Z"];
      const policies = [plain, policy("p", spec)];
      for (const now of [1_000, 60_000]) assert.equal(await verdict({ policies, now }), "allow");
      assert.equal(asked.length, 1);
      await verdict({ policies, now: 60_001 });
      assert.equal(asked.length, 2);
    });

    it(`asks again when a scan is ${what}, also within a moment`, async () => {
      scannedAt = "1970-01-01T00:00:00Z";
      const policies = [policy("p", spec)];
      await verdict({ policies, now: 59_999 });
      await verdict({ policies, now: 60_000 });
      assert.equal(asked.length, 1);
      await verdict({ policies, now: 60_001 });
      assert.equal(asked.length, 2);
    });
  }

  it("keeps nothing of a set of policies that was replaced", async () => {
    standsUntil = Infinity;
    const others = [verified, plain];
    for (const policies of [IN_FORCE, IN_FORCE, others, others, IN_FORCE]) await verdict({ policies });
    assert.equal(asked.length, 3);
  });

  it("shares the answer between pods of different age", async () => {
    await verdict({ createdAt: "2026-01-01T00:00:00Z" });
    await verdict({ createdAt: "2026-01-01T00:00:01Z" });
    assert.equal(asked.length, 1);
  });

  it("asks again when the clock was set back", async () => {
    await verdict();
    await verdict({ now: 999 });
    assert.equal(asked.length, 2);
  });

  it("refuses again what its text refuses", async () => {
    const policies = [policy("elsewhere", { registries: { allow: ["registry.other.com"] } })];
    assert.equal(await verdict({ policies }), "deny");
    assert.equal(await verdict({ policies }), "deny");
  });

  const others: readonly (readonly [what: string, asking: Asking])[] = [
    ["another policy set", { policies: [policy("verified", { digest: { verify: true } })] }],
    ["the same policies in a new set", { policies: [verified] }],
    ["another namespace", { namespace: "payments" }],
    ["other labels of the namespace", { namespaceLabels: { ...LABELS, env: "dev" } }],
    ["a namespace whose labels could not be read", { namespaceLabels: undefined }],
    ["another image", { image: `registry.company.com/other@${D}` }],
    ["the same digest under a tag", { image: `registry.company.com/web:v1@${D}` }],
    ["another ServiceAccount, which may have other pull secrets", { spec: { serviceAccountName: "other" } }],
    ["another pull secret", { spec: { imagePullSecrets: [{ name: "pull" }] } }],
    ["a template", { kind: "Deployment" }],
    ["an audit", { mode: "audit" }],
  ];
  for (const [what, asking] of others) {
    it(`asks anew for ${what}`, async () => {
      await verdict();
      found = { status: "absent", message: "gone" };
      assert.equal(await verdict(asking), "deny");
    });
  }

  it("asks anew for another pull secret than before", async () => {
    await verdict({ spec: { imagePullSecrets: [{ name: "pull" }] } });
    found = { status: "absent", message: "gone" };
    assert.equal(await verdict({ spec: { imagePullSecrets: [{ name: "other" }] } }), "deny");
  });

  it("asks anew when other policies of the set match the object", async () => {
    const web = policy("web", {
      match: { objectSelector: { matchLabels: { tier: "web" } } },
      digest: { verify: true },
    });
    const policies = [verified, web];
    await verdict({ policies });
    await verdict({ policies, labels: { tier: "web" } });
    assert.equal(asked.length, 2);
  });

  const POD_ANNOTATION = { podAnnotation: { key: "k" } };
  const never: readonly (readonly [what: string, spec: PolicySpec, image: string])[] = [
    ["what a tag names now", { digest: { required: false, verify: true } }, "registry.company.com/web:v1"],
    ["whether a tag has drifted", { digest: { tagDrift: "Deny" } }, `registry.company.com/web:v1@${D}`],
    ["a scan that the pod's annotations hold", { scan: { sources: [POD_ANNOTATION] } }, IMAGE],
    ["such a scan among others", { scan: { sources: [{ imageAnnotation: {} }, POD_ANNOTATION] } }, IMAGE],
    ["a pod's age", { scan: { sources: [{ vulnerabilityReport: { grace: "15m" } }] } }, IMAGE],
  ];
  for (const [what, spec, image] of never) {
    it(`remembers nothing of ${what}`, async () => {
      for (const policies of [[policy("p", spec)], [plain, policy("p", spec)]]) {
        asked = [];
        assert.equal(await verdict({ policies, image }), "allow");
        assert.equal(await verdict({ policies, image }), "allow");
        assert.equal(asked.length, 2);
      }
    });
  }

  const always: readonly (readonly [what: string, spec: PolicySpec, image: string])[] = [
    [
      "of a digest beside a tag, wherever the tag points",
      { digest: { verify: true } },
      `registry.company.com/web:v1@${D}`,
    ],
    ["of an image's own scan", { scan: {} }, IMAGE],
    ["of a scan without a grace period", { scan: { sources: [{ vulnerabilityReport: {} }] } }, IMAGE],
  ];
  for (const [what, spec, image] of always) {
    it(`remembers a clean answer ${what}`, async () => {
      const policies = [policy("p", spec)];
      assert.equal(await verdict({ policies, image }), "allow");
      assert.equal(await verdict({ policies, image }), "allow");
      assert.equal(asked.length, 1);
    });
  }

  it("remembers no denial, no warning and nothing that could not be had", async () => {
    for (const [outcome, spec] of [
      [{ status: "absent", message: "gone" }, {}],
      [{ status: "absent", message: "gone" }, { enforcementAction: "warn" }],
      [{ status: "unavailable", cause: "timeout", message: "late" }, { onUnavailable: "allow" }],
    ] as const) {
      const policies = [policy("p", { ...spec, digest: { verify: true } })];
      found = outcome;
      const before = asked.length;
      const first = await verdict({ policies });
      assert.equal(await verdict({ policies }), first);
      assert.equal(asked.length - before, 2);
    }
  });

  it("remembers nothing of an image whose text a policy warns about", async () => {
    const policies = [verified, policy("w", { registries: { allow: [] }, enforcementAction: "warn" })];
    assert.equal(await verdict({ policies }), "warn");
    assert.equal(await verdict({ policies }), "warn");
    assert.equal(asked.length, 2);
  });

  it("holds no more than some thousand answers", async () => {
    for (let index = 0; index < 20_000; index += 1) await verdict({ image: `registry.company.com/web${index}@${D}` });
    const before = asked.length;
    await verdict({ image: `registry.company.com/web0@${D}` });
    assert.equal(asked.length, before + 1);
  });
});
