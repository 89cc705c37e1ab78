import { terminalText } from "./terminalText.ts";

/** Rows as lines, each column but the last as wide as it needs to be. */
export const table = (rows: readonly (readonly string[])[]): readonly string[] => {
  const shown = rows.map((row) => row.map(terminalText));
  const widths = (shown[0] ?? []).map((_, at) => Math.max(...shown.map((row) => (row[at] ?? "").length)));
  return shown.map((row) =>
    row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join("   "),
  );
};
