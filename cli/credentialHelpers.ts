import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { CloudCredentials } from "../evidence/registry/auth/cloud/cloudCredentials.ts";
import { CredentialUnreadable, type Credential } from "../evidence/registry/auth/credential.ts";
import { field, isObject, textField } from "../json/fields.ts";

const run = promisify(execFile);

/** Milliseconds. A helper may open a keyring, or ask a cloud. */
const PATIENCE = 20_000;
/** What Docker's own login calls Docker Hub. */
const HUB = "https://index.docker.io/v1/";

/**
 * Credentials that a docker config leaves to a helper (`credHelpers` for one host, `credsStore` for all): programs named
 * `docker-credential-NAME` on PATH, asked with the host on standard input when a registry wants a credential
 * (github.com/docker/docker-credential-helpers). Where the file names none for a host, `otherwise` is asked.
 */
export const credentialHelpers = async (file: string, otherwise: CloudCredentials): Promise<CloudCredentials> => {
  const config = await readConfig(file);
  const forHost = field(config, "credHelpers");
  const forAll = textField(config, "credsStore");
  const nameOf = (host: string): string | undefined => {
    const server = host === "docker.io" ? HUB : host;
    return textField(forHost, server) ?? textField(forHost, host) ?? forAll;
  };
  return {
    source: (host) => {
      const name = nameOf(host);
      if (name === undefined || name === "") return otherwise.source(host);
      return {
        id: createHash("sha256").update(`helper ${name} ${host}`).digest("base64url"),
        get: async (signal) =>
          (await ask(name, host === "docker.io" ? HUB : host, signal)) ?? (await otherwise.source(host)?.get(signal)),
      };
    },
  };
};

/** undefined: the helper has none for this host, which is not an error. */
const ask = async (name: string, server: string, signal: AbortSignal): Promise<Credential | undefined> => {
  if (!/^[\w.-]+$/.test(name))
    throw new CredentialUnreadable(`the docker config names a helper ${JSON.stringify(name)}`);
  const asked = run(`docker-credential-${name}`, ["get"], { signal, timeout: PATIENCE, maxBuffer: 1024 * 1024 });
  asked.child.stdin?.on("error", () => undefined);
  asked.child.stdin?.end(server);
  try {
    const answer: unknown = JSON.parse((await asked).stdout);
    const [username, secret] = [textField(answer, "Username"), textField(answer, "Secret")];
    if (username === undefined || secret === undefined || secret === "") return undefined;
    // Docker's helpers give identity tokens under this name.
    return username === "<token>" ? { identityToken: secret } : { username, password: secret };
  } catch (error) {
    if (/credentials not found/i.test(isObject(error) ? String(error["stdout"]) : "")) return undefined;
    throw new CredentialUnreadable(`docker-credential-${name} gave no credential for ${server}`, { cause: error });
  }
};

const readConfig = async (file: string): Promise<unknown> => {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch {
    return undefined;
  }
};
