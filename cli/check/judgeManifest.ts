import { randomUUID } from "node:crypto";
import { chain } from "../../async/maybe.ts";
import { createReview, type Review } from "../../engine/review.ts";
import type { Gather, ResolveDigest } from "../../evidence/provider.ts";
import { SILENT } from "../../kube/log.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { CompiledException } from "../../policy/exceptions/compiledException.ts";
import { exemptionsOf } from "../../policy/exceptions/exempt.ts";
import type { ImageFacts } from "../../policy/facts/facts.ts";
import type { Decision } from "../../policy/finding/decision.ts";
import type { Finding } from "../../policy/finding/finding.ts";
import { WORKLOAD_KINDS } from "../../policy/subject/subjectOf.ts";
import type { AdmissionRequest } from "../../webhook/review/admissionReview.ts";
import { classifyRequest } from "../../webhook/review/admissionKinds.ts";
import { createMutate } from "../../webhook/review/mutate.ts";
import { createValidate } from "../../webhook/review/validate.ts";
import type { Manifest } from "../input/manifests.ts";
import { UsageError } from "../exitCode.ts";
import { applyPatch, type Operation } from "./applyPatch.ts";

/** What a cluster would do with an object that is created now. */
export interface Verdict {
  readonly verdict: "deny" | "warn" | "allow";
  /** All of them, in the order of the answer; those that an exception silences, too. */
  readonly findings: readonly Finding[];
  /** It was too large to be judged whole, or not done in time: what else there is nobody knows. */
  readonly partial: boolean;
  /** Images that the mutating webhook would write a digest to, by the place in the object. */
  readonly pinned: ReadonlyMap<string, string>;
  /** What the validating webhook judged: the object after pinning. */
  readonly judged: object;
  /** What was learnt, by the image as the judged object writes it. */
  readonly facts: ReadonlyMap<string, ImageFacts>;
}

export interface JudgeOptions {
  readonly policies: readonly CompiledPolicy[];
  readonly exceptions: readonly CompiledException[];
  readonly gather: Gather;
  /** Told of defects of the engine: a verdict that has one is none. */
  readonly report: (error: unknown) => void;
  readonly resolveDigest: ResolveDigest;
  /** Of a namespace; undefined: not known, so that every policy with a namespace selector matches. */
  readonly namespaceLabels: (name: string) => Readonly<Record<string, string>> | undefined;
  /** What is no image in a template; `SubjectPlace.placeholders`. */
  readonly placeholders: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds for one object. */
  readonly timeout: number;
}

/** Whether admission looks at objects of this kind at all. */
export const isJudged = (manifest: Manifest): boolean =>
  WORKLOAD_KINDS.has(manifest.kind) && classifyRequest(requestOf(manifest, "default")).type !== "notOurs";

/**
 * Judges a manifest as admission would: the very handlers of the webhook, pinning first, then validation of what came of it. Rejects where
 * the object is not what it says it is.
 */
export const judgeManifest = async (manifest: Manifest, namespace: string, options: JudgeOptions): Promise<Verdict> => {
  const { policies, exceptions, resolveDigest, namespaceLabels, placeholders, now } = options;
  const signal = AbortSignal.timeout(options.timeout);
  const mutate = createMutate({
    policies: () => policies,
    exemptions: (subject) => exemptionsOf(exceptions, subject, now()),
    namespaceLabels,
    placeholders,
    resolveDigest,
    logger: SILENT,
  });
  const request = requestOf(manifest, namespace);
  const patch = operationsOf((await mutate(request, signal)).patch);
  const object = applyPatch(manifest.object, patch);

  let decided: Decision | undefined;
  const facts = new Map<string, ImageFacts>();
  const gather: Gather = (asked) =>
    chain(options.gather(asked), (found) => {
      facts.set(asked.image.image, found);
      return found;
    });
  const inner = createReview(gather, options.report);
  const review: Review = (asked) =>
    chain(inner(asked), (decision) => {
      decided = decision;
      return decision;
    });
  const validate = createValidate({
    policies: () => policies,
    exceptions: () => exceptions,
    review,
    namespaceLabels,
    placeholders,
    now,
    logger: SILENT,
    metrics: { admission: () => undefined, findings: () => undefined },
  });
  const answer = await validate({ ...request, object }, signal);
  if (answer.status?.reason === "BadRequest") throw new Error(answer.status.message);
  // The webhook answers without it where it takes too long.
  if (decided === undefined)
    throw new UsageError(`${manifest.path}: ${manifest.kind} ${manifest.name} could not be judged in time; try again`);
  const { findings, partial = false } = decided;
  const verdict = !answer.allowed ? "deny" : (answer.warnings ?? []).length > 0 ? "warn" : "allow";
  return { verdict, findings, partial, pinned: pinnedBy(patch), judged: object, facts };
};

const requestOf = ({ object, apiVersion, kind, name }: Manifest, namespace: string): AdmissionRequest => {
  const slash = apiVersion.indexOf("/");
  return {
    uid: randomUUID(),
    kind: {
      group: slash < 0 ? "" : apiVersion.slice(0, slash),
      version: apiVersion.slice(slash + 1),
      kind,
    },
    resource: undefined,
    subResource: "",
    name,
    namespace,
    operation: "CREATE",
    userInfo: { username: "image-security", groups: [] },
    object,
    oldObject: undefined,
    dryRun: true,
  };
};

const pinnedBy = (patch: readonly Operation[]): ReadonlyMap<string, string> =>
  new Map(patch.flatMap((one) => (one.op === "replace" ? [[one.path, one.value]] : [])));

/** Our own webhook's patch. */
const operationsOf = (patch: string | undefined): readonly Operation[] =>
  patch === undefined ? [] : (JSON.parse(Buffer.from(patch, "base64").toString("utf8")) as readonly Operation[]);
