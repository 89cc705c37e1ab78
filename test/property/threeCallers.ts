import assert from "node:assert/strict";
import { judgeManifest } from "../../cli/check/judgeManifest.ts";
import type { Manifest } from "../../cli/input/manifests.ts";
import { createReview } from "../../engine/review.ts";
import type { Gather } from "../../evidence/provider.ts";
import { SILENT } from "../../kube/log.ts";
import { createJudge, podCase } from "../../operator/audit/judge.ts";
import { createPodProjection } from "../../operator/cluster/pods.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { CompiledException } from "../../policy/exceptions/compiledException.ts";
import { exemptionsOf } from "../../policy/exceptions/exempt.ts";
import type { Finding } from "../../policy/finding/finding.ts";
import { parseReview } from "../../webhook/review/admissionReview.ts";
import { createMutate } from "../../webhook/review/mutate.ts";
import { createValidate } from "../../webhook/review/validate.ts";
import { at } from "../unit/policy/excepting.ts";
import { NOW } from "../unit/policy/judging.ts";

/** What all three judge by, at `NOW`. */
export interface Setting {
  readonly policies: readonly CompiledPolicy[];
  readonly exceptions: readonly CompiledException[];
  readonly namespace: string;
}

export interface Judged {
  readonly verdict: "deny" | "warn" | "allow";
  readonly findings: readonly Finding[];
}

export const podOf = (
  images: readonly string[],
  namespace: string,
  annotations: Readonly<Record<string, string>> = {},
): Record<string, unknown> => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace, uid: "u", creationTimestamp: at(NOW), annotations },
  spec: { containers: images.map((one, index) => ({ name: `c${index}`, image: one })) },
});

/** What is said of images that count, by their action; in order. */
export const messages = (findings: readonly Finding[], action: Finding["action"]): readonly string[] =>
  findings
    .filter((one) => one.action === action && one.exempted === undefined)
    .map(({ reason, message }) => `${reason} ${message}`)
    .toSorted();

const TIMEOUT = 5_000;
const failed = (error: unknown): never => assert.fail(String(error));
const nothingPinned = async (): Promise<{ readonly status: "absent"; readonly message: string }> => ({
  status: "absent",
  message: "is not there",
});

/** The webhook, asked for both of its answers; it changes nothing. */
export const admitted = async (
  object: object,
  { policies, exceptions, namespace }: Setting,
  gather: Gather,
): Promise<Judged> => {
  const findings: Finding[] = [];
  const validate = createValidate({
    policies: () => policies,
    exceptions: () => exceptions,
    review: createReview(gather, failed),
    namespaceLabels: () => ({}),
    now: () => NOW,
    logger: SILENT,
    metrics: { admission: () => undefined, findings: (all) => void findings.push(...all) },
  });
  const mutate = createMutate({
    policies: () => policies,
    exemptions: (subject) => exemptionsOf(exceptions, subject, NOW),
    namespaceLabels: () => ({}),
    resolveDigest: nothingPinned,
    logger: SILENT,
  });
  const kind = { group: "", version: "v1", kind: "Pod" };
  const request = { uid: "1", kind, operation: "CREATE", namespace, userInfo: {}, object };
  const parsed = parseReview(JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request }));
  assert.ok(parsed.status === "ok");
  assert.equal((await mutate(parsed.request, AbortSignal.timeout(TIMEOUT))).patch, undefined);
  const answer = await validate(parsed.request, AbortSignal.timeout(TIMEOUT));
  const verdict = !answer.allowed ? "deny" : (answer.warnings ?? []).length > 0 ? "warn" : "allow";
  return { verdict, findings };
};

/** `image-security check`. */
export const checked = (
  object: Record<string, unknown>,
  { policies, exceptions, namespace }: Setting,
  gather: Gather,
): Promise<Judged> => {
  const manifest: Manifest = {
    path: "-",
    object,
    apiVersion: "v1",
    kind: "Pod",
    name: "web",
    namespace,
    lineOf: () => 1,
  };
  return judgeManifest(manifest, namespace, {
    policies,
    exceptions,
    gather,
    report: failed,
    resolveDigest: nothingPinned,
    namespaceLabels: () => ({}),
    placeholders: [],
    now: () => NOW,
    timeout: TIMEOUT,
  });
};

/** The operator's audit, of the pod that is there. */
export const audited = async (
  object: object,
  { policies, exceptions }: Setting,
  gather: Gather,
  annotations: readonly string[] = [],
): Promise<readonly Finding[]> => {
  const project = createPodProjection(() => new Set(annotations));
  const judge = createJudge({ review: createReview(gather, failed), now: () => NOW });
  const set = { policies, audited: policies, exceptions, key: "k" };
  return (await judge.judge(podCase(project(object), {}, set))).flatMap(({ findings }) => findings);
};
