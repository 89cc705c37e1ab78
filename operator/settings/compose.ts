import { isIP } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { proxyIn } from "../../evidence/registry/http/proxy.ts";
import type { RegistrySettings } from "../../evidence/registry/settings.ts";
import type { VaultOptions } from "../../evidence/trust/keys/vaultKey.ts";
import type { CallerSettings } from "../../webhook/callers/callers.ts";
import type * as EVIDENCE from "./options/evidence.ts";
import type * as PROOFS from "./options/proofs.ts";
import type * as REGISTRIES from "./options/registries.ts";
import type * as WEBHOOK from "./options/webhook.ts";
import type { Environment } from "./read.ts";
import type { Values } from "./setting.ts";

/** The settings that are made of several flags, or of flags and what else stands in the environment. */

/** How the API server reaches the webhook: by a URL, or by the Service of this name in the operator's namespace. */
export type WebhookAddress =
  /** Without a URL: `https://<webhookHost>:<the port that was taken>`. */
  | { readonly type: "url"; readonly url?: string }
  | { readonly type: "service"; readonly name: string; readonly port: number };

type WebhookValues = Values<typeof WEBHOOK>;

export function webhookAddressOf({ webhookService, webhookServicePort, webhookUrl }: WebhookValues): WebhookAddress {
  return webhookService === undefined
    ? { type: "url", ...(webhookUrl === undefined ? {} : { url: webhookUrl }) }
    : { type: "service", name: webhookService, port: webhookServicePort };
}

export function callersOf(values: WebhookValues): CallerSettings {
  return {
    ...(values.webhookClientCa === undefined ? {} : { clientCa: values.webhookClientCa }),
    clientNames: values.webhookClientNames,
    addresses: values.webhookCallers,
    action: values.webhookAuthenticationAction,
  };
}

/** The usual variables of proxies count where there is no flag. */
export function registryOf(values: Values<typeof REGISTRIES & typeof EVIDENCE>, env: Environment): RegistrySettings {
  const around = proxyIn(env);
  const http = values.httpProxy ?? around.http;
  const https = values.httpsProxy ?? around.https;
  return {
    mirrors: values.registryMirror,
    plainHttp: values.registryPlainHttp,
    caBundles: values.registryCa,
    allowedAddresses: values.allowAddress,
    serviceRanges: [...values.serviceRange, ...apiServerAddress(env["KUBERNETES_SERVICE_HOST"])],
    tokenRealms: values.tokenRealm,
    readPullSecrets: values.readPullSecrets,
    ...(values.dockerConfig === undefined ? {} : { dockerConfig: values.dockerConfig }),
    proxy: {
      ...(http === undefined || http === "" ? {} : { http }),
      ...(https === undefined || https === "" ? {} : { https }),
      none: values.noProxy ?? around.none,
    },
    cloudCredentials: values.cloudCredentials,
    concurrency: values.registryConcurrency,
    cacheBytes: values.cacheSize,
  };
}

/** The API server's own service, which every Pod is told of. */
function apiServerAddress(host: string | undefined): readonly string[] {
  const family = isIP(host ?? "");
  return host === undefined || family === 0 ? [] : [`${host}/${family === 4 ? 32 : 128}`];
}

/** How signatures are proved, and where keys and trust roots come from. */
export interface ProofSettings {
  /** Threads; 0: in place. */
  readonly workers: number;
  /** Writable folder for TUF metadata. */
  readonly trustRootCache: string;
  readonly publicGoodUpdates: boolean;
  /** KMS endpoints that are asked over plain HTTP. */
  readonly kmsPlainHttp: readonly string[];
  readonly vault?: VaultOptions;
}

type ProofValues = Values<typeof PROOFS>;

export function proofsOf(values: ProofValues, env: Environment): ProofSettings {
  return {
    workers: values.proofWorkers,
    trustRootCache: values.trustRootCache ?? join(tmpdir(), "image-security-trust-roots"),
    publicGoodUpdates: values.publicGoodUpdates,
    kmsPlainHttp: values.kmsPlainHttp,
    ...vaultOf(values, env),
  };
}

/** The variables of Vault's own tools count where there is no flag. */
function vaultOf(values: ProofValues, env: Environment): { readonly vault?: VaultOptions } {
  const address = values.vaultAddress ?? env["VAULT_ADDR"] ?? env["BAO_ADDR"];
  const token = env["VAULT_TOKEN"] ?? env["BAO_TOKEN"];
  const namespace = values.vaultNamespace ?? env["VAULT_NAMESPACE"];
  if (address === undefined || address === "") return {};
  const login: VaultOptions["login"] | undefined =
    values.vaultTokenFile !== undefined
      ? { type: "tokenFile", path: values.vaultTokenFile }
      : values.vaultRole !== undefined
        ? { type: "kubernetes", role: values.vaultRole, jwtFile: SERVICE_ACCOUNT_TOKEN }
        : token !== undefined && token !== ""
          ? { type: "token", token }
          : undefined;
  if (login === undefined) return {};
  return {
    vault: { address, transit: values.vaultTransit, login, ...(namespace === undefined ? {} : { namespace }) },
  };
}

const SERVICE_ACCOUNT_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token";
