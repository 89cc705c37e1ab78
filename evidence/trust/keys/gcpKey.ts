import type { KeyObject } from "node:crypto";
import type { KmsKey } from "../../../policy/compile/authorities/kmsUri.ts";
import { field, textField } from "../../../json/fields.ts";
import { requestJson, type ReadRefusal } from "./requestJson.ts";
import { KmsError } from "./kmsError.ts";
import { publicKeyOf } from "./publicKeyOf.ts";

export interface GcpOptions {
  /** Base URL of the API (default: Google's). */
  readonly endpoint?: string;
  /** An access token; default: the credentials of where the operator runs (workload identity, metadata server, file). */
  readonly token?: () => Promise<string>;
}

const ENDPOINT = "https://cloudkms.googleapis.com";
const SCOPE = "https://www.googleapis.com/auth/cloudkms";
/** A key with more enabled versions than this has a rotation that went wrong. */
const MAX_PAGES = 10;

/** GetPublicKey of Google Cloud KMS; without a version that of the newest enabled one, as cosign takes it. */
export const fetchGcpKey = async (
  { key, version }: KmsKey & { readonly service: "gcp" },
  { endpoint = ENDPOINT, token = applicationToken }: GcpOptions,
  signal: AbortSignal,
): Promise<KeyObject> => {
  const headers = { authorization: `Bearer ${await bearer(token)}` };
  const get = async (path: string): Promise<unknown> => requestJson(`${endpoint}/v1/${path}`, { headers }, signal);
  const name = `${key}/cryptoKeyVersions/${version ?? (await newestVersion(key, get))}`;
  const pem = textField(await requestJson(`${endpoint}/v1/${name}/publicKey`, { headers }, signal, readRefusal), "pem");
  return publicKeyOf(pem ?? "", "the key is not for signing");
};

/** A version that is disabled or destroyed is no outage: whoever took it back wants it out of force. */
const readRefusal: ReadRefusal = (status, answer) =>
  status === 400 && textField(field(answer, "error"), "status") === "FAILED_PRECONDITION"
    ? new KmsError("unusable", "this version of the key is not enabled")
    : undefined;

const newestVersion = async (key: string, get: (path: string) => Promise<unknown>): Promise<string> => {
  const versions: number[] = [];
  let page = "";
  for (let read = 0; read < MAX_PAGES; read++) {
    const query = new URLSearchParams({ filter: "state=ENABLED", pageSize: "100", ...(page && { pageToken: page }) });
    const answer = await get(`${key}/cryptoKeyVersions?${query.toString()}`);
    const listed = field(answer, "cryptoKeyVersions");
    for (const one of Array.isArray(listed) ? listed : []) {
      const version = Number(textField(one, "name")?.split("/").at(-1));
      // Asked for by the filter already; a server that ignores it must not bring a disabled key back.
      if (textField(one, "state") === "ENABLED" && Number.isSafeInteger(version)) versions.push(version);
    }
    page = textField(answer, "nextPageToken") ?? "";
    if (page === "") break;
  }
  if (versions.length === 0) throw new KmsError("unusable", "the key has no enabled version");
  return String(Math.max(...versions));
};

const bearer = async (token: () => Promise<string>): Promise<string> => {
  try {
    return await token();
  } catch (error) {
    throw new KmsError("unavailable", "there are no credentials for Google Cloud KMS", error);
  }
};

const applicationToken = async (): Promise<string> => {
  const { GoogleAuth } = await import("google-auth-library");
  const token = await new GoogleAuth({ scopes: [SCOPE] }).getAccessToken();
  if (token === null || token === undefined || token === "") throw new Error("no access token");
  return token;
};
