import { Command } from "commander";
import type { RegistrySettings } from "../../evidence/registry/settings.ts";
import type { CallerSettings } from "../../webhook/callers/callers.ts";
import {
  callersOf,
  proofsOf,
  registryOf,
  webhookAddressOf,
  type ProofSettings,
  type WebhookAddress,
} from "./compose.ts";
import { contradictions } from "./contradictions.ts";
import * as EVIDENCE from "./options/evidence.ts";
import * as OPERATOR from "./options/operator.ts";
import * as PROOFS from "./options/proofs.ts";
import * as REGISTRIES from "./options/registries.ts";
import * as REPORTING from "./options/reporting.ts";
import * as WEBHOOK from "./options/webhook.ts";
import { addSettings, readValues, unknownFlags, unknownVariables, type Environment } from "./read.ts";
import type { Values } from "./setting.ts";

/** Every setting there is, by the name that code uses. */
export const OPTIONS: typeof OPERATOR &
  typeof WEBHOOK &
  typeof REGISTRIES &
  typeof EVIDENCE &
  typeof PROOFS &
  typeof REPORTING = {
  ...OPERATOR,
  ...WEBHOOK,
  ...REGISTRIES,
  ...EVIDENCE,
  ...PROOFS,
  ...REPORTING,
};

/** What an operator is told: what stands in one flag, and what is made of several. Times are milliseconds. */
export interface Settings extends Values<typeof OPERATOR>, Values<typeof REPORTING> {
  readonly webhookAddress: WebhookAddress;
  /** Who may post reviews. */
  readonly webhookCallers: CallerSettings;
  readonly registry: RegistrySettings;
  readonly proofs: ProofSettings;
}

export type SettingsResult =
  /** `given`: the flags that do not have their default, without credentials. */
  | { readonly status: "ok"; readonly settings: Settings; readonly given: Readonly<Record<string, string>> }
  /** One line for each mistake: the flag, what was found, what to write. */
  | { readonly status: "invalid"; readonly messages: readonly string[] };

/** A command with every setting as a flag. What it does not know it leaves over, for `settingsOf` to tell of. */
export function settingsCommand(name: string): Command {
  return addSettings(new Command(name), OPTIONS)
    .allowUnknownOption()
    .allowExcessArguments()
    .configureHelp({
      sortOptions: true,
      // The flags are long: beside them no room would be left for what they mean.
      formatItem: (flag, _width, description) => `  ${flag}\n      ${description}`,
    });
}

/** What a command with settings was told, or what is wrong with it. `env` is the only environment that is looked at. */
export function settingsOf(command: Command, env: Environment): SettingsResult {
  const unknown = [...unknownFlags(OPTIONS, command.args), ...unknownVariables(OPTIONS, env)];
  const read = readValues(OPTIONS, command, env);
  const invalid = read.status === "invalid" ? read.messages : [];
  if (read.status === "invalid" || unknown.length > 0) return { status: "invalid", messages: [...unknown, ...invalid] };
  const messages = contradictions(read.values);
  if (messages.length > 0) return { status: "invalid", messages };
  return { status: "ok", settings: compose(read.values, env), given: read.given };
}

/** Settings from `--flag value` (or `--flag=value`) and `IMAGE_SECURITY_FLAG`; a flag wins over the environment. */
export function readSettings(args: readonly string[], env: Environment): SettingsResult {
  const command = settingsCommand("operator");
  const { operands, unknown } = command.parseOptions([...args]);
  command.args = [...operands, ...unknown];
  return settingsOf(command, env);
}

/** The defaults, changed by what is given; for tests. */
export function defaultSettings(changes: Partial<Settings> = {}): Settings {
  const read = readSettings([], {});
  if (read.status === "invalid") throw new Error(read.messages.join("; "));
  return { ...read.settings, ...changes };
}

function compose(values: Values<typeof OPTIONS>, env: Environment): Settings {
  // What stands in one flag is had as it is told.
  const told = Object.fromEntries(
    Object.keys({ ...OPERATOR, ...REPORTING }).map((name) => [name, values[name as keyof typeof values]]),
  ) as unknown as Values<typeof OPERATOR & typeof REPORTING>;
  return {
    ...told,
    webhookAddress: webhookAddressOf(values),
    webhookCallers: callersOf(values),
    registry: registryOf(values, env),
    proofs: proofsOf(values, env),
  };
}
