import { BaseFetcher } from "tuf-js";
import { DownloadHTTPError } from "tuf-js/dist/error.js";
import { Agent, fetch } from "undici";
import { proxyOfEnvironment } from "../registry/http/environmentProxy.ts";
import type { AddressFilter } from "../registry/http/addresses.ts";
import { createConnector } from "../registry/http/dialer.ts";
import { SYSTEM_NETWORK } from "../registry/http/network.ts";

/** Milliseconds: one file, connecting to its place, and all files of one refresh. */
const FILE_TIME = 5_000;
const CONNECT_TIME = 4_000;
const REFRESH_TIME = 60_000;

/**
 * Reads the files of one TUF repository, through the environment's proxy. The mirror itself may be anywhere, since a policy names it;
 * where it redirects to may not be an address that `filter` refuses.
 */
export class TufFetcher extends BaseFetcher {
  readonly #agent: Agent;
  readonly #limit: AbortSignal = AbortSignal.timeout(REFRESH_TIME);

  constructor(mirror: string, filter: AddressFilter) {
    super();
    const { hostname } = new URL(mirror);
    this.#agent = new Agent({
      connect: createConnector({
        network: SYSTEM_NETWORK,
        filter,
        named: (origin) => origin.hostname === hostname,
        proxy: proxyOfEnvironment(),
        certificateAuthorities: [],
        connectTime: CONNECT_TIME,
      }),
    });
  }

  override async fetch(url: string): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const signal = AbortSignal.any([this.#limit, AbortSignal.timeout(FILE_TIME)]);
    const response = await fetch(url, { dispatcher: this.#agent, signal });
    // The updater takes 403 and 404 for the end of the roots.
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new DownloadHTTPError(`the mirror answered ${response.status}`, response.status);
    }
    return response.body;
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}
