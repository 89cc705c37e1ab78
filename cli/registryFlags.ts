import { homedir } from "node:os";
import { join } from "node:path";
import { InvalidArgumentError, Option as Flag, type Command } from "commander";
import { DEFAULT_REGISTRY_SETTINGS, CLOUD_PROVIDERS, type RegistrySettings } from "../evidence/registry/settings.ts";
import { proxyIn } from "../evidence/registry/http/proxy.ts";
import { environmentName, type Option } from "../operator/settings/option.ts";
import { OPTIONS, type OptionValues } from "../operator/settings/options.ts";

/** The operator's settings of registries that mean the same to somebody at a terminal, by their names in `OPTIONS`. */
export type RegistryFlags = Pick<
  OptionValues,
  | "registryMirror"
  | "registryPlainHttp"
  | "registryCa"
  | "allowAddress"
  | "tokenRealm"
  | "dockerConfig"
  | "cloudCredentials"
  | "registryConcurrency"
>;

const FLAGS: readonly Option<unknown>[] = [
  OPTIONS.registryMirror,
  OPTIONS.registryPlainHttp,
  OPTIONS.registryCa,
  OPTIONS.allowAddress,
  OPTIONS.tokenRealm,
  OPTIONS.dockerConfig,
  OPTIONS.cloudCredentials,
  OPTIONS.registryConcurrency,
];

/** Adds the flags of registries to a command; each is also read from the environment, as the operator's are. */
export const addRegistryFlags = (command: Command): Command => {
  for (const option of FLAGS) command.addOption(flagOf(option));
  return command;
};

/**
 * What the flags say. Unlike the operator, whoever is at a terminal may ask registries on their own machine (over plain HTTP, as Docker
 * does), and uses the credentials that `docker login` left, wherever DOCKER_CONFIG says.
 */
export const registrySettingsOf = (flags: RegistryFlags): RegistrySettings => ({
  ...DEFAULT_REGISTRY_SETTINGS,
  mirrors: flags.registryMirror,
  plainHttp: [...flags.registryPlainHttp, "localhost", "127.0.0.1", "[::1]"],
  caBundles: flags.registryCa,
  allowedAddresses: [...flags.allowAddress, "127.0.0.0/8", "::1/128"],
  tokenRealms: flags.tokenRealm,
  dockerConfig: flags.dockerConfig ?? join(process.env["DOCKER_CONFIG"] ?? join(homedir(), ".docker"), "config.json"),
  proxy: proxyIn(process.env),
  cloudCredentials: CLOUD_PROVIDERS.filter((provider) => flags.cloudCredentials.includes(provider)),
  concurrency: flags.registryConcurrency,
});

/** An option of the operator's as a flag of commander's. */
const flagOf = (option: Option<unknown>): Flag => {
  const texts: string[] = [];
  const flag = new Flag(`--${option.flag} <${option.placeholder ?? "value"}>`, option.description)
    .env(environmentName(option.flag))
    .default(option.fallback, option.shown === "" ? "none" : option.shown)
    .argParser((text: string): unknown => {
      texts.push(text);
      const parsed = option.parse(option.repeatable ? texts : [text]);
      if (parsed.status === "invalid") throw new InvalidArgumentError(parsed.message);
      return parsed.value;
    });
  return flag;
};
