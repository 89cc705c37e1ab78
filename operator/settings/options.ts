import { CLOUD_PROVIDERS } from "../../evidence/registry/settings.ts";
import type { Settings } from "./settings.ts";
import { addressRange, baseUrl, callerRange, dnsLabel, dnsLabelOrStar, objectName, registryHost } from "./checks.ts";
import { bytes, choice, duration, integer, list, pairs, port, portOrOff, text, toggle } from "./kinds.ts";
import type { Option } from "./option.ts";

/** Settings that are made of several flags, or of a flag and what stands elsewhere. */
type Assembled = "kubeconfig" | "trustNamespaces" | "webhookAddress" | "webhookCallers" | "registry" | "proofs";

/** The settings as they are read, one for each flag. Times are milliseconds. */
export interface OptionValues extends Omit<Settings, Assembled> {
  readonly kubeconfig: string | undefined;
  readonly trustNamespaces: readonly string[];
  readonly webhookUrl: string | undefined;
  readonly webhookService: string | undefined;
  readonly webhookServicePort: number;
  readonly webhookClientCa: string | undefined;
  readonly webhookClientNames: readonly string[];
  readonly webhookCallers: readonly string[];
  readonly webhookAuthenticationAction: "Report" | "Enforce";
  readonly acceptAnyWebhookCaller: boolean;
  readonly registryMirror: ReadonlyMap<string, string>;
  readonly registryPlainHttp: readonly string[];
  readonly registryCa: readonly string[];
  readonly allowAddress: readonly string[];
  readonly serviceRange: readonly string[];
  readonly tokenRealm: ReadonlyMap<string, string>;
  readonly readPullSecrets: boolean;
  readonly dockerConfig: string | undefined;
  readonly cloudCredentials: readonly string[];
  readonly httpProxy: string | undefined;
  readonly httpsProxy: string | undefined;
  readonly noProxy: readonly string[] | undefined;
  readonly registryConcurrency: number;
  readonly cacheSize: number;
  readonly proofWorkers: number;
  readonly trustRootCache: string | undefined;
  readonly publicGoodUpdates: boolean;
  readonly kmsPlainHttp: readonly string[];
  readonly vaultAddress: string | undefined;
  readonly vaultTransit: string;
  readonly vaultNamespace: string | undefined;
  readonly vaultTokenFile: string | undefined;
  readonly vaultRole: string | undefined;
}

/** How each of them is given. */
export type Options = { readonly [Name in keyof OptionValues]: Option<OptionValues[Name]> };

/** Every setting there is, by the name that code uses. */
export const OPTIONS: Options = {
  kubeconfig: text({
    flag: "kubeconfig",
    placeholder: "PATH",
    fallback: undefined,
    description: "Kubeconfig of the cluster; default: KUBECONFIG, ~/.kube/config, or the Pod's own ServiceAccount.",
  }),
  namespace: text({
    flag: "namespace",
    fallback: "image-security-system",
    check: dnsLabel,
    description: "The operator's own namespace: its Lease, its Secrets, its Service. Left out of admission.",
  }),
  trustNamespaces: list({
    flag: "trust-namespaces",
    fallback: [],
    check: dnsLabelOrStar,
    description:
      "Namespaces, beside the own one, whose Secrets and ConfigMaps policies may refer to; * is all of them.",
  }),
  excludeNamespaces: list({
    flag: "exclude-namespaces",
    fallback: ["kube-system"],
    check: dnsLabel,
    description: "Namespaces that admission leaves out, so that the cluster can always restart. Audits include them.",
  }),

  webhookHost: text({ flag: "webhook-host", fallback: "0.0.0.0", description: "Address the webhook listens on." }),
  webhookPort: port({
    flag: "webhook-port",
    fallback: 9443,
    description: "Port of the webhook; 0 takes any free one.",
  }),
  webhookUrl: text({
    flag: "webhook-url",
    placeholder: "URL",
    fallback: undefined,
    check: baseUrl("https:"),
    description: "URL by which the API server reaches the webhook, where it runs outside the cluster.",
  }),
  webhookService: text({
    flag: "webhook-service",
    placeholder: "NAME",
    fallback: undefined,
    check: dnsLabel,
    description: "Service in the own namespace by which the API server reaches the webhook.",
  }),
  webhookServicePort: port({
    flag: "webhook-service-port",
    fallback: 443,
    description: "Port of that Service.",
  }),
  webhookClientCa: text({
    flag: "webhook-client-ca",
    placeholder: "PATH",
    fallback: undefined,
    description:
      "PEM file of the authorities of the client certificates that API servers show; read again when it changes.",
  }),
  webhookClientNames: list({
    flag: "webhook-client-names",
    placeholder: "NAME,...",
    fallback: [],
    some: true,
    description: "Common names, DNS names or URIs of those certificates, exact; one for each API server is fine.",
  }),
  webhookCallers: list({
    flag: "webhook-callers",
    placeholder: "CIDR,...",
    fallback: [],
    some: true,
    check: callerRange,
    description: "Addresses that may post reviews: those that the API servers' connections come from. Others get 403.",
  }),
  webhookAuthenticationAction: choice({
    flag: "webhook-authentication-action",
    fallback: "Report",
    values: ["Report", "Enforce"],
    description: "Refuse reviews without a client certificate that proves an API server, or only count and log them.",
  }),
  acceptAnyWebhookCaller: toggle({
    flag: "accept-any-webhook-caller",
    fallback: false,
    description: "Read pull secrets although anybody who reaches the webhook's port may post reviews.",
  }),

  certificateSecret: text({
    flag: "certificate-secret",
    placeholder: "NAME",
    fallback: "image-security-webhook-certificates",
    check: objectName,
    description: "Secret in the own namespace that holds the webhook's CA and certificate; written by the operator.",
  }),
  admissionDeadline: duration({
    flag: "admission-deadline",
    fallback: "8s",
    least: "1s",
    most: "25s",
    description: "Time for one admission decision; below the timeout of the webhook configuration (10s).",
  }),
  manageWebhooks: toggle({
    flag: "manage-webhooks",
    fallback: true,
    description: "Write the webhook configurations. With false someone else writes them.",
  }),

  metricsHost: text({ flag: "metrics-host", fallback: "0.0.0.0", description: "Address the metrics listen on." }),
  metricsPort: portOrOff({
    flag: "metrics-port",
    fallback: 8080,
    description: "Port of /metrics; 0 takes any free one, off serves none.",
  }),

  auditInterval: duration({
    flag: "audit-interval",
    fallback: "15m",
    least: "1s",
    most: "7d",
    description: "Time between complete audits. Changes are audited at once, whatever this is.",
  }),
  maxViolations: integer({
    flag: "max-violations",
    fallback: 10_000,
    least: 0,
    most: 1_000_000,
    description: "Violations stored for one policy; totals in status and metrics stay complete.",
  }),
  maxExceptionDuration: duration({
    flag: "max-exception-duration",
    fallback: "90d",
    least: "1m",
    most: "3650d",
    description: "How long an ImageSecurityException may last, from its creation on. Longer ones silence nothing.",
  }),
  auditConcurrency: integer({
    flag: "audit-concurrency",
    fallback: 32,
    least: 1,
    most: 1_000,
    description: "Pods judged at once while the audit waits for evidence.",
  }),

  leaseName: text({
    flag: "lease-name",
    placeholder: "NAME",
    fallback: "image-security",
    check: objectName,
    description: "Lease in the own namespace that elects the operator that audits and writes.",
  }),
  leaseDuration: duration({
    flag: "lease-duration",
    fallback: "15s",
    least: "1s",
    most: "10m",
    description: "Another operator takes over when the Lease was not renewed for so long.",
  }),
  leaseRenewDeadline: duration({
    flag: "lease-renew-deadline",
    fallback: "10s",
    least: "1s",
    most: "10m",
    description: "An operator that could not renew the Lease for so long stops writing.",
  }),
  leaseRetry: duration({
    flag: "lease-retry",
    fallback: "2s",
    least: "1s",
    most: "1m",
    description: "Time between attempts to get or renew the Lease.",
  }),

  logLevel: choice({
    flag: "log-level",
    fallback: "info",
    values: ["error", "warn", "info", "debug"],
    description: "Least important lines that are logged.",
  }),
  logFormat: choice({
    flag: "log-format",
    fallback: "json",
    values: ["json", "text"],
    description: "JSON lines, or text for people.",
  }),

  registryMirror: pairs({
    flag: "registry-mirror",
    placeholder: "HOST=URL",
    name: (name) => name.toLowerCase(),
    check: baseUrl("http:", "https:"),
    example: "registry.company.com=http://127.0.0.1:5001",
    description: "Asks URL for what is on HOST; repeatable. The mirror's address may be dialled, whatever it is.",
  }),
  registryPlainHttp: list({
    flag: "registry-plain-http",
    placeholder: "HOST,...",
    fallback: [],
    check: registryHost,
    description: "Registries that are asked over plain HTTP.",
  }),
  registryCa: list({
    flag: "registry-ca",
    placeholder: "PATH,...",
    fallback: [],
    description: "PEM files of certificate authorities that are trusted for registries, beside the system's.",
  }),
  allowAddress: list({
    flag: "allow-address",
    placeholder: "CIDR,...",
    fallback: [],
    check: addressRange,
    description: "Addresses that may be dialled although they are loopback, link-local or the cluster's services.",
  }),
  serviceRange: list({
    flag: "service-range",
    placeholder: "CIDR,...",
    fallback: [],
    check: addressRange,
    description: "Address ranges of the cluster's services, which no registry may point to.",
  }),
  tokenRealm: pairs({
    flag: "token-realm",
    placeholder: "HOST=REALM",
    name: (name) => name.toLowerCase(),
    check: (value) =>
      value.includes("://") ? baseUrl("https:", "http:")(value) : registryHost(value.split("/")[0] ?? ""),
    example: "registry.company.com=auth.example.com/token",
    description: "Token realm on another domain that gets HOST's credentials; repeatable.",
  }),
  readPullSecrets: toggle({
    flag: "read-pull-secrets",
    fallback: false,
    description: "Read the imagePullSecrets of pods and ServiceAccounts; needs get on Secrets in every namespace.",
  }),
  dockerConfig: text({
    flag: "docker-config",
    placeholder: "PATH",
    fallback: undefined,
    description: "dockerconfigjson file with the operator's own credentials, used for registries that a policy names.",
  }),
  cloudCredentials: list({
    flag: "cloud-credentials",
    placeholder: "CLOUD,...",
    fallback: CLOUD_PROVIDERS,
    check: (value) =>
      value === "none" || CLOUD_PROVIDERS.some((known) => known === value)
        ? undefined
        : `"${value}" is unknown; write ${CLOUD_PROVIDERS.join(", ")} or none`,
    description:
      "Clouds whose registries get the operator's own identity, where a policy names them and they ask for it.",
  }),
  httpProxy: text({
    flag: "http-proxy",
    placeholder: "URL",
    fallback: undefined,
    check: proxyUrl,
    description: "Proxy for plain HTTP registries; default: HTTP_PROXY.",
  }),
  httpsProxy: text({
    flag: "https-proxy",
    placeholder: "URL",
    fallback: undefined,
    check: proxyUrl,
    description: "Proxy for registries; default: HTTPS_PROXY.",
  }),
  noProxy: list({
    flag: "no-proxy",
    placeholder: "HOST,...",
    fallback: undefined,
    description: "Hosts and ranges that are asked without a proxy; default: NO_PROXY.",
  }),
  registryConcurrency: integer({
    flag: "registry-concurrency",
    fallback: 16,
    least: 1,
    most: 1_000,
    description: "Requests in flight to one registry.",
  }),
  cacheSize: bytes({
    flag: "cache-size",
    fallback: "128Mi",
    description: "Memory for evidence that was proved.",
  }),

  proofWorkers: integer({
    flag: "proof-workers",
    fallback: 2,
    least: 0,
    most: 64,
    description: "Threads that verify certificate chains and read large scans; 0 does it all in place.",
  }),
  trustRootCache: text({
    flag: "trust-root-cache",
    placeholder: "DIR",
    fallback: undefined,
    description:
      "Writable folder for TUF metadata of trust roots; default: a folder of the system's for temporary files.",
  }),
  publicGoodUpdates: toggle({
    flag: "public-good-updates",
    fallback: true,
    description:
      "Ask Sigstore's TUF repository for news of the public good trust root once a policy needs it; false in an air gap.",
  }),
  kmsPlainHttp: list({
    flag: "kms-plain-http",
    fallback: [],
    check: registryHost,
    description: "Private KMS endpoints (HOST:PORT) that are asked over plain HTTP.",
  }),
  vaultAddress: text({
    flag: "vault-address",
    placeholder: "URL",
    fallback: undefined,
    check: baseUrl("https:", "http:"),
    description: "Vault or OpenBao for hashivault:// and openbao:// keys.",
  }),
  vaultTransit: text({ flag: "vault-transit", fallback: "transit", description: "Mount of Vault's transit engine." }),
  vaultNamespace: text({ flag: "vault-namespace", fallback: undefined, description: "Vault namespace." }),
  vaultTokenFile: text({
    flag: "vault-token-file",
    placeholder: "PATH",
    fallback: undefined,
    description: "File with Vault's token, read each time so that an agent may renew it.",
  }),
  vaultRole: text({
    flag: "vault-role",
    fallback: undefined,
    description:
      "Role for Vault's Kubernetes login with the Pod's own token; used where there is no --vault-token-file.",
  }),
};

/** A proxy's URL may hold credentials: it is how proxies are given. */
function proxyUrl(value: string): string | undefined {
  const url = URL.parse(value);
  return url !== null && (url.protocol === "http:" || url.protocol === "https:")
    ? undefined
    : "it is no http:// or https:// URL";
}
