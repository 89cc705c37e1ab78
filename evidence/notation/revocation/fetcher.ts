import { Pieces } from "../../../async/pieces.ts";
import { Agent, type Dispatcher } from "undici";
import type { UnavailableCause } from "../../../policy/facts/outcome.ts";
import type { AddressFilter } from "../../registry/http/addresses.ts";
import { createConnector } from "../../registry/http/dialer.ts";
import { type Network, SYSTEM_NETWORK } from "../../registry/http/network.ts";
import { networkFailure } from "../../registry/http/networkFailure.ts";
import type { ProxyChoice } from "../../registry/http/proxy.ts";

export interface FetchRequest {
  readonly url: string;
  /** Bytes. */
  readonly limit: number;
  /** Milliseconds. */
  readonly time: number;
  /** Sent by POST; absent: GET. */
  readonly body?: { readonly type: string; readonly bytes: Buffer };
}

export type Fetched =
  | { readonly status: "fetched"; readonly bytes: Buffer }
  /** `lasting`: it will not pass by itself, since the address is none that is asked. */
  | { readonly status: "failed"; readonly cause: UnavailableCause; readonly lasting: boolean };

/** Asks the places that certificates name, which are anybody's: over plain HTTP, filtered as registries are, bounded. Never rejects. */
export interface RevocationFetcher {
  readonly fetch: (request: FetchRequest, signal: AbortSignal) => Promise<Fetched>;
  readonly close: () => Promise<void>;
}

export interface RevocationFetcherOptions {
  readonly filter: AddressFilter;
  readonly proxy: ProxyChoice;
  /** The system's by default. */
  readonly network?: Network;
}

const CONNECT_TIME = 2_000;
const MOST_REDIRECTS = 3;
const MOST_URL = 2_048;
/** Of all places together, and of one. */
const CONNECTIONS = 4;

export const createRevocationFetcher = ({
  filter,
  proxy,
  network = SYSTEM_NETWORK,
}: RevocationFetcherOptions): RevocationFetcher => {
  const agent = new Agent({
    connect: createConnector({
      network,
      filter,
      named: () => false,
      proxy,
      certificateAuthorities: [],
      connectTime: CONNECT_TIME,
    }),
    connections: CONNECTIONS,
    pipelining: 1,
    allowH2: false,
    maxHeaderSize: 16 * 1024,
  });
  return {
    fetch: async (request, signal) => {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(request.time)]);
      try {
        return await follow(agent, request, limit);
      } catch (error) {
        if (limit.aborted) return failed("timeout");
        const failure = networkFailure(error, { registry: "it", server: "it" }, false);
        // What is no cause of an outage: an address that may not be asked, or no HTTP.
        return failure.status === "unavailable" ? failed(failure.cause) : failed("network", true);
      }
    },
    close: () => agent.destroy(),
  };
};

const failed = (cause: UnavailableCause, lasting = false): Fetched => ({ status: "failed", cause, lasting });

const follow = async (agent: Agent, { url, limit, body }: FetchRequest, signal: AbortSignal): Promise<Fetched> => {
  let place = placeOf(url);
  for (let hops = 0; hops <= MOST_REDIRECTS; hops += 1) {
    if (place === undefined) return failed("network", true);
    const response = await agent.request({
      origin: place.origin,
      path: `${place.pathname}${place.search}`,
      method: body === undefined ? "GET" : "POST",
      headers: { "accept-encoding": "identity", ...(body === undefined ? {} : { "content-type": body.type }) },
      ...(body === undefined ? {} : { body: body.bytes }),
      signal,
    });
    const { statusCode, headers } = response;
    if (statusCode === 200) return await read(response, limit);
    response.body.dump({ limit: 16_384, signal }).catch(() => undefined);
    const { location } = headers;
    const redirected = statusCode >= 301 && statusCode <= 308 && typeof location === "string";
    if (!redirected) return failed("serverError");
    place = URL.canParse(location, place.href) ? placeOf(new URL(location, place.href).href) : undefined;
  }
  return failed("serverError");
};

/** Plain HTTP is what both kinds of lists are served by (RFC 5280, RFC 6960): what they say is signed. */
const placeOf = (url: string): URL | undefined => {
  if (url.length > MOST_URL || !URL.canParse(url)) return undefined;
  const place = new URL(url);
  return place.protocol === "http:" && place.username === "" && place.password === "" ? place : undefined;
};

const read = async ({ body, headers }: Dispatcher.ResponseData, limit: number): Promise<Fetched> => {
  const tooLarge = (): Fetched => {
    body.destroy();
    return failed("serverError");
  };
  // A body that is given up fails, and nobody listens any more.
  body.on("error", () => undefined);
  if (Number(headers["content-length"] ?? 0) > limit) return tooLarge();
  const chunks = new Pieces();
  let size = 0;
  for await (const chunk of body) {
    // undici gives Buffers where no encoding is set.
    const bytes = chunk as Buffer;
    size += bytes.length;
    if (size > limit) return tooLarge();
    chunks.add(bytes);
  }
  return { status: "fetched", bytes: Buffer.concat(chunks.end()) };
};
