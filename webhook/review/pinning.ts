import type { Steps } from "../../async/turns.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { Exempt } from "../../policy/exceptions/exempt.ts";
import { judgeText, policiesFor } from "../../policy/judge.ts";
import type { Reference } from "../../policy/image/reference.ts";
import { pins, tagState } from "../../policy/tagState.ts";
import { MOST_USES, type ImageUse, type Subject } from "../../policy/subject/subject.ts";
import { isDenial } from "./respond.ts";

/** Annotation of a pod or pod template: with another text than before, a tag is asked for anew, and its digest not kept. */
const RENEW = "imagesecurity.dev/renew-digests";

/** One image to be pinned. */
export interface PinTask {
  readonly use: ImageUse;
  readonly reference: Reference;
  /** Policies that match the image: whose credentials may ask its registry. */
  readonly policies: readonly CompiledPolicy[];
  /** Names of those that pin. */
  readonly by: readonly string[];
  /** false: a matching policy wants the digest alone. */
  readonly allowTag: boolean;
  /** The digest that the container had for this very name and tag; absent: the registry is asked. */
  readonly kept?: string;
}

/**
 * The images of `subject` that a policy pins: warn and deny policies that are Ready; `pin: Pods` only in Pods. Of an
 * update (`before` is there) only the images of containers that the update changes, and no volume of an existing pod:
 * the API server refuses that. An image that a policy refuses for what its text says, and that no exception lets in, is not asked
 * about.
 */
export function* pinTasks(
  subject: Subject,
  before: Subject | undefined,
  policies: readonly CompiledPolicy[],
  exempt: Exempt = (finding) => finding,
): Steps<readonly PinTask[]> {
  const concerned = policies.filter((policy) => policy.matchesSubject(subject));
  if (tagState(concerned, subject, "admission") !== "pinned") return [];
  // Validation refuses so many.
  if (subject.images.length > MOST_USES) return [];

  const tasks: PinTask[] = [];
  const olds = usesByPlace(before);
  const keeps = before === undefined || subject.annotations[RENEW] === before.annotations[RENEW];
  for (const use of subject.images) {
    const task = taskFor(use, subject, { olds, keeps }, concerned, exempt);
    if (task !== undefined) tasks.push(task);
    yield;
  }
  return tasks;
}

function taskFor(
  use: ImageUse,
  subject: Subject,
  { olds, keeps }: { readonly olds: ReadonlyMap<string, ImageUse> | undefined; readonly keeps: boolean },
  concerned: readonly CompiledPolicy[],
  exempt: Exempt,
): PinTask | undefined {
  if (use.parsed.status !== "ok" || use.parsed.reference.digest !== undefined) return undefined;
  const { reference } = use.parsed;
  const old = olds?.get(placeOf(use));
  if (olds !== undefined && (old?.image === use.image || (use.field === "volumes" && !subject.template)))
    return undefined;
  const matching = policiesFor(concerned, use);
  if (tagState(matching, subject, "admission", { image: use, exempt }) !== "pinned") return undefined;
  const said = matching.flatMap((policy) => judgeText(policy, subject, use, { mode: "admission", tags: "pinned" }));
  // What an exception silences is let in, and must not be let in under a tag that may move.
  if (said.some((finding) => isDenial(exempt(finding, use, undefined)))) return undefined;

  const enforced = matching.filter(({ actionIn }) => actionIn(subject.namespace, subject.namespaceLabels) !== "dryrun");
  const allowTag = enforced.every(({ digest }) => digest?.allowTag !== false);
  const kept = old === undefined || !keeps ? undefined : keptDigest(old, reference);
  const by = matching.filter((policy) => pins(policy, subject)).map(({ name }) => name);
  return { use, reference, policies: matching, by, allowTag, ...(kept === undefined ? {} : { kept }) };
}

const placeOf = ({ field, container }: ImageUse): string => `${field} ${container}`;

/** Of two containers with one name the first counts. */
const usesByPlace = (subject: Subject | undefined): ReadonlyMap<string, ImageUse> | undefined =>
  subject && new Map(subject.images.toReversed().map((use) => [placeOf(use), use]));

/** Re-applying a manifest with the tag must not move the container to what the tag names by now. */
const keptDigest = ({ parsed }: ImageUse, wanted: Reference): string | undefined =>
  parsed.status === "ok" && parsed.reference.name === wanted.name && tagOf(parsed.reference) === tagOf(wanted)
    ? parsed.reference.digest
    : undefined;

/** undefined for a reference by digest alone, of which nobody knows the tag. */
const tagOf = ({ tag, digest }: Reference): string | undefined => tag ?? (digest === undefined ? "latest" : undefined);

/**
 * The image with its digest, the name spelled as it was. The tag that an untagged name stands for is written out: a
 * policy for `nginx:latest` must go on matching what was `nginx`.
 */
export const withDigest = ({ original, tag }: Reference, digest: string, allowTag: boolean): string => {
  if (allowTag) return `${original}${tag === undefined ? ":latest" : ""}@${digest}`;
  return `${tag === undefined ? original : original.slice(0, -(tag.length + 1))}@${digest}`;
};
