import { createTurns } from "../../../async/turns.ts";
import type { PolicySpec } from "../../../crds/types.ts";
import { createReview, type ReviewRequest } from "../../../engine/review.ts";
import type { Gather } from "../../../evidence/provider.ts";
import { compilePolicy } from "../../../policy/compile/policy.ts";
import type { Resolve } from "../../../policy/compile/resolve.ts";
import type { CompiledPolicy } from "../../../policy/compiledPolicy.ts";
import type { Decision } from "../../../policy/finding/decision.ts";
import type { ImageFacts } from "../../../policy/facts/facts.ts";
import type { Subject } from "../../../policy/subject/subject.ts";
import { subjectOf } from "../../../policy/subject/subjectOf.ts";

export const HEX: string = "0123456789abcdef".repeat(4);
export const DIGEST: string = `sha256:${HEX}`;
export const OTHER_DIGEST: string = `sha256:${HEX.replaceAll("0", "f")}`;

export const nothingThere: Resolve = ({ name }) => ({ status: "missing", message: `${name} is not there` });

/** A policy as a file or the API server would give it; `spec` may be any value, for what is wrong. */
export function policy(
  spec: PolicySpec | Readonly<Record<string, unknown>>,
  name = "p",
  resolve: Resolve = nothingThere,
): CompiledPolicy {
  return compilePolicy(
    {
      apiVersion: "imagesecurity.dev/v1",
      kind: "ImageSecurityPolicy",
      metadata: { name, uid: `uid-${name}`, generation: 1 },
      spec: spec,
    },
    resolve,
  );
}

export interface Place {
  readonly kind?: string;
  readonly namespace?: string;
  readonly namespaceLabels?: Readonly<Record<string, string>> | undefined;
  readonly labels?: Readonly<Record<string, string>>;
  readonly imageID?: string;
}

/** An object of the kind (a Pod) whose containers c0, c1, ... have these images. */
export function subject(images: readonly string[], place: Place = {}): Subject {
  const { kind = "Pod", namespace = "team", labels = {}, imageID } = place;
  const spec = { containers: images.map((image, index) => ({ name: `c${index}`, image })) };
  const status =
    imageID === undefined ? {} : { containerStatuses: images.map((_, index) => ({ name: `c${index}`, imageID })) };
  const pod = { metadata: { labels }, spec, status };
  const object =
    kind === "Pod"
      ? pod
      : kind === "CronJob"
        ? { spec: { jobTemplate: { spec: { template: pod } } } }
        : { spec: { template: pod } };
  return subjectOf(object, {
    kind,
    namespace,
    namespaceLabels: "namespaceLabels" in place ? place.namespaceLabels : {},
  });
}

export const NO_FACTS: ImageFacts = { signatures: new Map(), attestations: new Map(), scans: new Map() };

export const facts = (some: Partial<ImageFacts>): ImageFacts => ({ ...NO_FACTS, ...some });

/** A gatherer for policies that have nothing to ask. */
export const neverAsked: Gather = ({ image }) => {
  throw new Error(`${image.image} was asked about`);
};

export const NOW: number = Date.parse("2026-06-01T12:00:00Z");

export function request(
  policies: readonly CompiledPolicy[],
  one: Subject,
  mode: ReviewRequest["mode"] = "admission",
): ReviewRequest {
  return { policies, subject: one, mode, signal: new AbortController().signal, now: NOW, dryRun: false };
}

/** The decision of a gatherer that answers at once. */
export function judge(
  policies: readonly CompiledPolicy[],
  one: Subject,
  gather: Gather = neverAsked,
  mode: ReviewRequest["mode"] = "admission",
): Decision {
  const failures: unknown[] = [];
  // A clock that stands still: no pause of the machine makes a slice of what is judged here.
  const turns = createTurns(() => 0);
  const decision = createReview(
    gather,
    (error) => failures.push(error),
    undefined,
    turns,
  )(request(policies, one, mode));
  if (failures.length > 0) throw failures[0];
  if (decision instanceof Promise) throw new Error("the review waited");
  return decision;
}

/** `action rule reason`, in the decision's order. */
export function verdicts({ findings }: Decision): readonly string[] {
  return findings.map(({ action, rule, reason }) => `${action} ${rule} ${reason}`);
}
