/** What a running operator can be told. `readSettings` is the only reader of flags and environment (design.md, house rule 3). */

/** Where registries are and how they may be talked to. */
export interface RegistrySettings {
  /** By registry host: the base URL that is asked instead. One way: the mirror's own name is judged as itself. */
  readonly mirrors: ReadonlyMap<string, string>;
  /** Hosts (with port) that are asked over plain HTTP. */
  readonly plainHttp: readonly string[];
  /** PEM files of certificate authorities that are trusted beside the system's, for every registry. */
  readonly caBundles: readonly string[];
  /** Addresses or CIDR ranges that may be dialled although they are link-local, loopback or the cluster's services. */
  readonly allowedAddresses: readonly string[];
  /** CIDR ranges of the cluster's services, which are refused. */
  readonly serviceRanges: readonly string[];
  /** By registry host: token realms that get its credentials although they are on another domain. */
  readonly tokenRealms: ReadonlyMap<string, string>;
  /** Whether pods' imagePullSecrets and their ServiceAccounts' are read (needs RBAC on Secrets in every namespace). */
  readonly readPullSecrets: boolean;
  /** A dockerconfigjson file with the operator's own credentials. */
  readonly dockerConfig?: string;
  readonly proxy: { readonly http?: string; readonly https?: string; readonly none: readonly string[] };
  /** Requests in flight per registry. */
  readonly concurrency: number;
  /** Bytes that the evidence cache may hold. */
  readonly cacheBytes: number;
}

/** How the API server reaches the webhook: by a URL, or by the Service of this name in the operator's namespace. */
export type WebhookAddress =
  | { readonly type: "url"; readonly url?: string }
  | { readonly type: "service"; readonly name: string; readonly port: number };

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
  /** `url` without a URL stands for `https://<webhookHost>:<the port that was taken>`. */
  readonly webhookAddress: WebhookAddress;
  /** Name of the Secret with the webhook's certificates, in the own namespace. */
  readonly certificateSecret: string;
  /** Milliseconds. Below the 10 s that the API server waits. */
  readonly admissionDeadline: number;
  /** Whether the operator writes its own webhook configurations. */
  readonly manageWebhooks: boolean;

  readonly metricsHost: string;
  /** 0: any free one; -1: no metrics server. */
  readonly metricsPort: number;

  /** Milliseconds between complete audits. */
  readonly auditInterval: number;
  /** Stored Violations of one policy. */
  readonly maxViolations: number;
  /** Pods judged at once while evidence is fetched. */
  readonly auditConcurrency: number;

  readonly leaseName: string;
  /** Milliseconds: another operator takes over when the lease was not renewed for so long. */
  readonly leaseDuration: number;
  /** Milliseconds: an operator that could not renew for so long stops writing. Below `leaseDuration`. */
  readonly leaseRenewDeadline: number;
  /** Milliseconds between attempts. */
  readonly leaseRetry: number;

  readonly logLevel: "error" | "warn" | "info" | "debug";
  readonly logFormat: "json" | "text";

  readonly registry: RegistrySettings;
}
