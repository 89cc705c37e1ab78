import type { RegistrySettings } from "./settings.ts";

/** Where a registry's repository is really read. */
export interface Endpoint {
  /** The registry as references name it: for messages and metrics. */
  readonly registry: string;
  /** `registry/repository` as references name it: for messages. */
  readonly name: string;
  /** `scheme://host[:port]` that is dialled. */
  readonly origin: string;
  /** Path below `/v2/`: the repository, behind a mirror's own prefix where it has one. */
  readonly repository: string;
  /** Whose credentials go there: the registry's own host, or the mirror's. A registry's credentials never go to a mirror. */
  readonly credentialHost: string;
}

/** Whether another place is asked instead, which is the operator's own and is not named in messages. */
export const isMirrored = ({ registry, credentialHost }: Endpoint): boolean => credentialHost !== registry;

/** Docker Hub's name in references is not where it serves its content. */
const DOCKER_HUB = "docker.io";
const DOCKER_HUB_SERVER = "registry-1.docker.io";

/** `host:port` or `host` (any port), as flags name a place. */
export const namesHost = (entries: readonly string[], url: URL): boolean =>
  entries.some((entry) => {
    const wanted = entry.toLowerCase();
    return wanted === url.host || wanted === url.hostname || wanted === `${url.hostname}:${portOf(url)}`;
  });

export const portOf = (url: URL): string => (url.port === "" ? (url.protocol === "http:" ? "80" : "443") : url.port);

/** The base URL that stands for a flag's value; without a scheme it is HTTPS. Throws where it is none. */
export function placeUrl(text: string): URL {
  const url = new URL(/^https?:\/\//i.test(text) ? text : `https://${text}`);
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new Error(`"${text}": write scheme, host, port and path only`);
  }
  return url;
}

/** Throws where `registry` is no host: references that do not parse never come here. */
export function endpointOf(registry: string, repository: string, settings: RegistrySettings): Endpoint {
  const name = `${registry}/${repository}`;
  const mirror = settings.mirrors.get(registry);
  if (mirror !== undefined) {
    const url = placeUrl(mirror);
    const prefix = url.pathname.replace(/^\/(?:v2(?:\/|$))?/, "").replace(/\/+$/, "");
    return {
      registry,
      name,
      origin: url.origin,
      repository: prefix === "" ? repository : `${prefix}/${repository}`,
      credentialHost: url.host,
    };
  }
  const server = registry === DOCKER_HUB ? DOCKER_HUB_SERVER : registry;
  const secure = placeUrl(`https://${server}`);
  if (secure.pathname !== "/") throw new Error(`"${registry}" is no registry host`);
  const scheme = namesHost(settings.plainHttp, plainUrl(server)) ? "http" : "https";
  return { registry, name, origin: new URL(`${scheme}://${server}`).origin, repository, credentialHost: registry };
}

const plainUrl = (server: string): URL => new URL(`http://${server}`);
