import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { RequestOptions } from "node:https";
import { HttpMethod, RequestContext, type KubeConfig } from "@kubernetes/client-node";
import { Agent, ProxyAgent, request as send, type Dispatcher } from "undici";
import { fieldsOf } from "../json/fields.ts";
import { KubeError, messageOf } from "./kubeError.ts";

export interface KubeRequest {
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  /** Default `application/json`; patches name theirs. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
  /** Milliseconds; default 30,000. */
  readonly timeout?: number;
  /** Bytes of the answer's body; more is `tooLarge`, and not read any further. */
  readonly mostBytes?: number;
}

export interface KubeResponse {
  readonly status: number;
  readonly body: unknown;
  /** Bytes of the body. */
  readonly size: number;
}

export interface KubeStream {
  readonly status: number;
  readonly body: AsyncIterable<Uint8Array>;
}

export type KubeMethod = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** The API server, with the credentials of a kubeconfig. Every HTTP status is a value; only the lack of an answer rejects. */
export interface KubeClient {
  /** Rejects with KubeError `network`, `timeout`, `malformed` or `tooLarge`, or with the signal's reason. */
  readonly request: (method: KubeMethod, path: string, options?: KubeRequest) => Promise<KubeResponse>;
  /** A body that is read as it comes, for watches. The signal ends it. */
  readonly open: (path: string, query: Readonly<Record<string, string>>, signal: AbortSignal) => Promise<KubeStream>;
  readonly close: () => Promise<void>;
}

interface Access {
  readonly dispatcher: Dispatcher;
  readonly headers: Readonly<Record<string, string>>;
  readonly until: number;
  readonly fingerprint: string;
}

/** Tokens are projected with an hour of life and files change without a word: both are read again this often. */
const ACCESS_AGE_MS = 10_000;
const DEFAULT_TIMEOUT_MS = 30_000;
/**
 * How long a connection without a request is kept: an API server closes it after 90 s, balancers in front of one after 35 s or more. After
 * undici's 4 s the pods of every burst had connections made anew, whose handshakes cost more than all else that was done about them.
 */
const IDLE_MS = 30_000;

/**
 * Requests through undici, with the kubeconfig's own authentication. client-node's typed API is not used: it reads lists whole,
 * has no limit of time, and opens a new connection for every request.
 */
export function createKubeClient(config: KubeConfig, userAgent: string): KubeClient {
  const cluster = config.getCurrentCluster();
  if (cluster === null)
    throw new Error("the kubeconfig names no current cluster; set current-context or give --kubeconfig");
  const base = cluster.server.replace(/\/+$/, "");
  let access: Access | undefined;
  let pending: Promise<Access> | undefined;

  const refresh = async (): Promise<Access> => {
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    const headers: Record<string, string> = { accept: "application/json", "user-agent": userAgent };
    for (const [name, value] of Object.entries(options.headers ?? {})) headers[name] = String(value);
    const token = await tokenOf(config);
    if (token !== undefined) headers["Authorization"] = `Bearer ${token}`;
    if (typeof options.auth === "string") {
      headers["Authorization"] = `Basic ${Buffer.from(options.auth).toString("base64")}`;
    }
    const fingerprint = createHash("sha256")
      .update(JSON.stringify([options.ca, options.cert, options.key, options.servername, options.rejectUnauthorized]))
      .digest("hex");
    const until = performance.now() + ACCESS_AGE_MS;
    if (access?.fingerprint === fingerprint) return (access = { ...access, headers, until });
    const dispatcher = await dispatcherFor(config, options);
    if (access !== undefined) retire(access.dispatcher);
    return (access = { dispatcher, headers, until, fingerprint });
  };

  /** Requests that are on their way keep the connections until they are done. */
  const retire = (dispatcher: Dispatcher): void => {
    if (access?.dispatcher === dispatcher) access = undefined;
    void dispatcher.close().catch(() => undefined);
  };

  const current = async (): Promise<Access> => {
    if (access !== undefined && performance.now() < access.until) return access;
    pending ??= refresh().finally(() => (pending = undefined));
    return pending;
  };

  const url = (path: string, query: KubeRequest["query"]): string => {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) search.set(name, value);
    return search.size === 0 ? base + path : `${base}${path}?${search.toString()}`;
  };

  const once = async (method: KubeMethod, path: string, options: KubeRequest): Promise<KubeResponse> => {
    const timeout = AbortSignal.timeout(Math.ceil(options.timeout ?? DEFAULT_TIMEOUT_MS));
    const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
    let used: Dispatcher | undefined;
    try {
      const { dispatcher, headers } = await current();
      used = dispatcher;
      const answer = await send(url(path, options.query), {
        dispatcher,
        method,
        headers:
          options.body === undefined
            ? headers
            : { ...headers, "content-type": options.contentType ?? "application/json" },
        body: options.body === undefined ? null : JSON.stringify(options.body),
        signal,
      });
      const text =
        options.mostBytes === undefined ? await answer.body.text() : await textOf(answer.body, options.mostBytes);
      if (answer.statusCode === 401 && access !== undefined) access = { ...access, until: 0 };
      return { status: answer.statusCode, body: parse(text, answer.statusCode), size: text.length };
    } catch (error) {
      if (options.signal?.aborted === true) throw options.signal.reason;
      if (error instanceof KubeError) throw error;
      // The others may lead nowhere as well, and whoever is to renew a Lease has no time to try them one by one.
      if (timeout.aborted && used !== undefined) retire(used);
      if (timeout.aborted) throw new KubeError("timeout", `${method} ${path}: no answer in time`, 0, "", error);
      throw new KubeError("network", `${method} ${path}: ${messageOf(error)}`, 0, "", error);
    }
  };

  return {
    request: async (method, path, options = {}) => {
      const answer = await once(method, path, options);
      // The token may have been rotated a moment ago: one more try with a fresh one.
      return answer.status === 401 ? once(method, path, options) : answer;
    },
    open: async (path, query, signal) => {
      try {
        const { dispatcher, headers } = await current();
        const answer = await send(url(path, query), {
          dispatcher,
          method: "GET",
          headers,
          signal,
          headersTimeout: DEFAULT_TIMEOUT_MS,
          // A watch is silent for as long as nothing happens; the list-and-watch looks after it.
          bodyTimeout: 0,
        });
        if (answer.statusCode === 401 && access !== undefined) access = { ...access, until: 0 };
        return { status: answer.statusCode, body: answer.body };
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        throw new KubeError("network", `watch ${path}: ${messageOf(error)}`, 0, "", error);
      }
    },
    close: async () => {
      const last = access;
      access = undefined;
      await last?.dispatcher.destroy();
    },
  };
}

/**
 * The ServiceAccount's token, as its file has it now. client-node keeps it by the wall clock: where that is set back by a day, for a day, of
 * which the token itself lives an hour. undefined: the kubeconfig names no such file.
 */
async function tokenOf(config: KubeConfig): Promise<string | undefined> {
  const file = fieldsOf(fieldsOf(config.getCurrentUser()?.authProvider)["config"])["tokenFile"];
  return typeof file === "string" ? (await readFile(file, "utf8")).trim() : undefined;
}

/** HTTP/1.1 only: on one HTTP/2 connection a stalled watch would hold up everything else. */
async function dispatcherFor(config: KubeConfig, options: RequestOptions): Promise<Dispatcher> {
  const proxy = config.getCurrentCluster()?.proxyUrl;
  if (proxy?.startsWith("socks") === true) {
    // client-node keeps its SOCKS connector to itself, but makes a dispatcher with it.
    const context = new RequestContext("https://kubernetes.invalid", HttpMethod.GET);
    await config.applySecurityAuthentication(context);
    const made = context.getDispatcher();
    if (made !== undefined) return made;
  }
  const tls = {
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(options.cert === undefined ? {} : { cert: options.cert }),
    ...(options.key === undefined ? {} : { key: options.key }),
    ...(options.servername === undefined ? {} : { servername: options.servername }),
    ...(options.rejectUnauthorized === undefined ? {} : { rejectUnauthorized: options.rejectUnauthorized }),
  };
  if (proxy !== undefined && proxy !== "") return new ProxyAgent({ uri: proxy, requestTls: tls, allowH2: false });
  // Keep-alive probes find a connection whose other end is gone, long before a silent watch would.
  const connect = { ...tls, keepAlive: true, keepAliveInitialDelay: 10_000 };
  return new Agent({ connect, keepAliveTimeout: IDLE_MS, allowH2: false });
}

/** Leaving the loop ends the connection: nobody waits for what is not wanted. */
async function textOf(body: AsyncIterable<Uint8Array>, mostBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > mostBytes) throw new KubeError("tooLarge", `the API server's answer is longer than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parse(text: string, status: number): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    // A proxy's HTML error page is as good as its status; a broken success is not.
    if (status >= 400) return undefined;
    throw new KubeError("malformed", `the API server's answer is no JSON (${text.length} bytes)`, status, "", error);
  }
}
