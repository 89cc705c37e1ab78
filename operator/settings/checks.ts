import { isIP } from "node:net";

/** What is wrong with a value, and what to write instead; undefined where nothing is. */
export type Check = (value: string) => string | undefined;

/** RFC 1123, as Kubernetes names namespaces, Services and Leases. */
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const DNS_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

export const dnsLabel: Check = (value) =>
  DNS_LABEL.test(value)
    ? undefined
    : `${JSON.stringify(value)} is no DNS label; write lower-case letters, digits and -`;

export const objectName: Check = (value) =>
  value.length <= 253 && DNS_NAME.test(value) ? undefined : `${JSON.stringify(value)} is no object name`;

/** A word that stands for an image: one that names a registry, a path, a tag or a digest is an image. */
export const imageWord: Check = (value) =>
  /^[a-z0-9]([-_a-z0-9]{0,61}[a-z0-9])?$/i.test(value)
    ? undefined
    : `${JSON.stringify(value)} is no single word; write one such as auto`;

/** An address or a CIDR range. */
export const addressRange: Check = (value) => {
  const [address = "", prefix, ...rest] = value.split("/");
  const family = isIP(address);
  const bits = family === 4 ? 32 : 128;
  const fits = prefix === undefined || (/^[0-9]{1,3}$/.test(prefix) && Number(prefix) <= bits);
  return family !== 0 && fits && rest.length === 0
    ? undefined
    : `${JSON.stringify(value)} is neither an address nor a CIDR range; write one such as 10.96.0.0/12`;
};

/** An address or a range that leaves somebody out. */
export const callerRange: Check = (value) =>
  addressRange(value) ??
  (value.endsWith("/0") ? `${JSON.stringify(value)} is everybody; name the API servers' addresses` : undefined);

/** A registry host with an optional port, without scheme or path. */
export const registryHost: Check = (value) =>
  /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?$/.test(value)
    ? undefined
    : `${JSON.stringify(value)} is no registry host; write one such as registry.company.com:5000`;

/** A base URL without credentials, query and fragment. */
export const baseUrl =
  (...schemes: readonly string[]): Check =>
  (value) => {
    const url = URL.parse(value);
    if (url === null || !schemes.includes(url.protocol)) {
      return `${JSON.stringify(value)} is no ${schemes.map((scheme) => `${scheme}//`).join(" or ")} URL`;
    }
    if (url.username !== "" || url.password !== "") return "the URL holds credentials; give them as a docker config";
    return url.search === "" && url.hash === "" ? undefined : "the URL has a query or a fragment; leave it out";
  };

/** A proxy's URL, which may hold credentials: it is how proxies are given. */
export const proxyUrl: Check = (value) => {
  const url = URL.parse(value);
  return url !== null && (url.protocol === "http:" || url.protocol === "https:")
    ? undefined
    : "it is no http:// or https:// URL";
};
