import { isDigest } from "../content/digest.ts";
import { errorReply } from "./errors.ts";
import { isImageType, ociIndex } from "../content/mediaTypes.ts";
import type { Descriptor } from "../content/manifest.ts";
import { nextLink, pageOf } from "./paging.ts";
import { jsonReply, type Reply } from "./reply.ts";
import type { Store, StoredManifest } from "../store.ts";

/**
 * `api`: the referrers API of distribution-spec 1.1. `off`: 404, as registries before 1.1; clients keep the list under
 * the fallback tag. `empty`: always an empty list, and pushes get no OCI-Subject; some hosts do so, and there the
 * fallback tag is all there is (oras then writes it, cosign does not).
 */
export type ReferrersMode = "api" | "off" | "empty";

export interface ReferrersSettings {
  readonly mode: ReferrersMode;
  readonly pageSize: number;
  /** Whether an `artifactType` filter is applied; false: it is ignored, as the specification allows. */
  readonly filter: boolean;
}

/** `GET /v2/<name>/referrers/<digest>?artifactType=`. */
export function listReferrers(
  store: Store,
  repository: string,
  digest: string,
  query: URLSearchParams,
  settings: ReferrersSettings,
): Reply {
  if (settings.mode === "off") return errorReply("UNSUPPORTED", "no referrers API here", 404);
  if (!isDigest(digest)) return errorReply("DIGEST_INVALID", `${digest} is not a digest`);
  const wanted = settings.filter ? query.get("artifactType") : null;
  const all = settings.mode === "empty" ? [] : store.referrers(repository, digest).map(describe);
  const matching = all.filter(({ artifactType }) => wanted === null || artifactType === wanted);
  const last = query.get("last");
  const rest = last === null ? matching : matching.slice(matching.findIndex((item) => item.digest === last) + 1);
  const { items, next } = pageOf(rest, (item) => item.digest, settings.pageSize);
  const link = nextLink(`/v2/${repository}/referrers/${digest}`, { artifactType: wanted ?? undefined, last: next });
  return jsonReply(200, referrersIndex(items), {
    "content-type": ociIndex,
    ...(wanted === null ? {} : { "oci-filters-applied": "artifactType" }),
    ...(next === undefined ? {} : { link }),
  });
}

/** The index that lists referrers, in the API and under the fallback tag. */
export function referrersIndex(manifests: readonly Descriptor[]): object {
  return { schemaVersion: 2, mediaType: ociIndex, manifests };
}

/** An image manifest without an artifactType has its config's type, an index has none ("Listing Referrers"). */
export function describe({ digest, mediaType, bytes, content }: StoredManifest): Descriptor {
  const fromConfig = isImageType(mediaType) ? content.config?.mediaType : undefined;
  const artifactType = content.artifactType || fromConfig;
  return {
    mediaType,
    digest,
    size: bytes.length,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(content.annotations === undefined ? {} : { annotations: content.annotations }),
  };
}
