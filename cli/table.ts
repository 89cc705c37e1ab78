import { terminalText } from "./terminalText.ts";

/** Rows as lines, each column as wide as it needs to be; a line that would be longer than `columns` is cut. */
export const table = (rows: readonly (readonly string[])[], columns: number = Infinity): readonly string[] => {
  const shown = rows.map((row) => row.map(terminalText));
  const widths = (shown[0] ?? []).map((_, at) => Math.max(...shown.map((row) => (row[at] ?? "").length)));
  return shown.map((row) => {
    const line = row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join("   ");
    return line.length > columns ? `${line.slice(0, Math.max(1, columns - 1))}…` : line;
  });
};
