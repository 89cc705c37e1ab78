import { readFile } from "node:fs/promises";
import { FreshValues, type Loaded } from "../../../async/freshValue.ts";
import { wasHeldUp } from "../../../async/shares/party.ts";
import type { CompiledPolicy } from "../../../policy/compiledPolicy.ts";
import type { Subject } from "../../../policy/subject/subject.ts";
import type { Endpoint } from "../endpoint.ts";
import { Limiter } from "../http/limiter.ts";
import type { RegistrySettings } from "../settings.ts";
import { Standing } from "../../standing.ts";
import type { ClusterReads } from "./clusterReads.ts";
import type { CloudCredentials } from "./cloud/cloudCredentials.ts";
import { ANONYMOUS, CredentialUnreadable, type CredentialSource, type UnreadableCode } from "./credential.ts";
import { type DockerConfigEntry, dockerConfigSize, matchDockerConfig, parseDockerConfig } from "./dockerConfig.ts";
import { pullSecretEntries } from "./pullSecret.ts";

/** The credentials that one request may use. */
export interface Keychain {
  /**
   * For a repository, in the order to try: the pod's and its ServiceAccount's pull secrets, what policies lend, the
   * operator's own (only where `named`: a policy names the repository), the cloud's, none at all.
   */
  readonly sources: (endpoint: Endpoint, named: boolean) => readonly CredentialSource[];
  /** Milliseconds since the epoch: when some of it is read again; -Infinity where some of it could not be read. */
  readonly until: number;
}

/** Everything that credentials come from: the request, the cluster, a file, the cloud. */
export interface Keychains {
  /** Synchronous where all of it was read a moment ago. Never rejects. */
  readonly open: (
    request: { readonly subject: Subject; readonly policies: readonly CompiledPolicy[] },
    signal: AbortSignal,
  ) => Keychain | Promise<Keychain>;
}

export interface KeychainOptions {
  readonly settings: Pick<RegistrySettings, "readPullSecrets" | "dockerConfig">;
  /** Absent: no cluster, so no pull secrets. */
  readonly cluster?: ClusterReads;
  readonly cloud?: CloudCredentials;
  /** Milliseconds since the epoch. */
  readonly clock?: () => number;
}

type Entries = readonly DockerConfigEntry[];

/** How long what was read is used: a corrected Secret takes effect within seconds, as with kubelet. */
const TIME = 10_000;
const STALE = 3_600_000;
/** A pod may list thousands of names, each of which would be a request to the API server. */
const MOST_SECRETS = 32;
/** A name that a Secret can have. A pod may write any text, of a megabyte, and the API server's answer to that is no outage. */
const SECRET_NAME = /^[a-z0-9][a-z0-9.-]{0,252}$/;
/** Of all pull secrets of a pod, which are searched for each of its images: a namespace may fill its Secrets as it likes. */
const MOST_ENTRIES = 2_000;
const MOST_WILDCARDS = 100;
const MiB = 1024 * 1024;
const NOTHING: Loaded<Entries> = { status: "ok", value: [], at: 0 };

/** The last resort where some credential could not be read: what is refused without it is not refused for good. */
const unreadable = (code: UnreadableCode): CredentialSource => ({
  id: `unreadable ${code}`,
  get: () => {
    throw new CredentialUnreadable("a pull secret could not be read", { code });
  },
});
const UNREADABLE = { outage: unreadable("outage"), crowded: unreadable("crowded") };

/** Pull secrets that are read at the same time, of all namespaces, and that may wait for it. */
const READS = 16;
const WAITING_READS = 1_024;

export function createKeychains(options: KeychainOptions): Keychains {
  const { settings, cluster, cloud, clock = Date.now } = options;
  const times = { time: TIME, stale: STALE, clock };
  const secrets = new FreshValues<Entries>({ ...times, maxSize: 32 * MiB, sizeOf: dockerConfigSize });
  const accounts = new FreshValues<readonly string[]>({
    ...times,
    maxSize: 8 * MiB,
    sizeOf: (names) => 64 * names.length,
  });
  const reads = new Limiter(READS, WAITING_READS);
  const inTurn = async <T>(signal: AbortSignal, read: () => Promise<T>): Promise<T> => {
    const seat = await reads.enter("cluster", signal);
    if (seat === "full")
      throw new CredentialUnreadable("too many pull secrets are waiting to be read", { code: "crowded" });
    if (seat === "aborted") throw new CredentialUnreadable("the cluster did not answer in time");
    try {
      const found = await read();
      seat.alive();
      return found;
    } finally {
      seat.leave();
    }
  };
  const files = new FreshValues<Entries>({ ...times, maxSize: 8 * MiB, sizeOf: dockerConfigSize });

  const peek = <T>(values: FreshValues<T>, key: string, standing: Standing): ReturnType<FreshValues<T>["peek"]> => {
    const known = values.peek(key);
    if (known !== undefined) standing.limit(known.at + TIME);
    return known;
  };

  const secret = (namespace: string, name: string, signal: AbortSignal, standing: Standing): Part => {
    if (cluster === undefined) return NOTHING;
    const key = `${namespace}/${name}`;
    return (
      peek(secrets, key, standing) ??
      secrets.get(key, signal, async (ends) =>
        pullSecretEntries(await inTurn(ends, () => cluster.readSecret(namespace, name, ends))),
      )
    );
  };

  const ofPod = (subject: Subject, signal: AbortSignal, standing: Standing): Part[] => {
    if (!settings.readPullSecrets || cluster === undefined || subject.namespace === "") return [];
    const { namespace, serviceAccount } = subject;
    const account = serviceAccount === "" ? "default" : serviceAccount;
    const key = `${namespace}/${account}`;
    const known = peek(accounts, key, standing);
    const all = (names: readonly string[]): Part[] =>
      [...new Set([...subject.imagePullSecrets, ...names])]
        .filter((name) => SECRET_NAME.test(name))
        .slice(0, MOST_SECRETS)
        .map((name) => secret(namespace, name, signal, standing));
    if (known !== undefined) return all(known.value);
    const read = accounts.get(
      key,
      signal,
      async (ends) => (await inTurn(ends, () => cluster.readServiceAccount(namespace, account, ends))) ?? [],
    );
    return [
      read.then(async (loaded) => {
        const parts = await settled(all(loaded.status === "failed" ? [] : loaded.value));
        return merge(loaded.status === "failed" ? [...parts, loaded] : parts);
      }),
    ];
  };

  const own = (signal: AbortSignal, standing: Standing): Part[] => {
    const file = settings.dockerConfig;
    if (file === undefined) return [];
    return [
      peek(files, file, standing) ??
        files.get(file, signal, async (ends) =>
          parseDockerConfig(await readFile(file, { encoding: "utf8", signal: ends })),
        ),
    ];
  };

  return {
    open: ({ subject, policies }, signal) => {
      const standing = new Standing();
      const groups: Part[][] = [ofPod(subject, signal, standing), policies.flatMap(lent), own(signal, standing)];
      const flat = groups.flat();
      if (flat.some((part) => part instanceof Promise)) {
        return Promise.all(groups.map(async (group) => merge(await settled(group)))).then(([pod, ...others]) =>
          keychain([bounded(pod), ...others], cloud, -Infinity),
        );
      }
      // None of them is a promise, by the line above.
      const [pod, ...others] = (groups as Loaded<Entries>[][]).map(merge);
      return keychain([bounded(pod), ...others], cloud, standing.until);
    },
  };
}

type Part = Loaded<Entries> | Promise<Loaded<Entries>>;

const settled = async (parts: readonly Part[]): Promise<Loaded<Entries>[]> =>
  Promise.all(parts.map(async (part) => part));

// A compiled policy stays the same object until it changes.
const parsed = new WeakMap<object, Loaded<Entries>>();

/** What a policy lends was read when it was compiled, from trusted namespaces alone. */
const lent = ({ credentials }: CompiledPolicy): Part[] =>
  credentials.map((credential) => {
    const entries = parsed.get(credential) ?? {
      status: "ok",
      value: parseDockerConfig(credential.dockerConfig),
      at: 0,
    };
    parsed.set(credential, entries);
    return entries;
  });

/** One group of sources is searched as a whole, so that the longest match wins across its secrets. */
function merge(parts: readonly (Loaded<Entries> & { readonly missing?: UnreadableCode })[]): Merged {
  const value = parts.flatMap((part) => (part.status === "failed" ? [] : part.value));
  const codes = parts.flatMap((part) => (part.status === "failed" ? codeOf(part) : (part.missing ?? [])));
  const missing = codes.find((code) => code === "crowded") ?? codes[0];
  return { status: "ok", value, at: 0, ...(missing === undefined ? {} : { missing }) };
}

/** Why some of it could not be read; a Secret that the operator may not read is a fault of the configuration, and as good as none. */
function codeOf({ error }: Extract<Loaded<unknown>, { status: "failed" }>): readonly UnreadableCode[] {
  if (error instanceof CredentialUnreadable) return [error.code];
  if (error instanceof Error && "status" in error && error.status === 403) return [];
  return [error === undefined && wasHeldUp() ? "crowded" : "outage"];
}

type Merged = Loaded<Entries> & { readonly missing?: UnreadableCode };

/**
 * What a namespace brings, cut to what can be searched. What is left out is as good as not there: it is in the namespace's own hands, and
 * must not read as an outage.
 */
function bounded(group: Merged | undefined): Merged {
  if (group === undefined || group.status === "failed" || group.value.length <= MOST_WILDCARDS) return group ?? NOTHING;
  let wildcards = 0;
  const value = group.value.slice(0, MOST_ENTRIES).filter(({ wildcard }) => !wildcard || ++wildcards <= MOST_WILDCARDS);
  return { ...group, value };
}

/** Where a policy or the operator has the same credential, it is theirs: of equal ones the last counts. */
const ofPod = ({ id, get }: CredentialSource): CredentialSource => ({
  id,
  get,
  owner: "the pod's pull secrets",
  ofPod: true,
});
const ownedBy =
  (owner: string) =>
  ({ id, get }: CredentialSource): CredentialSource => ({ id, get, owner });
const ofPolicy = ownedBy("the policy's registryCredentials");
const ofOperator = ownedBy("the operator's own credentials");
const ofIdentity = ownedBy("the operator's cloud identity");

function keychain(groups: readonly Merged[], cloud: CloudCredentials | undefined, until: number): Keychain {
  const [pod, policies, own] = groups;
  const codes = groups.flatMap(({ missing }) => missing ?? []);
  const missing = codes.find((code) => code === "crowded") ?? codes[0];
  const entriesOf = (group: Merged | undefined): Entries =>
    group === undefined || group.status === "failed" ? [] : group.value;
  return {
    until: missing === undefined ? until : -Infinity,
    sources: ({ credentialHost, repository }, named) => {
      const match = (entries: Entries): readonly CredentialSource[] =>
        entries.length === 0 ? [] : matchDockerConfig(entries, credentialHost, repository);
      const ofCloud = named ? cloud?.source(credentialHost) : undefined;
      const found = [
        ...match(entriesOf(pod)).map(ofPod),
        ...match(entriesOf(policies)).map(ofPolicy),
        ...(named ? match(entriesOf(own)).map(ofOperator) : []),
        ...(ofCloud === undefined ? [] : [ofIdentity(ofCloud)]),
        ANONYMOUS,
        ...(missing === undefined ? [] : [UNREADABLE[missing]]),
      ];
      return found.length === 1 ? found : [...new Map(found.map((source) => [source.id, source])).values()];
    },
  };
}
