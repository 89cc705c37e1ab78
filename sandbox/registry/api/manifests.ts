import { digestOf, hashesTo, isDigest } from "../content/digest.ts";
import { errorReply } from "./errors.ts";
import { manifestFault, readManifest, type Descriptor, type ManifestContent } from "../content/manifest.ts";
import { bytesReply, emptyReply, type Reply } from "./reply.ts";
import type { RegistryRequest } from "./request.ts";
import { isTag } from "./routes.ts";
import type { Store, StoredRepository } from "../store.ts";

/** GET and HEAD. */
export function getManifest(store: Store, repository: string, reference: string): Reply {
  if (!isDigest(reference) && !isTag(reference)) return errorReply("DIGEST_INVALID", "neither a tag nor a digest", 400);
  const manifest = store.manifest(repository, reference);
  if (manifest === undefined) return errorReply("MANIFEST_UNKNOWN", `${repository} has no ${reference}`);
  return bytesReply(200, manifest.bytes, {
    "content-type": manifest.mediaType,
    "docker-content-digest": manifest.digest,
    etag: `"${manifest.digest}"`,
  });
}

/** PUT: by tag, or by digest with any number of `tag` parameters. `withSubject` says whether OCI-Subject is answered. */
export function putManifest(
  store: Store,
  repository: string,
  reference: string,
  request: RegistryRequest,
  withSubject: boolean,
): Reply {
  const byDigest = isDigest(reference);
  if (!byDigest && !isTag(reference)) return errorReply("DIGEST_INVALID", "neither a tag nor a digest", 400);
  if (byDigest && !hashesTo(request.body, reference)) {
    return errorReply("DIGEST_INVALID", "the manifest does not hash to this digest");
  }
  const content = readManifest(request.body);
  if (content === undefined) return errorReply("MANIFEST_INVALID", "not a JSON object");
  const mediaType = request.headers["content-type"]?.split(";")[0]?.trim() ?? content.mediaType ?? "";
  const fault = manifestFault(content, mediaType);
  if (fault !== undefined) return errorReply("MANIFEST_INVALID", fault);
  const missing = missingContent(content, store.open(repository));
  if (missing !== undefined) return errorReply("MANIFEST_BLOB_UNKNOWN", `${missing} is not in ${repository}`);

  const digest = byDigest ? reference : digestOf(request.body);
  const tags = byDigest ? request.query.getAll("tag") : [reference];
  if (!tags.every(isTag)) return errorReply("MANIFEST_INVALID", "a tag parameter is not a tag");
  store.putManifest(repository, { bytes: request.body, mediaType, digest }, ...tags);
  return emptyReply(201, {
    location: `/v2/${repository}/manifests/${digest}`,
    "docker-content-digest": digest,
    ...(byDigest && tags.length > 0 ? { "oci-tag": tags.join(", ") } : {}),
    ...(withSubject && content.subject !== undefined ? { "oci-subject": content.subject.digest } : {}),
  });
}

/** DELETE: a tag alone, or a manifest with all its tags. */
export function deleteManifest(store: Store, repository: string, reference: string): Reply {
  const deleted = isDigest(reference)
    ? store.deleteManifest(repository, reference)
    : (store.repository(repository)?.tags.delete(reference) ?? false);
  return deleted ? emptyReply(202) : errorReply("MANIFEST_UNKNOWN", `${repository} has no ${reference}`);
}

/** A digest that the manifest names and the repository lacks. A subject may come later, foreign layers never. */
function missingContent(content: ManifestContent, repository: StoredRepository): string | undefined {
  const blobs = [content.config, ...(content.layers ?? [])].filter((part) => part !== undefined && !isForeign(part));
  return (
    blobs.find((blob) => blob !== undefined && !repository.blobs.has(blob.digest))?.digest ??
    content.manifests?.find((child) => !repository.manifests.has(child.digest))?.digest
  );
}

/** Layers that may not be distributed live elsewhere (OCI image-spec 1.1, layer.md; Docker's `foreign`). */
function isForeign({ mediaType }: Descriptor): boolean {
  return mediaType.includes(".nondistributable.") || mediaType.includes(".foreign.");
}
