import { homedir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { DEFAULT_REGISTRY_SETTINGS, type RegistrySettings } from "../evidence/registry/settings.ts";
import { proxyIn } from "../evidence/registry/http/proxy.ts";
import * as REGISTRIES from "../operator/settings/options/registries.ts";
import type { Values } from "../operator/settings/setting.ts";
import { addSettingFlags } from "./settingFlags.ts";

/** The operator's settings of registries that mean the same to somebody at a terminal. */
export type RegistryFlags = Values<typeof REGISTRIES>;

/** Adds the flags of registries to a command. */
export function addRegistryFlags(command: Command): Command {
  return addSettingFlags(command, REGISTRIES);
}

/**
 * What the flags say. Unlike the operator, whoever is at a terminal may ask registries on their own machine (over plain HTTP, as Docker
 * does), and uses the credentials that `docker login` left, wherever DOCKER_CONFIG says.
 */
export function registrySettingsOf(flags: RegistryFlags): RegistrySettings {
  return {
    ...DEFAULT_REGISTRY_SETTINGS,
    mirrors: flags.registryMirror,
    plainHttp: [...flags.registryPlainHttp, "localhost", "127.0.0.1", "[::1]"],
    caBundles: flags.registryCa,
    allowedAddresses: [...flags.allowAddress, "127.0.0.0/8", "::1/128"],
    tokenRealms: flags.tokenRealm,
    dockerConfig: flags.dockerConfig ?? join(process.env["DOCKER_CONFIG"] ?? join(homedir(), ".docker"), "config.json"),
    proxy: proxyIn(process.env),
    cloudCredentials: flags.cloudCredentials,
    concurrency: flags.registryConcurrency,
  };
}
