import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

export interface TlsFiles {
  /** PEM. */
  readonly key: string | Buffer;
  readonly cert: string | Buffer;
}

/** A server that listens. */
export interface Listener {
  /** `host:port`. */
  readonly host: string;
  readonly url: string;
  /** Ends every connection, idle or busy. */
  readonly close: () => Promise<void>;
}

/** Listens on `host:port`; port 0 is any free one. Rejects when the port is taken. */
export async function listen(
  handler: RequestListener,
  host: string,
  port: number,
  tls: TlsFiles | undefined,
): Promise<Listener> {
  const server = tls === undefined ? createServer(handler) : createTlsServer({ key: tls.key, cert: tls.cert }, handler);
  // Clients keep connections for longer than Node's 5 s, and a request on one that closes just then fails.
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  // A server that listens on TCP has an AddressInfo.
  const address = server.address() as AddressInfo;
  const name = `${host.includes(":") ? `[${host}]` : host}:${address.port}`;
  return {
    host: name,
    url: `${tls === undefined ? "http" : "https"}://${name}`,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
