import type { CloudToken } from "./cloudToken.ts";

/** Artifact Registry and what is left of Container Registry. */
export const isArtifactRegistryHost = (host: string): boolean =>
  /^(?:[a-z0-9-]+\.)?gcr\.io$/.test(host) || /^[a-z0-9-]+-docker\.pkg\.dev$/.test(host);

/** Google's access tokens live an hour, but the metadata server gives out one that it has until it has five minutes left. */
const LIFE = 10 * 60_000;

/** With Google's application default credentials: workload identity, service account file, metadata server. */
export async function artifactRegistryToken(_host: string): Promise<CloudToken> {
  const { GoogleAuth } = await import("google-auth-library");
  const auth = new GoogleAuth({
    scopes: [
      "https://www.googleapis.com/auth/devstorage.read_only",
      "https://www.googleapis.com/auth/cloud-platform.read-only",
    ],
  });
  const client = await auth.getClient();
  const { token } = await client.getAccessToken();
  if (token === undefined || token === null || token === "") throw new Error("Google gave no access token");
  const expires = Math.min(Date.now() + LIFE, client.credentials.expiry_date ?? Infinity);
  return { credential: { username: "oauth2accesstoken", password: token }, expires };
}
