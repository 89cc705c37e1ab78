import { proxyAgents } from "../../http/environmentProxy.ts";
import type { CloudToken } from "./cloudToken.ts";

/** `account.dkr.ecr.region.amazonaws.com`, its FIPS, China, isolated and dual-stack forms (AWS, "Amazon ECR endpoints"). */
const HOST =
  /^(\d{12})\.dkr[.-]ecr(-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com|amazonaws\.com\.cn|amazonaws\.eu|on\.aws|on\.amazonwebservices\.com\.cn|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)$/;

export const isEcrHost = (host: string): boolean => HOST.test(host);

/** ECR's tokens are good for 12 hours; what it says counts. */
const LIFE = 12 * 3_600_000;

/** With the AWS SDK's own credential chain: IRSA, pod identity, instance role, environment. */
export async function ecrToken(host: string, signal: AbortSignal): Promise<CloudToken> {
  const [, account = "", fips, region = ""] = HOST.exec(host) ?? [];
  const { ECRClient, GetAuthorizationTokenCommand } = await import("@aws-sdk/client-ecr");
  const client = new ECRClient({
    region,
    useFipsEndpoint: fips !== undefined,
    maxAttempts: 2,
    requestHandler: proxyAgents(),
  });
  try {
    const answer = await client.send(new GetAuthorizationTokenCommand({ registryIds: [account] }), {
      abortSignal: signal,
    });
    const [data] = answer.authorizationData ?? [];
    const decoded = Buffer.from(data?.authorizationToken ?? "", "base64").toString("utf8");
    const colon = decoded.indexOf(":");
    if (colon < 1) throw new Error("ECR gave no token");
    return {
      credential: { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) },
      expires: data?.expiresAt?.getTime() ?? Date.now() + LIFE,
    };
  } finally {
    client.destroy();
  }
}
