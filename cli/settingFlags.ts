import type { Command } from "commander";
import { templatePlaceholders } from "../operator/settings/options/operator.ts";
import { addSettings, readValues } from "../operator/settings/read.ts";
import type { Settable } from "../operator/settings/setting.ts";
import { UsageError } from "./exitCode.ts";

/** Adds settings of the operator's to a command as flags; each is also read from the environment, as the operator's are. */
export function addSettingFlags(command: Command, settings: Settable): Command {
  return addSettings(command, settings).hook("preAction", (_, acting) => {
    const read = readValues(settings, acting, process.env);
    if (read.status === "invalid") throw new UsageError(read.messages.join("\n"));
    for (const [name, value] of Object.entries(read.values)) acting.setOptionValue(name, value);
  });
}

/** What the operator is told of templates, for commands that say what it would. */
export interface TemplateFlags {
  readonly templatePlaceholders: readonly string[];
}

export const addTemplateFlags = (command: Command): Command => addSettingFlags(command, { templatePlaceholders });
