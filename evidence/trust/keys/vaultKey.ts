import type { KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { KmsKey } from "../../../policy/compile/authorities/kmsUri.ts";
import { field, textField } from "../../../json/fields.ts";
import { requestJson } from "./requestJson.ts";
import { KmsError } from "./kmsError.ts";
import { publicKeyOf } from "./publicKeyOf.ts";

/** Where HashiCorp Vault or OpenBao is, and how the operator is known there. */
export interface VaultOptions {
  /** Base URL, such as `https://vault.company.com:8200`. */
  readonly address: string;
  /** Mount of the transit engine (default: `transit`). */
  readonly transit?: string;
  readonly namespace?: string;
  readonly login:
    | { readonly type: "token"; readonly token: string }
    /** Read each time, so that an agent may renew it. */
    | { readonly type: "tokenFile"; readonly path: string }
    /** The pod's own ServiceAccount token, for Vault's Kubernetes auth method. */
    | { readonly type: "kubernetes"; readonly role: string; readonly mount?: string; readonly jwtFile: string };
}

/** The prefix of every Ed25519 SubjectPublicKeyInfo (RFC 8410); Vault gives these keys raw. */
const ED25519_SPKI = Buffer.from("302a300506032b6570032100", "hex");

/** Reads a key of the transit engine: its latest version, as cosign does. */
export const fetchVaultKey = async (
  { name }: KmsKey & { readonly service: "vault" },
  options: VaultOptions | undefined,
  signal: AbortSignal,
): Promise<KeyObject> => {
  if (options === undefined) throw new KmsError("unavailable", "no Vault is configured for this operator");
  const { address, transit = "transit", namespace } = options;
  const base = `${address.replace(/\/+$/, "")}/v1`;
  const scope: Record<string, string> = namespace === undefined ? {} : { "x-vault-namespace": namespace };
  const headers = { ...scope, "x-vault-token": await tokenOf(options, base, scope, signal) };
  const data = field(await requestJson(`${base}/${transit}/keys/${name}`, { headers }, signal), "data");
  const latest = field(data, "latest_version");
  const version = field(field(data, "keys"), String(latest));
  const key = textField(version, "public_key");
  if (key === undefined) throw new KmsError("unusable", "the key is not for signing");
  const isRaw = textField(version, "name") === "ed25519" || textField(data, "type") === "ed25519";
  const der = Buffer.concat([ED25519_SPKI, Buffer.from(key, "base64")]);
  return publicKeyOf(isRaw ? { key: der, format: "der", type: "spki" } : key, "the key does not parse");
};

const tokenOf = async (
  { login }: VaultOptions,
  base: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<string> => {
  switch (login.type) {
    case "token":
      return login.token;
    case "tokenFile":
      return readText(login.path);
    case "kubernetes": {
      const body = JSON.stringify({ role: login.role, jwt: await readText(login.jwtFile) });
      const url = `${base}/auth/${login.mount ?? "kubernetes"}/login`;
      const answer = await requestJson(url, { method: "POST", headers, body }, signal);
      const token = textField(field(answer, "auth"), "client_token");
      if (token === undefined) throw new KmsError("unavailable", "Vault gave no token");
      return token;
    }
  }
};

const readText = async (path: string): Promise<string> => {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    throw new KmsError("unavailable", "the token for Vault cannot be read", error);
  }
};
