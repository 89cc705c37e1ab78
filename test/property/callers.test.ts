import assert from "node:assert/strict";
import * as fc from "fast-check";
import { judgeManifest } from "../../cli/check/judgeManifest.ts";
import type { Manifest } from "../../cli/input/manifests.ts";
import { createReview } from "../../engine/review.ts";
import type { Gather, GatherRequest } from "../../evidence/provider.ts";
import { SILENT } from "../../kube/log.ts";
import { createJudge, podCase } from "../../operator/audit/judge.ts";
import { createPodProjection } from "../../operator/cluster/pods.ts";
import type { CompiledException } from "../../policy/exceptions/compiledException.ts";
import { exemptionsOf } from "../../policy/exceptions/exempt.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { ImageFacts } from "../../policy/facts/facts.ts";
import type { Finding } from "../../policy/finding/finding.ts";
import { parseReference } from "../../policy/image/reference.ts";
import { parseReview } from "../../webhook/review/admissionReview.ts";
import { createMutate } from "../../webhook/review/mutate.ts";
import { createValidate } from "../../webhook/review/validate.ts";
import { at, DAY, exception } from "../unit/policy/excepting.ts";
import { NOW, policy } from "../unit/policy/judging.ts";
import { image, spec } from "./arbitraries.ts";

/** What the registry says of an image, decided by its text: there, gone, other bytes, or nobody answers. */
const factsOf = ({ image: { parsed, image: text } }: GatherRequest): ImageFacts => {
  const digest = parsed.status === "ok" ? (parsed.reference.digest ?? `sha256:${"c".repeat(64)}`) : "";
  const say = Array.from(text).reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 4;
  const manifest: NonNullable<ImageFacts["manifest"]> =
    say === 0
      ? {
          status: "verified",
          value: {
            digest,
            mediaType: "application/vnd.oci.image.manifest.v1+json",
            size: 1,
            annotations: {},
            platforms: [],
          },
        }
      : say === 1
        ? { status: "absent", message: "is not there" }
        : say === 2
          ? { status: "invalid", reason: "DigestMismatch", message: "other bytes" }
          : { status: "unavailable", cause: "network", message: "nobody answers" };
  return {
    digest: { status: "verified", value: digest },
    tag: { status: "verified", value: digest },
    manifest,
    running: { status: "verified", value: digest },
    signatures: new Map(),
    attestations: new Map(),
    scans: new Map(),
  };
};
const gather: Gather = factsOf;

const setting = fc.record({
  policies: fc
    .array(spec, { minLength: 1, maxLength: 4 })
    .map((specs) => specs.map((one, index): CompiledPolicy => policy(one, `p${index}`))),
  exceptions: fc
    .array(
      fc.record({
        policies: fc.constantFrom(["*"], ["p0"], ["p1", "p2"]),
        rules: fc.constantFrom(["All" as const], ["registries" as const], ["digest" as const, "reference" as const]),
        match: fc.constantFrom(
          { namespaces: ["team"] },
          { images: ["a.test/**"] },
          { namespaces: ["te*"], images: ["**"] },
        ),
        expires: fc.constantFrom(at(NOW + DAY), at(NOW - DAY)),
      }),
      { maxLength: 2 },
    )
    .map((specs) => specs.map((one, index): CompiledException => exception(one, `e${index}`))),
  images: fc.array(image, { minLength: 1, maxLength: 4 }),
  namespace: fc.constantFrom("team", "tea", "other"),
});

const podOf = (images: readonly string[], namespace: string): Record<string, unknown> => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace, uid: "u", creationTimestamp: at(NOW) },
  spec: { containers: images.map((one, index) => ({ name: `c${index}`, image: one })) },
});

const manifestOf = (object: Record<string, unknown>, namespace: string): Manifest => ({
  path: "-",
  object,
  apiVersion: "v1",
  kind: "Pod",
  name: "web",
  namespace,
  lineOf: () => 1,
});

const messages = (findings: readonly Finding[], action: Finding["action"]): readonly string[] =>
  findings
    .filter((one) => one.action === action && one.exempted === undefined)
    .map(({ message }) => message)
    .toSorted();

const checkOf = (object: Record<string, unknown>, { policies, exceptions, namespace }: Setting) =>
  judgeManifest(manifestOf(object, namespace), namespace, {
    policies,
    exceptions,
    gather,
    report: (error) => assert.fail(String(error)),
    resolveDigest: async () => ({ status: "absent", message: "is not there" }),
    namespaceLabels: () => ({}),
    placeholders: [],
    now: () => NOW,
    timeout: 5_000,
  });
type Setting = typeof setting extends fc.Arbitrary<infer T> ? T : never;

describe("admission, audits and check", () => {
  it("give the same verdict and the same words: admission and check, of every pod", async () => {
    await fc.assert(
      fc.asyncProperty(setting, async (one) => {
        const object = podOf(one.images, one.namespace);
        const found: Finding[] = [];
        const validate = createValidate({
          policies: () => one.policies,
          exceptions: () => one.exceptions,
          review: createReview(gather),
          namespaceLabels: () => ({}),
          now: () => NOW,
          logger: SILENT,
          metrics: { admission: () => undefined, findings: (all) => void found.push(...all) },
        });
        const mutate = createMutate({
          policies: () => one.policies,
          exemptions: (subject) => exemptionsOf(one.exceptions, subject, NOW),
          namespaceLabels: () => ({}),
          resolveDigest: async () => ({ status: "absent", message: "is not there" }),
          logger: SILENT,
        });
        const body = JSON.stringify({
          apiVersion: "admission.k8s.io/v1",
          kind: "AdmissionReview",
          request: {
            uid: "1",
            kind: { group: "", version: "v1", kind: "Pod" },
            operation: "CREATE",
            namespace: one.namespace,
            userInfo: {},
            object,
          },
        });
        const parsed = parseReview(body);
        assert.ok(parsed.status === "ok");
        assert.equal((await mutate(parsed.request, AbortSignal.timeout(5_000))).patch, undefined);
        const answer = await validate(parsed.request, AbortSignal.timeout(5_000));
        const checked = await checkOf(object, one);
        assert.equal(checked.verdict, !answer.allowed ? "deny" : (answer.warnings ?? []).length > 0 ? "warn" : "allow");
        for (const action of ["deny", "warn", "dryrun", "allow"] as const)
          assert.deepEqual(messages(checked.findings, action), messages(found, action), action);
      }),
      { numRuns: 400 },
    );
  }).timeout(60_000);

  it("give the same verdict and the same words: audits and check, of pods that run by digest", async () => {
    const project = createPodProjection(() => new Set());
    await fc.assert(
      fc.asyncProperty(setting, async (one) => {
        // A tag is judged by what runs under it in audits, and by what it names at admission.
        const images = one.images.filter((text) => {
          const read = parseReference(text);
          return read.status === "ok" && read.reference.digest !== undefined && read.reference.tag === undefined;
        });
        if (images.length === 0) return;
        const object = podOf(images, one.namespace);
        const judge = createJudge({
          review: createReview(gather, (error) => assert.fail(String(error))),
          now: () => NOW,
        });
        const policies = one.policies;
        const set = { policies, audited: policies, exceptions: one.exceptions, key: "k" };
        const judged = await judge.judge(podCase(project(object), {}, set));
        const audited = judged.flatMap(({ findings }) => findings);
        const checked = await checkOf(object, { ...one, images });
        for (const action of ["deny", "warn"] as const)
          assert.deepEqual(messages(checked.findings, action), messages(audited, action), action);
      }),
      { numRuns: 400 },
    );
  }).timeout(60_000);
});
