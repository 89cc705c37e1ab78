import type { Command } from "commander";
import { templatePlaceholders } from "../operator/settings/options/operator.ts";
import { addSettingFlags } from "./settingFlags.ts";

/** What the operator is told of templates, for commands that say what it would. */
export interface TemplateFlags {
  readonly templatePlaceholders: readonly string[];
}

/** Adds them to a command. */
export const addTemplateFlags = (command: Command): Command => addSettingFlags(command, { templatePlaceholders });
