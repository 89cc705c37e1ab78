import { baseUrl, callerRange, dnsLabel } from "../checks.ts";
import { choice, list, port, text } from "../kinds.ts";
import type { Setting } from "../setting.ts";

/** How API servers reach the webhook: `webhookAddress` and `webhookCallers` are made of them. */

export const webhookUrl: Setting<string | undefined> = text("--webhook-url <URL>", {
  fallback: undefined,
  check: baseUrl("https:"),
  description: "URL by which the API server reaches the webhook, where it runs outside the cluster.",
});

export const webhookService: Setting<string | undefined> = text("--webhook-service <NAME>", {
  fallback: undefined,
  check: dnsLabel,
  description: "Service in the own namespace by which the API server reaches the webhook.",
});

export const webhookServicePort: Setting<number> = port("--webhook-service-port <PORT>", {
  fallback: 443,
  description: "Port of that Service.",
});

export const webhookClientCa: Setting<string | undefined> = text("--webhook-client-ca <PATH>", {
  fallback: undefined,
  description:
    "PEM file of the authorities of the client certificates that API servers show; read again when it changes.",
});

export const webhookClientNames: Setting<readonly string[]> = list("--webhook-client-names <NAME,...>", {
  fallback: [],
  some: true,
  description: "Common names, DNS names or URIs of those certificates, exact; one for each API server is fine.",
});

export const webhookCallers: Setting<readonly string[]> = list("--webhook-callers <CIDR,...>", {
  fallback: [],
  some: true,
  check: callerRange,
  description: "Addresses that may post reviews: those that the API servers' connections come from. Others get 403.",
});

export const webhookAuthenticationAction: Setting<"Report" | "Enforce"> = choice("--webhook-authentication-action", {
  fallback: "Report",
  values: ["Report", "Enforce"],
  description: "Refuse reviews without a client certificate that proves an API server, or only count and log them.",
});
