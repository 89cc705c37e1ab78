import { createHash } from "node:crypto";
import type { Descriptor, RepositoryReader } from "../../registry/repository.ts";
import { kindOf, type Candidate, type SignatureAnnotations } from "./candidate.ts";
import { DSSE_ENVELOPE, isBundleType, LIMITS, SIMPLE_SIGNING, type Format } from "./formats.ts";
import { loadedAs, type Loaded } from "./loaded.ts";
import type { CandidateDescriptor } from "./search.ts";

/** Where a layer is read, and what is wanted there. */
interface Place {
  readonly repository: RepositoryReader;
  readonly signatures: boolean;
  readonly predicateTypes: ReadonlySet<string>;
  readonly signal: AbortSignal;
}

/** A layer that may hold what is wanted. Its identity is its content with what is signed beside it, never what else its descriptor says. */
export const foundIn = (layer: Descriptor, format: Format, place: Place): CandidateDescriptor | undefined => {
  const type = typeOf(layer.mediaType);
  if (type === undefined) return undefined;
  if (type === "simpleSigning" && !place.signatures) return undefined;
  if (type === "envelope" && place.predicateTypes.size === 0) return undefined;
  const annotations = type === "bundle" ? {} : annotationsOf(layer);
  const id = createHash("sha256")
    .update(JSON.stringify([type, layer.digest, annotations]))
    .digest("hex");
  const kept = type === "bundle" ? "bundle" : format;
  const most = type === "simpleSigning" || place.predicateTypes.size === 0 ? LIMITS.blob : LIMITS.attestation;
  return {
    id,
    format: kept,
    kind: kindOf(type),
    said: layer.size,
    most,
    load: (limit) => load(layer.digest, limit, { id, format: kept, type, annotations }, place),
  };
};

const load = async (
  digest: string,
  limit: number,
  parts: Omit<Candidate, "bytes">,
  { repository, signal }: Place,
): Promise<Loaded<Candidate>> => {
  if (Object.values(parts.annotations).some((text: string) => text.length > LIMITS.annotation))
    return { status: "broken", message: "has an annotation that is too large" };
  return loadedAs(await repository.blob(digest, limit, signal), (bytes) => ({ ...parts, bytes }));
};

const typeOf = (mediaType: string): Candidate["type"] | undefined => {
  if (mediaType === SIMPLE_SIGNING) return "simpleSigning";
  if (mediaType === DSSE_ENVELOPE) return "envelope";
  return isBundleType(mediaType) ? "bundle" : undefined;
};

const annotationsOf = ({ annotations = {} }: Descriptor): SignatureAnnotations => {
  const text = (name: string): string | undefined => {
    const value = Object.hasOwn(annotations, name) ? annotations[name] : undefined;
    return value === "" ? undefined : value;
  };
  const signature = text("dev.cosignproject.cosign/signature");
  const certificate = text("dev.sigstore.cosign/certificate");
  const bundle = text("dev.sigstore.cosign/bundle");
  const timestamp = text("dev.sigstore.cosign/rfc3161timestamp");
  return {
    ...(signature !== undefined && { signature }),
    ...(certificate !== undefined && { certificate }),
    ...(bundle !== undefined && { bundle }),
    ...(timestamp !== undefined && { timestamp }),
  };
};
