import type { ImageSecurityException, ImageSecurityPolicy } from "../../crds/types.ts";
import { LOOK_AGAIN } from "../../policy/compile/policy.ts";
import { type JsonObject, fieldsOf } from "../../json/fields.ts";
import { metadataOf, type Metadata } from "../../kube/object.ts";

interface Versioned extends Metadata {
  readonly generation: number;
}

/** A custom resource as it is kept: whole but for the part of its metadata that nobody reads. */
export interface PolicyRecord extends Versioned {
  /** The value of the annotation `imagesecurity.dev/look-again`. */
  readonly lookAgain?: string;
  readonly policy: ImageSecurityPolicy;
}

export interface ExceptionRecord extends Versioned {
  readonly exception: ImageSecurityException;
}

// The API server has validated both against the manifests that the types are generated from; what compiles them takes nothing for granted.
export function projectPolicy(object: unknown): PolicyRecord {
  const version = versionOf(object);
  const value = fieldsOf(fieldsOf(fieldsOf(object)["metadata"])["annotations"])[LOOK_AGAIN];
  const lookAgain = typeof value === "string" ? { lookAgain: value } : {};
  const { metadata, ...rest } = withMetadata(object, version);
  const annotations = typeof value === "string" ? { annotations: { [LOOK_AGAIN]: value } } : {};
  const policy = { ...rest, metadata: { ...fieldsOf(metadata), ...annotations } };
  return { ...version, ...lookAgain, policy: policy as unknown as ImageSecurityPolicy };
}

export function projectException(object: unknown): ExceptionRecord {
  const version = versionOf(object);
  return { ...version, exception: withMetadata(object, version) as unknown as ImageSecurityException };
}

/** Status updates of our own are no news: what is judged is the specification. */
export const sameGeneration = (before: Versioned, after: Versioned): boolean =>
  before.uid === after.uid && before.generation === after.generation;

/** The same, of a policy: also an annotation may ask for something. */
export const samePolicy = (before: PolicyRecord, after: PolicyRecord): boolean =>
  sameGeneration(before, after) && before.lookAgain === after.lookAgain;

function versionOf(object: unknown): Versioned {
  const generation = fieldsOf(fieldsOf(object)["metadata"])["generation"];
  return { ...metadataOf(object), generation: typeof generation === "number" ? generation : 0 };
}

/** Without managedFields and the last applied configuration, which are as large as the rest together. */
function withMetadata(object: unknown, { name, uid, resourceVersion, generation }: Versioned): JsonObject {
  const { apiVersion, kind, metadata, spec, status } = fieldsOf(object);
  const { creationTimestamp } = fieldsOf(metadata);
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      uid,
      resourceVersion,
      generation,
      ...(typeof creationTimestamp === "string" ? { creationTimestamp } : {}),
    },
    spec: fieldsOf(spec),
    ...(status === undefined ? {} : { status: fieldsOf(status) }),
  };
}
