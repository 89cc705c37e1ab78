import { isDigest } from "../content/digest.ts";
import { errorReply } from "./errors.ts";
import { bytesReply, emptyReply, type Reply } from "./reply.ts";
import type { Store } from "../store.ts";

/** GET and HEAD, with a single `Range` (RFC 9110, section 14); several ranges are answered with the whole blob. */
export function getBlob(store: Store, repository: string, digest: string, range: string | undefined): Reply {
  if (!isDigest(digest)) return errorReply("DIGEST_INVALID", `${digest} is not a digest`);
  const blob = store.repository(repository)?.blobs.get(digest);
  if (blob === undefined) return errorReply("BLOB_UNKNOWN", `${repository} has no ${digest}`);
  const headers = {
    "content-type": "application/octet-stream",
    "docker-content-digest": digest,
    "accept-ranges": "bytes",
    etag: `"${digest}"`,
  };
  const wanted = range === undefined ? undefined : parseRange(range, blob.length);
  if (wanted === undefined) return bytesReply(200, blob, headers);
  if (wanted === "unsatisfiable") return emptyReply(416, { "content-range": `bytes */${blob.length}` });
  const [first, last] = wanted;
  return bytesReply(206, blob.subarray(first, last + 1), {
    ...headers,
    "content-range": `bytes ${first}-${last}/${blob.length}`,
  });
}

export function deleteBlob(store: Store, repository: string, digest: string): Reply {
  if (!isDigest(digest)) return errorReply("DIGEST_INVALID", `${digest} is not a digest`);
  const deleted = store.repository(repository)?.blobs.delete(digest) ?? false;
  return deleted ? emptyReply(202) : errorReply("BLOB_UNKNOWN", `${repository} has no ${digest}`);
}

/** First and last byte; undefined where the header is to be ignored (RFC 9110, section 14.2). */
function parseRange(range: string, size: number): readonly [number, number] | "unsatisfiable" | undefined {
  const [, from = "", to = ""] = /^bytes=(\d*)-(\d*)$/.exec(range.trim()) ?? [];
  if (from === "" && to === "") return undefined;
  if (from === "") {
    const length = Math.min(Number(to), size);
    return length === 0 ? "unsatisfiable" : [size - length, size - 1];
  }
  const first = Number(from);
  const last = to === "" ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== "" && Number(to) < first) return undefined;
  return first >= size ? "unsatisfiable" : [first, last];
}
