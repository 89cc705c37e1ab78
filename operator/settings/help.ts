import { environmentName, type Option } from "./option.ts";
import type { Options } from "./options.ts";

/** The help text: each flag, what it takes, what it means, its default and its environment variable. */
export function describeOptions(options: Options): string {
  const lines = ["Every setting is a flag or an environment variable; a flag wins.", ""];
  const all: readonly Option<unknown>[] = Object.values(options);
  for (const option of all) {
    const value = option.placeholder === undefined ? "" : ` ${option.placeholder}`;
    const fallback = option.shown === "" ? "" : ` (default ${option.shown})`;
    lines.push(
      `  --${option.flag}${value}`,
      `      ${option.description}${fallback}`,
      `      ${environmentName(option.flag)}`,
    );
  }
  return `${lines.join("\n")}\n`;
}
