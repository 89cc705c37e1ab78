import { request as httpRequest, type IncomingMessage } from "node:http";
import { isIP, type Socket } from "node:net";
import tls, { connect as connectTls, type TLSSocket } from "node:tls";
import type { buildConnector } from "undici";
import type { AddressFilter } from "./addresses.ts";
import { portOf } from "../endpoint.ts";
import type { Network, ResolvedAddress } from "./network.ts";
import type { ProxyChoice } from "./proxy.ts";
import { rememberNames } from "./rememberedNames.ts";
import { within } from "../../../async/signals.ts";

/** Every address that a name stands for may not be dialled (design.md section 4). Never shown: it names the operator's surroundings. */
export class RefusedAddress extends Error {
  override readonly name = "RefusedAddress";
}

export interface DialerOptions {
  readonly network: Network;
  readonly filter: AddressFilter;
  /** Origins that a flag or a mirror names: their addresses are not filtered. */
  readonly named: (origin: URL) => boolean;
  readonly proxy: ProxyChoice;
  /** PEM, beside the system's. */
  readonly certificateAuthorities: readonly string[];
  /** Milliseconds, for resolving, connecting and handshakes together. */
  readonly connectTime: number;
}

const until = async (socket: Socket | TLSSocket, event: "connect" | "secureConnect"): Promise<void> =>
  new Promise((resolve, reject) => {
    const settle = (): void => {
      socket.off("error", fail);
      socket.off("close", closed);
      resolve();
    };
    const fail = (error: Error): void => {
      socket.off(event, settle);
      reject(error);
    };
    const closed = (): void => fail(Object.assign(new Error("closed while connecting"), { code: "ECONNRESET" }));
    socket.once(event, settle);
    socket.once("error", fail);
    socket.once("close", closed);
  });

/**
 * undici's connector: resolves, filters, dials the very addresses that were checked (no second resolution, so no DNS
 * rebinding), through a proxy where one is set, and speaks TLS on top. A name that a proxy resolves is the proxy's to filter;
 * a literal address is filtered here in any case.
 */
export function createConnector(options: DialerOptions): buildConnector.connector {
  const ca =
    options.certificateAuthorities.length === 0
      ? undefined
      : [...systemCertificates(), ...options.certificateAuthorities];
  const resolve = rememberNames(options.network.resolve);

  const checked = async (url: URL): Promise<readonly ResolvedAddress[]> => {
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const family = isIP(host);
    const found: readonly ResolvedAddress[] =
      family === 0 ? await resolve(host, url.protocol === "https:") : [{ address: host, family: family === 6 ? 6 : 4 }];
    if (found.length === 0) throw Object.assign(new Error("no address"), { code: "ENOTFOUND" });
    if (options.named(url)) return found;
    const free = found.filter(({ address }) => options.filter(address) === undefined);
    if (free.length === 0) throw new RefusedAddress();
    return free;
  };

  const encrypt = async (socket: Socket, url: URL, hold: (socket: Socket) => void): Promise<TLSSocket> => {
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const secure = connectTls({
      socket,
      host,
      // RFC 6066: an address is no server name.
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(ca === undefined ? {} : { ca }),
      ALPNProtocols: ["http/1.1"],
    });
    hold(secure);
    await until(secure, "secureConnect");
    return secure;
  };

  const open = async (origin: URL, hold: (socket: Socket) => void): Promise<Socket> => {
    const proxy = options.proxy(origin);
    let socket: Socket;
    if (proxy === undefined) {
      socket = options.network.dial(await checked(origin), Number(portOf(origin)));
      hold(socket);
      await until(socket, "connect");
    } else {
      if (isIP(origin.hostname.replace(/^\[|\]$/g, "")) !== 0) await checked(origin);
      const host = proxy.hostname.replace(/^\[|\]$/g, "");
      socket = options.network.dial(await resolve(host, proxy.protocol === "https:"), Number(portOf(proxy)));
      hold(socket);
      await until(socket, "connect");
      if (proxy.protocol === "https:") socket = await encrypt(socket, proxy, hold);
      socket = await tunnel(socket, proxy, origin);
      hold(socket);
    }
    return origin.protocol === "https:" ? encrypt(socket, origin, hold) : socket;
  };

  return (target, callback) => {
    const origin = new URL(`${target.protocol}//${target.host ?? target.hostname}`);
    let held: Socket | undefined;
    let givenUp = false;
    const hold = (socket: Socket): void => {
      held = socket;
      if (givenUp) socket.destroy();
      // undici listens once it has the socket; until then an error without a listener would end the process.
      socket.on("error", () => undefined);
    };
    const run = async (): Promise<void> => {
      const limit = { milliseconds: options.connectTime, ref: false } as const;
      let socket: Socket;
      try {
        socket = await within(open(origin, hold), limit, () => {
          throw Object.assign(new Error("connecting took too long"), { code: "UND_ERR_CONNECT_TIMEOUT" });
        });
      } catch (error) {
        givenUp = true;
        held?.destroy();
        callback(error instanceof Error ? error : new Error("connecting failed"), null);
        return;
      }
      socket.setNoDelay(true);
      callback(null, socket);
    };
    void run();
  };
}

/** CONNECT (RFC 9110 section 9.3.6). What the proxy answers is never shown to users. */
async function tunnel(socket: Socket, proxy: URL, origin: URL): Promise<Socket> {
  const target = `${origin.hostname}:${portOf(origin)}`;
  const user =
    proxy.username === "" ? undefined : `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      method: "CONNECT",
      path: target,
      createConnection: () => socket,
      headers: {
        host: target,
        ...(user === undefined ? {} : { "proxy-authorization": `Basic ${Buffer.from(user).toString("base64")}` }),
      },
    });
    request.once("connect", (response: IncomingMessage) => {
      if (response.statusCode === 200) resolve(socket);
      else reject(Object.assign(new Error("the proxy refused"), { code: "ECONNREFUSED" }));
    });
    request.once("response", () => reject(Object.assign(new Error("the proxy refused"), { code: "ECONNREFUSED" })));
    request.once("error", reject);
    request.end();
  });
}

/** The system's and Node's own; the published command line also runs on versions of Node that know only the latter. */
const systemCertificates = (): readonly string[] =>
  typeof tls.getCACertificates === "function" ? tls.getCACertificates("default") : tls.rootCertificates;
