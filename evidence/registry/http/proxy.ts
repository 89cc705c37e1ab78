import { BlockList, isIP, isIPv4 } from "node:net";
import { portOf } from "../endpoint.ts";
import type { RegistrySettings } from "../settings.ts";

/** The proxy that an origin is reached through; undefined: directly. */
export type ProxyChoice = (origin: URL) => URL | undefined;

/** One entry of NO_PROXY, read as Go's httpproxy does, since that is what the node's runtime reads. */
function exemption(entry: string): (host: string, port: string) => boolean {
  const text = entry.trim().toLowerCase();
  if (text === "*") return () => true;
  const range = /^([^/]+)\/(\d{1,3})$/.exec(text);
  if (range !== null && isIP(range[1] ?? "") !== 0) {
    const list = new BlockList();
    list.addSubnet(range[1] ?? "", Number(range[2]), isIPv4(range[1] ?? "") ? "ipv4" : "ipv6");
    return (host) => isIP(host) !== 0 && list.check(host, isIPv4(host) ? "ipv4" : "ipv6");
  }
  const named = /^(\[[^\]]+\]|[^:]*)(?::(\d+))?$/.exec(text);
  const name = isIP(text) === 6 ? text : (named?.[1] ?? text).replace(/^\[|\]$/g, "");
  const wantedPort = isIP(text) === 6 ? undefined : named?.[2];
  const below = name.replace(/^\*/, "");
  return (host, port) => {
    if (wantedPort !== undefined && wantedPort !== port) return false;
    if (isIP(host) !== 0) return host === name;
    return below.startsWith(".") ? host.endsWith(below) : host === name || host.endsWith(`.${name}`);
  };
}

/** What an environment says of proxies. */
export function proxyIn(env: Readonly<Record<string, string | undefined>>): RegistrySettings["proxy"] {
  const http = env["HTTP_PROXY"] ?? env["http_proxy"];
  const https = env["HTTPS_PROXY"] ?? env["https_proxy"];
  const none = (env["NO_PROXY"] ?? env["no_proxy"] ?? "").split(",").map((entry) => entry.trim());
  return {
    ...(http === undefined ? {} : { http }),
    ...(https === undefined ? {} : { https }),
    none: none.filter((entry) => entry !== ""),
  };
}

/** HTTPS_PROXY, HTTP_PROXY and NO_PROXY. Loopback is never sent to a proxy. */
export function createProxyChoice(proxy: RegistrySettings["proxy"]): ProxyChoice {
  const [http, https] = [proxy.http, proxy.https].map((url) =>
    url === undefined || url === "" ? undefined : proxyUrl(url),
  );
  const exemptions = proxy.none.filter((entry) => entry.trim() !== "").map(exemption);
  return (origin) => {
    const chosen = origin.protocol === "https:" ? https : http;
    if (chosen === undefined) return undefined;
    const host = origin.hostname.replace(/^\[|\]$/g, "");
    if (host === "localhost" || host === "::1" || host.startsWith("127.")) return undefined;
    return exemptions.some((exempt) => exempt(host, portOf(origin))) ? undefined : chosen;
  };
}

/** A proxy may carry its own user and password; without a scheme it is HTTP, as everywhere. */
function proxyUrl(text: string): URL {
  const url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  // The address may hold a password: it is not repeated.
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new Error("only http and https proxies are supported");
  return url;
}
