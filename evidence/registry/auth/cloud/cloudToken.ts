import type { Credential } from "../credential.ts";

/** A credential that a cloud gave, and until when it is good (milliseconds since the epoch). */
export interface CloudToken {
  readonly credential: Credential;
  readonly expires: number;
}

/** Fetches a credential for a registry host. Rejects where the cloud gives none. */
export type FetchCloudToken = (host: string, signal: AbortSignal) => Promise<CloudToken>;
