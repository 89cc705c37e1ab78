import type { ImageSecurityException, ImageSecurityPolicy } from "../../crds/types.ts";
import { asObject, metadataOf, type JsonObject, type Metadata } from "../kube/object.ts";

/** A custom resource as it is kept: whole but for the part of its metadata that nobody reads. */
export interface PolicyRecord extends Metadata {
  readonly generation: number;
  readonly policy: ImageSecurityPolicy;
}

export function projectPolicy(object: unknown): PolicyRecord {
  const whole = asObject(object);
  const record = { ...metadataOf(object), generation: generationOf(whole) };
  // The API server has validated it against the manifest that the type is generated from; `compilePolicy` takes nothing for granted.
  return { ...record, policy: withMetadata(whole, record) as unknown as ImageSecurityPolicy };
}

/** Status updates of our own are no news: what is judged is the specification. */
export const samePolicy = (before: PolicyRecord, after: PolicyRecord): boolean =>
  before.uid === after.uid && before.generation === after.generation;

export interface ExceptionRecord extends Metadata {
  readonly generation: number;
  readonly exception: ImageSecurityException;
}

export function projectException(object: unknown): ExceptionRecord {
  const whole = asObject(object);
  const record = { ...metadataOf(object), generation: generationOf(whole) };
  // As with policies.
  return { ...record, exception: withMetadata(whole, record) as unknown as ImageSecurityException };
}

export const sameException = (before: ExceptionRecord, after: ExceptionRecord): boolean =>
  before.uid === after.uid && before.generation === after.generation;

function generationOf(whole: JsonObject): number {
  const generation = asObject(whole["metadata"])["generation"];
  return typeof generation === "number" ? generation : 0;
}

/** Without managedFields and the last applied configuration, which are as large as the rest together. */
function withMetadata(
  whole: JsonObject,
  { name, uid, resourceVersion, generation }: Metadata & { generation: number },
): JsonObject {
  return {
    apiVersion: whole["apiVersion"],
    kind: whole["kind"],
    metadata: { name, uid, resourceVersion, generation },
    spec: asObject(whole["spec"]),
    ...(whole["status"] === undefined ? {} : { status: asObject(whole["status"]) }),
  };
}
