import { createTurns, type Turns } from "../../async/turns.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { ResolveDigest } from "../../evidence/provider.ts";
import { MOST_IMAGES } from "../../engine/review.ts";
import type { Exempt } from "../../policy/exceptions/exempt.ts";
import { listed } from "../../policy/finding/message.ts";
import type { Outcome } from "../../policy/facts/outcome.ts";
import { isDigest } from "../../policy/image/digestForm.ts";
import type { ImageUse, Subject } from "../../policy/subject/subject.ts";
import { subjectOf } from "../../policy/subject/subjectOf.ts";
import { classifyRequest } from "./admissionKinds.ts";
import { allowed, type AdmissionResponse } from "./admissionResponse.ts";
import { untilOverdue } from "../server/deadline.ts";
import type { Handler } from "./handler.ts";
import { chain } from "../../async/maybe.ts";
import type { Log } from "../../kube/log.ts";
import { isMirrorPod } from "./mirrorPod.ts";
import { readLabels, type NamespaceLabels } from "./namespaceLabels.ts";
import { NotReadyError } from "./notReady.ts";
import { pins } from "../../policy/tagState.ts";
import { asObject } from "../../json/fields.ts";
import type { AdmissionRequest } from "./admissionReview.ts";
import { pinTasks, withDigest, type PinTask } from "./pinning.ts";
import { brief } from "./told.ts";

export interface MutateOptions {
  /** The newest compiled set; undefined until there is a first one. */
  readonly policies: () => readonly CompiledPolicy[] | undefined;
  readonly namespaceLabels: NamespaceLabels;
  readonly resolveDigest: ResolveDigest;
  readonly logger: Log;
  /** What exceptions silence of an object now. Absent: nothing. */
  readonly exemptions?: (subject: Subject) => Exempt;
  /** What is no image in a template; `SubjectPlace.placeholders`. Absent: nothing. */
  readonly placeholders?: readonly string[];
  /** Has large objects looked at in slices. */
  readonly turns?: Turns;
}

/**
 * `/mutate`: turns the tags that a policy pins into `name:tag@digest`. It decides nothing: what cannot be pinned, for
 * whatever reason, is left as it is, and validation judges the final object.
 */
export const createMutate =
  ({
    policies,
    exemptions,
    namespaceLabels,
    placeholders = [],
    resolveDigest,
    logger,
    turns = createTurns(),
  }: MutateOptions): Handler =>
  (request, signal) => {
    const compiled = policies();
    if (compiled === undefined) throw new NotReadyError();
    const found = classifyRequest(request);
    if (found.type !== "judged" || isMirrorPod(request, found.object, found.oldObject)) return allowed(request.uid);

    const warn = (message: string, error: unknown): unknown =>
      logger.warn(message, { namespace: brief(request.namespace), error: String(error) });
    const labels = readLabels(namespaceLabels, request.namespace, signal, (error) =>
      warn("a namespace's labels could not be read: every policy with a namespace selector pins", error),
    );
    return chain(labels, (known): AdmissionResponse | Promise<AdmissionResponse> => {
      const place = { kind: request.kind.kind, namespace: request.namespace, namespaceLabels: known, placeholders };
      const subject = subjectOf(found.object, place);
      const before = found.oldObject && subjectOf(found.oldObject, place);
      const ask = async (task: PinTask): Promise<string | undefined> => {
        try {
          const answer = resolveDigest(subject, task.use, task.policies, signal);
          return digestOf(await untilOverdue(Promise.resolve(answer), signal, 0));
        } catch (error) {
          warn("a tag could not be resolved", error);
          return undefined;
        }
      };
      return chain(turns.run(pinTasks(subject, before, compiled, exemptions?.(subject))), (tasks) =>
        tasks.length === 0
          ? allowed(request.uid)
          : pin(tasks, ask).then((pins) => patched(request, pins, pinnedBy(request, compiled, subject, pins))),
      );
    });
  };

/** Images in the audit annotation. */
const MOST_LISTED = 64;

interface Pin {
  readonly use: ImageUse;
  readonly by: readonly string[];
  readonly image: string;
}

/**
 * Each name is resolved once, however many containers have it: they must not end up with different digests. Names beyond those that
 * validation would look at are left as they are, and refused there.
 */
const pin = async (
  tasks: readonly PinTask[],
  ask: (task: PinTask) => Promise<string | undefined>,
): Promise<readonly Pin[]> => {
  const asked = new Map<string, Promise<string | undefined>>();
  const once = (task: PinTask): Promise<string | undefined> => {
    const name = `${task.reference.name}:${task.reference.tag ?? "latest"}`;
    const known = asked.get(name);
    if (known !== undefined) return known;
    if (asked.size >= MOST_IMAGES) return Promise.resolve(undefined);
    const answer = ask(task);
    asked.set(name, answer);
    return answer;
  };
  const pins = await Promise.all(
    tasks.map(async (task) => {
      const digest = task.kept ?? (await once(task));
      return digest === undefined
        ? []
        : [{ use: task.use, by: task.by, image: withDigest(task.reference, digest, task.allowTag) }];
    }),
  );
  return pins.flat();
};

const digestOf = (outcome: Outcome<string>): string | undefined =>
  outcome.status === "verified" && isDigest(outcome.value) ? outcome.value : undefined;

/** Who pinned a Pod: for people. Anybody who writes pods may write it, so nothing here reads it as true. */
const PINNED_BY = "imagesecurity.dev/pinned-by";

/** Characters: the names of sixty policies at their longest. An author may write 256 KiB, to be read in every review. */
const LONGEST_PINNED_BY = 16 * 1_024;

const namesIn = (pinned = ""): ReadonlySet<string> =>
  new Set(pinned === "" || pinned.length > LONGEST_PINNED_BY ? [] : pinned.split(","));

/**
 * Adds who pins to a Pod; templates are left as they were written but for their images. Where another webhook has us called again, those of
 * the first call stay: of what is there already only the names of policies that pin this Pod.
 */
const pinnedBy = (
  { kind, subResource, object }: AdmissionRequest,
  compiled: readonly CompiledPolicy[],
  subject: Subject,
  changes: readonly Pin[],
): readonly object[] => {
  const metadata = asObject(object?.["metadata"]);
  if (kind.kind !== "Pod" || subResource !== "" || metadata === undefined) return [];
  const written = namesIn(subject.annotations[PINNED_BY]);
  const known =
    written.size === 0
      ? []
      : compiled.filter((one) => written.has(one.name) && one.matchesSubject(subject) && pins(one, subject));
  const value = [...new Set([...known.map(({ name }) => name), ...changes.flatMap(({ by }) => by)])]
    .toSorted()
    .join(",");
  return asObject(metadata["annotations"]) === undefined
    ? [{ op: "add", path: "/metadata/annotations", value: { [PINNED_BY]: value } }]
    : [{ op: "add", path: `/metadata/annotations/${PINNED_BY.replace("/", "~1")}`, value }];
};

const patched = ({ uid }: AdmissionRequest, pins: readonly Pin[], more: readonly object[]): AdmissionResponse => {
  if (pins.length === 0) return allowed(uid);
  const patch = [...pins.map(({ use, image }) => ({ op: "replace", path: use.path, value: image })), ...more];
  return allowed(uid, {
    patchType: "JSONPatch",
    patch: Buffer.from(JSON.stringify(patch)).toString("base64"),
    // The patch tells them all.
    auditAnnotations: { pinned: listed([...new Set(pins.map(({ image }) => image))], MOST_LISTED, ",") },
  });
};
