import type { KeyObject } from "node:crypto";
import type { KmsKey } from "../../../policy/compile/authorities/kmsUri.ts";
import { field, isObject, textField } from "../../../json/fields.ts";
import { requestJson } from "./requestJson.ts";
import { KmsError } from "./kmsError.ts";
import { publicKeyOf } from "./publicKeyOf.ts";

export interface AzureOptions {
  /** An access token for a scope; default: the credentials of where the operator runs (workload or managed identity). */
  readonly token?: (scope: string) => Promise<string>;
  /** Base URLs of vaults that are not under Azure's own domains, by host. */
  readonly vaults?: ReadonlyMap<string, string>;
}

const API_VERSION = "7.4";
/** Where key vaults and managed HSMs live; the token is for these and goes nowhere else. */
const DOMAINS: readonly string[] = [
  "vault.azure.net",
  "managedhsm.azure.net",
  "vault.azure.cn",
  "managedhsm.azure.cn",
  "vault.usgovcloudapi.net",
  "managedhsm.usgovcloudapi.net",
];

/** getKey of Azure Key Vault; without a version the current one. */
export const fetchAzureKey = async (
  { vault, name, version }: KmsKey & { readonly service: "azure" },
  { token = identityToken, vaults = new Map() }: AzureOptions,
  signal: AbortSignal,
): Promise<KeyObject> => {
  const base = vaults.get(vault);
  const domain = DOMAINS.find((one) => vault.toLowerCase().endsWith(`.${one}`));
  if (base === undefined && domain === undefined)
    throw new KmsError("unusable", `${vault} is not a key vault of Azure`);
  const scope = `https://${domain ?? "vault.azure.net"}/.default`;
  const path = version === undefined ? name : `${name}/${version}`;
  const url = `${base ?? `https://${vault}`}/keys/${path}?api-version=${API_VERSION}`;
  const answer = await requestJson(url, { headers: { authorization: `Bearer ${await bearer(token, scope)}` } }, signal);
  if (field(field(answer, "attributes"), "enabled") === false) throw new KmsError("unusable", "the key is disabled");
  const jwk = field(answer, "key");
  if (!isObject(jwk)) throw new KmsError("unusable", "the key vault gave no key");
  // Keys in an HSM have the type `EC-HSM` or `RSA-HSM`.
  const kty = textField(jwk, "kty")?.replace(/-HSM$/, "") ?? "";
  const parts = (kty === "RSA" ? ["n", "e"] : ["crv", "x", "y"]).map((part) => [part, textField(jwk, part) ?? ""]);
  return publicKeyOf({ key: { kty, ...Object.fromEntries(parts) }, format: "jwk" }, "the key is not for signing");
};

const bearer = async (token: (scope: string) => Promise<string>, scope: string): Promise<string> => {
  try {
    return await token(scope);
  } catch (error) {
    throw new KmsError("unavailable", "there are no credentials for Azure Key Vault", error);
  }
};

const identityToken = async (scope: string): Promise<string> => {
  const { DefaultAzureCredential } = await import("@azure/identity");
  return (await new DefaultAzureCredential().getToken(scope)).token;
};
