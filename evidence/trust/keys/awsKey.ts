import type { KeyObject } from "node:crypto";
import type { KmsKey } from "../../../policy/compile/authorities/kmsUri.ts";
import { proxyAgents } from "../../registry/http/environmentProxy.ts";
import { KmsError } from "./kmsError.ts";
import { publicKeyOf } from "./publicKeyOf.ts";

export interface AwsOptions {
  /** Private endpoints (`host[:port]`) that are asked over plain HTTP; all others over HTTPS. */
  readonly plainHttp?: readonly string[];
}

/** Milliseconds; the caller's signal ends it earlier. */
const CONNECT_TIME = 2_000;
const REQUEST_TIME = 5_000;

/** Errors of AWS that say that the key itself is wrong (API reference of GetPublicKey). */
const UNUSABLE = new Set([
  "NotFoundException",
  "InvalidArnException",
  "DisabledException",
  "UnsupportedOperationException",
  "InvalidKeyUsageException",
  "KMSInvalidStateException",
]);

/** GetPublicKey of AWS KMS, with the credentials of where the operator runs (IRSA, instance profile, environment). */
export const fetchAwsKey = async (
  { endpoint, keyId, region }: KmsKey & { readonly service: "aws" },
  { plainHttp = [] }: AwsOptions,
  signal: AbortSignal,
): Promise<KeyObject> => {
  const { KMSClient, GetPublicKeyCommand } = await import("@aws-sdk/client-kms");
  const scheme = plainHttp.includes(endpoint ?? "") ? "http" : "https";
  const client = new KMSClient({
    maxAttempts: 2,
    requestHandler: { connectionTimeout: CONNECT_TIME, requestTimeout: REQUEST_TIME, ...proxyAgents() },
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint: `${scheme}://${endpoint}` }),
  });
  try {
    const { PublicKey, KeyUsage } = await client.send(new GetPublicKeyCommand({ KeyId: keyId }), {
      abortSignal: signal,
    });
    if (PublicKey === undefined || KeyUsage !== "SIGN_VERIFY")
      throw new KmsError("unusable", "the key is not for signing");
    return publicKeyOf({ key: Buffer.from(PublicKey), format: "der", type: "spki" }, "the key does not parse");
  } catch (error) {
    if (error instanceof KmsError) throw error;
    const name = error instanceof Error ? error.name : "";
    throw UNUSABLE.has(name)
      ? new KmsError("unusable", `AWS KMS says ${name}`, error)
      : new KmsError("unavailable", "AWS KMS could not be asked", error);
  } finally {
    client.destroy();
  }
};
