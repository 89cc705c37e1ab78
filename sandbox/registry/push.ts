import { fallbackTag } from "./content/digest.ts";
import type { Pushable } from "./images.ts";
import { readManifest, type Descriptor } from "./content/manifest.ts";
import { ociIndex } from "./content/mediaTypes.ts";
import { describe, referrersIndex } from "./api/referrers.ts";
import type { Store } from "./store.ts";

/** Puts an image, index or artifact with all its parts into the store, tagged or not. Gives its digest. */
export function addToStore(store: Store, repository: string, image: Pushable, ...tags: readonly string[]): string {
  for (const child of image.children) addToStore(store, repository, child);
  for (const blob of image.blobs) store.putBlob(repository, blob.bytes, blob.digest);
  return store.putManifest(repository, image, ...tags);
}

/**
 * Puts an artifact into the store and into the list under its subject's fallback tag, as clients do with registries
 * that have no referrers API. The descriptor in the list can be told to lie.
 */
export function addToFallbackTag(
  store: Store,
  repository: string,
  artifact: Pushable,
  lie: Partial<Descriptor> = {},
): void {
  addToStore(store, repository, artifact);
  const content = readManifest(artifact.bytes) ?? {};
  if (content.subject === undefined) throw new Error("an artifact without a subject is no referrer");
  const tag = fallbackTag(content.subject.digest);
  const listed = store.manifest(repository, tag)?.content.manifests ?? [];
  const list = referrersIndex([...listed, { ...describe({ ...artifact, content }), ...lie }]);
  store.putManifest(repository, { mediaType: ociIndex, bytes: Buffer.from(JSON.stringify(list)) }, tag);
}

export interface PushOptions {
  readonly tag?: string;
  /** Sent with every request. */
  readonly authorization?: string;
  /** One that knows the registry's certificate, for example. */
  readonly fetch?: typeof fetch;
}

/** Pushes over HTTP to `url` (`http://127.0.0.1:5001`) as any client would. Rejects when the registry refuses. */
export async function push(
  url: string,
  repository: string,
  image: Pushable,
  options: PushOptions = {},
): Promise<string> {
  const { tag, ...connection } = options;
  for (const child of image.children) await push(url, repository, child, connection);
  const base = `${url}/v2/${repository}`;
  for (const { bytes, digest } of image.blobs) {
    const query = new URLSearchParams({ digest });
    await request("POST", `${base}/blobs/uploads/?${query.toString()}`, "application/octet-stream", bytes, connection);
  }
  await request("PUT", `${base}/manifests/${tag ?? image.digest}`, image.mediaType, image.bytes, connection);
  return image.digest;
}

async function request(
  method: string,
  url: string,
  contentType: string,
  body: Uint8Array,
  connection: PushOptions,
): Promise<void> {
  const { authorization, fetch: send = fetch } = connection;
  const headers = { "content-type": contentType, ...(authorization === undefined ? {} : { authorization }) };
  const response = await send(url, { method, headers, body: Buffer.from(body) });
  const answer = await response.text();
  const location = response.headers.get("location");
  // Registries need not take a blob with the POST: then the upload goes on where they say ("POST then PUT").
  if (method === "POST" && response.status === 202 && location !== null) {
    const upload = new URL(location, url);
    upload.searchParams.set("digest", new URL(url).searchParams.get("digest") ?? "");
    return request("PUT", upload.href, contentType, body, connection);
  }
  if (response.status !== 201) throw new Error(`${method} ${url}: ${response.status} ${answer}`);
}
