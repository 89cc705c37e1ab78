import type { Finding } from "../../policy/finding/finding.ts";
import { fieldsOf, listOf, textOf } from "../../json/fields.ts";
import type { AdmissionRequest } from "./admissionReview.ts";
import { brief, withoutCredentials } from "./told.ts";

/**
 * A refused request, as the log and those who collect denials are told of it. Bounded, and never the object: pods hold
 * secrets in their environment.
 */
export interface Denial {
  /** Of the request: the API server's audit log has it too. */
  readonly uid: string;
  readonly operation: string;
  readonly kind: string;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  /** The object's, or the beginning of it where the API server makes the rest. */
  readonly name: string;
  /** What controls the object, such as `ReplicaSet/web-6d4cf`. */
  readonly owner?: string;
  readonly user: string;
  readonly policies: readonly string[];
  readonly reasons: readonly string[];
  readonly images: readonly string[];
  /** How many findings refuse it. */
  readonly findings: number;
  /** Milliseconds from the request's arrival to the verdict. */
  readonly duration: number;
  readonly dryRun: boolean;
}

/** Whoever is told of every denial, as it is answered. Never waited for. */
export type OnDenied = (denial: Denial) => void;

/** Entries of a list: a line stays below 16 KiB, where those who collect logs cut it. */
const MOST = 16;
/** Findings that are looked at: an object may have tens of thousands, and the event loop waits. */
const MOST_READ = 4_096;

/** What these findings come to; `duration` in milliseconds. */
export const denialOf = (request: AdmissionRequest, denials: readonly Finding[], duration: number): Denial => {
  const read = denials.slice(0, MOST_READ);
  const metadata = fieldsOf(request.object?.["metadata"]);
  const owner = listOf(metadata["ownerReferences"])
    .map(fieldsOf)
    .find(({ controller }) => controller === true);
  return {
    uid: brief(request.uid),
    operation: brief(request.operation),
    kind: brief(request.kind.kind),
    namespace: brief(request.namespace),
    name: brief(request.name === "" ? textOf(metadata["generateName"]) : request.name),
    ...(owner === undefined ? {} : { owner: brief(`${textOf(owner["kind"])}/${textOf(owner["name"])}`) }),
    user: brief(request.userInfo.username),
    policies: some(read.map(({ policy }) => policy)),
    reasons: some(read.map(({ reason }) => reason)),
    images: some(read.map(({ image }) => withoutCredentials(image))),
    findings: denials.length,
    duration: Math.round(duration * 10) / 10,
    dryRun: request.dryRun,
  };
};

/** Each once, sorted; the first where there are more than a line has room for. */
const some = (texts: readonly string[]): readonly string[] => [...new Set(texts)].toSorted().slice(0, MOST).map(brief);
