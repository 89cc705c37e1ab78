import { addressRange, proxyUrl } from "../checks.ts";
import { bytes, list, text, toggle } from "../kinds.ts";
import type { Setting } from "../setting.ts";

/** What an operator alone is told of registries: `registry` is made of them and of those in registries.ts. */

export const serviceRange: Setting<readonly string[]> = list("--service-range <CIDR,...>", {
  fallback: [],
  check: addressRange,
  description: "Address ranges of the cluster's services, which no registry may point to.",
});

export const readPullSecrets: Setting<boolean> = toggle("--read-pull-secrets", {
  fallback: false,
  description: "Read the imagePullSecrets of pods and ServiceAccounts; needs get on Secrets in every namespace.",
});

export const httpProxy: Setting<string | undefined> = text("--http-proxy <URL>", {
  fallback: undefined,
  check: proxyUrl,
  description: "Proxy for plain HTTP registries; default: HTTP_PROXY.",
});

export const httpsProxy: Setting<string | undefined> = text("--https-proxy <URL>", {
  fallback: undefined,
  check: proxyUrl,
  description: "Proxy for registries; default: HTTPS_PROXY.",
});

export const noProxy: Setting<readonly string[] | undefined> = list("--no-proxy <HOST,...>", {
  fallback: undefined,
  description: "Hosts and ranges that are asked without a proxy; default: NO_PROXY.",
});

export const cacheSize: Setting<number> = bytes("--cache-size <SIZE>", {
  fallback: "128Mi",
  description: "Memory for evidence that was proved.",
});
