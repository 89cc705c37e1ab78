import type { ImageSecurityException, ImageSecurityPolicy } from "../../crds/types.ts";
import { asObject, metadataOf, type JsonObject, type Metadata } from "../../kube/object.ts";

interface Versioned extends Metadata {
  readonly generation: number;
}

/** A custom resource as it is kept: whole but for the part of its metadata that nobody reads. */
export interface PolicyRecord extends Versioned {
  readonly policy: ImageSecurityPolicy;
}

export interface ExceptionRecord extends Versioned {
  readonly exception: ImageSecurityException;
}

// The API server has validated both against the manifests that the types are generated from; what compiles them takes nothing for granted.
export function projectPolicy(object: unknown): PolicyRecord {
  const version = versionOf(object);
  return { ...version, policy: withMetadata(object, version) as unknown as ImageSecurityPolicy };
}

export function projectException(object: unknown): ExceptionRecord {
  const version = versionOf(object);
  return { ...version, exception: withMetadata(object, version) as unknown as ImageSecurityException };
}

/** Status updates of our own are no news: what is judged is the specification. */
export const sameGeneration = (before: Versioned, after: Versioned): boolean =>
  before.uid === after.uid && before.generation === after.generation;

function versionOf(object: unknown): Versioned {
  const generation = asObject(asObject(object)["metadata"])["generation"];
  return { ...metadataOf(object), generation: typeof generation === "number" ? generation : 0 };
}

/** Without managedFields and the last applied configuration, which are as large as the rest together. */
function withMetadata(object: unknown, { name, uid, resourceVersion, generation }: Versioned): JsonObject {
  const { apiVersion, kind, spec, status } = asObject(object);
  return {
    apiVersion,
    kind,
    metadata: { name, uid, resourceVersion, generation },
    spec: asObject(spec),
    ...(status === undefined ? {} : { status: asObject(status) }),
  };
}
