import { baseUrl, registryHost } from "../checks.ts";
import { integer, list, text, toggle } from "../kinds.ts";
import type { Setting } from "../setting.ts";

/** How signatures are proved: `proofs` is made of them. */

export const proofWorkers: Setting<number> = integer("--proof-workers <NUMBER>", {
  fallback: 2,
  least: 0,
  most: 64,
  description: "Threads that verify certificate chains and read large scans; 0 does it all in place.",
});

export const trustRootCache: Setting<string | undefined> = text("--trust-root-cache <DIR>", {
  fallback: undefined,
  description:
    "Writable folder for TUF metadata of trust roots; default: a folder of the system's for temporary files.",
});

export const publicGoodUpdates: Setting<boolean> = toggle("--public-good-updates", {
  fallback: true,
  description:
    "Ask Sigstore's TUF repository for news of the public good trust root once a policy needs it; false in an air gap.",
});

export const kmsPlainHttp: Setting<readonly string[]> = list("--kms-plain-http <TEXT,...>", {
  fallback: [],
  check: registryHost,
  description: "Private KMS endpoints (HOST:PORT) that are asked over plain HTTP.",
});

export const vaultAddress: Setting<string | undefined> = text("--vault-address <URL>", {
  fallback: undefined,
  check: baseUrl("https:", "http:"),
  description: "Vault or OpenBao for hashivault:// and openbao:// keys.",
});

export const vaultTransit: Setting<string> = text("--vault-transit <TEXT>", {
  fallback: "transit",
  description: "Mount of Vault's transit engine.",
});

export const vaultNamespace: Setting<string | undefined> = text("--vault-namespace <TEXT>", {
  fallback: undefined,
  description: "Vault namespace.",
});

export const vaultTokenFile: Setting<string | undefined> = text("--vault-token-file <PATH>", {
  fallback: undefined,
  description: "File with Vault's token, read each time so that an agent may renew it.",
});

export const vaultRole: Setting<string | undefined> = text("--vault-role <TEXT>", {
  fallback: undefined,
  description: "Role for Vault's Kubernetes login with the Pod's own token; used where there is no --vault-token-file.",
});
