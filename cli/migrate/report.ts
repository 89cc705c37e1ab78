import { counted } from "../counted.ts";
import { terminalText } from "../terminalText.ts";
import type { MigratedText } from "./migrateText.ts";

/** One file, and what became of it. */
export interface MigratedFile {
  readonly path: string;
  readonly result: MigratedText;
}

/** A line for each image that changed or could not, and what they come to. `written`: the files have been changed. */
export const migrationText = (files: readonly MigratedFile[], written: boolean): string => {
  const lines: string[] = [];
  let [pinned, left, unread] = [0, 0, 0];
  const changed = new Set<string>();
  for (const { path, result } of files) {
    if (result.status === "unreadable") {
      unread += 1;
      lines.push(`${path}:${result.line}: left alone: is no YAML (${result.message})`);
      continue;
    }
    for (const { line, image, outcome } of result.images) {
      const place = `${path}:${line}: ${image}`;
      if (outcome.status === "left") {
        left += 1;
        lines.push(`${place}: left alone: ${outcome.message}`);
        continue;
      }
      pinned += 1;
      changed.add(path);
      lines.push(`${place} -> ${outcome.digest}`);
    }
  }
  const total = [
    `${counted(pinned, "image")} in ${counted(changed.size, "file")} ${written ? "pinned" : "to pin"}`,
    ...(left > 0 ? [`${left} left alone`] : []),
    ...(unread > 0 ? [`${counted(unread, "file")} not read`] : []),
  ];
  const advice = pinned > 0 && !written ? "; change the files with --write" : "";
  return `${[...lines.map(terminalText), `${total.join(", ")}${advice}`].join("\n")}\n`;
};
