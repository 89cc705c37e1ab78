import { CLOUD_PROVIDERS, type CloudProvider } from "../../../evidence/registry/settings.ts";
import { addressRange, baseUrl, registryHost } from "../checks.ts";
import { choices, integer, list, pairs, text } from "../kinds.ts";
import type { Setting } from "../setting.ts";

/** What means the same to somebody at a terminal: also `check`, `audit`, `where` and `migrate` have these flags. */

export const registryMirror: Setting<ReadonlyMap<string, string>> = pairs("--registry-mirror <HOST=URL>", {
  name: (name) => name.toLowerCase(),
  check: baseUrl("http:", "https:"),
  example: "registry.company.com=http://127.0.0.1:5001",
  description: "Asks URL for what is on HOST; repeatable. The mirror's address may be dialled, whatever it is.",
});

export const registryPlainHttp: Setting<readonly string[]> = list("--registry-plain-http <HOST,...>", {
  fallback: [],
  check: registryHost,
  description: "Registries that are asked over plain HTTP.",
});

export const registryCa: Setting<readonly string[]> = list("--registry-ca <PATH,...>", {
  fallback: [],
  description: "PEM files of certificate authorities that are trusted for registries, beside the system's.",
});

export const allowAddress: Setting<readonly string[]> = list("--allow-address <CIDR,...>", {
  fallback: [],
  check: addressRange,
  description: "Addresses that may be dialled although they are loopback, link-local or the cluster's services.",
});

export const tokenRealm: Setting<ReadonlyMap<string, string>> = pairs("--token-realm <HOST=REALM>", {
  name: (name) => name.toLowerCase(),
  check: (value) =>
    value.includes("://") ? baseUrl("https:", "http:")(value) : registryHost(value.split("/")[0] ?? ""),
  example: "registry.company.com=auth.example.com/token",
  description: "Token realm on another domain that gets HOST's credentials; repeatable.",
});

export const dockerConfig: Setting<string | undefined> = text("--docker-config <PATH>", {
  fallback: undefined,
  description: "dockerconfigjson file with the operator's own credentials, used for registries that a policy names.",
});

export const cloudCredentials: Setting<readonly CloudProvider[]> = choices("--cloud-credentials <CLOUD,...>", {
  fallback: CLOUD_PROVIDERS,
  values: CLOUD_PROVIDERS,
  description:
    "Clouds whose registries get the operator's own identity, where a policy names them and they ask for it.",
});

export const registryConcurrency: Setting<number> = integer("--registry-concurrency <NUMBER>", {
  fallback: 16,
  least: 1,
  most: 1_000,
  description: "Requests in flight to one registry.",
});
