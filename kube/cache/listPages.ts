import type { KubeClient, KubeResponse } from "../kubeClient.ts";
import { KubeError, statusError } from "../kubeError.ts";
import { fieldsOf, textOf } from "../../json/fields.ts";
import { LARGEST_OBJECT } from "./largestObject.ts";

export interface ListRequest {
  readonly client: KubeClient;
  /** Collection, such as `/api/v1/pods`. */
  readonly path: string;
  readonly fieldSelector: string | undefined;
  readonly labelSelector?: string | undefined;
  /** Objects in a page at most. */
  readonly pageSize: number;
  /** Milliseconds for one page. */
  readonly timeout: number;
  /** Runs on arrival, so that whole objects never pile up. `version` is the list's. */
  readonly onItem: (object: unknown, version: string) => void;
  /** Before the items of the page. */
  readonly onPage: (version: string) => void;
  readonly signal: AbortSignal;
}

/** `version`: where a watch goes on. `absent`: the collection answered 404. */
export type ListResult =
  | { readonly status: "ok"; readonly version: string }
  | { readonly status: "absent"; readonly error: KubeError };

/**
 * Pages of larger objects hold fewer of them: what is parsed then dies young (measured with 150,000 pods of 6 KiB: 300 MiB less memory at
 * the peak), and no page holds the event loop for long.
 */
const PAGE_BYTES = 1024 * 1024;
/** What a page of several may hold: 500 of the largest objects, which anybody who makes pods can make, are more than a string can. */
const MOST_PAGE_BYTES = 8 * 1024 * 1024;

/**
 * Reads a collection page by page: a list of 80,000 pods in one is more than a string can hold. Rejects with KubeError for whatever is
 * not a complete list.
 */
export async function listPages(request: ListRequest): Promise<ListResult> {
  const { path, pageSize, onItem, onPage } = request;
  let next: string | undefined;
  let limit = pageSize;
  for (;;) {
    const response = await pageOf(request, limit, next);
    if (response === undefined) {
      limit = Math.max(1, Math.floor(limit / SMALLER));
      continue;
    }
    if (response.status === 404) return { status: "absent", error: statusError("list", path, response) };
    if (response.status !== 200) throw statusError("list", path, response);
    const list = fieldsOf(response.body);
    const metadata = fieldsOf(list["metadata"]);
    const items = list["items"];
    if (!Array.isArray(items)) throw new KubeError("malformed", `list ${path}: the answer has no items`);
    const version = textOf(metadata["resourceVersion"]);
    if (version === "") throw new KubeError("malformed", `list ${path}: the answer has no resourceVersion`);
    onPage(version);
    for (const item of items) onItem(item, version);
    next = textOf(metadata["continue"]) || undefined;
    const average = response.size / Math.max(1, items.length);
    limit = Math.min(pageSize, Math.max(1, Math.floor(PAGE_BYTES / average)));
    if (next === undefined) return { status: "ok", version };
  }
}

/** How many times fewer objects are asked for where a page is too large. */
const SMALLER = 8;

/** undefined: the page is too large, and has to hold fewer objects. */
async function pageOf(
  { client, path, fieldSelector, labelSelector, timeout, signal }: ListRequest,
  limit: number,
  next: string | undefined,
): Promise<KubeResponse | undefined> {
  try {
    return await client.request("GET", path, {
      query: { limit: String(limit), continue: next, fieldSelector, labelSelector },
      signal,
      timeout,
      mostBytes: limit === 1 ? LARGEST_OBJECT : MOST_PAGE_BYTES,
    });
  } catch (error) {
    if (error instanceof KubeError && error.code === "tooLarge" && limit > 1) return undefined;
    throw error;
  }
}
