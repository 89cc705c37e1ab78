import { fetch } from "undici";
import { throughProxy } from "../../http/environmentProxy.ts";
import type { CloudToken } from "./cloudToken.ts";

const HOST = /^[a-z0-9-]+\.azurecr\.(?:io|cn|us|de)$/;

export const isAcrHost = (host: string): boolean => HOST.test(host);

/** The user name that stands for a refresh token (Microsoft, "Authenticate with a Microsoft Entra token"). */
const TOKEN_USER = "00000000-0000-0000-0000-000000000000";
/** ACR's refresh tokens live three hours. */
const LIFE = 3 * 3_600_000;

/**
 * With Azure's default chain (workload identity, managed identity, environment): an Entra token, exchanged at the registry
 * itself for one of its refresh tokens.
 */
export async function acrToken(host: string, signal: AbortSignal): Promise<CloudToken> {
  const { DefaultAzureCredential } = await import("@azure/identity");
  const entra = await new DefaultAzureCredential().getToken("https://containerregistry.azure.net/.default", {
    abortSignal: signal,
  });
  return exchangeForRefreshToken(`https://${host}`, host, entra.token, signal);
}

/** `POST /oauth2/exchange` of the registry at `origin`. It goes there alone: a redirect is a refusal. */
export async function exchangeForRefreshToken(
  origin: string,
  service: string,
  accessToken: string,
  signal: AbortSignal,
): Promise<CloudToken> {
  return throughProxy(async (dispatcher) => {
    const response = await fetch(`${origin}/oauth2/exchange`, {
      dispatcher,
      method: "POST",
      redirect: "error",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ grant_type: "access_token", service, access_token: accessToken }).toString(),
      signal,
    });
    const body: unknown = response.ok ? await response.json() : undefined;
    const token =
      typeof body === "object" && body !== null && "refresh_token" in body && typeof body.refresh_token === "string"
        ? body.refresh_token
        : undefined;
    if (token === undefined) throw new Error(`the registry gave no token (status ${response.status})`);
    return { credential: { username: TOKEN_USER, password: token }, expires: Date.now() + LIFE };
  });
}
