import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { LRUCache } from "lru-cache";
import { parseHost } from "../../policy/image/host.ts";
import { AnswerKeeper } from "./cache/answerKeeper.ts";
import { EvidenceCache } from "./cache/evidenceCache.ts";
import type { CredentialSource } from "./auth/credential.ts";
import type { EvidenceMetrics } from "../metrics.ts";
import { createAddressFilter } from "./http/addresses.ts";
import { Authenticator } from "./auth/authenticator.ts";
import { CachedRepository } from "./cache/cachedRepository.ts";
import { createConnector } from "./http/dialer.ts";
import { type Network, SYSTEM_NETWORK } from "./http/network.ts";
import { type Endpoint, endpointOf, namesHost, placeUrl } from "./endpoint.ts";
import { createProxyChoice } from "./http/proxy.ts";
import { ReferrerLists } from "./referrerLists.ts";
import { RegistryClient } from "./registryClient.ts";
import { CACHE_TIMES, REGISTRY_LIMITS, type RegistrySettings } from "./settings.ts";
import { Transport } from "./http/transport.ts";

/** All registries, through one cache, one connection pool and one set of limits. */
export interface Registry {
  /** Where a repository is really read; undefined where the name cannot be one. */
  readonly endpoint: (name: string) => Endpoint | undefined;
  /** The repository as these credentials see it, tried in this order. */
  readonly repository: (endpoint: Endpoint, sources: readonly CredentialSource[]) => CachedRepository;
  /** Nothing that was said of presence, tags and lists is used any more as if it were new. */
  readonly renew: () => void;
  /** Ends what is under way. */
  readonly close: () => Promise<void>;
}

export interface RegistryOptions {
  readonly settings: RegistrySettings;
  readonly metrics: EvidenceMetrics;
  /** CIDR ranges that the cluster says are its services', beside those of the settings. A new array where they changed. */
  readonly serviceRanges?: () => readonly string[];
  /** The system's by default. */
  readonly network?: Network;
  /** Milliseconds since the epoch. */
  readonly clock?: () => number;
  /** Jitter, from 0 to 1. */
  readonly random?: () => number;
}

/** A host, with its port, and at least one path component (distribution specification, "Pulling manifests"). */
const NAME = /^([^/\s?#@\\]+)\/([a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*)$/;

/** The way to registries: whom may be dialled, through what, with which bounds. Throws as `createRegistry` does. */
export function createTransport(options: RegistryOptions): Transport {
  const { metrics, network = SYSTEM_NETWORK, random = Math.random } = options;
  const settings = canonical(options.settings);
  const limits = { ...REGISTRY_LIMITS, ...settings.limits };
  return new Transport({
    connect: createConnector({
      network,
      filter: createAddressFilter({
        allowed: settings.allowedAddresses,
        serviceRanges: settings.serviceRanges,
        ...(options.serviceRanges === undefined ? {} : { learned: options.serviceRanges }),
      }),
      named: namedOrigins(settings),
      proxy: createProxyChoice(settings.proxy),
      certificateAuthorities: settings.caBundles.map(readAuthorities),
      connectTime: limits.connectTime,
    }),
    concurrency: settings.concurrency,
    limits,
    metrics,
    random,
  });
}

const readAuthorities = (file: string): string => {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(`--registry-ca ${file} cannot be read`, { cause: error });
  }
};

/** Throws where the settings make no sense: a CA file that cannot be read, a range that is none, a mirror that is no URL. */
export function createRegistry(options: RegistryOptions): Registry {
  const { metrics, clock = Date.now } = options;
  const settings = canonical(options.settings);
  const limits = { ...REGISTRY_LIMITS, ...settings.limits };
  const times = { ...CACHE_TIMES, ...settings.times };
  const transport = createTransport(options);
  const authenticator = new Authenticator({ transport, tokenRealms: settings.tokenRealms, limits });
  const cache = new EvidenceCache(settings.cacheBytes);
  const services = {
    client: new RegistryClient(authenticator, limits),
    cache,
    keeper: new AnswerKeeper({ cache, times, metrics, clock }),
    lists: new ReferrerLists({
      bytes: Math.max(64 * 1024, Math.floor(settings.cacheBytes / 8)),
      limits,
      times,
      metrics,
      clock,
    }),
    times,
    metrics,
  };
  // Looking an endpoint up parses URLs; the same names come again and again.
  const endpoints = new LRUCache<string, Endpoint>({ max: 20_000 });
  return {
    endpoint: (name) => {
      const known = endpoints.get(name);
      if (known !== undefined) return known;
      const [, registry, repository] = NAME.exec(name) ?? [];
      if (registry === undefined || repository === undefined) return undefined;
      try {
        const endpoint = endpointOf(registry, repository, settings);
        endpoints.set(name, endpoint);
        return endpoint;
      } catch {
        return undefined;
      }
    },
    repository: (endpoint, sources) => new CachedRepository(endpoint, sources, services),
    renew: () => {
      services.keeper.renew();
      services.lists.renew();
    },
    close: async () => transport.close(),
  };
}

/** Flags may call a registry by any of its names, as references may: `index.docker.io` is docker.io, `:443` is dropped. */
function canonical(settings: RegistrySettings): RegistrySettings {
  const byHost = (places: ReadonlyMap<string, string>): ReadonlyMap<string, string> =>
    new Map(
      [...places].map(([written, place]) => {
        const parsed = parseHost(written);
        // Read now, so that a mistake is told at the start and not by the first image.
        placeUrl(place);
        return [parsed.status === "ok" ? parsed.host : written.toLowerCase(), place];
      }),
    );
  return { ...settings, mirrors: byHost(settings.mirrors), tokenRealms: byHost(settings.tokenRealms) };
}

/**
 * Origins that a flag or a mirror names, whose addresses are not filtered: mirrors, token realms, and plain-HTTP places that
 * are written as an address or localhost. A plain-HTTP *name* does not say where it leads.
 */
function namedOrigins(settings: RegistrySettings): (origin: URL) => boolean {
  const places = [...settings.mirrors.values(), ...settings.tokenRealms.values()].map(
    (place) => placeUrl(place).origin,
  );
  const origins = new Set(places);
  return (origin) => {
    if (origins.has(origin.origin)) return true;
    const host = origin.hostname.replace(/^\[|\]$/g, "");
    const literal = isIP(host) !== 0 || host === "localhost";
    return literal && origin.protocol === "http:" && namesHost(settings.plainHttp, origin);
  };
}
