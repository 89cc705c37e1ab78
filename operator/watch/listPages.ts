import { statusError, type KubeClient } from "../kube/kubeClient.ts";
import { KubeError } from "../kube/kubeError.ts";
import { asObject, asText } from "../kube/object.ts";

export interface ListRequest {
  readonly client: KubeClient;
  /** Collection, such as `/api/v1/pods`. */
  readonly path: string;
  readonly fieldSelector: string | undefined;
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
const SMALLEST_PAGE = 20;

/**
 * Reads a collection page by page: a list of 80,000 pods in one is more than a string can hold. Rejects with KubeError for whatever is
 * not a complete list.
 */
export async function listPages(request: ListRequest): Promise<ListResult> {
  const { client, path, fieldSelector, pageSize, timeout, onItem, onPage, signal } = request;
  let next: string | undefined;
  let limit = pageSize;
  let version = "";
  do {
    const response = await client.request("GET", path, {
      query: { limit: String(limit), continue: next, fieldSelector },
      signal,
      timeout,
    });
    if (response.status === 404) return { status: "absent", error: statusError("list", path, response) };
    if (response.status !== 200) throw statusError("list", path, response);
    const list = asObject(response.body);
    const metadata = asObject(list["metadata"]);
    const items = list["items"];
    if (!Array.isArray(items)) throw new KubeError("malformed", `list ${path}: the answer has no items`);
    version = asText(metadata["resourceVersion"]);
    if (version === "") throw new KubeError("malformed", `list ${path}: the answer has no resourceVersion`);
    onPage(version);
    for (const item of items) onItem(item, version);
    next = asText(metadata["continue"]) || undefined;
    const average = response.size / Math.max(1, items.length);
    limit = Math.min(pageSize, Math.max(SMALLEST_PAGE, Math.floor(PAGE_BYTES / average)));
  } while (next !== undefined);
  return { status: "ok", version };
}
