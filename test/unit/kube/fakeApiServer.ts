import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeConfig } from "@kubernetes/client-node";
import { createKubeClient, type KubeClient } from "../../../kube/kubeClient.ts";

export interface FakeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly [name: string]: unknown;
  };
  readonly [name: string]: unknown;
}

interface Collection {
  readonly items: Map<string, FakeObject>;
  readonly log: { readonly version: number; readonly type: string; readonly object: FakeObject }[];
  /** Watches from before this version get 410. */
  oldest: number;
}

/** What a request does instead of the right thing; gives true where it has answered. */
export type Fault = (request: IncomingMessage, response: ServerResponse, url: URL) => boolean | Promise<boolean>;

/** What a path means: `/api/v1/namespaces/x/pods/y/status` is about one of the collection `/api/v1/pods`. */
interface Place {
  readonly collection: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

interface Watching {
  readonly url: URL;
  readonly place: Place;
  readonly response: ServerResponse;
  readonly send: (line: unknown) => void;
}

/**
 * An API server as far as list-and-watch and single objects go, that can be told to misbehave. Collections are made by the first
 * object in them, and by `define`; others answer 404. Writes are checked by resourceVersion, as the real one does.
 */
export class FakeApiServer {
  readonly #server: Server;
  readonly #collections = new Map<string, Collection>();
  readonly #watches = new Set<Watching>();
  #version = 100;
  /** Asked first for every request, in order; the first that answers wins. */
  readonly faults: Fault[] = [];
  readonly requests: {
    readonly method: string;
    readonly path: string;
    readonly query: string;
    readonly body: unknown;
  }[] = [];
  readonly #writes = new Map<string, number>();
  #port = 0;

  constructor() {
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : new Error(String(error)));
      });
    });
    this.#server.keepAliveTimeout = 1_000;
  }

  async start(port = 0): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(port, "127.0.0.1", resolve);
    await promise;
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#watches.clear();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  get port(): number {
    return this.#port;
  }

  kubeConfig(): KubeConfig {
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: "fake", server: `http://127.0.0.1:${this.#port}`, skipTLSVerify: true },
      { name: "tester" },
    );
    return config;
  }

  client(): KubeClient {
    return createKubeClient(this.kubeConfig(), "image-security");
  }

  define(path: string): void {
    this.#collection(path);
  }

  /** Makes or changes an object, and tells the watches. */
  put(path: string, object: FakeObject): FakeObject {
    const collection = this.#collection(path);
    const key = keyOf(object);
    const before = collection.items.get(key);
    const stored = {
      ...object,
      metadata: {
        uid: before?.metadata.uid ?? `uid-${object.metadata.name}`,
        ...object.metadata,
        resourceVersion: String((this.#version += 1)),
      },
    };
    collection.items.set(key, stored);
    this.#tell(path, collection, before === undefined ? "ADDED" : "MODIFIED", stored);
    return stored;
  }

  delete(path: string, key: string): void {
    const collection = this.#collection(path);
    const before = collection.items.get(key);
    if (before === undefined) return;
    collection.items.delete(key);
    const gone = { ...before, metadata: { ...before.metadata, resourceVersion: String((this.#version += 1)) } };
    this.#tell(path, collection, "DELETED", gone);
  }

  /** Takes something away that no watch is told of. */
  forget(path: string, key: string): void {
    this.#collection(path).items.delete(key);
  }

  /** All that a collection holds now. */
  items(path: string): readonly FakeObject[] {
    return [...(this.#collections.get(path)?.items.values() ?? [])];
  }

  get(path: string, key: string): FakeObject | undefined {
    return this.#collections.get(path)?.items.get(key);
  }

  /** Forgets all history: every watch from an earlier version gets 410. */
  compact(path: string): void {
    const collection = this.#collection(path);
    collection.oldest = this.#version += 1;
    collection.log.length = 0;
  }

  bookmark(path: string): void {
    this.#version += 1;
    this.sendRaw(path, { type: "BOOKMARK", object: { metadata: { resourceVersion: String(this.#version) } } });
  }

  /** Sends a line to every watch of a collection; a string goes as it is. */
  sendRaw(path: string, line: unknown): void {
    for (const watch of this.#watches) if (watch.place.collection === path) watch.send(line);
  }

  /** Cuts every watch of a collection. */
  reset(path: string): void {
    for (const watch of this.#watches) if (watch.place.collection === path) watch.response.destroy();
  }

  /** Writes of requests to a collection that were taken. */
  writes(path: string): number {
    return this.#writes.get(path) ?? 0;
  }

  watching(path: string): number {
    return [...this.#watches].filter((watch) => watch.place.collection === path).length;
  }

  #collection(path: string): Collection {
    let collection = this.#collections.get(path);
    if (collection === undefined) this.#collections.set(path, (collection = { items: new Map(), log: [], oldest: 0 }));
    return collection;
  }

  #tell(path: string, collection: Collection, type: string, object: FakeObject): void {
    collection.log.push({ version: this.#version, type, object });
    for (const watch of this.#watches) {
      if (watch.place.collection === path && selected(watch.url, watch.place, [object]).length > 0)
        watch.send({ type, object });
    }
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://fake");
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const body: unknown = text === "" ? undefined : JSON.parse(text);
    this.requests.push({ method: request.method ?? "", path: url.pathname, query: url.search, body });
    for (const fault of this.faults) if (await fault(request, response, url)) return;
    const place = placeOf(url.pathname);
    const collection = this.#collections.get(place.collection);
    if (collection === undefined) return status(response, 404, "NotFound");
    if (request.method !== "GET") return this.#write(request.method ?? "", place, collection, body, response);
    if (place.name !== undefined) {
      const object = collection.items.get(keyAt(place, place.name));
      return object === undefined ? status(response, 404, "NotFound") : json(response, 200, object);
    }
    if (url.searchParams.get("watch") === "true") return this.#watch(url, place, collection, response);
    return this.#list(url, place, collection, response);
  }

  #write(method: string, place: Place, collection: Collection, body: unknown, response: ServerResponse): void {
    // What arrives here was sent by the code under test, which sends objects.
    const sent = (body ?? {}) as FakeObject & { readonly preconditions?: { readonly uid?: string } };
    const key = keyAt(place, place.name ?? sent.metadata.name);
    const before = collection.items.get(key);
    if (method === "POST") {
      if (before !== undefined) return status(response, 409, "AlreadyExists");
      this.#count(place.collection);
      const uid = `uid-${(this.#version += 1)}`;
      return json(response, 201, this.put(place.collection, { ...sent, metadata: { ...sent.metadata, uid } }));
    }
    if (before === undefined) return status(response, 404, "NotFound");
    if (method === "DELETE") {
      const uid = sent.preconditions?.uid;
      if (uid !== undefined && uid !== before.metadata.uid) return status(response, 409, "Conflict");
      this.delete(place.collection, key);
      return json(response, 200, before);
    }
    const version = sent.metadata?.resourceVersion;
    if (version !== undefined && version !== before.metadata.resourceVersion) return status(response, 409, "Conflict");
    const metadata = { ...before.metadata, ...sent.metadata };
    this.#count(place.collection);
    // Merge patches come as far as they are used: whole fields, and names that are taken away by null.
    const after = method === "PUT" ? { ...sent, metadata } : { ...before, ...withoutNulls(sent), metadata };
    return json(response, 200, this.put(place.collection, after));
  }

  #count(collection: string): void {
    this.#writes.set(collection, this.writes(collection) + 1);
  }

  #list(url: URL, place: Place, collection: Collection, response: ServerResponse): void {
    const limit = Number(url.searchParams.get("limit") ?? "0") || Number.MAX_SAFE_INTEGER;
    const from = Number(url.searchParams.get("continue") ?? "0");
    const items = selected(url, place, [...collection.items.values()]);
    const page = items.slice(from, from + limit);
    const more = from + limit < items.length ? { continue: String(from + limit) } : {};
    json(response, 200, { kind: "List", metadata: { resourceVersion: String(this.#version), ...more }, items: page });
  }

  #watch(url: URL, place: Place, collection: Collection, response: ServerResponse): void {
    const since = Number(url.searchParams.get("resourceVersion"));
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    const send = (line: unknown): void => {
      response.write(typeof line === "string" ? line : `${JSON.stringify(line)}\n`);
    };
    if (since < collection.oldest) {
      send({
        type: "ERROR",
        object: { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" },
      });
      response.end();
      return;
    }
    const watch = { url, place, response, send };
    this.#watches.add(watch);
    response.on("close", () => this.#watches.delete(watch));
    for (const entry of collection.log) {
      if (entry.version > since && selected(url, place, [entry.object]).length > 0)
        send({ type: entry.type, object: entry.object });
    }
  }
}

function selected(url: URL, { namespace }: Place, items: readonly FakeObject[]): readonly FakeObject[] {
  const [field, value] = (url.searchParams.get("fieldSelector") ?? "").split("=");
  return items.filter(
    ({ metadata }) =>
      (namespace === undefined || metadata.namespace === namespace) &&
      (field !== "metadata.name" || metadata.name === value),
  );
}

function withoutNulls(value: FakeObject): FakeObject {
  return JSON.parse(JSON.stringify(value, (_, part: unknown) => part ?? undefined)) as FakeObject;
}

function placeOf(path: string): Place {
  const [, group = "", namespace, resource = "", name] =
    /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+)(?=\/))?\/([^/]+)(?:\/([^/]+))?(?:\/status)?$/.exec(
      path,
    ) ?? [];
  return { collection: `${group}/${resource}`, namespace, name };
}

const keyAt = ({ namespace }: Place, name: string): string => (namespace === undefined ? name : `${namespace}/${name}`);

const status = (response: ServerResponse, code: number, reason: string): void =>
  json(response, code, { kind: "Status", code, reason, message: reason });

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

const keyOf = ({ metadata }: FakeObject): string =>
  metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;

/** Waits until something holds; fails after `limit` milliseconds, saying what was awaited. */
export async function until(what: string, holds: () => boolean, limit = 5_000): Promise<void> {
  const end = performance.now() + limit;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`did not come about: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
