import { randomUUID } from "node:crypto";
import { hashesTo, isDigest } from "../content/digest.ts";
import { errorReply } from "./errors.ts";
import { emptyReply, type Reply } from "./reply.ts";
import type { RegistryRequest } from "./request.ts";
import type { Store } from "../store.ts";

interface Session {
  readonly repository: string;
  readonly chunks: Uint8Array[];
  size: number;
}

/** Abandoned uploads go when newer ones need their place. */
const maxSessions = 1000;

/** The blob uploads under way: monolithic, in chunks, streamed or mounted (OCI distribution-spec 1.1, "Pushing blobs"). */
export class Uploads {
  readonly #store: Store;
  readonly #sessions = new Map<string, Session>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** POST: a mount, a whole blob in one request, or a new session. */
  start(repository: string, request: RegistryRequest): Reply {
    const digest = request.query.get("digest");
    if (digest !== null) return this.#complete(repository, request.body, digest);
    const mounted = this.#mount(repository, request);
    if (mounted !== undefined) return mounted;

    const id = randomUUID();
    this.#sessions.set(id, { repository, chunks: [], size: 0 });
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > maxSessions && oldest !== undefined) this.#sessions.delete(oldest);
    return emptyReply(202, { ...progress(id, repository, 0), "docker-upload-uuid": id });
  }

  /** GET: how far the upload has come. */
  status(repository: string, id: string): Reply {
    const session = this.#session(repository, id);
    if (session === undefined) return unknownUpload(id);
    return { ...emptyReply(204), headers: progress(id, repository, session.size) };
  }

  /** PATCH: the next chunk, or a stream without a range. */
  append(repository: string, id: string, request: RegistryRequest): Reply {
    const session = this.#session(repository, id);
    if (session === undefined) return unknownUpload(id);
    const refused = this.#addChunk(session, id, request);
    return refused ?? emptyReply(202, progress(id, repository, session.size));
  }

  /** PUT: the last chunk, if there is one, and the digest of the whole. */
  finish(repository: string, id: string, request: RegistryRequest): Reply {
    const session = this.#session(repository, id);
    if (session === undefined) return unknownUpload(id);
    const refused = this.#addChunk(session, id, request);
    if (refused !== undefined) return refused;
    this.#sessions.delete(id);
    return this.#complete(repository, Buffer.concat(session.chunks), request.query.get("digest") ?? "");
  }

  /** DELETE. */
  cancel(repository: string, id: string): Reply {
    if (this.#session(repository, id) === undefined) return unknownUpload(id);
    this.#sessions.delete(id);
    return { ...emptyReply(204), headers: {} };
  }

  #session(repository: string, id: string): Session | undefined {
    const session = this.#sessions.get(id);
    return session?.repository === repository ? session : undefined;
  }

  #addChunk(session: Session, id: string, { headers, body }: RegistryRequest): Reply | undefined {
    const range = headers["content-range"];
    if (range !== undefined) {
      const [, first, last] = /^(?:bytes )?(\d+)-(\d+)(?:\/\d+)?$/.exec(range) ?? [];
      if (first === undefined) return errorReply("BLOB_UPLOAD_INVALID", `Content-Range ${range} is no range`);
      if (Number(first) !== session.size) {
        return emptyReply(416, progress(id, session.repository, session.size));
      }
      if (Number(last) - Number(first) + 1 !== body.length) {
        return errorReply("SIZE_INVALID", `Content-Range ${range} with ${body.length} bytes`);
      }
    }
    session.chunks.push(body);
    session.size += body.length;
    return undefined;
  }

  #complete(repository: string, bytes: Uint8Array, digest: string): Reply {
    if (!isDigest(digest)) return errorReply("DIGEST_INVALID", `${digest} is not a digest`);
    if (!hashesTo(bytes, digest)) return errorReply("DIGEST_INVALID", "the blob does not hash to this digest");
    this.#store.putBlob(repository, bytes, digest);
    return created(repository, digest);
  }

  /** A blob that the caller can read elsewhere; undefined where there is none, and an upload is begun instead. */
  #mount(repository: string, { query, access }: RegistryRequest): Reply | undefined {
    const digest = query.get("mount");
    if (digest === null) return undefined;
    const from = query.get("from");
    for (const [name, { blobs }] of this.#store.repositories) {
      const bytes = from === null || from === name ? blobs.get(digest) : undefined;
      if (bytes === undefined || !access.canPull(name)) continue;
      this.#store.putBlob(repository, bytes, digest);
      return created(repository, digest);
    }
    return undefined;
  }
}

function progress(id: string, repository: string, size: number): Record<string, string> {
  return { location: `/v2/${repository}/blobs/uploads/${id}`, range: `0-${Math.max(size - 1, 0)}` };
}

function created(repository: string, digest: string): Reply {
  return emptyReply(201, { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest });
}

function unknownUpload(id: string): Reply {
  return errorReply("BLOB_UPLOAD_UNKNOWN", `there is no upload ${id}`);
}
