import { createHash } from "node:crypto";
import { orAborted } from "../../../../async/signals.ts";
import { younger } from "../../../../async/younger.ts";
import type { CloudProvider } from "../../settings.ts";
import { type Credential, CredentialUnreadable, type CredentialSource } from "../credential.ts";
import { acrToken, isAcrHost } from "./acr.ts";
import { artifactRegistryToken, isArtifactRegistryHost } from "./artifactRegistry.ts";
import type { CloudToken, FetchCloudToken } from "./cloudToken.ts";
import { ecrToken, isEcrHost } from "./ecr.ts";

/** Credentials of cloud registries from where the operator runs. */
export interface CloudCredentials {
  /** undefined: the host is no registry of a cloud that is in use. Nothing is fetched before a registry asks. */
  readonly source: (host: string) => CredentialSource | undefined;
}

/** By provider: which hosts are its, and how it is asked. Each library is loaded when its first host asks for credentials. */
const PROVIDERS: Readonly<
  Record<CloudProvider, { readonly owns: (host: string) => boolean; readonly fetch: FetchCloudToken }>
> = {
  ecr: { owns: isEcrHost, fetch: ecrToken },
  artifactRegistry: { owns: isArtifactRegistryHost, fetch: artifactRegistryToken },
  acr: { owns: isAcrHost, fetch: acrToken },
};

/** A token is renewed so long before it ends. */
const MARGIN = 60_000;
/** Milliseconds. A cloud's library may wait much longer than an admission can. */
const PATIENCE = 5_000;
/** `at`: when it was had, in milliseconds since the epoch. */
type HadToken = CloudToken & { readonly at: number };

/** A clock that was ahead when the token was had, and is set back, says that it lives for much longer than it does. */
const isUsable = ({ at, expires }: HadToken, margin: number): boolean => younger(at, Date.now(), expires - margin - at);

const TOO_LATE = "the cloud did not give a credential in time";

export function createCloudCredentials(
  enabled: readonly CloudProvider[],
  fetchers: Partial<Record<CloudProvider, FetchCloudToken>> = {},
  patience: number = PATIENCE,
): CloudCredentials {
  const tokens = new Map<string, Promise<HadToken>>();
  /** The last token of each host: it says that there is an identity for this host, which does not go away by itself. */
  const had = new Map<string, HadToken>();
  const renewed = async (host: string, fetch: FetchCloudToken): Promise<HadToken> => {
    const limit = AbortSignal.timeout(patience);
    try {
      // Ends with its time, whatever the library does: everybody who comes would wait for one that hangs, for as long as we run.
      const fetched = await orAborted(fetch(host, limit), limit, TOO_LATE);
      const token = { ...fetched, at: Date.now() };
      had.set(host, token);
      return token;
    } catch (error) {
      const last = had.get(host);
      if (last === undefined) throw error;
      if (isUsable(last, 0)) return last;
      throw new CredentialUnreadable("the cloud gives no credential any more", { cause: error });
    }
  };
  const current = async (host: string, fetch: FetchCloudToken): Promise<Credential> => {
    const kept = tokens.get(host);
    if (kept !== undefined) {
      const token = await kept.catch(() => undefined);
      if (token !== undefined && isUsable(token, MARGIN)) return token.credential;
      if (tokens.get(host) === kept) tokens.delete(host);
    }
    const fetched = tokens.get(host) ?? renewed(host, fetch);
    tokens.set(host, fetched);
    return (await fetched).credential;
  };
  return {
    source: (host) => {
      const provider = enabled.find((name) => PROVIDERS[name].owns(host));
      if (provider === undefined) return undefined;
      const id = createHash("sha256").update(`${provider} ${host}`).digest("base64url");
      return {
        id,
        get: async (signal) =>
          orAborted(current(host, fetchers[provider] ?? PROVIDERS[provider].fetch), signal, TOO_LATE),
      };
    },
  };
}
