import { isIP } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { VaultOptions } from "../../evidence/trust/keys/vaultKey.ts";
import { proxyIn } from "../../evidence/registry/http/proxy.ts";
import { CLOUD_PROVIDERS, type RegistrySettings } from "../../evidence/registry/settings.ts";
import type { CallerSettings } from "../../webhook/callers/callers.ts";
import { describeOptions } from "./help.ts";
import { OPTIONS, type OptionValues } from "./options.ts";
import { readValues } from "./read.ts";

/** How the API server reaches the webhook: by a URL, or by the Service of this name in the operator's namespace. */
export type WebhookAddress =
  /** Without a URL: `https://<webhookHost>:<the port that was taken>`. */
  | { readonly type: "url"; readonly url?: string }
  | { readonly type: "service"; readonly name: string; readonly port: number };

/** What a running operator can be told. Times are milliseconds. */
export interface Settings {
  /** Path; absent: `KUBECONFIG`, `~/.kube/config`, or the Pod's own ServiceAccount, as kubectl does. */
  readonly kubeconfig?: string;
  /** The operator's own namespace: its Lease, its Secrets, its webhook Service. */
  readonly namespace: string;
  /** Namespaces, beside the own one, whose Secrets and ConfigMaps policies may refer to. */
  readonly trustNamespaces: readonly string[] | "*";
  /** Namespaces that admission leaves out, beside the own one. Audits do not. */
  readonly excludeNamespaces: readonly string[];

  readonly webhookHost: string;
  /** 0: any free one. */
  readonly webhookPort: number;
  readonly webhookAddress: WebhookAddress;
  /** Who may post reviews. */
  readonly webhookCallers: CallerSettings;
  /** Somebody has said that nobody but API servers reaches the webhook, or that it does not matter. */
  readonly acceptAnyWebhookCaller: boolean;
  /** Name of the Secret with the webhook's certificates, in the own namespace. */
  readonly certificateSecret: string;
  /** Below the 10 s that the API server waits. */
  readonly admissionDeadline: number;
  /** Whether the operator writes its own webhook configurations. */
  readonly manageWebhooks: boolean;

  readonly metricsHost: string;
  /** 0: any free one; "off": no metrics server. */
  readonly metricsPort: number | "off";

  /** Between complete audits. */
  readonly auditInterval: number;
  /** Stored Violations of one policy. */
  readonly maxViolations: number;
  /** How long an exception may last, from its creation on. */
  readonly maxExceptionDuration: number;
  /** Pods judged at once while evidence is fetched. */
  readonly auditConcurrency: number;

  readonly leaseName: string;
  /** Another operator takes over when the lease was not renewed for so long. */
  readonly leaseDuration: number;
  /** An operator that could not renew for so long stops writing. Below `leaseDuration`. */
  readonly leaseRenewDeadline: number;
  /** Between attempts. */
  readonly leaseRetry: number;

  readonly logLevel: "error" | "warn" | "info" | "debug";
  readonly logFormat: "json" | "text";

  readonly registry: RegistrySettings;
  readonly proofs: ProofSettings;
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

export type SettingsResult =
  /** `given`: the flags that do not have their default, without credentials. */
  | { readonly status: "ok"; readonly settings: Settings; readonly given: Readonly<Record<string, string>> }
  /** `--help` was asked for. */
  | { readonly status: "help"; readonly text: string }
  /** One line for each mistake: the flag, what was found, what to write. */
  | { readonly status: "invalid"; readonly messages: readonly string[] };

/**
 * Settings from `--flag value` (or `--flag=value`) and `IMAGE_SECURITY_FLAG`; a flag wins over the environment.
 * Pure: `env` is the only environment that is looked at.
 */
export function readSettings(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): SettingsResult {
  if (args.includes("--help") || args.includes("-h")) return { status: "help", text: settingsHelp() };
  const read = readValues(OPTIONS, args, env);
  if (read.status === "invalid") return read;
  const messages = contradictions(read.values);
  if (messages.length > 0) return { status: "invalid", messages };
  return { status: "ok", settings: assemble(read.values, env), given: read.given };
}

/** The defaults, changed by what is given; for tests. */
export function defaultSettings(changes: Partial<Settings> = {}): Settings {
  const read = readValues(OPTIONS, [], {});
  if (read.status === "invalid") throw new Error(read.messages.join("; "));
  return { ...assemble(read.values, {}), ...changes };
}

/** Every flag with its environment variable, default and meaning. */
export const settingsHelp = (): string => describeOptions(OPTIONS);

function contradictions(values: OptionValues): readonly string[] {
  const messages: string[] = [];
  const { leaseDuration, leaseRenewDeadline, leaseRetry } = values;
  if (leaseRenewDeadline >= leaseDuration) {
    messages.push("--lease-renew-deadline must be shorter than --lease-duration, such as 10s and 15s");
  }
  if (leaseRetry >= leaseRenewDeadline) {
    messages.push("--lease-retry must be shorter than --lease-renew-deadline, such as 2s and 10s");
  }
  if (values.webhookUrl !== undefined && values.webhookService !== undefined) {
    messages.push("--webhook-url and --webhook-service exclude each other; give one of them");
  }
  messages.push(...callerContradictions(values));
  if (values.vaultTokenFile !== undefined && values.vaultRole !== undefined) {
    messages.push("--vault-token-file and --vault-role exclude each other; give one of them");
  }
  return messages;
}

function callerContradictions(values: OptionValues): readonly string[] {
  const { webhookClientCa, webhookClientNames, webhookCallers, webhookAuthenticationAction } = values;
  const messages: string[] = [];
  if ((webhookClientCa === undefined) !== (webhookClientNames.length === 0)) {
    messages.push(
      "--webhook-client-ca and --webhook-client-names belong together: whose certificates, and which of them; give both or none",
    );
  }
  const enforces = webhookAuthenticationAction === "Enforce";
  if (enforces && webhookClientCa === undefined) {
    messages.push("--webhook-authentication-action=Enforce needs --webhook-client-ca and --webhook-client-names");
  }
  if (values.readPullSecrets && !enforces && webhookCallers.length === 0 && !values.acceptAnyWebhookCaller) {
    messages.push(
      "--read-pull-secrets lets whoever can reach the webhook ask registries with any namespace's pull secrets; give " +
        "--webhook-client-ca, --webhook-client-names and --webhook-authentication-action=Enforce, or --webhook-callers " +
        "with the API servers' addresses, or, where nobody else reaches the webhook, --accept-any-webhook-caller",
    );
  }
  return messages;
}

function assemble(values: OptionValues, env: Readonly<Record<string, string | undefined>>): Settings {
  const around = proxyIn(env);
  const http = values.httpProxy ?? around.http;
  const https = values.httpsProxy ?? around.https;
  return {
    ...(values.kubeconfig === undefined ? {} : { kubeconfig: values.kubeconfig }),
    namespace: values.namespace,
    trustNamespaces: values.trustNamespaces.includes("*") ? "*" : values.trustNamespaces,
    excludeNamespaces: values.excludeNamespaces,
    webhookHost: values.webhookHost,
    webhookPort: values.webhookPort,
    webhookAddress:
      values.webhookService === undefined
        ? { type: "url", ...(values.webhookUrl === undefined ? {} : { url: values.webhookUrl }) }
        : { type: "service", name: values.webhookService, port: values.webhookServicePort },
    webhookCallers: {
      ...(values.webhookClientCa === undefined ? {} : { clientCa: values.webhookClientCa }),
      clientNames: values.webhookClientNames,
      addresses: values.webhookCallers,
      action: values.webhookAuthenticationAction,
    },
    acceptAnyWebhookCaller: values.acceptAnyWebhookCaller,
    certificateSecret: values.certificateSecret,
    admissionDeadline: values.admissionDeadline,
    manageWebhooks: values.manageWebhooks,
    metricsHost: values.metricsHost,
    metricsPort: values.metricsPort,
    auditInterval: values.auditInterval,
    maxViolations: values.maxViolations,
    maxExceptionDuration: values.maxExceptionDuration,
    auditConcurrency: values.auditConcurrency,
    leaseName: values.leaseName,
    leaseDuration: values.leaseDuration,
    leaseRenewDeadline: values.leaseRenewDeadline,
    leaseRetry: values.leaseRetry,
    logLevel: values.logLevel,
    logFormat: values.logFormat,
    registry: {
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
      cloudCredentials: CLOUD_PROVIDERS.filter((provider) => values.cloudCredentials.includes(provider)),
      concurrency: values.registryConcurrency,
      cacheBytes: values.cacheSize,
    },
    proofs: {
      workers: values.proofWorkers,
      trustRootCache: values.trustRootCache ?? join(tmpdir(), "image-security-trust-roots"),
      publicGoodUpdates: values.publicGoodUpdates,
      kmsPlainHttp: values.kmsPlainHttp,
      ...vaultOf(values, env),
    },
  };
}

/** The variables of Vault's own tools count where there is no flag. */
function vaultOf(
  values: OptionValues,
  env: Readonly<Record<string, string | undefined>>,
): { readonly vault?: VaultOptions } {
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

/** The API server's own service, which every Pod is told of. */
function apiServerAddress(host: string | undefined): readonly string[] {
  const family = isIP(host ?? "");
  return host === undefined || family === 0 ? [] : [`${host}/${family === 4 ? 32 : 128}`];
}
