/** Cloud registries whose credentials come from where the operator runs (IAM role, workload identity, managed identity). */
export const CLOUD_PROVIDERS = ["ecr", "artifactRegistry", "acr"] as const;
export type CloudProvider = (typeof CLOUD_PROVIDERS)[number];

/** How long, in milliseconds, an answer of a registry may be used again. Verified content never changes; what proves access does. */
export interface CacheTimes {
  /** That a digest is there, for this credential. */
  readonly presence: number;
  /** What a tag names. Short: a moved tag must be seen by the next admission, and by the next audit. */
  readonly tag: number;
  /** Lists of referrers. Short: a signature that was just pushed must be found. */
  readonly list: number;
  /** That something is not there. */
  readonly negative: number;
  /** How much longer a verified answer survives while its refresh is unavailable. */
  readonly stale: number;
}

/** What a registry may send before its answer is refused as invalid. Bytes, counts, milliseconds. */
export interface RegistryLimits {
  readonly manifestBytes: number;
  /** Ceiling of every blob, whatever a caller allows. */
  readonly blobBytes: number;
  /** A token server's answer. */
  readonly tokenBytes: number;
  readonly redirects: number;
  readonly pages: number;
  /** Of one list of referrers, all its pages; and of all lists that are being read. */
  readonly listBytes: number;
  readonly allListsBytes: number;
  /** One exchange, from the first byte sent to the last byte read; a caller's deadline ends it earlier. */
  readonly exchangeTime: number;
  readonly connectTime: number;
  /** How long a host that could not be reached is left alone. */
  readonly circuitTime: number;
  /** Attempts, the first included. */
  readonly attempts: number;
  /** The longest Retry-After that is waited for. */
  readonly retryAfter: number;
  /** Bodies that one registry may have in memory while they are read, and all registries together. */
  readonly registryBuffer: number;
  readonly totalBuffer: number;
}

/** Where registries are and how they may be talked to. Plain data; `operator/settings.ts` and the CLI fill it. */
export interface RegistrySettings {
  /** By canonical registry host: the base URL that is asked instead. One way: the mirror's own name is judged as itself. */
  readonly mirrors: ReadonlyMap<string, string>;
  /** Hosts (with port) that are asked over plain HTTP. */
  readonly plainHttp: readonly string[];
  /** PEM files of certificate authorities that are trusted beside the system's, for every registry. */
  readonly caBundles: readonly string[];
  /** Addresses or CIDR ranges that may be dialled although they are link-local, loopback or the cluster's services. */
  readonly allowedAddresses: readonly string[];
  /** CIDR ranges of the cluster's services, which are refused. */
  readonly serviceRanges: readonly string[];
  /** By registry host: the token realm (URL; without a scheme HTTPS) that gets its credentials although it is on another domain. */
  readonly tokenRealms: ReadonlyMap<string, string>;
  /** Whether pods' imagePullSecrets and their ServiceAccounts' are read (needs RBAC on Secrets in every namespace). */
  readonly readPullSecrets: boolean;
  /** A dockerconfigjson file with the operator's own credentials; read again when it changes. */
  readonly dockerConfig?: string;
  /** `none` holds NO_PROXY's entries, as Go reads them: names with their subdomains, addresses, CIDR ranges, ports, `*`. */
  readonly proxy: { readonly http?: string; readonly https?: string; readonly none: readonly string[] };
  /** Requests in flight per registry. */
  readonly concurrency: number;
  /** Bytes that the evidence cache may hold. */
  readonly cacheBytes: number;
  /** Absent: all of them, each only for hosts of its form that a policy names and that ask for credentials. */
  readonly cloudCredentials?: readonly CloudProvider[];
  readonly times?: Partial<CacheTimes>;
  readonly limits?: Partial<RegistryLimits>;
}

export const CACHE_TIMES: CacheTimes = {
  presence: 600_000,
  tag: 2_000,
  list: 2_000,
  negative: 500,
  stale: 86_400_000,
};

const MiB = 1024 * 1024;

export const REGISTRY_LIMITS: RegistryLimits = {
  manifestBytes: 4 * MiB,
  blobBytes: 32 * MiB,
  tokenBytes: MiB,
  redirects: 5,
  pages: 512,
  listBytes: 16 * MiB,
  allListsBytes: 64 * MiB,
  exchangeTime: 30_000,
  connectTime: 5_000,
  circuitTime: 5_000,
  attempts: 3,
  retryAfter: 5_000,
  registryBuffer: 48 * MiB,
  totalBuffer: 192 * MiB,
};

/** No mirror, no proxy, no credential: public registries over TLS. */
export const DEFAULT_REGISTRY_SETTINGS: RegistrySettings = {
  mirrors: new Map(),
  plainHttp: [],
  caBundles: [],
  allowedAddresses: [],
  serviceRanges: [],
  tokenRealms: new Map(),
  readPullSecrets: false,
  proxy: { none: [] },
  concurrency: 16,
  cacheBytes: 128 * MiB,
};
