import { dnsLabel, imageWord, objectName } from "../checks.ts";
import { choice, duration, integer, list, listOrAll, port, portOrOff, text, toggle } from "../kinds.ts";
import type { Setting } from "../setting.ts";

/** What an operator is told in one flag, and has as it stands in its `Settings`. */

export const kubeconfig: Setting<string | undefined> = text("--kubeconfig <PATH>", {
  fallback: undefined,
  description: "Kubeconfig of the cluster; default: KUBECONFIG, ~/.kube/config, or the Pod's own ServiceAccount.",
});

export const namespace: Setting<string> = text("--namespace <TEXT>", {
  fallback: "image-security-system",
  check: dnsLabel,
  description: "The operator's own namespace: its Lease, its Secrets, its Service. Left out of admission.",
});

export const trustNamespaces: Setting<readonly string[] | "*"> = listOrAll("--trust-namespaces <TEXT,...>", {
  fallback: [],
  check: dnsLabel,
  description: "Namespaces, beside the own one, whose Secrets and ConfigMaps policies may refer to; * is all of them.",
});

export const excludeNamespaces: Setting<readonly string[]> = list("--exclude-namespaces <TEXT,...>", {
  fallback: ["kube-system"],
  check: dnsLabel,
  description: "Namespaces that admission leaves out, so that the cluster can always restart. Audits include them.",
});

export const templatePlaceholders: Setting<readonly string[]> = list("--template-placeholders <TEXT,...>", {
  fallback: [],
  check: imageWord,
  description:
    "Words that an injector replaces in Pods, such as Istio's auto: a template's image that is one of them is passed over. " +
    "In Pods they are judged like every image.",
});

export const webhookHost: Setting<string> = text("--webhook-host <TEXT>", {
  fallback: "0.0.0.0",
  description: "Address the webhook listens on.",
});

export const webhookPort: Setting<number> = port("--webhook-port <PORT>", {
  fallback: 9443,
  description: "Port of the webhook; 0 takes any free one.",
});

export const acceptAnyWebhookCaller: Setting<boolean> = toggle("--accept-any-webhook-caller", {
  fallback: false,
  description: "Read pull secrets although anybody who reaches the webhook's port may post reviews.",
});

export const certificateSecret: Setting<string> = text("--certificate-secret <NAME>", {
  fallback: "image-security-webhook-certificates",
  check: objectName,
  description: "Secret in the own namespace that holds the webhook's CA and certificate; written by the operator.",
});

export const certificateFiles: Setting<string | undefined> = text("--certificate-files <DIR>", {
  fallback: undefined,
  description:
    "Folder with tls.crt, tls.key and ca.crt that somebody else renews, such as cert-manager; read again when they change. " +
    "The Secret is then neither written nor read.",
});

export const admissionDeadline: Setting<number> = duration("--admission-deadline <DURATION>", {
  fallback: "8s",
  least: "1s",
  most: "25s",
  description: "Time for one admission decision; below the timeout of the webhook configuration (10s).",
});

export const manageWebhooks: Setting<boolean> = toggle("--manage-webhooks", {
  fallback: true,
  description: "Write the webhook configurations. With false someone else writes them.",
});

export const admissionPolicies: Setting<"Off" | "Registries"> = choice("--admission-policies", {
  fallback: "Off",
  values: ["Off", "Registries"],
  description:
    "Registries: keep a ValidatingAdmissionPolicy for each policy that denies, over registries and the form of digests. " +
    "It holds without the webhook; docs/without-the-webhook.md.",
});

export const metricsHost: Setting<string> = text("--metrics-host <TEXT>", {
  fallback: "0.0.0.0",
  description: "Address the metrics listen on.",
});

export const metricsPort: Setting<number | "off"> = portOrOff("--metrics-port <PORT>", {
  fallback: 8080,
  description: "Port of /metrics; 0 takes any free one, off serves none.",
});

export const metricsNamespaces: Setting<boolean> = toggle("--metrics-namespaces", {
  fallback: true,
  description: "Name the namespace, of those that there are, in image_security_refusals_total.",
});

export const auditInterval: Setting<number> = duration("--audit-interval <DURATION>", {
  fallback: "15m",
  least: "1s",
  most: "7d",
  description: "Time between complete audits. Changes are audited at once, whatever this is.",
});

export const maxViolations: Setting<number> = integer("--max-violations <NUMBER>", {
  fallback: 10_000,
  least: 0,
  most: 1_000_000,
  description: "Violations stored for one policy; totals in status and metrics stay complete.",
});

export const maxExceptionDuration: Setting<number> = duration("--max-exception-duration <DURATION>", {
  fallback: "90d",
  least: "1m",
  most: "3650d",
  description: "How long an ImageSecurityException may last, from its creation on. Longer ones silence nothing.",
});

export const auditConcurrency: Setting<number> = integer("--audit-concurrency <NUMBER>", {
  fallback: 32,
  least: 1,
  most: 1_000,
  description: "Pods judged at once while the audit waits for evidence.",
});

export const shutdownDelay: Setting<number> = duration("--shutdown-delay <DURATION>", {
  fallback: "3s",
  least: "0s",
  most: "1m",
  description:
    "A replica that ends is unready at once, and takes reviews for so long, until every node has left it out of the Service.",
});

export const warmUp: Setting<number> = duration("--warm-up <DURATION>", {
  fallback: "10s",
  least: "0s",
  most: "2m",
  description:
    "A new replica fetches the evidence of what runs before it is ready, for so long at most; 0s: it does not.",
});

export const leaseName: Setting<string> = text("--lease-name <NAME>", {
  fallback: "image-security",
  check: objectName,
  description: "Lease in the own namespace that elects the operator that audits and writes.",
});

export const leaseDuration: Setting<number> = duration("--lease-duration <DURATION>", {
  fallback: "15s",
  least: "1s",
  most: "10m",
  description: "Another operator takes over when the Lease was not renewed for so long.",
});

export const leaseRenewDeadline: Setting<number> = duration("--lease-renew-deadline <DURATION>", {
  fallback: "10s",
  least: "1s",
  most: "10m",
  description: "An operator that could not renew the Lease for so long stops writing.",
});

export const leaseRetry: Setting<number> = duration("--lease-retry <DURATION>", {
  fallback: "2s",
  least: "1s",
  most: "1m",
  description: "Time between attempts to get or renew the Lease.",
});

export const logLevel: Setting<"error" | "warn" | "info" | "debug"> = choice("--log-level", {
  fallback: "info",
  values: ["error", "warn", "info", "debug"],
  description: "Least important lines that are logged.",
});

export const logFormat: Setting<"json" | "text"> = choice("--log-format", {
  fallback: "json",
  values: ["json", "text"],
  description: "JSON lines, or text for people.",
});
