import { digestOf } from "../content/digest.ts";
import type { Descriptor } from "../content/manifest.ts";
import { ociManifest } from "../content/mediaTypes.ts";
import type { Misbehaviour } from "./rules.ts";
import { nextLink } from "../api/paging.ts";
import { referrersIndex } from "../api/referrers.ts";
import { withBody, withHeader } from "../api/reply.ts";

/** A manifest with `depth` lists in one another: parsers without a limit overflow their stack. */
export function deepJson(depth: number): Uint8Array {
  return Buffer.from(
    `{"schemaVersion":2,"mediaType":"${ociManifest}","deep":${"[".repeat(depth)}${"]".repeat(depth)}}`,
  );
}

/** An image manifest that is an index as well (GHSA-qq97-vm5h-rrhg). */
export function imageAndIndex(image: { readonly bytes: Uint8Array }, children: readonly Descriptor[]): Uint8Array {
  const text = Buffer.from(image.bytes).toString();
  return Buffer.from(`${text.slice(0, text.lastIndexOf("}"))},"manifests":${JSON.stringify(children)}}`);
}

/** A list of so many referrers that are not there; instead of the right list. */
export function manyReferrers(count: number, artifactType: string): Misbehaviour {
  const list = referrersIndex(Array.from({ length: count }, (_, index) => inventedReferrer(index, artifactType)));
  const bytes = Buffer.from(JSON.stringify(list));
  return async (_, answer) => withHeader(withBody(await answer(), bytes), "link", undefined);
}

/** A list of referrers that are not there, `perPage` on each page, and always a next page. */
export function endlessReferrers(perPage: number, artifactType: string): Misbehaviour {
  return async ({ path, query }, answer) => {
    const page = Number(query.get("page") ?? 0);
    const list = referrersIndex(
      Array.from({ length: perPage }, (_, index) => inventedReferrer(page * perPage + index, artifactType)),
    );
    const reply = withBody(await answer(), Buffer.from(JSON.stringify(list)));
    return withHeader(reply, "link", nextLink(path, { page: String(page + 1) }));
  };
}

function inventedReferrer(index: number, artifactType: string): Descriptor {
  return { mediaType: ociManifest, digest: digestOf(Buffer.from(`referrer ${index}`)), size: 1000, artifactType };
}
