import { readFile } from "node:fs/promises";
import { Agent, ProxyAgent, request, type Dispatcher } from "undici";
import { messageOf } from "../../kube/kubeError.ts";
import { BATCH_TYPE } from "./cloudEvent.ts";

/** Where denials go. */
export interface SinkAddress {
  readonly url: string;
  /** `Name: value` lines; read for each request, so that tokens rotate. */
  readonly headersFile?: string;
  /** PEM file; read once. */
  readonly caFile?: string;
  readonly proxy?: URL;
}

export type PostResult =
  | { readonly status: "accepted" }
  /** It will not take these, whenever they are sent. */
  | { readonly status: "refused"; readonly why: string }
  /** To be tried again, `after` milliseconds at the earliest where it said so. */
  | { readonly status: "failed"; readonly why: string; readonly after?: number };

export interface Post {
  /** Never rejects. */
  readonly send: (body: string, signal: AbortSignal) => Promise<PostResult>;
  readonly close: () => Promise<void>;
}

/** Milliseconds for a connection, and for each part of the answer. */
const CONNECT_MS = 5_000;
const ANSWER_MS = 10_000;
/** Milliseconds: a collector that says more is asked again before. */
const LONGEST_PAUSE_MS = 60_000;
const MOST_OF_ANSWER = 64 * 1024;

/** Posts batches over one connection. Redirects are not followed: headers hold tokens. Rejects where the authorities cannot be read. */
export async function createPost({ url, headersFile, caFile, proxy }: SinkAddress): Promise<Post> {
  const ca = caFile === undefined ? undefined : await readFile(caFile, "utf8");
  const dispatcher = dispatcherOf(proxy, ca);
  return {
    send: async (body, signal) => {
      try {
        const headers = headersFile === undefined ? {} : headersOf(await readFile(headersFile, "utf8"));
        const answer = await request(url, {
          dispatcher,
          method: "POST",
          headers: { ...headers, "content-type": BATCH_TYPE },
          body,
          signal,
          headersTimeout: ANSWER_MS,
          bodyTimeout: ANSWER_MS,
        });
        await answer.body.dump({ limit: MOST_OF_ANSWER, signal });
        return resultOf(answer.statusCode, answer.headers["retry-after"]);
      } catch (error) {
        return { status: "failed", why: messageOf(error) };
      }
    },
    close: () => dispatcher.destroy(),
  };
}

function dispatcherOf(proxy: URL | undefined, ca: string | undefined): Dispatcher {
  const tls = { timeout: CONNECT_MS, ...(ca === undefined ? {} : { ca }) };
  return proxy === undefined
    ? new Agent({ connect: tls, connections: 1 })
    : new ProxyAgent({ uri: proxy.href, requestTls: tls, connections: 1 });
}

/** Throws, without the value in its words, where a line is none. */
export function headersOf(text: string): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue;
    const [, name, value] = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined)
      throw new Error(`line ${index + 1} of --denial-sink-headers-file is no header; write Name: value`);
    headers[name.toLowerCase()] = value.trimEnd();
  }
  return headers;
}

function resultOf(status: number, retryAfter: string | readonly string[] | undefined): PostResult {
  if (status >= 200 && status < 300) return { status: "accepted" };
  const why = `it answers ${status}`;
  // A token that has ended, or a quota, are put right without a loss; a body that is not wanted stays unwanted.
  const again = status >= 500 || [401, 403, 408, 425, 429].includes(status);
  if (!again) return { status: "refused", why };
  const seconds = typeof retryAfter === "string" && /^[0-9]{1,6}$/.test(retryAfter) ? Number(retryAfter) : undefined;
  return {
    status: "failed",
    why,
    ...(seconds === undefined ? {} : { after: Math.min(seconds * 1_000, LONGEST_PAUSE_MS) }),
  };
}
