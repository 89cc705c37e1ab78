import { deleteBlob, getBlob } from "./blobs.ts";
import { errorReply } from "./errors.ts";
import { deleteManifest, getManifest, putManifest } from "./manifests.ts";
import { listReferrers, type ReferrersMode } from "./referrers.ts";
import { jsonReply, type Reply } from "./reply.ts";
import type { RegistryRequest } from "./request.ts";
import type { Route } from "./routes.ts";
import type { Store } from "../store.ts";
import { listRepositories, listTags } from "./tags.ts";
import type { Uploads } from "./uploads.ts";

/** What of the API there is, and how it pages. */
export interface ApiSettings {
  /** `api` by default. */
  readonly referrers?: ReferrersMode;
  /** Whether referrers are filtered by `artifactType` when asked; true by default. */
  readonly filterReferrers?: boolean;
  /** Most tags, repositories or referrers in one answer; 1000 by default. */
  readonly pageSize?: number;
}

/** The answer of the API to an authorised request. */
export function answer(
  store: Store,
  uploads: Uploads,
  settings: ApiSettings,
  route: Route,
  request: RegistryRequest,
): Reply {
  const { method, query, headers, access } = request;
  const { referrers = "api", filterReferrers = true, pageSize = 1000 } = settings;
  const reading = method === "GET" || method === "HEAD";
  switch (route.kind) {
    case "ping":
      return reading ? jsonReply(200, {}) : unsupported(method);
    case "catalog":
      if (!reading) return unsupported(method);
      return listRepositories([...store.repositories.keys()].filter(access.canPull), query, pageSize);
    case "manifest":
      if (reading) return getManifest(store, route.repository, route.reference);
      if (method === "PUT") {
        return putManifest(store, route.repository, route.reference, request, referrers === "api");
      }
      return method === "DELETE" ? deleteManifest(store, route.repository, route.reference) : unsupported(method);
    case "blob":
      if (reading) return getBlob(store, route.repository, route.digest, headers["range"]);
      return method === "DELETE" ? deleteBlob(store, route.repository, route.digest) : unsupported(method);
    case "uploads":
      return method === "POST" ? uploads.start(route.repository, request) : unsupported(method);
    case "upload":
      return answerUpload(uploads, route.repository, route.session, request);
    case "tags":
      return reading ? listTags(store, route.repository, query, pageSize) : unsupported(method);
    case "referrers": {
      if (!reading) return unsupported(method);
      const listing = { mode: referrers, filter: filterReferrers, pageSize };
      return listReferrers(store, route.repository, route.digest, query, listing);
    }
    case "badName":
      return errorReply("NAME_INVALID", `${route.repository} is no repository name`);
    case "unknown":
      return errorReply("UNSUPPORTED", "there is nothing here", 404);
  }
}

function answerUpload(uploads: Uploads, repository: string, session: string, request: RegistryRequest): Reply {
  switch (request.method) {
    case "GET":
      return uploads.status(repository, session);
    case "PATCH":
      return uploads.append(repository, session, request);
    case "PUT":
      return uploads.finish(repository, session, request);
    case "DELETE":
      return uploads.cancel(repository, session);
    default:
      return unsupported(request.method);
  }
}

function unsupported(method: string): Reply {
  return errorReply("UNSUPPORTED", `${method} is not for this address`);
}
