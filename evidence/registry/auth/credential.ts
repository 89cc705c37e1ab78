import { createHash } from "node:crypto";

/** What one entry of a dockerconfigjson holds: a user and password, or a token that stands for them. */
export interface Credential {
  readonly username?: string;
  readonly password?: string;
  /** OAuth2 refresh token (`identitytoken`). */
  readonly identityToken?: string;
  /** Bearer token for the registry itself (`registrytoken`). */
  readonly registryToken?: string;
}

/** A credential that may be used for one repository; cloud registries' are fetched when a registry asks for them. */
export interface CredentialSource {
  /** Equal ids are the same credential: part of cache keys, never shown. It does not reveal the secret. */
  readonly id: string;
  /** Whose it is, for messages. */
  readonly owner?: string;
  /** It comes from whoever made the pod. Others are asked where the registry fails, and the time that trying it in vain takes is his own. */
  readonly ofPod?: true;
  /** undefined: there is none after all. Rejects where it could not be had. */
  readonly get: (signal: AbortSignal) => Credential | undefined | Promise<Credential | undefined>;
}

/** `outage`: the cluster does not give it, or its cloud not any more. `crowded`: our own bounds, for too much asked by one namespace. */
export type UnreadableCode = "outage" | "crowded";

/** A credential that may exist could not be read: not the same as being refused. */
export class CredentialUnreadable extends Error {
  override readonly name = "CredentialUnreadable";
  readonly code: UnreadableCode;

  constructor(message: string, options: ErrorOptions & { readonly code?: UnreadableCode } = {}) {
    super(message, options);
    this.code = options.code ?? "outage";
  }
}

/** Asking without any credential. */
export const ANONYMOUS: CredentialSource = { id: "anonymous", get: () => undefined };

/** A source for a credential that is at hand. Its id is hashed when it is first asked for: of the many in a Secret few are. */
export function literalSource(credential: Credential): CredentialSource {
  let hashed: string | undefined;
  return {
    get id() {
      hashed ??= idOf(credential);
      return hashed;
    },
    get: () => credential,
  };
}

const idOf = ({ username = "", password = "", identityToken = "", registryToken = "" }: Credential): string =>
  createHash("sha256")
    .update(JSON.stringify([username, password, identityToken, registryToken]))
    .digest("base64url");
