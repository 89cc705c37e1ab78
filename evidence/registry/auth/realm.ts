import { isIP } from "node:net";
import { getDomain } from "tldts";
import { type Endpoint, placeUrl } from "../endpoint.ts";

const bare = (url: URL): string => url.hostname.replace(/^\[|\]$/g, "");

/** Names below one registrable domain have one owner; names below a public suffix, also a private one such as `github.io`, do not. */
const registrable = (host: string): string | null =>
  getDomain(host, { allowPrivateDomains: true, validateHostname: false });

/** Whether `--token-realm` names this realm for the endpoint: its origin, and its path where the flag has one. */
function isNamed(realm: URL, endpoint: Endpoint, tokenRealms: ReadonlyMap<string, string>): boolean {
  return [endpoint.registry, endpoint.credentialHost].some((host) => {
    const flag = tokenRealms.get(host);
    if (flag === undefined) return false;
    const place = placeUrl(flag);
    return place.origin === realm.origin && (place.pathname === "/" || place.pathname === realm.pathname);
  });
}

/**
 * Whether a token realm may get the credentials of this endpoint (design.md section 9): the registry's own origin; a realm over
 * HTTPS with the same registrable domain, which covers auth.docker.io for docker.io and gitlab.com for registry.gitlab.com;
 * or one that a flag names. For addresses and localhost only the same scheme, host and port.
 */
export function mayHoldCredentials(realm: URL, endpoint: Endpoint, tokenRealms: ReadonlyMap<string, string>): boolean {
  if (isNamed(realm, endpoint, tokenRealms)) return true;
  const own = new URL(endpoint.origin);
  if (realm.origin === own.origin) return true;
  if (realm.protocol !== "https:") return false;
  const [realmHost, ownHost] = [bare(realm), bare(own)];
  if (isIP(realmHost) !== 0 || isIP(ownHost) !== 0 || ownHost === "localhost") return false;
  const domain = registrable(ownHost);
  return domain !== null && domain === registrable(realmHost);
}

/**
 * A realm that may be asked at all, with or without credentials: HTTPS, or what is named or the registry itself. `plainHttp`: it would have
 * to be named.
 */
export function parseRealm(
  text: string,
  endpoint: Endpoint,
  tokenRealms: ReadonlyMap<string, string>,
): URL | "plainHttp" | undefined {
  // A path alone is one of the registry's own.
  const base = text.startsWith("/") ? endpoint.origin : undefined;
  if (!URL.canParse(text, base)) return undefined;
  const url = new URL(text, base);
  if (url.username !== "" || url.password !== "") return undefined;
  if (url.protocol === "https:") return url;
  if (url.protocol !== "http:") return undefined;
  // A registry over TLS must not make us speak in clear to whatever it names; one in clear could be anybody anyhow.
  const plain = endpoint.origin.startsWith("http:");
  return plain || isNamed(url, endpoint, tokenRealms) ? url : "plainHttp";
}
