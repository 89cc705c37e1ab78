/**
 * A process that outlives the one that started it by a moment: it kills what it was told to watch once its standard input
 * ends, which the kernel sees to however the parent died, SIGKILL included.
 * Lines: `+PID` watch this process group, `-PID` it has ended, `rm PATH` remove this file or folder.
 */
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { killGroup } from "./killGroup.ts";

const groups = new Set<number>();
const leftovers = new Set<string>();

// The parent decides when this one ends, not a signal that was meant for everything in the terminal.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  if (line.startsWith("+")) groups.add(Number(line.slice(1)));
  else if (line.startsWith("-")) groups.delete(Number(line.slice(1)));
  else if (line.startsWith("rm ")) leftovers.add(line.slice(3));
});
lines.on("close", () => {
  for (const group of groups) killGroup(group, "SIGKILL");
  // What was killed may still write for a moment: its folder is then not empty at the first attempt.
  for (const path of leftovers) rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  process.exit(0);
});
