import { errorReply } from "./errors.ts";
import { askedLimit, nextLink, pageOf } from "./paging.ts";
import { jsonReply, type Reply } from "./reply.ts";
import type { Store } from "../store.ts";

/** `GET /v2/<name>/tags/list?n=&last=`; `pageSize` bounds what one answer holds. */
export function listTags(store: Store, name: string, query: URLSearchParams, pageSize: number): Reply {
  const repository = store.repository(name);
  if (repository === undefined) return errorReply("NAME_UNKNOWN", `there is no repository ${name}`);
  return listNames([...repository.tags.keys()], `/v2/${name}/tags/list`, query, pageSize, (tags) => ({ name, tags }));
}

/** `GET /v2/_catalog`: no part of the specification, but `crane catalog` and people ask for it. */
export function listRepositories(names: readonly string[], query: URLSearchParams, pageSize: number): Reply {
  return listNames(names, "/v2/_catalog", query, pageSize, (repositories) => ({ repositories }));
}

/** Names in the order of their code points, from after `last`; `n=0` is an empty list without a Link. */
function listNames(
  names: readonly string[],
  path: string,
  query: URLSearchParams,
  pageSize: number,
  bodyOf: (names: readonly string[]) => unknown,
): Reply {
  const n = askedLimit(query);
  if (Number.isNaN(n)) return errorReply("UNSUPPORTED", "n must be a number", 400);
  if (n === 0) return jsonReply(200, bodyOf([]));
  const last = query.get("last");
  const rest = names.filter((name) => last === null || name > last).toSorted();
  const { items, next } = pageOf(rest, (name) => name, Math.min(n ?? pageSize, pageSize));
  const headers = next === undefined ? {} : { link: nextLink(path, { n: n?.toString(), last: next }) };
  return jsonReply(200, bodyOf(items), headers);
}
